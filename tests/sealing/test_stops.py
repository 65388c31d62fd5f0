"""Work that is stopped from outside: by a source or target that fails, a closed iterator, a report that raises. Nothing is left behind."""

import errno
import io
import os
import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import chatseal
from chatseal import BackupKey, SourceChangedError, TargetExistsError
from corpus import KEY_BYTES, KIB, MIB, mixed, noise

KEY = BackupKey(KEY_BYTES)
FRAME = 64 * KIB
PLAIN = mixed(40 * FRAME)
SEALED = b"".join(chatseal.seal_chunks([PLAIN], KEY, frame_size=FRAME))

THREADS = pytest.mark.parametrize("threads", [1, 2, 5])
NTH = pytest.mark.parametrize("nth", [1, 2, 3, 10, 30])


class MyError(Exception):
    """Nobody else's."""


def nobody_works() -> bool:
    return not [thread for thread in threading.enumerate() if thread.name.startswith("chatseal")]


class FailingSource(io.RawIOBase):
    """A source whose nth read fails."""

    def __init__(self, data: bytes, nth: int, error: BaseException) -> None:
        super().__init__()
        self._file, self._left, self._error = io.BytesIO(data), nth, error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._left -= 1
        if self._left == 0:
            raise self._error
        return self._file.readinto(memoryview(buffer)[:30_000])


class FailingTarget:
    """A target whose nth write fails."""

    def __init__(self, nth: int, error: BaseException) -> None:
        self.data, self._left, self._error = bytearray(), nth, error

    def write(self, data: Any, /) -> int:
        self._left -= 1
        if self._left == 0:
            raise self._error
        self.data += data
        return len(data)


@THREADS
@NTH
@pytest.mark.parametrize("error", [MyError("mine"), OSError(errno.EIO, "mine"), KeyboardInterrupt("mine"), MemoryError("mine")], ids=repr)
def test_the_error_of_a_source_comes_out_as_it_is(error: BaseException, nth: int, threads: int, tmp_path: Path) -> None:
    works: list[Callable[[FailingSource], object]] = [
        lambda source: chatseal.seal(source, io.BytesIO(), KEY, frame_size=FRAME, threads=threads),
        lambda source: chatseal.seal(source, tmp_path / "target", KEY, frame_size=FRAME, threads=threads),
    ]
    for work in works:
        with pytest.raises(type(error)) as raised:
            work(FailingSource(PLAIN, nth, error))
        assert raised.value is error
        assert nobody_works()
    works = [
        lambda source: chatseal.unseal(source, io.BytesIO(), KEY, threads=threads),
        lambda source: chatseal.unseal(source, tmp_path / "target", KEY, threads=threads),
        lambda source: chatseal.verify(source, KEY, threads=threads),
    ]
    for work in works:
        with pytest.raises(type(error)) as raised:
            work(FailingSource(SEALED, nth, error))
        assert raised.value is error
        assert nobody_works()
    assert not any(tmp_path.iterdir())


@THREADS
@NTH
def test_the_error_of_a_target_comes_out_as_it_is(nth: int, threads: int) -> None:
    works: list[tuple[bytes, Callable[[Any, Any], object]]] = [
        (PLAIN, lambda source, target: chatseal.seal(source, target, KEY, frame_size=FRAME, threads=threads)),
        (SEALED, lambda source, target: chatseal.unseal(source, target, KEY, threads=threads)),
    ]
    for source, work in works:
        for error in (MyError("mine"), BrokenPipeError(errno.EPIPE, "mine"), KeyboardInterrupt()):
            for given in (source, io.BytesIO(source)):
                target = FailingTarget(nth, error)
                with pytest.raises(type(error)) as raised:
                    work(given, target)
                assert raised.value is error
                assert nobody_works()
                if source is SEALED:
                    assert PLAIN.startswith(target.data)


@THREADS
def test_an_iterator_of_chunks_that_fails_fails_the_work(threads: int) -> None:
    def chunks(data: bytes) -> Iterator[bytes]:
        yield data[:100_000]
        raise MyError

    for work in (chatseal.seal_chunks, chatseal.unseal_chunks):
        with pytest.raises(MyError):
            list(work(chunks(PLAIN if work is chatseal.seal_chunks else SEALED), KEY, threads=threads))
        assert nobody_works()


@THREADS
@pytest.mark.parametrize("taken", [0, 1, 2])
def test_an_iterator_that_is_closed_early_stops_the_work_and_gives_the_buffers_back(taken: int, threads: int) -> None:
    for data, work in ((PLAIN, chatseal.seal_chunks), (SEALED, chatseal.unseal_chunks)):
        source = bytearray(data)
        pieces: Any = work([source], KEY, threads=threads)
        for _ in range(taken):
            next(pieces)
        pieces.close()
        assert nobody_works()
        del pieces
        source.append(0)
    released = b"".join(piece for piece, _ in zip(chatseal.unseal_chunks([SEALED], KEY, threads=threads), range(3), strict=False))
    assert released == PLAIN[: 3 * FRAME]


