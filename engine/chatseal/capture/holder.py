"""Holder: a process that has the connection to a database, so that this one never has its locks."""

import contextlib
import os
import select
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from chatseal.errors import CaptureError, SourceBusyError, SourceChangedError

BUSY_SECONDS = 10.0  # how long a lock of others is waited for
ANSWER_SECONDS = 30.0  # and how long the process may take beyond that
END_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ReadBegun:
    """A read transaction holds. `shm` is what the shared-memory file began with, of a database with a write-ahead log."""

    shm: bytes | None
    files: frozenset[tuple[int, int]]  # device and inode of what the connection has open


class Holder:
    """The connection to *path*. Its methods may be called by any thread, and block. Close it."""

    def __init__(self, path: bytes, *, owner: tuple[int, int] | None = None, may_write: bool = False) -> None:
        """*owner*: user and group to become, for a process that may. With *may_write* SQLite may roll back what a crash left.

        Raises CaptureError if there is no interpreter to run it."""
        self._name = os.fsdecode(path)
        self._lock = threading.Lock()
        self._process = _start(self._name)
        self._checking, self._received = False, b""
        uid, gid = owner or (-1, -1)
        try:
            self._ask(f"open {path.hex()} {uid} {gid} {may_write:d}", 0.0)
        except BaseException:
            self.close()
            raise

    def begin(self, hold_seconds: float | None = None) -> ReadBegun:
        """Begin to read: nothing that is read from now on is overwritten. Without a log writers wait, at most *hold_seconds*."""
        limit = 1e9 if hold_seconds is None else hold_seconds
        mode, *rest = self._ask(f"begin {BUSY_SECONDS} {limit}", BUSY_SECONDS).split(" ")
        files = frozenset((int(device), int(inode)) for device, inode in (pair.split(":") for pair in rest[-1].split(",") if pair))
        return ReadBegun(bytes.fromhex(rest[0]) if mode == "wal" else None, files)

    def still_holds(self) -> bool:
        """Whether what `begin` promised has been true all the time."""
        return self._ask("held", 0.0) == "ok"

    def end(self) -> None:
        """Let go of the locks."""
        self._ask("end", 0.0)

    def is_locked(self) -> bool:
        """Whether somebody keeps even readers out."""
        return self._ask("probe", 0.0) == "locked"

    def start_check(self) -> None:
        """Begin to check the integrity of a database, with its log, that nobody has open. Nothing else may be asked before the answer.

        SQLite has opened the files when this returns."""
        self._checking = True
        self._ask("check", 0.0)

    def finish_check(self) -> str:
        """What it found, when it is done: "ok", "damaged", or "unknown"."""
        with self._lock:
            found = self._receive(None)
            self._checking = False
            return found

    def close(self) -> None:
        with self._lock:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            with contextlib.suppress(OSError):
                self._process.stdin.close()
            if self._checking:
                self._process.kill()
            try:
                self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process.stdout.close()

    def _ask(self, line: str, patience: float) -> str:
        with self._lock:
            answer = self._exchange(line.encode() + b"\n", time.monotonic() + patience + ANSWER_SECONDS)
        if answer.startswith("error "):
            raise self._refused(answer.removeprefix("error "))
        return answer

    def _exchange(self, line: bytes, until: float) -> str:
        self._send(line)
        return self._receive(until)

    def _send(self, line: bytes) -> None:
        assert self._process.stdin is not None
        if self._process.stdin.closed:
            raise ValueError("the holder is closed")
        try:
            os.write(self._process.stdin.fileno(), line)
        except BrokenPipeError:
            raise self._ended() from None

    def _receive(self, until: float | None) -> str:
        """The next line."""
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        while b"\n" not in self._received:
            patience = None if until is None else max(0.0, until - time.monotonic())
            if not select.select([descriptor], [], [], patience)[0]:
                self._process.kill()
                raise CaptureError(f"{self._name}: SQLite did not answer")
            more = os.read(descriptor, 65536)
            if not more:
                raise self._ended()
            self._received += more
        line, _, self._received = self._received.partition(b"\n")
        return line.decode()

    def _ended(self) -> SourceChangedError:
        return SourceChangedError(f"{self._name}: the process that held it ended")

    def _refused(self, name: str) -> Exception:
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return locked(f"{self._name} stayed locked for {BUSY_SECONDS:.0f} s by a program that writes to it")
        return RefusedError(self._name, name)


class RefusedError(CaptureError):
    """SQLite refused, for the reason that it calls `reason`."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: SQLite cannot read it ({reason})")
        self.reason = reason


def locked(text: str) -> SourceBusyError:
    """A database that lets nobody read."""
    return SourceBusyError(text).with_remedy(
        "Try again later; a database in `locking_mode = EXCLUSIVE` can only be read when its program has ended."
    )


def _start(name: str) -> subprocess.Popen[bytes]:
    interpreter = sys.executable or shutil.which("python3")
    if not interpreter:
        raise CaptureError(f"{name}: there is no Python interpreter to run beside this program")
    # Nothing of the environment but where libraries are: keys may be there, and as root the process becomes the file's owner.
    environment = {word: os.environ[word] for word in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if word in os.environ}
    command = [interpreter, "-I", "-S", "-c", Path(__file__).with_name("connection.py").read_text(encoding="utf-8")]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=environment,
        bufsize=0,
        process_group=0,  # Ctrl-C at the terminal is for this process to handle
    )
