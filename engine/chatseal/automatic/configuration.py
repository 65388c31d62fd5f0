"""Configuration: `chatseal.toml`, where a person's choices stand. No secret is ever in it.

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
import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path

from chatseal import part_file
from chatseal.errors import ChatsealError

VARIABLE = "CHATSEAL_CONFIG"  # names the file, if not the usual one
FILE_MAX = 1 << 20
KINDS = ("file", "command", "keyring", "vault", "password", "prompt")
ASKED = ("password", "prompt")


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
    """What the file says."""

    key: KeyChoice | None = None

    def text(self) -> str:
        """The file that says this."""
        lines = ["# chatseal's configuration. No secret is in it; `chatseal setup` writes it, and you may edit it."]
        if self.key is not None:
            # a basic string of TOML has the escapes of JSON
            value = "true" if self.key.kind in ASKED else json.dumps(self.key.value)
            lines += ["", "[key]", f"{self.key.kind} = {value}"]
        return "\n".join(lines) + "\n"


def path() -> Path:
    """The configuration file: what CHATSEAL_CONFIG names, else the one in the system's place for it."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    import platformdirs

    return platformdirs.user_config_path("chatseal", appauthor=False) / "chatseal.toml"


def read(file: Path | None = None) -> Configuration:
    """What *file* says, or the usual one; an empty configuration if there is none. Raises ConfigurationError or OSError."""
    where = file or path()
    try:
        with open(where, "rb") as opened:
            about = os.fstat(opened.fileno())
            data = opened.read(FILE_MAX + 1)
    except FileNotFoundError:
        return Configuration()
    if os.name == "posix" and about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        # it may name a command to run
        raise _wrong(where, "others on this machine can change it", "`chmod go-w` it, and read it before you trust it.")
    if os.name == "posix" and about.st_uid not in (0, os.geteuid()):
        raise _wrong(where, "it belongs to somebody else", "Write one of your own with `chatseal setup`.")
    if len(data) > FILE_MAX:
        raise _wrong(where, "it is too long")
    try:
        document = tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise _wrong(where, f"it is not TOML ({error})" if isinstance(error, tomllib.TOMLDecodeError) else "it is not TOML") from None
    return Configuration(_key(where, document.pop("key", None)))


def _key(where: Path, table: object) -> KeyChoice | None:
    if table is None:
        return None
    if not isinstance(table, dict) or len(table) != 1 or next(iter(table)) not in KINDS:
        raise _wrong(where, f"[key] has exactly one of {', '.join(KINDS)}")
    kind, value = next(iter(table.items()))
    if kind in ASKED:
        if value is not True:
            raise _wrong(where, f"{kind} in [key] can only be true: the secret itself does not belong here")
        return KeyChoice(kind, "")
    if not isinstance(value, str) or not value:
        raise _wrong(where, f"{kind} in [key] is a text")
    return KeyChoice(kind, value)


def _wrong(where: Path, why: str, remedy: str = "Correct it, or write a new one with `chatseal setup`.") -> ConfigurationError:
    return ConfigurationError(f"{where}: {why}").with_remedy(remedy)


def write(new: Configuration, file: Path | None = None) -> Path:
    """Make *new* the configuration, whole or not at all, and return where it is. What was there is replaced. Raises OSError."""
    where = file or path()
    part_file.make_folder(where.parent)
    part_file.write_whole(where, new.text().encode(), overwrite=True)
    return where
