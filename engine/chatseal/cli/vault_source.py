"""Vault source: which vault, for whom, and whether it is the right one, before a password or a token goes there."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from chatseal import ChatsealError
from chatseal.cli import dialog
from chatseal.cli.output import Output
from chatseal.cli.words import escape
from chatseal.errors import IntegrityError, KeyFormatError, KeySourceError, VaultChangedError
from chatseal.format.vault_place import VaultPlace
from chatseal.keys import key_file, sources
from chatseal.keys.password import Password

if TYPE_CHECKING:
    from chatseal.vault.client import Recovered, VaultClient
    from chatseal.vault.identity import ServiceKey
    from chatseal.vault.pins import Pins

TOKEN_VARIABLE = "CHATSEAL_VAULT_TOKEN_FILE"
NEAR_MAX = 16  # files that are looked into for a vault
FOLDER = "vaults"


class VaultLibraryError(ChatsealError):
    """All else works without what talks to a vault."""

    remedy = "Install it with `pip install 'chatseal[vault]'`."


@dataclass(frozen=True, slots=True)
class VaultSource:
    """What the options of one command say of a vault. `url` is empty where a sealed file, or what this device remembers, is to say it."""

    url: str
    user: str | None = None
    token_file: str | None = None
    token_command: str | None = None
    fingerprint: str | None = None

    def connect(self, out: Output, near: Sequence[str] = ()) -> "VaultClient":
        """The client of the account. *near* are sealed files that may say which vault it is.

        A vault that this device has not met is asked for its fingerprint, and a person, or the option, says whether it is right. Only what
        a file says is not believed without one of them: anybody can have written it there."""
        check_libraries()
        from chatseal.snapshots.places import state_folder
        from chatseal.vault.address import canonical
        from chatseal.vault.client import VaultClient
        from chatseal.vault.pins import Pins, Sight

        memory = Pins(state_folder() / FOLDER)
        places = [] if self.url else _places(near)
        url = canonical(self.url) if self.url else _only_url(places, memory)
        said = next((place for place in places if canonical(place.url) == url), None)
        key = self._service_key(url, memory, out, said)
        account = self.user or _only_account(url, memory)
        # of an audit chain a file says nothing, and its generation is not remembered: anybody can have written it
        sight = None if said is None else Sight(record_id=said.record_id, generation=said.generation, index=0, digest=bytes(32))
        return VaultClient(url, account, self._token(url), key, memory=memory, said=sight)

    def _service_key(self, url: str, memory: "Pins", out: Output, said: VaultPlace | None) -> "ServiceKey":
        from chatseal.vault.client import first_key

        pin = memory.read(url)
        key = pin.service if pin else first_key(url)
        if said is not None and said.fingerprint != key.fingerprint:
            raise VaultChangedError(f"{url}: the vault has another signing key than the file says")
        if self.fingerprint is not None:
            key.check_shown(self.fingerprint)
        elif pin is None:
            self._introduce(url, key, out, is_said_by_file=said is not None)
        memory.trust(url, key)
        return key

    def _introduce(self, url: str, key: "ServiceKey", out: Output, *, is_said_by_file: bool) -> None:
        """Nobody has compared this key yet."""
        if sources.is_terminal() and sys.stderr is not None and sys.stderr.isatty():
            who = "The file says that its key is kept by a vault" if is_said_by_file else "This device has not met the vault"
            dialog.say(f"{who} at {escape(url)} with the fingerprint\n\n    {key.shown}\n")
            dialog.say("Compare it with your recovery sheet, or with what the vault's operator says.")
            if dialog.line("Is it the same? yes or no [no]: ").lower() not in ("yes", "y"):
                raise KeySourceError("the vault's fingerprint was not confirmed; nothing was sent to it")
        elif is_said_by_file:
            error = KeySourceError("a file alone does not make a vault worth a password: this device does not know the one that it names")
            raise error.with_remedy("Name it with --vault URL, and its --vault-fingerprint from your recovery sheet.")
        else:
            out.warn(f"{url} is a vault that this device has not met; its fingerprint, remembered from now on, is {key.shown}: compare it")

    def _token(self, url: str) -> str:
        if self.token_file is not None:
            data = key_file.read_private(self.token_file)
        elif self.token_command is not None:
            data = sources.from_command(self.token_command)
        elif named := os.environ.get(TOKEN_VARIABLE):
            data = key_file.read_private(named)
        elif sources.is_terminal():
            return sources.from_prompt(f"Token of the account at {escape(url)}: ").strip()
        else:
            error = KeySourceError("the vault wants the token of the account, and none is named")
            raise error.with_remedy(f"Name the file with it in --token-file (or --vault-token-file), or in {TOKEN_VARIABLE}.")
        lines = data.decode("ascii", "replace").split()
        if len(lines) != 1:
            raise KeyFormatError("a token's file holds one word, and nothing else").with_remedy("Put the token alone into it.")
        return lines[0]


def recover(client: "VaultClient", password: Password, out: Output) -> "Recovered":
    """The secret, with what its owner should know said: that somebody tried."""
    from chatseal.cli.vault.told import failures

    out.note("asking the vault")
    found = client.recover(password)
    if found.failures:
        out.warn(failures(found.failures, "before this success"))
    return found


def check_libraries() -> None:
    """Raise VaultLibraryError where what talks to a vault is missing."""
    for name in ("httpx", "msgspec", "opaque_snake", "zxcvbn"):
        try:
            __import__(name)
        except ImportError:
            raise VaultLibraryError(f"a vault needs the package {name}, which is not installed") from None


def _places(files: Sequence[str]) -> list[VaultPlace]:
    """What the vault slots of sealed files say; nothing is checked."""
    from chatseal.sealing.holders import slots

    found: list[VaultPlace] = []
    for file in files[:NEAR_MAX]:
        try:
            there = slots(file)
        except (IntegrityError, OSError):  # whoever opens it says what is wrong with it
            continue
        found += [VaultPlace.parse(slot.arguments) for slot in there if slot.type == "vault"]
    return found


def _only_url(places: Sequence[VaultPlace], memory: "Pins") -> str:
    from chatseal.vault.address import canonical

    named = sorted({canonical(place.url) for place in places})
    known = [pin.url for pin in memory.all()]
    found = [url for url in named if url in known] or named or known
    if len(found) == 1:
        return found[0]
    why = "no vault is named, and neither a file nor this device knows one" if not found else f"there are several: {', '.join(found)}"
    raise click.UsageError(f"{why}; name it, as in --vault https://vault.example")


def _only_account(url: str, memory: "Pins") -> str:
    pin = memory.read(url)
    names = sorted(pin.accounts) if pin else []
    if len(names) == 1:
        return names[0]
    known = f"this device knows {', '.join(names)}" if names else "this device knows none"
    raise click.UsageError(f"the name of the account at {url} is missing ({known}); give it with --user, or --vault-user")
