"""Options: the kinds of values that several commands take, and the options themselves."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from chatseal.cli.words import is_like_a_key
from chatseal.sealing.budget import THREADS_MAX
from chatseal.sizes import parse_size

F = TypeVar("F", bound=Callable[..., Any])

_RANGE = re.compile(r"(-?)([^:-]*):(-?)([^:-]*)")
DASH = "-"


class Size(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A number of bytes, from *least* to *most*."""

    name = "size"

    def __init__(self, least: int = 1, most: int | None = None) -> None:
        self.least, self.most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            size = parse_size(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if size < self.least or (self.most is not None and size > self.most):
            self.fail(f"{value} is not at least {self.least}" + (f" and at most {self.most} bytes" if self.most else " bytes"), param, ctx)
        return size


class ByteRange(click.ParamType):  # type: ignore[type-arg]
    """START:END as a slice of bytes: END is exclusive, either may be empty, negative ones count from the end."""

    name = "start:end"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> slice:
        if isinstance(value, slice):
            return value
        found = _RANGE.fullmatch(value.replace(" ", ""))
        if not found:
            self.fail(f"{value!r} is not START:END", param, ctx)
        try:
            start, end = (_signed(sign, number) for sign, number in (found.group(1, 2), found.group(3, 4)))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return slice(start, end)


def _signed(sign: str, number: str) -> int | None:
    if not number and not sign:
        return None
    return -parse_size(number) if sign else parse_size(number)


class FileName(click.Path):
    """A name of a file, a folder or `-`; never empty: a variable that is not set must not stand for the working directory."""

    def __init__(self) -> None:
        super().__init__(allow_dash=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not value:
            self.fail("the name is empty", param, ctx)
        return super().convert(value, param, ctx)


class KeyFileName(FileName):
    """The name of a key file; refuses a key in its place, and does not repeat it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and is_like_a_key(value):
            self.fail("this is a key, not a file with one: write the key into a file, and change it if others use this machine", param, ctx)
        return super().convert(value, param, ctx)


def sources_argument(function: F) -> F:
    return click.argument("sources", metavar="SRC...", nargs=-1, required=True, type=FileName())(function)


def target_option(help: str) -> Callable[[F], F]:
    return click.option("-o", "--output", "target", metavar="DST", required=True, type=FileName(), help=help)


def author_option(function: F) -> F:
    return click.option(
        "--from", "author_file", metavar="PUBKEY", type=KeyFileName(), help="File with a verifying key: take only what its owner signed."
    )(function)


def force_option(help: str) -> Callable[[F], F]:
    return click.option("--force", is_flag=True, help=help)


def threads_option(function: F) -> F:
    return click.option(
        "--threads", metavar="N", type=click.IntRange(1, THREADS_MAX), help="Threads that work at most. [default: all cores]"
    )(function)


def memory_option(function: F) -> F:
    return click.option(
        "--memory", metavar="SIZE", type=Size(), help="Memory for buffers, for all files together. Fewer threads work if it is scarce."
    )(function)
