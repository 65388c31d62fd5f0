"""Table: one table of the configuration, read strictly. Every name that nobody knows and every value of another kind is an error that
says where it stands."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from chatseal.automatic.configuration import ConfigurationError, wrong

T = TypeVar("T")
TEXT_MAX = 4096  # characters
LIST_MAX = 1000  # items


class Table:
    """What stands below *name* in the file *where*. Take all that is known, then `finish`."""

    def __init__(self, where: Path, name: str, members: object) -> None:
        """Raises ConfigurationError if it is no table."""
        self._where, self.name = where, name
        if not isinstance(members, dict):
            raise self.wrong("", f"it is a table, [{name}]")
        self._left: dict[str, Any] = dict(members)
        self._known: list[str] = []

    def wrong(self, key: str, why: str) -> ConfigurationError:
        """The error for a member, or for the table itself."""
        place = ".".join(part for part in (self.name, key) if part)
        return wrong(self._where, f"{place}: {why}", "Correct it; docs/automatic.md has an example of all that can stand there.")

    def _take(self, key: str) -> Any:
        self._known.append(key)
        return self._left.pop(key, None)

    def has(self, key: str) -> bool:
        """Whether it is there, and not taken yet."""
        return key in self._left

    def table(self, key: str) -> "Table | None":
        """A table in this one."""
        value = self._take(key)
        return None if value is None else Table(self._where, ".".join(part for part in (self.name, key) if part), value)

    def tables(self, key: str) -> "dict[str, Table]":
        """The tables in a table in this one, by their names, in the order of the file."""
        outer = self.table(key)
        if outer is None:
            return {}
        return {name: Table(self._where, f"{outer.name}.{name}", value) for name, value in outer._left.items()}

    def text(self, key: str, default: str = "") -> str:
        """A text that is not empty, *default* if it is not there."""
        value = self._take(key)
        if value is None:
            return default
        return self._text(key, value)

    def _text(self, key: str, value: object) -> str:
        if not isinstance(value, str) or not value or len(value) > TEXT_MAX or not value.isprintable():
            raise self.wrong(key, f"it is a text of one line, not empty and of at most {TEXT_MAX} characters")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, or one text that stands for a list of one."""
        value = self._take(key)
        if value is None:
            return ()
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, list) or len(value) > LIST_MAX:
            raise self.wrong(key, f"it is a list of at most {LIST_MAX} texts")
        return tuple(self._text(key, item) for item in value)

    def flag(self, key: str) -> bool:
        """True or false; false if it is not there."""
        value = self._take(key)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise self.wrong(key, "it is true or false")
        return value

    def whole(self, key: str, least: int, most: int, default: int) -> int:
        """A whole number."""
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.wrong(key, f"it is a whole number from {least} to {most}")
        return value

    def number(self, key: str, least: float, most: float, default: float) -> float:
        """A number."""
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not least <= value <= most:
            raise self.wrong(key, f"it is a number from {least:g} to {most:g}")
        return float(value)

    def read(self, key: str, parse: Callable[[str], T], default: T) -> T:
        """A text that *parse* takes, whose ValueError says why not."""
        value = self._take(key)
        if value is None:
            return default
        try:
            return parse(self._text(key, value))
        except ValueError as error:
            raise self.wrong(key, str(error)) from None

    def path(self, key: str) -> str:
        """A whole path, `~` for the home folder; empty if it is not there."""
        return self.whole_path(key, self.text(key)) if key in self._left else ""

    def whole_path(self, key: str, text: str) -> str:
        """*text* as a whole path: what happens by itself has no working directory."""
        found = os.path.expanduser(text)
        if not os.path.isabs(found):
            raise self.wrong(key, f"{text} is no whole path; begin it with / or ~/")
        return found

    def needed(self, keys: Iterable[str]) -> None:
        """Raise ConfigurationError for the first of *keys* that is not there. Call it before they are taken."""
        for key in keys:
            if key not in self._left:
                raise self.wrong(key, "it is missing")

    def finish(self) -> None:
        """Raise ConfigurationError for a name that nobody has taken."""
        for key in self._left:
            shown = key if key.isprintable() and len(key) <= 64 else "a name"
            raise self.wrong(shown, f"nobody knows this; here can be {', '.join(self._known)}")