@THREADS
def test_a_lost_iterator_stops_its_workers(threads: int) -> None:
    pieces = chatseal.unseal_chunks([SEALED], KEY, threads=threads)
    next(pieces)
    del pieces
    assert nobody_works()


@THREADS
def test_a_borrowed_buffer_is_given_back_whatever_happens(threads: int) -> None:
    works: list[tuple[bytes, Callable[[Any, Any], object]]] = [
        (PLAIN, lambda buffer, target: chatseal.seal(buffer, target, KEY, threads=threads)),
        (SEALED, lambda buffer, target: chatseal.unseal(buffer, target, KEY, threads=threads)),
        (SEALED[:-9], lambda buffer, target: chatseal.unseal(buffer, target, KEY, threads=threads)),
    ]
    for data, work in works:
        for target in (io.BytesIO(), FailingTarget(2, MyError())):
            buffer = bytearray(data)
            with suppress(MyError, chatseal.TruncatedError):
                work(buffer, target)
            buffer.append(0)
    into = bytearray(len(PLAIN) - 1)
    with pytest.raises(ValueError, match="smaller than the plaintext"):
        chatseal.unseal(SEALED, into, KEY, threads=threads)
    into.append(0)


@THREADS
def test_a_report_that_raises_stops_the_work(threads: int, tmp_path: Path) -> None:
    def report(progress: chatseal.Progress) -> None:
        raise MyError

    works: list[Callable[[], object]] = [
        lambda: chatseal.seal(PLAIN, tmp_path / "target", KEY, threads=threads, progress=report),
        lambda: chatseal.seal(PLAIN, io.BytesIO(), KEY, threads=threads, progress=report),
        lambda: chatseal.unseal(SEALED, tmp_path / "target", KEY, threads=threads, progress=report),
        lambda: chatseal.unseal(SEALED, io.BytesIO(), KEY, threads=threads, progress=report),
        lambda: chatseal.verify(SEALED, KEY, threads=threads, progress=report),
    ]
    for work in works:
        with pytest.raises(MyError):
            work()
        assert nobody_works()
    assert not any(tmp_path.iterdir())


@contextmanager
def no_file_longer_than(length: int) -> Iterator[None]:
    """The system's own limit, which is what a full quota looks like."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


@THREADS
@pytest.mark.parametrize("limit", [1, 5000, 300_000, len(SEALED) - 1])
def test_a_file_that_may_not_grow_is_an_error_of_the_system_that_names_the_target(limit: int, threads: int, tmp_path: Path) -> None:
    target = tmp_path / "target"

    def write() -> None:
        with chatseal.open(target, "wb", key=KEY, frame_size=FRAME, threads=threads) as writer:
            writer.write(PLAIN)

    works: list[Callable[[], object]] = [
        lambda: chatseal.seal(PLAIN, target, KEY, frame_size=FRAME, threads=threads),
        lambda: chatseal.unseal(SEALED, target, KEY, threads=threads),
        write,
    ]
    for work in works:
        with no_file_longer_than(limit), pytest.raises(OSError) as raised:
            work()
        assert (raised.value.errno, raised.value.filename) == (errno.EFBIG, str(target))
        assert not any(tmp_path.iterdir())
        assert nobody_works()


def test_where_there_are_no_hard_links_a_file_still_appears_and_nothing_is_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on FAT, which a test cannot mount: `link` is refused."""

    def refuse(*names: object) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    chatseal.unseal(SEALED, tmp_path / "plain", KEY)
    assert (tmp_path / "plain").read_bytes() == PLAIN
    with pytest.raises(TargetExistsError):
        chatseal.unseal(SEALED, tmp_path / "other", KEY, progress=lambda progress: (tmp_path / "other").touch())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "plain"]


# --- Sources that change, files that are in the way -------------------------------------------------------------------


def change_while_sealed(path: Path, change: Callable[[], object], folder: Path) -> None:
    path.write_bytes(noise(4 * MIB))
    changed = False

    def report(progress: chatseal.Progress) -> None:
        nonlocal changed
        if not changed:
            changed = True
            change()

    chatseal.seal(path, folder / "sealed", KEY, threads=1, progress=report)


def test_a_source_that_grows_shrinks_or_is_written_to_is_noticed(tmp_path: Path) -> None:
    path, folder = tmp_path / "source", tmp_path / "folder"
    folder.mkdir()

    def grow() -> None:
        with open(path, "ab") as file:
            file.write(b"x")

    def rewrite() -> None:
        with open(path, "r+b") as file:
            file.write(b"x")
        os.utime(path, ns=(1, 1))

    for change, word in ((grow, "grew"), (lambda: os.truncate(path, 5 * FRAME), "shrank"), (rewrite, "written to")):
        with pytest.raises(SourceChangedError, match=word):
            change_while_sealed(path, change, folder)
        assert not any(folder.iterdir())


