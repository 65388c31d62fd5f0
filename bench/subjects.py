"""Subjects: chatseal as it is measured, each a Run that leaves the ground as it found it."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import chatseal
import inputs
from chatseal import BackupKey, Summary
from rounds import Run, timed

if TYPE_CHECKING:
    from typing_extensions import Buffer

KEY = BackupKey(bytes(range(32)))


class Sink:
    """A file object in memory that has seen all bytes and keeps none."""

    length = 0

    def write(self, data: "Buffer", /) -> int:
        with memoryview(data) as view:
            self.length += view.nbytes
            return view.nbytes


def seal_to_path(source: "Path | bytearray", target: Path, level: int, *, threads: int, frame_size: int = 1 << 20) -> Run:
    """Seal into a new file, which appears under its name after fsync."""

    def run() -> float:
        target.unlink(missing_ok=True)
        inputs.warm(target.parent, len(source) if isinstance(source, bytearray) else source.stat().st_size)
        return timed(lambda: chatseal.seal(source, target, KEY, level=level, threads=threads, frame_size=frame_size))

    return run


def seal_to_sink(source: "Path | bytearray", level: int, *, threads: int, frame_size: int = 1 << 20) -> Run:
    """Seal into a file object in memory."""
    return lambda: timed(lambda: chatseal.seal(source, Sink(), KEY, level=level, threads=threads, frame_size=frame_size))


def unseal_to_path(source: "Path | bytearray", target: Path, *, threads: int) -> Run:
    """Unseal into a new file, which appears under its name after fsync."""

    def run() -> float:
        inputs.warm(target.parent, target.stat().st_size if target.exists() else 0)
        target.unlink(missing_ok=True)
        return timed(lambda: chatseal.unseal(source, target, KEY, threads=threads))

    return run


def unseal_to_buffer(source: "Path | bytearray", target: bytearray, *, threads: int) -> Run:
    """Unseal into memory that is there already."""
    return lambda: timed(lambda: chatseal.unseal(source, target, KEY, threads=threads))


def verify(source: "Path | bytearray", *, threads: int) -> Run:
    """Everything that unseal does, but for the writing."""
    return lambda: timed(lambda: chatseal.verify(source, KEY, threads=threads))


def seal_files(source: Path, target: Path, level: int, *, threads: int, memory: int | None = None) -> Run:
    """Seal every file of a folder, over the files of the run before: what each replaces gives its pages to the next (inputs.warm)."""

    def run() -> float:
        failures = []

        def work() -> None:
            for report in chatseal.seal_many([source], target, KEY, level=level, threads=threads, memory=memory, overwrite=True):
                failures.extend([report.error] if report.error else [])

        inputs.warm(target.parent, 2 * max(path.stat().st_size for path in source.iterdir()))
        seconds = timed(work)
        if failures:
            raise failures[0]
        return seconds

    return run


def script(body: str, *arguments: "str | Path | int") -> list[str]:
    """A command that runs Python code with `chatseal`, `sys`, `pathlib` and the KEY of these benches; arguments in sys.argv."""
    digits = KEY.digits.replace(" ", "")
    head = f"import sys, pathlib, chatseal\nKEY = chatseal.BackupKey.from_digits({digits!r})\n"
    return [sys.executable, "-c", head + body, *map(str, arguments)]


def environment() -> dict[str, str]:
    """For child processes: chatseal as it is imported here."""
    assert chatseal.__file__ is not None
    return {**os.environ, "PYTHONPATH": str(Path(chatseal.__file__).parent.parent)}


class SelfReport:
    """Runs a call that gives a Summary; keeps what it says of itself."""

    def __init__(self, call: Callable[[], Summary]) -> None:
        self._call = call
        self.ordered: list[float] = []

    def __call__(self) -> float:
        summaries: list[Summary] = []
        seconds = timed(lambda: summaries.append(self._call()))
        self.ordered.append(summaries[0].serial_seconds)
        return seconds
