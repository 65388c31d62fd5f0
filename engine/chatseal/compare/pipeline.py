"""Pipeline: commands joined by pipes, run to their end or ended, never left behind."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

TICK = 0.5  # seconds between two calls of tick
_LAUNCHER = Path(__file__).with_name("launcher.py")
_SAID = 1 << 12  # bytes of standard error that are kept, the last ones
_INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Ran:
    """What a pipeline took: seconds of wall clock and of processors, bytes of the largest resident set of each process.

    A process cannot show less than the launcher has when it forks, about 10 MiB."""

    seconds: float
    cpu_seconds: float
    peaks: tuple[int, ...]

    @property
    def peak(self) -> int:
        """All processes together, as if each had its peak at the same moment."""
        return sum(self.peaks)


class PipelineError(Exception):
    """A process could not be started, or ended with another status than 0. The text has its last words, which come from outside."""


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C and requests to end wait for the end of the block. Elsewhere than in the main thread they never come.

    A signal whose handler is not Python's, in a program that embeds it, is left to that: it could not be put back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {}
    try:
        # a mask would not do: the handler runs here too if another thread gets the signal
        for number in (one for one in _INTERRUPTIONS if signal.getsignal(one) is not None):
            before[number] = signal.signal(number, lambda number, _: came.append(number))
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def run(
    *pipeline: Sequence[str],
    stdin: str | Path = os.devnull,
    stdout: str | Path = os.devnull,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    tick: Callable[[], object] | None = None,
) -> Ran:
    """Run commands joined by pipes, in *folder*; *tick* is called now and then while they work. Raises PipelineError.

    They have a session of their own, so that none can ask at the terminal, and all are killed if this call ends early, or this process."""
    order = json.dumps([pipeline, str(stdin), str(stdout)])
    with tempfile.TemporaryFile() as said, _lifeline() as lifeline:
        process, told = None, b""
        try:
            with uninterrupted():
                process = subprocess.Popen(
                    [sys.executable, "-S", "-E", str(_LAUNCHER), order],
                    stdin=lifeline,
                    stdout=subprocess.PIPE,
                    stderr=said,
                    cwd=folder,
                    env=environment,
                    start_new_session=True,
                )
            told = _wait(process, tick)
        finally:
            if process is not None and not told:
                _kill(process)
        said.seek(max(0, said.seek(0, os.SEEK_END) - _SAID))
        words = " ".join(said.read().decode(errors="replace").split())
    if not told:
        raise PipelineError(words or f"{pipeline[0][0]} could not be started")
    ran = json.loads(told)
    for command, status in _failed(pipeline, ran["statuses"]):
        raise PipelineError(f"{Path(command[0]).name} ended with {_meaning(status)}" + (f": {words}" if words else ""))
    return Ran(ran["seconds"], ran["cpu_seconds"], tuple(ran["peaks"]))


@contextmanager
def _lifeline() -> Iterator[int]:
    """The end of a pipe out of which nothing comes until the block ends, or this process, however it ends."""
    ends: tuple[int, ...] = ()
    try:
        with uninterrupted():
            ends = os.pipe()
        yield ends[0]
    finally:
        for end in ends:
            os.close(end)


def _wait(process: "subprocess.Popen[bytes]", tick: Callable[[], object] | None) -> bytes:
    while True:
        try:
            return process.communicate(timeout=TICK)[0]
        except subprocess.TimeoutExpired:
            if tick is not None:
                tick()


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End the launcher and all that it started. Its number is not given out again before it is waited for, nor while one of them lives."""
    with uninterrupted():
        with suppress(ProcessLookupError, PermissionError):  # gone; all of them zombies, on macOS
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _failed(pipeline: Sequence[Sequence[str]], statuses: Sequence[int]) -> Iterator[tuple[Sequence[str], int]]:
    """The commands that failed; those that only lost their reader last."""
    failed = [pair for pair in zip(pipeline, statuses, strict=True) if pair[1]]
    yield from sorted(failed, key=lambda pair: pair[1] == -signal.SIGPIPE)


def _meaning(status: int) -> str:
    return f"status {status}" if status > 0 else f"signal {-status}"
