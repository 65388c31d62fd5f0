"""Strict JSON: objects that strangers may have written, read within limits or not at all."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar

from chatseal.errors import DamagedError

INTEGER_MAX = 2**63 - 1
_DIGITS_MAX = 20  # of 2^64 - 1, the largest that any member takes
T = TypeVar("T")


def damaged() -> DamagedError:
    """The one error for whatever is wrong inside of what was authenticated."""
    return DamagedError("an object of the store does not hold what its kind must")


def encode(members: Any) -> bytes:
    """One line, ASCII: names that are no valid text survive as escapes."""
    return json.dumps(members, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")


def parse(data: bytes) -> Any:
    """The value that *data* holds. Raises DamagedError, also of a member that occurs twice, a number that is no integer of magnitude
    below 2^64, or deep nesting."""
    try:
        return _DECODER.decode(data.decode("ascii"))
    except (ValueError, RecursionError):
        raise damaged() from None


def parse_object(data: bytes) -> dict[str, Any]:
    """The same, if it is an object."""
    found = parse(data)
    if not isinstance(found, dict):
        raise damaged()
    return found


def text(members: dict[str, Any], name: str, longest: int, default: str | None = None) -> str:
    """A member that is a string of at most *longest* characters."""
    value = members.get(name, default)
    if not isinstance(value, str) or len(value) > longest:
        raise damaged()
    return value


def number(members: dict[str, Any], name: str, least: int = 0, most: int = INTEGER_MAX, default: int | None = None) -> int:
    """A member that is an integer within limits."""
    value = members.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise damaged()
    return value


def boolean(members: dict[str, Any], name: str) -> bool:
    """A member that is true or false."""
    value = members.get(name)
    if not isinstance(value, bool):
        raise damaged()
    return value


def version(members: dict[str, Any], known: int) -> None:
    """Raise DamagedError unless the version is *known*: the number, neither true nor a fraction that equals it."""
    number(members, "version", known, known)


def time(members: dict[str, Any], name: str, pattern: str) -> datetime:
    """A member that is a time in UTC, spelled as *pattern* (of strftime, within ISO 8601) spells it and in no other way."""
    written = text(members, name, 40)
    try:
        found = datetime.fromisoformat(written).replace(tzinfo=UTC)  # strptime takes ten times as long
    except ValueError:
        raise damaged() from None
    if found.strftime(pattern) != written:
        raise damaged()
    return found


def items(members: dict[str, Any], name: str, longest: int, read: Callable[[Any], T]) -> tuple[T, ...]:
    """A member that is a list of at most *longest* items, each as *read* takes it."""
    value = members.get(name)
    if not isinstance(value, list) or len(value) > longest:
        raise damaged()
    return tuple(read(item) for item in value)


def a_text(longest: int) -> Callable[[Any], str]:
    """Takes an item that is a string of at most *longest* characters."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or len(value) > longest:
            raise damaged()
        return value

    return read


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _integer(digits: str) -> int:
    # Bounded before the conversion: its time grows with the square of the length.
    if len(digits) > 1 + _DIGITS_MAX or abs(found := int(digits)) >= 2**64:
        raise ValueError
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_int=_integer, parse_float=_refuse, parse_constant=_refuse)
