"""Key files: text with comments, read within limits, written for nobody else's eyes."""

import os
from pathlib import Path

from chatseal.errors import KeyFormatError, TargetExistsError

FILE_MAX = 65536


def read(path: str | os.PathLike[str]) -> str:
    """The text of a key file without its comments. Raises KeyFormatError or OSError; neither shows what is in the file."""
    with open(path, "rb") as file:
        return decode(file.read(FILE_MAX + 1), os.fspath(path))


def decode(data: bytes, name: str) -> str:
    """The text of the key file *name* that begins with *data*, at most FILE_MAX bytes, without its comments. Raises KeyFormatError."""
    if len(data) > FILE_MAX:
        raise KeyFormatError(f"{name} is too long to be a key file")
    try:
        lines = data.decode("ascii").splitlines()
    except UnicodeDecodeError:
        raise KeyFormatError(f"{name} is not a key file") from None
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


def write(path: str | os.PathLike[str], text: str, *, mode: int = 0o600) -> None:
    """Write a new key file, durably: no key may be believed saved that is not. Raises TargetExistsError or OSError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), mode)
    except FileExistsError:
        raise TargetExistsError(f"{os.fspath(path)} exists; a key file is never overwritten") from None
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(Path(path).parent)
    except BaseException:
        os.unlink(path)
        raise


def sync_folder(folder: Path) -> None:
    """Make a name in *folder* durable, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
