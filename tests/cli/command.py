"""The real command in a process of its own, what every failure of it must look like, and sealed files made wrong."""

import atexit
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import chatseal

PACKAGE = str(Path(chatseal.__file__).parents[1])
BYTECODE = tempfile.mkdtemp(prefix="chatseal-bytecode-")
atexit.register(shutil.rmtree, BYTECODE, ignore_errors=True)
COMMAND = [sys.executable, "-m", "chatseal"]
PATIENCE = 60  # seconds; only a command that hangs meets it


def environment(**changes: str) -> dict[str, str]:
    """The environment of a command: this one's, without what would change its output, and with *changes*."""
    dropped = (
        "NO_COLOR",
        "FORCE_COLOR",
        "CHATSEAL_DEBUG",
        "CHATSEAL_KEY_FILE",
        "CREDENTIALS_DIRECTORY",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONUNBUFFERED",
    )
    kept = {"CHATSEAL_CONFIG": "/nowhere/chatseal.toml", **{name: value for name, value in os.environ.items() if name not in dropped}}
    # bytecode as an installed command has it: hundreds of starts, and none of them compiles
    return {**kept, "PYTHONPATH": PACKAGE, "PYTHONPYCACHEPREFIX": BYTECODE, "TERM": "xterm", **changes}


@dataclass(frozen=True)
class Ran:
    """What a command left: exit code, standard output, standard error."""

    code: int
    out: bytes
    err: str

    def failed(self, code: int, *parts: str) -> None:
        """Check the manner of failing: its code, one clear line with *parts* in it, one line of remedy, nothing else."""
        assert self.code == code, self.err
        lines = self.err.splitlines()
        assert 1 <= len(lines) <= 2, self.err
        assert lines[0].startswith("chatseal: ")
        for part in parts:
            assert part in self.err
        assert all(line.startswith("  ") and line[2] != " " for line in lines[1:])
        assert "Traceback" not in self.err
        assert self.err.replace("\n", "").isprintable()

    def remedied(self, code: int, *parts: str) -> None:
        """As failed, and there is a remedy."""
        self.failed(code, *parts)
        assert len(self.err.splitlines()) == 2, self.err


def started(*words: str | Path, env: dict[str, str] | None = None, **streams: Any) -> Ran:
    """Run `chatseal` with *words* and *streams* as for subprocess; those not given are empty or captured."""
    given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    if "input" in given:
        del given["stdin"]
    ended = subprocess.run([*COMMAND, *map(str, words)], env=env or environment(), timeout=PATIENCE, check=False, **given)
    return Ran(ended.returncode, ended.stdout or b"", ended.stderr.decode())


class Run(Protocol):
    """The fixture `run`."""

    def __call__(self, *words: str | Path, stdin: bytes = b"", **changes: str) -> Ran: ...


RECORDS_AT, RECORD = 4096 + 56, 16400


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def with_header(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """*data* with the text of its header changed and a right checksum again, as somebody without the key could do."""
    found = re.match(rb"(?s)(.*\n)end \S+ (\S+)\n", data[:4096])
    assert found is not None
    text = change(found[1])
    assert len(text) == len(found[1])
    checksum = b64encode(hashlib.sha256(text).digest()[:8]).rstrip(b"=")
    return text + b"end " + checksum + b" " + found[2] + b"\n" + data[4096:]
