"""The writer: a file appears when it is closed and whole, and never otherwise."""

import gc
import io
import os
import pickle
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chatseal
from chatseal import BackupKey, PrivateKey, SealedWriter, TargetExistsError
from corpus import KEY_BYTES, KIB, RECORD, chat, mixed
from oracle import check_everything

KEY = BackupKey(KEY_BYTES)
FRAME = 64 * KIB


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("step", [1, 600, RECORD - 1, FRAME, FRAME + 1, 3 * FRAME])
@pytest.mark.parametrize("length", [0, 1, RECORD, FRAME, 5 * FRAME + 3])
def test_writes_of_any_size_make_a_whole_file(length: int, step: int, threads: int, tmp_path: Path) -> None:
    plain = mixed(min(length, 3000) if step == 1 else length)
    stream = io.BytesIO()
    for target in (stream, tmp_path / "sealed"):
        with chatseal.open(target, "wb", key=KEY, frame_size=FRAME, threads=threads) as writer:
            for at in range(0, len(plain), step):
                assert writer.write(plain[at : at + step]) == len(plain[at : at + step])
            assert writer.tell() == len(plain)
        assert writer.summary is not None
        assert writer.summary.plain_bytes == len(plain)
    for sealed in (stream.getvalue(), (tmp_path / "sealed").read_bytes()):
        parts = check_everything(sealed, KEY, plain, command=False)
        assert writer.summary is not None
        assert writer.summary.sealed_bytes == len(sealed)
        whole, last = divmod(len(plain), FRAME)
        assert [content for _, content in parts.rows] == [0, *[FRAME] * whole, *([last] if last else []), 0]


@given(steps=st.lists(st.binary(max_size=1000) | st.integers(0, 150_000).map(chat), max_size=12), threads=st.integers(1, 3))
def test_any_writes_come_back(steps: list[bytes], threads: int) -> None:
    target = io.BytesIO()
    with chatseal.open(target, "wb", key=KEY, frame_size=FRAME, threads=threads) as writer:
        writer.writelines(steps)
        writer.flush()
    assert chatseal.unseal_bytes(target.getvalue(), KEY) == b"".join(steps)


def test_it_is_a_buffered_binary_file_that_is_written() -> None:
    target = io.BytesIO()
    with chatseal.open(target, "wb", key=KEY) as writer:
        assert isinstance(writer, io.BufferedIOBase)
        assert (writer.readable(), writer.writable(), writer.seekable()) == (False, True, False)
        words = memoryview(bytes(range(80))).cast("I")
        assert writer.write(words) == 80
        with pytest.raises(io.UnsupportedOperation):
            writer.read()
        with pytest.raises(io.UnsupportedOperation):
            writer.seek(0)
        with pytest.raises(TypeError):
            pickle.dumps(writer)
    assert chatseal.unseal_bytes(target.getvalue(), KEY) == bytes(range(80))
    assert not target.closed
    writer.close()
    for work in (writer.tell, lambda: writer.write(b"x")):
        with pytest.raises(ValueError, match="closed"):
            work()


def test_text_wraps_it() -> None:
    target = io.BytesIO()
    writer: Any = chatseal.open(target, "wb", key=KEY)
    with io.TextIOWrapper(writer, "utf-8", newline="\n") as text:
        text.write("línea\n" * 30_000)
    assert chatseal.unseal_bytes(target.getvalue(), KEY) == "línea\n".encode() * 30_000


def test_several_holders_can_open_what_was_written() -> None:
    target, pair = io.BytesIO(), PrivateKey.generate()
    with chatseal.open(target, "wb", key=[KEY, pair.public_key], level=9) as writer:
        writer.write(b"hello")
    assert chatseal.unseal_bytes(target.getvalue(), pair) == b"hello"


# --- Whole or not at all ----------------------------------------------------------------------------------------------


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def half_written(path: Path, *, threads: int = 2) -> SealedWriter:
    writer = chatseal.open(path, "wb", key=KEY, frame_size=FRAME, threads=threads)
    writer.write(mixed(5 * FRAME + 9))
    return writer


def test_nothing_has_the_name_before_close(tmp_path: Path) -> None:
    writer = half_written(tmp_path / "sealed")
    assert [name for name in files(tmp_path) if not name.endswith(".part")] == []
    writer.close()
    assert files(tmp_path) == ["sealed"]


@pytest.mark.parametrize("threads", [1, 2])
def test_an_exception_in_the_block_leaves_nothing(threads: int, tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="mine"), half_written(tmp_path / "sealed", threads=threads):
        raise KeyError("mine")
    assert files(tmp_path) == []


def test_an_exception_in_the_block_leaves_an_older_file(tmp_path: Path) -> None:
    (tmp_path / "sealed").write_bytes(b"older")
    with pytest.raises(KeyError), half_written(tmp_path / "sealed"):
        raise KeyError
    assert (tmp_path / "sealed").read_bytes() == b"older"
    assert files(tmp_path) == ["sealed"]


def test_a_lost_writer_leaves_nothing(tmp_path: Path) -> None:
    writer = half_written(tmp_path / "sealed")
    del writer
    gc.collect()
    assert files(tmp_path) == []


def test_a_discarded_writer_leaves_nothing_and_is_closed(tmp_path: Path) -> None:
    writer = half_written(tmp_path / "sealed")
    writer.discard()
    writer.discard()
    writer.close()
    assert files(tmp_path) == []
    with pytest.raises(ValueError, match="closed"):
        writer.write(b"x")


