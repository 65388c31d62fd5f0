"""Streams: standard input and output as unbuffered bytes, and what must not be written to a terminal."""

import errno
import io
import sys
from typing import TYPE_CHECKING, cast

import click

from chatseal.cli.options import DASH
from chatseal.cli.output import Output

if TYPE_CHECKING:
    from typing import BinaryIO

    from typing_extensions import Buffer

INPUT, OUTPUT = "standard input", "standard output"


class _Stream(io.FileIO):
    """An inherited descriptor whose errors say which one it is. Unbuffered: the engine moves whole frames."""

    def __init__(self, descriptor: int, mode: str, about: str) -> None:
        super().__init__(descriptor, mode, closefd=False)
        self._about = about

    def readinto(self, buffer: "Buffer", /) -> int | None:
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._about) from None

    def write(self, data: "Buffer", /) -> int | None:  # type: ignore[override]
        try:
            return super().write(data)
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._about) from None


def standard_input() -> "BinaryIO":
    """Standard input, as a source."""
    if sys.stdin is None:
        raise OSError(errno.EBADF, "closed", INPUT)
    return cast("BinaryIO", _Stream(0, "rb", INPUT))


def standard_output(out: Output, *, terminal: bool, can_insist: bool = True) -> "BinaryIO":
    """Standard output, as a target; results go to standard error from now on. UsageError if it is a terminal but must not be.

    *can_insist* says that the command has --force."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, "closed", OUTPUT)
    if sys.stdout.isatty() and not terminal:
        raise click.UsageError(
            "these bytes are not for a terminal; name a file with -o, "
            + ("put a pipe after the command, or insist with --force" if can_insist else "or put a pipe after the command")
        )
    out.data_on_stdout = True
    return cast("BinaryIO", _Stream(1, "wb", OUTPUT))


def name_of(source: str) -> str:
    """A source's name for people."""
    return INPUT if source == DASH else source
