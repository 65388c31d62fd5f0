"""Patterns: which files below the sources are wanted, in the syntax of .gitignore."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from chatseal.capture.names import entry_name
from chatseal.errors import PatternError

FILE_MAX = 1 << 20  # bytes of a file of patterns
PATTERNS_MAX = 10_000
PATTERN_MAX = 4096  # characters

_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": r"\x21-\x7e",
    "lower": "a-z",
    "print": r"\x20-\x7e",
    "punct": r"\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e",
    "space": r"\x20\t-\r",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


def read_patterns(path: str | Path) -> list[str]:
    """The patterns in a file: a line each, without comments and empty lines. Raises OSError, PatternError."""
    with open(path, "rb") as file:
        data = file.read(FILE_MAX + 1)
    if len(data) > FILE_MAX:
        raise PatternError(f"{path} is longer than {FILE_MAX} bytes")
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    lines = (line.removesuffix("\r") for line in text.split("\n"))
    return [line for line in lines if line.strip() and not line.startswith("#")]


class Patterns:
    """What to leave out, and what to take only. Does not change; any thread.

    A pattern is relative to each source: `/cache` is what is so called right in a source, `*.tmp` whatever ends so anywhere, `logs/` only
    folders, `a/**/b` a `b` at any depth below `a`, and `!` before a pattern takes back what patterns before it said; but nothing takes back
    what is in a folder that is left out. The sources themselves are always wanted."""

    def __init__(self, exclude: Iterable[str] = (), include: Iterable[str] = ()) -> None:
        """Leave out what *exclude* matches; if there is an *include*, take only what it matches, and what is in folders that it matches.

        Raises PatternError for a pattern that is none or can never match, with its text."""
        self._exclude, self._include = _rules(exclude), _rules(include)

    def excludes(self, path: str, *, is_folder: bool) -> bool:
        """Whether the entry *path*, whose first part is its source's name, is left out; a folder with all that is in it.

        To be asked from the top down: it does not look at the folders that *path* is in."""
        return bool(self._exclude) and bool(_said(self._exclude, path.partition("/")[2], is_folder))

    def includes(self, path: str, *, is_folder: bool) -> bool:
        """Whether the entry *path* is among those to take only. A folder that is not may still have some in it."""
        if not self._include or "/" not in path:
            return True
        below, last = path.partition("/")[2], None
        for end in [at for at, letter in enumerate(below) if letter == "/"] + [len(below)]:
            said = _said(self._include, below[:end], is_folder or end < len(below))
            last = last if said is None else said
        return bool(last)


class _Rule(NamedTuple):
    """One pattern, ready to match a name or a path whole."""

    regex: re.Pattern[str]
    by_path: bool  # not by its last part alone
    folders_only: bool
    says: bool


def _said(rules: list[_Rule], below: str, is_folder: bool) -> bool | None:
    """What the last rule says that matches *below* itself; None if none does."""
    name = below.rpartition("/")[2]
    for rule in rules:
        if (is_folder or not rule.folders_only) and rule.regex.fullmatch(below if rule.by_path else name):
            return rule.says
    return None


def _rules(patterns: Iterable[str]) -> list[_Rule]:
    """The rules of *patterns*, the last one first."""
    rules: list[_Rule] = []
    for pattern in patterns:
        if len(pattern) > PATTERN_MAX:
            raise PatternError(f"a pattern has more than {PATTERN_MAX} characters: {pattern[:60]!r}...")
        if len(rules) == PATTERNS_MAX:
            raise PatternError(f"there are more than {PATTERNS_MAX} patterns")
        try:
            rules.append(_rule(pattern))
        except _NeverMatchesError:
            raise PatternError(f"{pattern!r} is no pattern that can match anything") from None
    return rules[::-1]


class _NeverMatchesError(Exception):
    pass


def _rule(pattern: str) -> _Rule:
    text = _without_last_spaces(entry_name(pattern))
    if text.startswith("#"):
        raise _NeverMatchesError
    says, text = not text.startswith("!"), text.removeprefix("!")
    folders_only, text = text.endswith("/"), text.removesuffix("/")
    by_path, text = "/" in text, text.removeprefix("/")
    if not text or text.endswith("/"):
        raise _NeverMatchesError
    return _Rule(re.compile("".join(_parts(text, by_path)), re.DOTALL), by_path, folders_only, says)


def _without_last_spaces(text: str) -> str:
    """*text* without the spaces at its end, but for one that a backslash is before."""
    stripped = text.rstrip(" ")
    backslashes = len(stripped) - len(stripped.rstrip("\\"))
    return stripped + " " if stripped != text and backslashes % 2 else stripped


def _parts(text: str, by_path: bool) -> Iterator[str]:
    """The pieces of a regular expression for a pattern without its prefix and ending."""
    at = 0
    while at < len(text):
        letter = text[at]
        if letter == "*":
            end = at + 1
            while text[end : end + 1] == "*":
                end += 1
            from_slash, to_slash, to_end = at == 0 or text[at - 1] == "/", text[end : end + 1] == "/", end == len(text)
            if not by_path or end - at < 2 or not from_slash or not (to_slash or to_end):
                yield "[^/]*"
            elif to_slash:
                yield "(?:.*/)?"
                end += 1
            else:
                yield ".*"
            at = end
        elif letter == "[":
            bracket, at = _bracket(text, at + 1)
            yield bracket
        elif letter == "?":
            yield "[^/]"
            at += 1
        else:
            if letter == "\\":
                at += 1
            if at == len(text):
                raise _NeverMatchesError
            yield re.escape(text[at])
            at += 1


def _bracket(text: str, at: int) -> tuple[str, int]:
    """The regular expression of a set that begins at *at*, and where it ends."""
    negated = text[at : at + 1] in ("!", "^")
    first = at = at + negated
    pieces: list[str] = []
    while at < len(text):
        if text[at] == "]" and at > first:
            if negated:
                return f"[^/{''.join(pieces)}]", at + 1
            if not pieces:
                break
            return f"(?!/)[{''.join(pieces)}]", at + 1
        if text.startswith("[:", at):
            end = text.find("]", at + 2)
            if end < 0:
                break
            if end > at + 2 and text[end - 1] == ":":
                if (letters := _CLASSES.get(text[at + 2 : end - 1])) is None:
                    break
                pieces.append(letters)
                at = end + 1
                continue
        low, at = _letter(text, at)
        if text[at : at + 1] == "-" and text[at + 1 : at + 2] not in ("]", ""):
            high, at = _letter(text, at + 1)
            if low <= high:
                pieces.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            pieces.append(re.escape(low))
    raise _NeverMatchesError


def _letter(text: str, at: int) -> tuple[str, int]:
    """The letter at *at* in a set, which a backslash may be before, and where it ends."""
    at += text[at] == "\\"
    if at == len(text):
        raise _NeverMatchesError
    return text[at], at + 1
