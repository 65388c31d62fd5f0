"""Options of the commands for a vault: which one, for whom, with what password."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

import click

from chatseal import BackupKey
from chatseal.cli.key_options import Keys
from chatseal.cli.options import F, FileName
from chatseal.cli.output import Output
from chatseal.cli.vault_source import VaultSource, check_libraries
from chatseal.errors import (
    EXIT_BUSY,
    EXIT_DAMAGED,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_NO_SPACE,
    EXIT_NOT_THERE,
    EXIT_OK,
    EXIT_USAGE,
    EXIT_WRONG_KEY,
    KeyFormatError,
    KeySourceError,
    WeakPasswordError,
)
from chatseal.keys import key_file, sources
from chatseal.keys.password import Password
from chatseal.keys.sources import WrongKindError

EXITS = (
    EXIT_OK,
    EXIT_FAILED,
    EXIT_USAGE,
    EXIT_NOT_THERE,
    EXIT_BUSY,
    EXIT_WRONG_KEY,
    EXIT_DAMAGED,
    EXIT_NO_SPACE,
    EXIT_INTERRUPTED,
)


def vault_options(function: F) -> F:
    """Options that say which vault and for whom; the command gets them as `vault`, a VaultSource."""

    @wraps(function)
    def gathered(*args: Any, **given: Any) -> Any:
        named = [given.pop(name) for name in ("url", "user", "token_file", "token_command", "fingerprint")]
        return function(*args, vault=VaultSource(*named), **given)

    decorated: Any = gathered
    for option in reversed(
        [
            click.option("--vault", "url", metavar="URL", default="", help="The vault. [default: the one that this device knows]"),
            click.option("--user", metavar="ID", help="Name of the account. [default: the one that this device knows]"),
            click.option(
                "--token-file", metavar="F", type=FileName(), help="File with the account's token. Also: CHATSEAL_VAULT_TOKEN_FILE."
            ),
            click.option("--token-command", metavar="CMD", help="Command that prints the token."),
            click.option("--fingerprint", metavar="TEXT", help="Its fingerprint, as on a recovery sheet: refuse any other."),
        ]
    ):
        decorated = option(decorated)
    return cast("F", decorated)


def password_options(what: str, prefix: str = "") -> Callable[[F], F]:
    """Options for a password; the command gets a function that asks for it as *prefix*`password`, an Asked."""
    under = prefix.replace("-", "_")

    def decorate(function: F) -> F:
        @wraps(function)
        def gathered(*args: Any, **given: Any) -> Any:
            asked = Asked(
                given.pop(f"{under}password_file"), given.pop(f"{under}password_fd"), given.pop(f"{under}password_command"), prefix
            )
            return function(*args, **{f"{under}password": asked}, **given)

        decorated: Any = gathered
        for option in reversed(
            [
                click.option(f"--{prefix}password-file", metavar="F", type=FileName(), help=f"File whose first line is {what}."),
                click.option(f"--{prefix}password-fd", metavar="N", type=click.IntRange(0), help=f"Descriptor to read {what} from."),
                click.option(f"--{prefix}password-command", metavar="CMD", help=f"Command that prints {what}."),
            ]
        ):
            decorated = option(decorated)
        return cast("F", decorated)

    return decorate


class Asked:
    """Where a password comes from: a file, a descriptor, a command, else a prompt without echo. `repr` shows nothing of it."""

    def __init__(self, file: str | None, number: int | None, line: str | None, prefix: str = "") -> None:
        """Raises UsageError if several are named."""
        if sum(one is not None for one in (file, number, line)) > 1:
            raise click.UsageError(f"one password is asked for: give one of --{prefix}password-file, -fd and -command")
        self._file, self._number, self._line, self._prefix = file, number, line, prefix

    def __bool__(self) -> bool:
        """Whether an option names one."""
        return any(one is not None for one in (self._file, self._number, self._line))

    def current(self, prompt: str = "Password of the vault: ") -> Password:
        """A password that there is already. Raises KeySourceError, KeyFormatError, KeyExposedError, OSError."""
        return Password(self._text() if self else sources.from_prompt(prompt))

    def new(self, known: tuple[str, ...], out: Output, *, weak: bool) -> Password:
        """A new one, asked for twice and judged. Raises WeakPasswordError unless *weak* ones are taken."""
        check_libraries()
        if self:
            text = self._text()
        else:
            text = sources.from_prompt("New password of the vault: ")
            if sources.from_prompt("The same again: ") != text:
                raise KeySourceError("the two passwords differ; nothing was done")
        found = Password(text)
        check_strength(text, known, out, weak=weak)
        return found

    def _text(self) -> str:
        if self._file is not None:
            data = key_file.read_private(self._file)
        elif self._number is not None:
            data = key_file.read_descriptor(self._number)
        else:
            data = sources.from_command(self._line or "")
        try:
            return data.split(b"\n", 1)[0].removesuffix(b"\r").decode()
        except UnicodeDecodeError:
            raise KeyFormatError("the password is not UTF-8") from None


def check_strength(text: str, known: tuple[str, ...], out: Output, *, weak: bool) -> None:
    """Raise WeakPasswordError for a new password below the least score, or warn if *weak* ones are taken. It says why, not what."""
    from chatseal.vault.strength import SCORE_MIN, judge

    found = judge(text, known)
    if not found.is_weak:
        return
    what = f"the password scores {found.score} of 4, and {SCORE_MIN} is the least (about 10^{found.magnitude:.0f} guesses find it)"
    if not weak:
        raise WeakPasswordError(what).with_remedy(
            f"{found.why} Take four or five words that nobody would put together; --weak takes it as it is.".strip()
        )
    out.warn(f"{what}: ten guesses protect it from strangers, and nothing from the vault's operator")


def one_backup_key(keys: Keys, out: Output) -> BackupKey:
    """The backup key that the options, the environment or the configuration name. Raises WrongKindError, UsageError."""
    key, *more = keys.openers(out)
    if more:
        raise click.UsageError("a vault keeps one key; name one")
    if not isinstance(key, BackupKey):
        raise WrongKindError("a vault keeps a backup key, of 64 digits; this is another kind")
    return key


def known_words(vault: VaultSource, account: str) -> tuple[str, ...]:
    """What whoever guesses knows of a vault and an account."""
    return (account, *vault.url.replace("/", " ").replace(":", " ").replace(".", " ").split(), "chatseal", "vault", "backup")
