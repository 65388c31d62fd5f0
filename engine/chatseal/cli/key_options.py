"""Keys on the command line: the same options for every command, and what they give."""

import hmac
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, cast

import click

from chatseal import BackupKey, KeyFormatError, Password, PrivateKey, PublicKey, SigningKey, VerifyingKey
from chatseal.automatic import configuration
from chatseal.cli.options import F, FileName, KeyFileName
from chatseal.cli.output import Output
from chatseal.cli.vault_source import VaultSource, recover
from chatseal.errors import KeySourceError
from chatseal.format.vault_place import VaultPlace
from chatseal.keys import key_file, sources
from chatseal.keys.signing_key import SIGNING, VERIFYING
from chatseal.keys.slots import Holder, Opener
from chatseal.keys.sources import WrongKindError
from chatseal.keys.vault_key import VaultKey

Given = Callable[[], bytes]


@dataclass
class Keys:
    """The sources that the options of one command named, in words for messages and as functions that ask them."""

    keys: list[tuple[str, Given]] = field(default_factory=list)
    passwords: list[tuple[str, Given]] = field(default_factory=list)
    public: list[str] = field(default_factory=list)
    ask_key: bool = False
    ask_password: bool = False
    vault: VaultSource | None = None  # the passwords are for it then

    def __bool__(self) -> bool:
        return bool(self.keys or self.passwords or self.public or self.ask_key or self.ask_password or self.vault)

    def openers(self, out: Output, near: Sequence[str] = ()) -> list[Opener]:
        """The keys to open with. Without an option: those of the environment; else asked for, if there is a terminal. *near* are sealed
        files that may say which vault has the key."""
        if not self:
            if chosen := _chosen():
                return chosen.openers(out, near)
            if not sources.is_terminal():
                raise _nothing_named()
            return [_typed(sources.from_prompt("Backup key or password: "))]
        found: list[Opener] = [self._opener(name, give, out) for name, give in self.keys]
        if self.ask_key:
            found.append(BackupKey.from_digits(sources.from_prompt("Backup key: ")))
        if self.vault is not None:
            return [*found, self._from_vault(out, near).key]
        found += [self._password(name, give, out) for name, give in self.passwords]
        if self.ask_password:
            found.append(Password(sources.from_prompt("Password: ")))
        return found

    @property
    def names(self) -> list[str]:
        """How people call the openers, in their order."""
        keys, passwords = ([name for name, _ in given] for given in (self.keys, self.passwords))
        if self.vault is not None:
            return [*keys, *["the key that was typed"] * self.ask_key, "the key from the vault"]
        return [*keys, *["the key that was typed"] * self.ask_key, *passwords, *["the password that was typed"] * self.ask_password]

    def openers_if_any(self, out: Output, near: Sequence[str] = ()) -> list[Opener]:
        """As openers, but nobody is asked who did not offer."""
        if self:
            return self.openers(out, near)
        chosen = _chosen()
        return chosen.openers(out) if chosen and not (chosen.ask_password or chosen.ask_key or chosen.vault) else []

    def holders(self, out: Output, *, public: bool = True, beside: bool = True) -> list[Holder]:
        """The holders to seal for, no public keys unless *public*. A password is asked for twice, and its weakness is said.

        A vault's key gets a slot that says where the vault is, and *beside* it one of its own, unless another option named it."""
        if not self:
            if not (chosen := _chosen()):
                raise _nothing_named()
            return chosen.holders(out, public=public)
        found: list[Holder] = [_sealer(name, self._opener(name, give, out), public) for name, give in self.keys]
        if self.ask_key:
            found.append(BackupKey.from_digits(sources.from_prompt("Backup key: ")))
        found += [self._public(path, out) for path in self.public]
        if self.vault is not None:
            kept = self._from_vault(out)
            return [*found, *([kept.key] if beside and not _is_among(kept.key, found) else []), kept]
        found += [self._password(name, give, out) for name, give in self.passwords]
        if self.ask_password:
            found.append(new_password())
        if any(isinstance(holder, Password) for holder in found):
            out.warn("whoever has the file can try passwords on it, about one a second on each core; take a long one")
        return found

    def _from_vault(self, out: Output, near: Sequence[str] = ()) -> VaultKey:
        """The key that the vault keeps, and where. The password comes from the options for passwords, or is asked for."""
        assert self.vault is not None
        if len(self.passwords) + self.ask_password > 1:
            raise click.UsageError("with --vault, the options for passwords give the vault's, and it has one")
        with self.vault.connect(out, near) as client:
            if self.passwords:
                password = self._password(*self.passwords[0], out)
            else:
                password = Password(sources.from_prompt("Password of the vault: "))
            found = recover(client, password, out)
            place = VaultPlace(client.url, client.fingerprint, found.record_id, found.generation)
            return VaultKey(BackupKey(found.secret.view), place)

    def _opener(self, name: str, give: Given, out: Output) -> BackupKey | PrivateKey:
        out.subject = name
        return sources.opener_of(give(), name)

    def _password(self, name: str, give: Given, out: Output) -> Password:
        out.subject = name
        return Password.from_lines(give())

    def _public(self, path: str, out: Output) -> PublicKey:
        out.subject = path
        return PublicKey.from_file(path)


