"""Command: `python -m chatseal` in a process group of its own, as a terminal would start it."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from faults import shims, work

PATIENCE = 60  # seconds; only a command that hangs meets it
Stream = int | IO[bytes] | None


def words(way: str, source: Path | str, target: Path | str, key: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "chatseal", way, str(source), "-o", str(target), "--key-file", str(key), "--quiet", *more]


def write_key(folder: Path) -> Path:
    path = folder / "key"
    if not path.exists():
        work.KEY.write(path)
    return path


def start(command: Sequence[str], *, stdin: Stream = subprocess.DEVNULL, stdout: Stream = subprocess.DEVNULL) -> "subprocess.Popen[bytes]":
    """*command* in a new session, whose process group a Ctrl-C would reach."""
    return subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, env=shims.environment(), start_new_session=True)


def press_ctrl_c(process: "subprocess.Popen[bytes]") -> None:
    os.killpg(process.pid, signal.SIGINT)


def end_of(process: "subprocess.Popen[bytes]") -> tuple[int, str]:
    """Exit status and what was said. Kills the process and fails if it hangs."""
    try:
        _, said = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return process.returncode, said.decode()
