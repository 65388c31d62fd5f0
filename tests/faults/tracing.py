"""Tracing: a command's system calls, and its death at any one of them, by strace."""

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from faults import command, shims

STRACE = shutil.which("strace")
_LINE = re.compile(r"\d+ +(\w+)\((.*)")


@dataclass(frozen=True)
class Call:
    """One system call of a run: its name, the how-manieth of that name, and what strace says of it."""

    name: str
    number: int
    text: str


def _is_allowed() -> bool:
    return STRACE is not None and subprocess.run([STRACE, "-f", "-qq", "-o", "/dev/null", "true"], check=False).returncode == 0


needed = pytest.mark.skipif(not _is_allowed(), reason="strace is not there, or tracing is not allowed")


def _environment() -> dict[str, str]:
    return {**shims.environment(), "PYTHONHASHSEED": "0"}  # one run is like the other


def _strace(options: Sequence[str], run: Sequence[str]) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [str(STRACE), "-f", "-qq", *options, *run],
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=command.PATIENCE,
        check=False,
    )


def calls_of(run: Sequence[str], log: Path) -> list[Call]:
    """All system calls of *run* in their order. It must have one thread and succeed."""
    ended = _strace(["-o", str(log)], run)
    assert ended.returncode == 0, ended.stderr
    lines = log.read_text("utf-8", "replace").splitlines()
    assert len({line.split(maxsplit=1)[0] for line in lines}) == 1, "more than one thread"
    seen: Counter[str] = Counter()
    found = []
    for line in lines:
        if matched := _LINE.match(line):
            seen[matched[1]] += 1
            found.append(Call(matched[1], seen[matched[1]], matched[2]))
    return found


def killed_at(run: Sequence[str], calls: str, number: int, signal: str = "KILL") -> "subprocess.CompletedProcess[bytes]":
    """*run*, with a *signal* when it is about to make the *number*th of *calls*."""
    options = ["-o", os.devnull, "-e", f"trace={calls}", "-e", f"inject={calls}:signal={signal}:when={number}"]
    return _strace(options, run)