def _chosen() -> Keys | None:
    """The sources when no option names one: those of the environment, else those of the configuration."""
    if path := sources.unattended_file():
        return Keys(_sources([path], (), (), ()))
    choice = configuration.read().key
    if choice is None:
        return None
    if choice.kind == "vault":
        return Keys(vault=VaultSource(choice.value))
    if choice.kind in configuration.ASKED:
        return Keys(ask_password=choice.kind == "password", ask_key=choice.kind == "prompt")
    given = {"file": ([choice.value], (), (), ()), "command": ((), (), [choice.value], ()), "keyring": ((), (), (), [choice.value])}
    return Keys(_sources(*given[choice.kind]))


def signer(path: str | None, out: Output) -> SigningKey | None:
    """The signing key in *path*, None if there is no path."""
    if path is None:
        return None
    out.subject = path
    text = key_file.read(path)
    if text.split(maxsplit=1)[:1] == [VERIFYING]:
        raise WrongKindError(f"{path} holds a verifying key, which only shows who signed; sign with its signing key")
    return SigningKey.from_text(text)


def author(path: str | None, out: Output) -> VerifyingKey | None:
    """The verifying key in *path*, None if there is no path."""
    if path is None:
        return None
    out.subject = path
    text = key_file.read_public(path)
    if text.split(maxsplit=1)[:1] == [SIGNING]:
        raise WrongKindError(f"{path} holds a signing key, which is its owner's alone; demand its verifying key, --from {path}.pub")
    return VerifyingKey.from_text(text)


def _nothing_named() -> click.UsageError:
    return click.UsageError(
        "no key is given, and none is set up: name one with --key-file, or choose one for all commands with `chatseal setup`"
    )


def _typed(text: str) -> Opener:
    """What somebody typed who was asked for either."""
    try:
        return BackupKey.from_digits(text)
    except KeyFormatError:
        return Password(text)


def new_password() -> Password:
    """A password typed twice. Raises KeySourceError."""
    first = sources.from_prompt("New password: ")
    if sources.from_prompt("The same again: ") != first:
        raise KeySourceError("the two passwords differ; nothing was done")
    return Password(first)


def _sealer(name: str, key: BackupKey | PrivateKey, public: bool) -> BackupKey:
    if isinstance(key, PrivateKey):
        if not public:
            raise WrongKindError(f"{name} holds a private key; a store is for backup keys and passwords")
        raise WrongKindError(f"{name} holds a private key, which only opens; seal for its public key, --to {name}.pub")
    return key


def _keys(given: dict[str, Any], prefix: str) -> Keys:
    """Take the options of *prefix* out of *given*."""

    def take(name: str) -> Any:
        return given.pop(prefix + name, ())

    return Keys(
        keys=_sources(take("key_files"), take("key_fds"), take("key_commands"), take("keyrings")),
        passwords=_sources(take("password_files"), take("password_fds"), take("password_commands"), ()),
        public=list(take("public_keys")),
        ask_key=bool(take("ask_key")),
        ask_password=bool(take("ask_password")),
        vault=_vault([given.pop(prefix + name, None) for name, *_ in VAULT_OPTIONS.values()]),
    )


def _vault(named: list[str | None]) -> VaultSource | None:
    url, *rest = named
    if url is None:
        if any(one is not None for one in rest):
            raise click.UsageError("--vault-user, --vault-token-file, --vault-token-command and --vault-fingerprint are for --vault")
        return None
    return VaultSource("" if url == FROM_FILE else url, *rest)


def _is_among(key: BackupKey, holders: Iterable[Holder]) -> bool:
    return any(isinstance(holder, BackupKey) and hmac.compare_digest(holder.secret, key.secret) for holder in holders)


def _sources(files: Iterable[str], fds: Iterable[int], commands: Iterable[str], rings: Iterable[str]) -> list[tuple[str, Given]]:
    def bound(function: Callable[[Any], bytes], value: Any) -> Given:
        return lambda: function(value)

    return [
        *((path, bound(key_file.read_private, path)) for path in files),
        *((f"descriptor {number}", bound(key_file.read_descriptor, number)) for number in fds),
        *((f"the command {line.split()[0] if line.split() else ''}", bound(sources.from_command, line)) for line in commands),
        *((f"{name} in the keyring", bound(sources.from_keyring, name)) for name in rings),
    ]


