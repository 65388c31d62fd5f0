"""Sources: where a key comes from. Each gives the text of a key file, and never through argv or the environment.

| source | works unattended |
|---|---|
| a file that only its owner can read | yes |
| a descriptor that a parent process opened | yes |
| a command that prints it: `pass show NAME`, `keepassxc-cli show ...` | if the command does |
| the system's keyring | while its user is logged in |
| CHATSEAL_KEY_FILE, which names a file | yes |
| systemd's credential `chatseal-key` | yes |
| a prompt without echo | no |
"""

import os
import select
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from chatseal.errors import KeyFormatError, KeySourceError, TargetExistsError
from chatseal.keys import key_file
from chatseal.keys.backup_key import BackupKey
from chatseal.keys.key_pair import PRIVATE, PUBLIC, PrivateKey
from chatseal.keys.signing_key import SIGNING, VERIFYING

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

T = TypeVar("T")

SERVICE = "chatseal"  # what the keyring files keys under
FILE_VARIABLE = "CHATSEAL_KEY_FILE"
CREDENTIAL = "chatseal-key"
COMMAND_SECONDS = 120  # a person may have to unlock something


class WrongKindError(KeyFormatError):
    """There is a key, but not one for this."""

    remedy = "`chatseal key --help` explains the kinds of keys."


def from_command(line: str) -> bytes:
    """What a command prints, split into words like a shell's and run without one. It may ask at the terminal. Raises KeySourceError."""
    try:
        words = shlex.split(line)
    except ValueError:
        words = []
    if not words:
        raise KeySourceError("the command for the key has no words, or an open quote")
    try:
        with subprocess.Popen(words, stdout=subprocess.PIPE, bufsize=0) as running:
            try:
                assert running.stdout is not None
                data, whole = _read_in_time(running.stdout.fileno())
                code = running.wait(COMMAND_SECONDS) if whole else None
            except BaseException:
                running.kill()
                raise
            if code is None:
                running.kill()
    except subprocess.TimeoutExpired:
        code = None
    except OSError as error:
        raise KeySourceError(f"{words[0]} gave no key: {(error.strerror or 'it did not start').lower()}") from None
    if len(data) > key_file.FILE_MAX:
        raise KeySourceError(f"{words[0]} gave no key: it printed too much")
    if code is None:
        raise KeySourceError(f"{words[0]} gave no key: it did not end in {COMMAND_SECONDS} seconds")
    if code != 0:
        raise KeySourceError(f"{words[0]} gave no key: it ended with exit code {code}")
    return data


def _read_in_time(pipe: int) -> tuple[bytes, bool]:
    """What comes out of *pipe* in COMMAND_SECONDS, a byte more than a key file has at most, and whether that was all."""
    data, ends = b"", time.monotonic() + COMMAND_SECONDS
    while len(data) <= key_file.FILE_MAX:
        if not select.select([pipe], [], [], max(0.0, ends - time.monotonic()))[0]:
            return data, False
        piece = os.read(pipe, key_file.FILE_MAX + 1 - len(data))
        if not piece:
            return data, True
        data += piece
    return data, False


def from_keyring(name: str) -> bytes:
    """What the system's keyring has under *name*. Raises KeySourceError."""
    found = keyring().get_password(SERVICE, name)
    if found is None:
        raise KeySourceError(f"the keyring has no key named {name}").with_remedy(
            f"`chatseal key keep {name} --key-file FILE` puts one there."
        )
    return found.encode()


def into_keyring(name: str, text: str) -> None:
    """Keep *text* in the system's keyring. Raises KeySourceError, and TargetExistsError: a key there is never overwritten."""
    check_new_in_keyring(name).set_password(SERVICE, name, text)


def check_new_in_keyring(name: str) -> "KeyringBackend":
    """The system's keyring, if it has nothing under *name*. Raises KeySourceError, TargetExistsError."""
    ring = keyring()
    if ring.get_password(SERVICE, name) is not None:
        raise TargetExistsError(f"the keyring has a key named {name} already").with_remedy(
            "Choose another name; nothing there is overwritten."
        )
    return ring


def keyring_name() -> str:
    """What the system's keyring calls itself. Raises KeySourceError if there is none."""
    return str(keyring().name)


def keyring() -> "KeyringBackend":
    """The system's keyring. Raises KeySourceError if there is none that keeps secrets."""
    try:
        import keyring as library
    except ImportError:
        message = "the library for keyrings is not installed"
        raise KeySourceError(message).with_remedy("Install it with `pip install 'chatseal[people]'`.") from None
    ring = library.get_keyring()
    if ring.priority <= 0 or type(ring).__module__.startswith("keyring.backends.fail"):
        raise KeySourceError("this system has no keyring that is unlocked").with_remedy(
            "Log in to a desktop that has one (GNOME's, KDE's), or take the key from elsewhere, as in --key-file or --key-command."
        )
    return _Careful(ring)  # type: ignore[return-value]


class _Careful:
    """A keyring whose own errors become ours: their texts are not ours to show."""

    def __init__(self, ring: "KeyringBackend") -> None:
        self._ring, self.name = ring, ring.name

    def get_password(self, service: str, name: str) -> str | None:
        return _asked(lambda: self._ring.get_password(service, name))

    def set_password(self, service: str, name: str, text: str) -> None:
        _asked(lambda: self._ring.set_password(service, name, text))


def _asked(question: Callable[[], T]) -> T:
    try:
        return question()
    except Exception as error:
        raise KeySourceError(f"the keyring refused ({type(error).__name__}): it may be locked").with_remedy(
            "Unlock it, as the desktop's password manager does, or take the key from elsewhere, as in --key-file or --key-command."
        ) from None


def from_prompt(prompt: str) -> str:
    """What a person types at the terminal, without echo. Raises KeySourceError where there is no terminal."""
    import getpass
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)  # it would echo
            return getpass.getpass(prompt)
    except (EOFError, getpass.GetPassWarning, OSError):
        raise KeySourceError("there is no terminal to ask for the key at") from None


def unattended_file() -> str | None:
    """The key file that the environment names: CHATSEAL_KEY_FILE, or systemd's credential."""
    if named := os.environ.get(FILE_VARIABLE):
        return named
    folder = os.environ.get(key_file.CREDENTIALS)
    if folder and (path := Path(folder, CREDENTIAL)).exists():
        return str(path)
    return None


def opener_of(data: bytes, where: str) -> BackupKey | PrivateKey:
    """The key in what a source gave, told by its content; what a command printed may have more lines after a key in its first.

    Raises KeyFormatError, WrongKindError."""
    text = key_file.text(data, where)
    first = text.split(maxsplit=1)[:1]
    if first == [PRIVATE]:
        return PrivateKey.from_text(text)
    if first == [PUBLIC]:
        raise WrongKindError(f"{where} holds a public key, which only seals, as in --to; its private key opens")
    if first in ([SIGNING], [VERIFYING]):
        raise WrongKindError(f"{where} holds a key for signatures, which neither seals nor opens; --sign and --from take it")
    try:
        return BackupKey.from_digits(text)
    except KeyFormatError:
        first_line = text.strip().split("\n", 1)[0]
        if first_line == text.strip():
            raise
        return BackupKey.from_digits(first_line)


def is_terminal() -> bool:
    """Whether a person can be asked."""
    return sys.stdin is not None and sys.stdin.isatty()
