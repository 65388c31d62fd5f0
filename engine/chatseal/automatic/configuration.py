"""Configuration: `chatseal.toml`, where a person's choices stand. No secret is ever in it. What is to happen by itself is in `plan`.

[key]                            exactly one of
file = "/home/ada/backup.key"      a key file
command = "pass show chatseal"     a command that prints the key
keyring = "chatseal"               a name in the system's keyring
vault = "https://vault.example/"   a key vault, which is asked with a password each time
password = true                    a password, asked for each time
prompt = true                      the 64 digits, asked for each time
"""

import json
import os
import re
import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatseal import part_file
from chatseal.errors import ChatsealError

VARIABLE = "CHATSEAL_CONFIG"  # names the file, if not the usual one
FILE_MAX = 1 << 20
KINDS = ("file", "command", "keyring", "vault", "password", "prompt")
ASKED = ("password", "prompt")
HEAD = "# chatseal's configuration. No secret is in it; `chatseal setup` writes [key], and you may edit all of it.\n"
_KEY_TABLE = re.compile(r"\s*\[\s*key\s*\]\s*(#.*)?$")
_QUIET = re.compile(r"\s*(#.*)?$")  # a line that says nothing to a program
_LEAD = re.compile(r"(?:#[^\n]*\n)*")  # the comment that a file begins with


class ConfigurationError(ChatsealError):
    """The configuration file says something that makes no sense, or others can change it."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class KeyChoice:
    """Where the key comes from when no option says it: `kind` is one of KINDS, `value` what stands behind it."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the file says of the key. A mistake elsewhere in it stops no command that does not need that."""

    key: KeyChoice | None = None


def path() -> Path:
    """The configuration file: what CHATSEAL_CONFIG names, else the one in the system's place for it."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    import platformdirs

    return platformdirs.user_config_path("chatseal", appauthor=False) / "chatseal.toml"


def read(file: Path | None = None) -> Configuration:
    """What *file* says, or the usual one; an empty configuration if there is none. Raises ConfigurationError or OSError."""
    where = file or path()
    return Configuration(_key(where, document(where).get("key")))


def document(where: Path) -> dict[str, Any]:
    """All that the file says, as TOML has it; nothing if there is none. Raises ConfigurationError, which names the line, or OSError."""
    return _parsed(where, _text(where))


def _text(where: Path) -> str:
    try:
        with open(where, "rb") as opened:
            about = os.fstat(opened.fileno())
            data = opened.read(FILE_MAX + 1)
    except FileNotFoundError:
        return ""
    if os.name == "posix" and about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        # it may name a command to run
        raise wrong(where, "others on this machine can change it", "`chmod go-w` it, and read it before you trust it.")
    if os.name == "posix" and about.st_uid not in (0, os.geteuid()):
        raise wrong(where, "it belongs to somebody else", "Write one of your own with `chatseal setup`.")
    if len(data) > FILE_MAX:
        raise wrong(where, "it is too long")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise wrong(where, "it is not TOML") from None


def _parsed(where: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise wrong(where, f"it is not TOML ({error})" if isinstance(error, tomllib.TOMLDecodeError) else "it is not TOML") from None


def _key(where: Path, table: object) -> KeyChoice | None:
    if table is None:
        return None
    if not isinstance(table, dict) or len(table) != 1 or next(iter(table)) not in KINDS:
        raise wrong(where, f"[key] has exactly one of {', '.join(KINDS)}")
    kind, value = next(iter(table.items()))
    if kind in ASKED:
        if value is not True:
            raise wrong(where, f"{kind} in [key] can only be true: the secret itself does not belong here")
        return KeyChoice(kind, "")
    if not isinstance(value, str) or not value:
        raise wrong(where, f"{kind} in [key] is a text")
    return KeyChoice(kind, value)


def wrong(where: Path, why: str, remedy: str = "Correct it, or write a new one with `chatseal setup`.") -> ConfigurationError:
    """The error for what the file *where* says."""
    return ConfigurationError(f"{where}: {why}").with_remedy(remedy)


def write_key(choice: KeyChoice | None, file: Path | None = None) -> Path:
    """Make *choice* what the file says of the key, or let it say nothing, whole or not at all; where it is.

    All else in it stays as it is, with its comments; a file that would say nothing more is removed. Raises ConfigurationError, OSError."""
    where = file or path()
    before = _text(where)
    known = _parsed(where, before)
    text = _without_key(before) if before else HEAD
    if choice is not None:
        # a basic string of TOML has the escapes of JSON
        value = "true" if choice.kind in ASKED else json.dumps(choice.value)
        lead = _LEAD.match(text)
        assert lead is not None
        text = f"{text[: lead.end()].rstrip()}\n\n[key]\n{choice.kind} = {value}\n\n{text[lead.end() :]}".strip() + "\n"
    wanted = {name: value for name, value in known.items() if name != "key"}
    if choice is None and not wanted:
        where.unlink(missing_ok=True)
        return where
    if choice is not None:
        wanted["key"] = {choice.kind: True if choice.kind in ASKED else choice.value}
    try:
        is_right = tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        is_right = False
    if not is_right:
        raise wrong(where, "[key] is written in a way that cannot be changed here", "Change it yourself, or take it out and try again.")
    part_file.make_folder(where.parent)
    part_file.write_whole(where, text.encode(), overwrite=True)
    return where


def _without_key(text: str) -> str:
    """*text* without the table [key]. Comments before the next table are that one's."""
    lines = text.splitlines(keepends=True)
    begin = next((number for number, line in enumerate(lines) if _KEY_TABLE.match(line)), None)
    if begin is None:
        return text
    end = next((number for number in range(begin + 1, len(lines)) if lines[number].lstrip().startswith("[")), len(lines))
    while end < len(lines) and end > begin + 1 and _QUIET.match(lines[end - 1]):
        end -= 1
    return "".join(lines[:begin] + lines[end:])
