"""Given: the keys that the commands which change holders take, in one place: what opens, what is new, what shall go."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from chatseal import BackupKey, PrivateKey, PublicKey
from chatseal.cli import key_files
from chatseal.cli.options import F, KeyFileName
from chatseal.cli.output import Output


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys that were named and are not read yet. `bool` is whether there are any."""

    files: tuple[str, ...]
    public: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.files or self.public)

    def openers(self, out: Output) -> list[BackupKey | PrivateKey]:
        """As keys that open, in the order of `names`."""
        return key_files.openers(self.files, out)

    def holders(self, out: Output) -> list[BackupKey | PublicKey]:
        """As holders to seal for."""
        return key_files.holders(self.files, self.public, out)

    @property
    def names(self) -> tuple[str, ...]:
        """How people call them."""
        return self.files + self.public


def opening_keys(*, required: bool = True) -> Callable[[F], F]:
    """Options for what opens the file now; the command gets them as `keys`."""
    text = "File with a backup key or a private key that opens the file now. Can be given several times."
    return _keys("keys", _file_option("--key-file", "key_files", text, required=required))


def new_holders(function: F) -> F:
    """Options for who shall be able to open it; the command gets them as `new`."""
    text = "File with a backup key that shall open the file. Can be given several times."
    to = click.option(
        "--to",
        "new_public_keys",
        metavar="PUBKEY",
        multiple=True,
        type=KeyFileName(),
        help="File with a public key whose private key shall open the file. Can be given several times.",
    )
    return _keys("new", _file_option("--new-key-file", "new_key_files", text), to)(function)


def gone_keys(function: F) -> F:
    """Options for keys that shall open it no more; the command gets them as `gone`."""
    text = "File with the backup key or private key that shall open the file no more. Can be given several times."
    return _keys("gone", _file_option("--remove-key-file", "gone_key_files", text))(function)


def check_named(new: Keys) -> None:
    """Raise UsageError if no new holder is named."""
    if not new:
        raise click.UsageError("no new key is named; give --new-key-file or --to")


def _file_option(name: str, to: str, help: str, *, required: bool = False) -> Callable[[F], F]:
    return click.option(name, to, metavar="K", required=required, multiple=True, type=KeyFileName(), help=help)


def _keys(argument: str, *options: Callable[[Any], Any]) -> Callable[[F], F]:
    """*options*, whose values the command gets as one *argument*, a Keys."""
    prefix = {"keys": "", "new": "new_", "gone": "gone_"}[argument]

    def decorate(function: F) -> F:
        @wraps(function)
        def gathered(*args: Any, **values: Any) -> Any:
            files, public = values.pop(f"{prefix}key_files"), values.pop(f"{prefix}public_keys", ())
            return function(*args, **{argument: Keys(files, public)}, **values)

        decorated: Any = gathered
        for option in reversed(options):
            decorated = option(decorated)
        return decorated  # type: ignore[no-any-return]

    return decorate
