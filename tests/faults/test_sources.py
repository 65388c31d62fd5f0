"""Sources that change while they are read, cannot be read, or end too early: said, and no target appears."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typing_extensions import Buffer

import chatseal
from chatseal import DamagedError, IntegrityError, Progress, SourceChangedError, TruncatedError
from chatseal.errors import EXIT_FAILED, exit_code
from corpus import KIB, MIB, mixed
from faults.stage import Case, Stage
from faults.work import FRAME, KEY

PLAIN = mixed(4 * MIB)
THREADS = [1, 2]


@pytest.fixture
def source(folder: Path) -> Path:
    path = folder / "source"
    path.write_bytes(PLAIN)
    return path


def grow(path: Path) -> None:
    with open(path, "ab") as file:
        file.write(b"more")


def shrink(path: Path) -> None:
    os.truncate(path, len(PLAIN) // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def write_to(path: Path) -> None:
    """The same size; only the time of modification tells."""
    before = path.stat().st_mtime_ns
    with open(path, "r+b") as file:
        file.seek(len(PLAIN) - 100)
        file.write(b"other")
    os.utime(path, ns=(before + 1, before + 1))


CHANGES = [grow, shrink, empty, write_to]


class Once:
    """A progress report that does something the first time."""

    def __init__(self, change: Callable[[], object]) -> None:
        self._change: Callable[[], object] | None = change

    def __call__(self, progress: Progress) -> None:
        if self._change:
            self._change()
            self._change = None


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_source_that_changes_while_it_is_sealed_is_noticed(
    change: Callable[[Path], None], threads: int, source: Path, folder: Path
) -> None:
    with pytest.raises(SourceChangedError, match="source") as caught:
        chatseal.seal(source, folder / "target", KEY, frame_size=FRAME, threads=threads, progress=Once(lambda: change(source)))
    assert exit_code(caught.value) == EXIT_FAILED
    assert [path.name for path in folder.iterdir()] == ["source"]


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("change", [grow, write_to])
def test_a_source_that_changes_after_its_last_byte_was_read_is_noticed(
    change: Callable[[Path], None], threads: int, source: Path, folder: Path
) -> None:
    """Its end is in the target already when the change comes."""

    class LateSink:
        """Takes everything, and changes the source with the last piece of records."""

        def __init__(self) -> None:
            self.taken = 0

        def write(self, data: Buffer, /) -> int:
            length = memoryview(data).nbytes
            self.taken += length
            if self.taken > len(sealed) * 3 // 4:
                change(source)
            return length

    sealed = b"".join(chatseal.seal_chunks([PLAIN], KEY, frame_size=FRAME))
    with pytest.raises(SourceChangedError):
        chatseal.seal(source, LateSink(), KEY, frame_size=FRAME, threads=threads)


@pytest.mark.parametrize("change", CHANGES)
def test_one_file_of_many_that_changes_fails_alone(change: Callable[[Path], None], folder: Path) -> None:
    """It changes once it is open, which its unfinished target shows, and long before level 12 is through with it."""
    there, out = folder / "many", folder / "out"
    there.mkdir()
    for name in "ab":
        (there / name).write_bytes(PLAIN)

    def change_while_read() -> None:
        while not list(out.glob(".a.seal.*")):
            time.sleep(0.0005)
        change(there / "a")

    writer = threading.Thread(target=change_while_read)
    writer.start()
    sealed = chatseal.seal_many([there / "a", there / "b"], out, KEY, level=12, frame_size=FRAME)
    reports = {Path(report.source).name: report for report in sealed}
    writer.join()
    assert reports["b"].error is None
    assert isinstance(reports["a"].error, SourceChangedError)
    assert [path.name for path in (folder / "out").iterdir()] == ["b.seal"]


def test_a_writer_in_another_process_is_noticed(source: Path, folder: Path) -> None:
    program = "import sys\nwhile True:\n    with open(sys.argv[1], 'ab') as file: file.write(b'x' * 1000)"
    with subprocess.Popen([sys.executable, "-S", "-c", program, str(source)]) as writer:
        try:
            size = source.stat().st_size
            while source.stat().st_size == size:
                pass
            with pytest.raises(SourceChangedError):
                chatseal.seal(source, folder / "target", KEY, frame_size=FRAME, threads=2)
        finally:
            writer.kill()
    assert not (folder / "target").exists()


def test_a_source_that_is_replaced_is_sealed_as_it_was_opened(source: Path, folder: Path) -> None:
    """The file that was opened is still there, and nobody writes to it."""
    other = folder / "other"
    other.write_bytes(b"another file")
    target = folder / "target"
    chatseal.seal(source, target, KEY, frame_size=FRAME, threads=2, progress=Once(lambda: os.replace(other, source)))
    assert source.read_bytes() == b"another file"
    assert chatseal.unseal_bytes(target.read_bytes(), KEY) == PLAIN


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_sealed_file_that_changes_while_it_is_unsealed_gives_no_target(
    change: Callable[[Path], None], threads: int, source: Path, folder: Path
) -> None:
    sealed = folder / "sealed"
    chatseal.seal(source, sealed, KEY, frame_size=FRAME)
    size = sealed.stat().st_size

    def change_it() -> None:
        if change is shrink:
            os.truncate(sealed, size // 2)
        else:
            change(sealed)

    with pytest.raises((SourceChangedError, IntegrityError)):
        chatseal.unseal(sealed, folder / "target", KEY, threads=threads, progress=Once(change_it))
    assert sorted(path.name for path in folder.iterdir()) == ["sealed", "source"]


def test_a_sealed_file_that_shrinks_under_a_reader_is_truncated(source: Path, folder: Path) -> None:
    sealed = folder / "sealed"
    chatseal.seal(source, sealed, KEY, frame_size=FRAME)
    with chatseal.open(sealed, key=KEY) as reader:
        assert reader.read(10) == PLAIN[:10]
        os.truncate(sealed, 100 * KIB)
        reader.seek(-10, os.SEEK_END)
        with pytest.raises(TruncatedError):
            reader.read()
        with pytest.raises(TruncatedError):  # and it stays so
            reader.read()


def test_a_sealed_file_that_is_overwritten_under_a_reader_is_damaged(source: Path, folder: Path) -> None:
    sealed = folder / "sealed"
    chatseal.seal(source, sealed, KEY, frame_size=FRAME)
    with chatseal.open(sealed, key=KEY) as reader:
        with open(sealed, "r+b") as file:
            file.seek(sealed.stat().st_size // 2)
            file.write(bytes(200 * KIB))
        reader.seek(len(PLAIN) // 2)
        with pytest.raises(DamagedError):
            reader.read()


def test_an_empty_source_that_fills_while_it_is_sealed_is_noticed(source: Path, folder: Path) -> None:
    source.write_bytes(b"")
    with pytest.raises(SourceChangedError):
        chatseal.seal(source, folder / "target", KEY, threads=2, progress=Once(lambda: grow(source)))
    assert [path.name for path in folder.iterdir()] == ["source"]


class WeakPipe:
    """A pipe that gives few bytes at a time, and after half of them an error, or an early end."""

    def __init__(self, data: bytes, error: Exception | None) -> None:
        self._left, self._error = memoryview(data)[: len(data) // 2], error

    def read(self, size: int = -1, /) -> bytes:
        if self._error and not self._left:
            raise self._error
        piece = bytes(self._left[: min(size, 7_000)])
        self._left = self._left[len(piece) :]
        return piece


@pytest.mark.parametrize("threads", THREADS)
def test_a_source_that_raises_stops_the_seal_with_its_own_error(threads: int, folder: Path) -> None:
    with pytest.raises(ConnectionResetError, match="gone"):
        chatseal.seal(WeakPipe(PLAIN, ConnectionResetError("gone")), folder / "target", KEY, frame_size=FRAME, threads=threads)
    assert not list(folder.iterdir())


@pytest.mark.parametrize("threads", THREADS)
def test_a_sealed_pipe_that_ends_early_is_truncated(threads: int, folder: Path) -> None:
    sealed = b"".join(chatseal.seal_chunks([PLAIN], KEY, frame_size=FRAME))
    with pytest.raises(TruncatedError):
        chatseal.unseal(WeakPipe(sealed, None), folder / "target", KEY, threads=threads)
    with pytest.raises(ConnectionResetError, match="gone"):
        chatseal.unseal(WeakPipe(sealed, ConnectionResetError("gone")), folder / "target", KEY, threads=threads)
    assert not list(folder.iterdir())


@pytest.mark.parametrize("work", [chatseal.seal, chatseal.unseal])
def test_a_folder_is_no_source(work: Callable[..., object], folder: Path) -> None:
    with pytest.raises(IsADirectoryError):
        work(folder, folder / "target", KEY)
    assert not list(folder.iterdir())


def test_an_unreadable_source_is_told_with_its_name(io_stage: Stage, source: Path, folder: Path) -> None:
    """Root may read everything, so it tries as somebody else."""
    source.chmod(0)
    folder.chmod(0o777)
    ended = io_stage.play(Case("seal_as_nobody", source, folder / "target"))
    assert ended.left_nothing()
    assert "PermissionError" in ended.classes, ended
    assert str(source) in ended.text
    assert [path.name for path in folder.iterdir()] == ["source"]
