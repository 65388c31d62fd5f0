"""Key places: where this machine could take a key from, and whether that works with nobody there."""

import os
import shutil
from dataclasses import dataclass

from chatseal.automatic import configuration
from chatseal.automatic.configuration import ASKED
from chatseal.errors import ChatsealError, KeySourceError
from chatseal.keys import key_file, sources

YES, LOGGED_IN, ITSELF, NO = "yes", "while its user is logged in", "if the command does", "no"
COMMANDS = ("pass", "keepassxc-cli")


@dataclass(frozen=True, slots=True)
class Place:
    """One source: its `name`, what is `there` (empty if nothing), and whether it works `unattended`."""

    name: str
    there: str
    unattended: str

    def line(self) -> str:
        """For people."""
        return f"{self.there or 'not here'}; unattended: {self.unattended}"


def places() -> list[Place]:
    """Every source of keys, as it is on this machine. No key is read, and nobody is asked."""
    folder = os.environ.get(key_file.CREDENTIALS, "")
    credential = os.path.join(folder, sources.CREDENTIAL) if folder else ""
    found = [shutil.which(name) and name for name in COMMANDS]
    return [
        Place("--key-file, --key-fd", "any file or descriptor", YES),
        Place("--key-command", ", ".join(filter(None, found)) or "any command", ITSELF),
        Place("--keyring", _keyring(), LOGGED_IN),
        Place(sources.FILE_VARIABLE, os.environ.get(sources.FILE_VARIABLE, ""), YES),
        Place("systemd credential", credential if credential and os.path.exists(credential) else "", YES),
        _configured(),
        Place("--key-prompt, --password", "a terminal" if sources.is_terminal() else "", NO),
    ]


def _keyring() -> str:
    try:
        return sources.keyring_name()
    except KeySourceError:
        return ""


def _configured() -> Place:
    name = "configuration"
    try:
        choice = configuration.read().key
    except (ChatsealError, OSError) as error:
        return Place(name, f"cannot be used: {error}", NO)
    if choice is None:
        return Place(name, "", NO)
    works = {"file": YES, "command": ITSELF, "keyring": LOGGED_IN}
    return Place(name, choice.kind if choice.kind in ASKED else f"{choice.kind} {choice.value}", works.get(choice.kind, NO))