FROM_FILE = "-"  # --vault without a URL
VAULT_OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "vault": (
        "vault_url",
        {
            "metavar": "URL",
            "is_flag": False,
            "flag_value": FROM_FILE,
            "help": "Take the key from a vault, for its password. Last and without URL: the vault that the file, or this device, knows.",
        },
    ),
    "vault-user": ("vault_user", {"metavar": "ID", "multiple": False, "help": "Name of the account at the vault."}),
    "vault-token-file": (
        "vault_token_file",
        {"metavar": "F", "type": FileName(), "multiple": False, "help": "File with its token. Also: CHATSEAL_VAULT_TOKEN_FILE."},
    ),
    "vault-token-command": ("vault_token_command", {"metavar": "CMD", "multiple": False, "help": "Command that prints the token."}),
    "vault-fingerprint": (
        "vault_fingerprint",
        {"metavar": "TEXT", "multiple": False, "help": "Its fingerprint: refuse any other."},
    ),
}
OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {  # name: (parameter, what else click needs)
    "key-file": ("key_files", {"metavar": "K", "type": KeyFileName(), "help": "File with a backup key or a private key."}),
    "key-fd": ("key_fds", {"metavar": "N", "type": click.IntRange(0), "help": "Descriptor to read a key file from."}),
    "key-command": ("key_commands", {"metavar": "CMD", "help": 'Command that prints a key, as in "pass show backup".'}),
    "keyring": ("keyrings", {"metavar": "NAME", "help": "Name of a key in the system's keyring."}),
    "key-prompt": ("ask_key", {"is_flag": True, "help": "Ask for the 64 digits, without echo."}),
    "to": ("public_keys", {"metavar": "PUBKEY", "type": KeyFileName(), "help": "File with a public key."}),
    "password": ("ask_password", {"is_flag": True, "help": "Ask for a password, without echo."}),
    "password-file": ("password_files", {"metavar": "F", "type": FileName(), "help": "File whose first line is a password."}),
    "password-fd": ("password_fds", {"metavar": "N", "type": click.IntRange(0), "help": "Descriptor to read a password from."}),
    "password-command": ("password_commands", {"metavar": "CMD", "help": "Command that prints a password."}),
    **VAULT_OPTIONS,
}
TYPED_OUT = ("key-file", "key-fd", "key-command", "keyring", "key-prompt")  # sources of keys that are no passwords
SOURCES = tuple(name for name in OPTIONS if name != "to")
WITHOUT_VAULT = tuple(name for name in SOURCES if name not in VAULT_OPTIONS)
FEW = ("key-file", "keyring", "password", "password-file")  # for a second role in one command: other sources go through a pipe


def _role(argument: str, prefix: str, options: Iterable[str], help: str) -> Callable[[F], F]:
    """A decorator: the command gets the *options*, --*prefix* before each but --to, as one *argument*, a Keys. *help* is of the first."""
    under = prefix.replace("-", "_")

    def decorate(function: F) -> F:
        @wraps(function)
        def gathered(*args: Any, **given: Any) -> Any:
            return function(*args, **{argument: _keys(given, under)}, **given)

        decorated: Any = gathered
        for name in reversed(list(options)):
            parameter, more = OPTIONS[name]
            if name == "key-file":
                more = {**more, "help": help}
            spelled = name if name == "to" else prefix + name
            more = {"multiple": "is_flag" not in more, **more}
            decorated = click.option(f"--{spelled}", under + parameter, **more)(decorated)
        return cast("F", decorated)

    return decorate


def opening_keys(function: F) -> F:
    """Options that say what to open with; the command gets them as `keys`, a Keys."""
    return _role("keys", "", SOURCES, "File with a backup key or a private key. All of these can be given several times.")(function)


def sealing_keys(function: F) -> F:
    """Options that say whom to seal for; the command gets them as `keys`, a Keys."""
    help = "File with a backup key. All of these can be given several times: each key opens the file alone."
    return _role("keys", "", OPTIONS, help)(function)


def store_keys(function: F) -> F:
    """Options that say who shall open a store; the command gets them as `keys`, a Keys."""
    help = "File with a backup key. All of these can be given several times: each key opens the store alone."
    return _role("keys", "", SOURCES, help)(function)


def printed_key(function: F) -> F:
    """As opening_keys, without vaults: of a page that names some, --vault is where they are."""
    return _role("keys", "", WITHOUT_VAULT, "File with a backup key.")(function)


def kept_key(function: F) -> F:
    """Options that name a backup key for a vault to keep; the command gets them as `keys`, a Keys."""
    return _role("keys", "", TYPED_OUT, "File with the backup key. [default: the one that is set up]")(function)


def new_keys(function: F) -> F:
    """Options that say who shall be able to open a file; the command gets them as `new`, a Keys."""
    help = "File with a backup key that shall open the file. All of these can be given several times."
    return _role("new", "new-", (FEW[0], "to", *FEW[1:], *VAULT_OPTIONS), help)(function)


def gone_keys(function: F) -> F:
    """Options that say who shall open a file no more; the command gets them as `gone`, a Keys."""
    help = "File with the backup key or private key that shall open the file no more. All of these can be given several times."
    return _role("gone", "remove-", FEW, help)(function)


def check_named(new: Keys) -> None:
    """Raise UsageError if no new holder is named."""
    if not new:
        raise click.UsageError("no new key is named; give --new-key-file, --to or --new-password")