def write_and_raise(writer: SealedWriter, data: bytes) -> None:
    with writer:
        writer.write(data)
        raise KeyError


def test_a_stream_that_was_left_by_an_exception_is_no_sealed_file() -> None:
    for length in (0, 5, 5 * FRAME):
        target = io.BytesIO()
        with pytest.raises(KeyError):
            write_and_raise(chatseal.open(target, "wb", key=KEY, frame_size=FRAME), mixed(length))
        with pytest.raises(chatseal.TruncatedError):
            chatseal.unseal_bytes(target.getvalue(), KEY)


class Fails(io.BytesIO):
    """A target whose nth write fails."""

    def __init__(self, nth: int) -> None:
        super().__init__()
        self._left = nth

    def write(self, data: object, /) -> int:
        self._left -= 1
        if self._left <= 0:
            raise OSError(28, "no space left on device")
        return super().write(data)  # type: ignore[arg-type]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("nth", [2, 3, 5])
def test_a_target_that_fails_fails_the_writer_for_good(nth: int, threads: int) -> None:
    writer = chatseal.open(Fails(nth), "wb", key=KEY, frame_size=FRAME, threads=threads)
    with pytest.raises(OSError, match="no space") as raised:
        writer.writelines([mixed(FRAME)] * 400)  # more than the window of any number of threads here
    works: list[Callable[[], object]] = [lambda: writer.write(b"x"), writer.tell]
    for work in works:
        with pytest.raises(OSError, match="no space") as again:
            work()
        assert again.value is raised.value
    with pytest.raises(OSError, match="no space"):
        writer.close()
    assert writer.closed
    writer.close()


def test_a_target_that_fails_at_the_very_beginning_fails_open() -> None:
    with pytest.raises(OSError, match="no space"):
        chatseal.open(Fails(1), "wb", key=KEY)


def test_a_target_that_fails_at_the_very_end_fails_close() -> None:
    counted = Fails(10**9)
    with chatseal.open(counted, "wb", key=KEY, threads=1) as writer:
        writer.write(b"hello")
    writes = 10**9 - counted._left
    writer = chatseal.open(Fails(writes), "wb", key=KEY, threads=1)
    writer.write(b"hello")
    with pytest.raises(OSError, match="no space"):
        writer.close()
    assert writer.closed


@pytest.mark.parametrize("wrong", [None, "text", 5, memoryview(bytes(10))[::2]])
def test_a_write_of_something_else_fails_the_writer(wrong: object, tmp_path: Path) -> None:
    writer = half_written(tmp_path / "sealed")
    with pytest.raises((TypeError, BufferError)):
        writer.write(wrong)  # type: ignore[arg-type]
    with pytest.raises((TypeError, BufferError)):
        writer.close()
    assert files(tmp_path) == []


# --- Names and modes --------------------------------------------------------------------------------------------------


def test_xb_refuses_a_name_that_is_taken_at_once_and_wb_replaces_it(tmp_path: Path) -> None:
    (tmp_path / "sealed").write_bytes(b"older")
    with pytest.raises(TargetExistsError):
        chatseal.open(tmp_path / "sealed", "xb", key=KEY)
    with chatseal.open(tmp_path / "sealed", "wb", key=KEY) as writer:
        writer.write(b"newer")
        assert (tmp_path / "sealed").read_bytes() == b"older"
    assert chatseal.unseal_bytes((tmp_path / "sealed").read_bytes(), KEY) == b"newer"
    assert files(tmp_path) == ["sealed"]


def test_xb_refuses_a_name_that_was_taken_meanwhile(tmp_path: Path) -> None:
    writer = chatseal.open(tmp_path / "sealed", "xb", key=KEY)
    writer.write(b"mine")
    (tmp_path / "sealed").write_bytes(b"somebody was faster")
    with pytest.raises(TargetExistsError):
        writer.close()
    assert (tmp_path / "sealed").read_bytes() == b"somebody was faster"
    assert files(tmp_path) == ["sealed"]


def test_a_new_file_has_the_rights_that_new_files_have(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        chatseal.seal(b"x", tmp_path / "sealed", KEY)
        chatseal.unseal(tmp_path / "sealed", tmp_path / "plain", KEY)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "sealed").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "plain").stat().st_mode) == 0o600, "plaintext is for its owner alone"


def test_a_folder_that_is_not_there_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        chatseal.open(tmp_path / "no folder" / "sealed", "wb", key=KEY)


@pytest.mark.parametrize(
    "options", [{"level": 23}, {"level": -8}, {"frame_size": 65535}, {"frame_size": (16 << 20) + 1}, {"threads": 0}, {"memory": 0}]
)
def test_wrong_options_are_refused_before_anything_is_made(options: dict[str, Any], tmp_path: Path) -> None:
    for work in (
        lambda: chatseal.open(tmp_path / "sealed", "wb", key=KEY, **options),
        lambda: chatseal.seal(b"x", tmp_path / "sealed", KEY, **options),
    ):
        with pytest.raises(ValueError, match=r"level is|frame_size is|threads is|memory is"):
            work()
    with pytest.raises(ValueError, match="1 to 32"):
        chatseal.open(tmp_path / "sealed", "wb", key=[])
    assert files(tmp_path) == []


def test_an_unraisable_error_is_not_made_where_opening_failed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    unraised: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", unraised.append)
    with pytest.raises(ValueError, match="1 to 32"):
        chatseal.open(tmp_path / "sealed", "wb", key=[])
    with pytest.raises(FileNotFoundError):
        chatseal.open(tmp_path / "nothing", key=KEY)
    gc.collect()
    assert unraised == []
