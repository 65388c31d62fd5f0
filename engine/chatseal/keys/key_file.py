"""Key files: text with comments, read within limits, written for nobody else's eyes."""

import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

from chatseal.errors import KeyExposedError, KeyFormatError, TargetExistsError
from chatseal.part_file import write_whole

FILE_MAX = 65536
OTHERS = stat.S_IRWXG | stat.S_IRWXO
SECRETS = "/run/secrets"  # where containers are given theirs, readable by all inside
_PUBLIC_LINE = re.compile(rb"(#[^\n]*\n)?chatseal-(public|verifying)-key [A-Za-z0-9+/]+\n?")  # as write makes them
CREDENTIALS = "CREDENTIALS_DIRECTORY"  # where systemd gives a service its own, in a folder nobody else can enter


def read(path: str | os.PathLike[str]) -> str:
    """The text of a file with a secret key, without its comments. Raises KeyFormatError, KeyExposedError or OSError."""
    return text(read_private(path), os.fspath(path))


def read_public(path: str | os.PathLike[str]) -> str:
    """The text of a file with a public key, which anybody may read. Raises KeyFormatError or OSError."""
    with open(path, "rb") as file:
        return text(_read(file, os.fspath(path)), os.fspath(path))


def read_private(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file that nobody but its owner may read. Raises KeyFormatError, KeyExposedError or OSError."""
    with open(path, "rb") as file:
        about = os.fstat(file.fileno())
        data = _read(file, os.fspath(path))
    exposed = os.name == "posix" and stat.S_ISREG(about.st_mode) and about.st_mode & OTHERS and not _is_given(path)
    if exposed and not _PUBLIC_LINE.fullmatch(data):  # that one is no secret, and the caller will say that it is the wrong kind
        raise KeyExposedError(f"{os.fspath(path)} can be read by others on this machine")
    return data


def read_descriptor(number: int, name: str = "") -> bytes:
    """All that comes from a descriptor, which is closed. Raises KeyFormatError or OSError."""
    with open(number, "rb") as file:
        return _read(file, name or f"descriptor {number}")


def _read(file: BinaryIO, name: str) -> bytes:
    data = file.read(FILE_MAX + 1)
    if len(data) > FILE_MAX:
        raise KeyFormatError(f"{name} is too long to be a key file")
    return data


def text(data: bytes, name: str) -> str:
    """The lines of *data* that are not comments. Raises KeyFormatError, which does not show them."""
    try:
        lines = data.decode("ascii").splitlines()
    except UnicodeDecodeError:
        raise KeyFormatError(f"{name} is not a key file") from None
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


def _is_given(path: str | os.PathLike[str]) -> bool:
    """Whether the file lies where a service manager or a container puts credentials: others cannot come there."""
    folders = [folder for folder in (os.environ.get(CREDENTIALS), SECRETS) if folder]
    here = os.path.dirname(os.path.abspath(path))
    return any(os.path.commonpath([here, os.path.abspath(folder)]) == os.path.abspath(folder) for folder in folders)


def write(path: str | os.PathLike[str], text: str, *, mode: int = 0o600) -> None:
    """Write a new key file, durably: no key may be believed saved that is not. Raises TargetExistsError or OSError."""
    write_new(path, text.encode("ascii"), "a key file", mode=mode)


def write_new(path: str | os.PathLike[str], data: bytes, what: str, *, mode: int = 0o600) -> None:
    """Write *what*, a file with a key in it: new, durable, whole or not at all. Raises TargetExistsError or OSError."""
    try:
        write_whole(Path(path), data, mode=mode)
    except FileExistsError:
        raise TargetExistsError(f"{os.fspath(path)} exists; {what} is never overwritten") from None