def test_a_sealed_file_that_shrinks_or_grows_while_it_is_unsealed_is_noticed(tmp_path: Path) -> None:
    path, folder = tmp_path / "sealed", tmp_path / "folder"
    folder.mkdir()
    for size, word in ((len(SEALED) // 2, "shrank"), (len(SEALED) + 1, "grew")):
        path.write_bytes(SEALED)
        with pytest.raises(SourceChangedError, match=word):
            chatseal.unseal(path, folder / "plain", KEY, threads=1, progress=lambda progress, size=size: os.truncate(path, size))  # type: ignore[misc]
        assert not any(folder.iterdir())


def test_a_target_that_exists_is_left_alone_unless_asked(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"older")
    works: list[Callable[[bool], object]] = [
        lambda overwrite: chatseal.seal(PLAIN, tmp_path / "target", KEY, overwrite=overwrite),
        lambda overwrite: chatseal.unseal(SEALED, tmp_path / "target", KEY, overwrite=overwrite),
    ]
    for work in works:
        (tmp_path / "target").write_bytes(b"older")
        with pytest.raises(TargetExistsError) as raised:
            work(False)
        assert isinstance(raised.value, FileExistsError)
        assert (tmp_path / "target").read_bytes() == b"older"
        work(True)
        assert (tmp_path / "target").stat().st_size > 5
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(TargetExistsError):
        chatseal.unseal(SEALED, tmp_path / "link", KEY)
    assert {path.name for path in tmp_path.iterdir()} == {"target", "link"}


def test_a_target_that_appears_meanwhile_is_left_alone(tmp_path: Path) -> None:
    def appear(progress: chatseal.Progress) -> None:
        (tmp_path / "plain").write_bytes(b"somebody was faster")

    with pytest.raises(TargetExistsError):
        chatseal.unseal(SEALED, tmp_path / "plain", KEY, progress=appear)
    assert [path.name for path in tmp_path.iterdir()] == ["plain"]
    assert (tmp_path / "plain").read_bytes() == b"somebody was faster"


def test_a_folder_as_source_or_target_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        chatseal.seal(tmp_path, io.BytesIO(), KEY)
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        chatseal.seal(b"x", tmp_path / "folder", KEY, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("wrong", [None, 5, object(), [b"x"]], ids=lambda wrong: type(wrong).__name__)
def test_what_is_no_source_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="a source is"):
        chatseal.seal(wrong, io.BytesIO(), KEY)
    with pytest.raises(TypeError, match="a source is"):
        chatseal.unseal(wrong, io.BytesIO(), KEY)


def test_a_buffer_with_gaps_is_refused() -> None:
    with pytest.raises(BufferError, match="contiguous"):
        chatseal.seal(memoryview(PLAIN)[::2], io.BytesIO(), KEY)
    with pytest.raises(BufferError):
        chatseal.unseal(SEALED, memoryview(bytearray(100))[::2], KEY)


class WouldBlock:
    def read(self, size: int = -1, /) -> None:
        return None

    def write(self, data: Any, /) -> None:
        return None


class Liar:
    """A file object that says it did more than it was asked for."""

    def read(self, size: int = -1, /) -> bytes:
        return bytes(size + 1)

    def write(self, data: Any, /) -> int:
        return len(data) + 1


class LiarInto:
    def readinto(self, buffer: Any) -> int:
        return len(buffer) + 1

    def read(self, size: int = -1, /) -> bytes:
        return b""


class WouldBlockInto(LiarInto):
    def readinto(self, buffer: Any) -> int:
        return None  # type: ignore[return-value]


def test_file_objects_that_would_block_or_lie_are_errors() -> None:
    source: Any
    for source in (WouldBlock(), WouldBlockInto()):
        with pytest.raises(BlockingIOError):
            chatseal.seal(source, io.BytesIO(), KEY)
    for source in (Liar(), LiarInto()):
        with pytest.raises(ValueError, match=r"impossible|more than was asked"):
            chatseal.seal(source, io.BytesIO(), KEY)
    with pytest.raises(BlockingIOError):
        chatseal.seal(PLAIN, WouldBlock(), KEY)
    with pytest.raises(ValueError, match="impossible"):
        chatseal.seal(PLAIN, Liar(), KEY)


def test_many_payloads_at_once_from_many_threads() -> None:
    """Calls share nothing: each has its own keys, pipeline and workers."""
    results: list[bool] = []

    def round_trip(seed: int) -> None:
        plain, target = noise(700_000, seed), bytearray(700_000)
        sealed = io.BytesIO()
        chatseal.seal(plain, sealed, KEY, frame_size=FRAME, threads=2)
        chatseal.unseal(sealed.getvalue(), target, KEY, threads=2)
        results.append(target == plain)

    threads = [threading.Thread(target=round_trip, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 8
