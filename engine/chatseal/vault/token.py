"""Token: who keeps the secrets of a vault's service, and the software file that does so without any hardware."""

import hmac as compare
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, NoReturn, Protocol

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

from chatseal.errors import VaultDamagedError, VaultTokenError
from chatseal.format.base64 import decode64, encode64
from chatseal.keys import key_file
from chatseal.keys.secret import Secret
from chatseal.part_file import write_whole
from chatseal.vault import labels

if os.name == "posix":
    import fcntl

MAC_LEN = 64
MAC_KEY_LEN = 64
EPOCH_KEY_LEN = 32
SEALED_EXTRA = 72  # bytes that sealing adds: salt, commitment and one tag
EPOCH_MAX = 999_999_999
EPOCHS_MAX = 64  # at once; a rotation that is killed leaves one more behind

_FIRST = "chatseal-vault-token 1"
_COMMENT = """\
# chatseal vault token: the secrets of a vault's service. Whoever has this file and the vault's database can try passwords without limit.
# It protects from whoever gets the database alone. It does not protect from root on this machine, from whoever reads its memory, or from
# a thief of its disk. A key that was removed may be found again on an SSD, in a snapshot or in a backup: keep this file out of backups
# of the machine. A hardware token protects from these.
"""


class Token(Protocol):
    """Keeps one MAC key for ever, and the keys of one or more epochs, numbered upwards; no number is used twice.

    Any thread may call any method; several processes may use the same token, and each sees another's changes with its next call.
    Secrets never leave it. All raise VaultTokenError if the token cannot be used, or OSError."""

    def mac(self, label: str, message: bytes) -> bytes:
        """HMAC-SHA512: 64 bytes, for ever the same for the same label (printable ASCII) and message."""

    def epochs(self) -> tuple[int, ...]:
        """The numbers of the epochs whose keys are there, upwards. The last is the one to seal with."""

    def seal(self, epoch: int, data: bytes, context: bytes) -> bytes:
        """*data* as only `open` with the same epoch and context shows it; another result each time."""

    def open(self, epoch: int, sealed: bytes, context: bytes) -> Secret:
        """What was sealed. Raises VaultDamagedError if it was not sealed so, or if the key of that epoch is gone."""

    def new_epoch(self) -> int:
        """Make a key, durably, and give its number."""

    def drop_epoch(self, number: int) -> None:
        """Destroy a key, durably, here and wherever the token keeps copies. Never the last one (ValueError); one that is gone is gone."""


class FileToken:
    """A token in a file that only its owner can read, or in a systemd credential, which cannot be rotated. `repr` shows nothing.

    Its text says what it does not protect from. Changes are written beside, synced and renamed; then the old file is overwritten, which
    removes a key from a plain disk, and neither from an SSD nor from a file system that copies on write."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """The token in a file. Raises VaultTokenError, KeyExposedError or OSError."""
        self._path = Path(path)
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] = ()
        self._mac = Secret(b"")
        self._epochs: dict[int, Secret] = {}
        self._load()

    @classmethod
    def create(cls, path: str | os.PathLike[str]) -> "FileToken":
        """A new token with one epoch. Raises TargetExistsError or OSError."""
        text = _encode(Secret.random(MAC_KEY_LEN), {1: Secret.random(EPOCH_KEY_LEN)})
        key_file.write_new(path, text, "a vault's token")
        return cls(path)

    def mac(self, label: str, message: bytes) -> bytes:
        """HMAC-SHA512 over a prefix, the label, a zero byte and the message."""
        if not (label.isascii() and label.isprintable()):
            raise ValueError("a label is printable ASCII")
        self._load()
        made = HMAC(self._mac.view, hashes.SHA512())
        made.update(labels.TOKEN_MAC + b" " + label.encode("ascii") + b"\0" + message)
        return made.finalize()

    def epochs(self) -> tuple[int, ...]:
        """The numbers of the epochs, upwards."""
        self._load()
        return tuple(sorted(self._epochs))

    def seal(self, epoch: int, data: bytes, context: bytes) -> bytes:
        """A Cobblestone-256 message: 72 bytes longer than *data*, which is at most 16 KiB."""
        return seal_under(self._key(epoch), data, labels.EPOCH + b"\0" + context)

    def open(self, epoch: int, sealed: bytes, context: bytes) -> Secret:
        """What was sealed. Raises VaultDamagedError."""
        return open_under(self._key(epoch), sealed, labels.EPOCH + b"\0" + context)

    def new_epoch(self) -> int:
        """Make a key. Raises VaultTokenError or OSError."""
        with self._changing() as (mac, epochs):
            number = max(epochs) + 1
            if len(epochs) == EPOCHS_MAX or number > EPOCH_MAX:
                raise VaultTokenError(f"the token holds {len(epochs)} epochs already")
            epochs[number] = Secret.random(EPOCH_KEY_LEN)
            self._replace(_encode(mac, epochs))
        return number

    def drop_epoch(self, number: int) -> None:
        """Destroy a key. Raises ValueError, VaultTokenError or OSError."""
        with self._changing() as (mac, epochs):
            if number == max(epochs):
                raise ValueError("the epoch that is sealed with cannot be dropped")
            if epochs.pop(number, None) is not None:
                self._replace(_encode(mac, epochs))

    def _key(self, epoch: int) -> Secret:
        self._load()
        key = self._epochs.get(epoch)
        if key is None:
            raise VaultDamagedError(f"the token has no key of epoch {epoch}")
        return key

    def _load(self) -> None:
        # A look at the file's identity for each use is what lets a service notice that `epoch rotate` ran beside it.
        now = _identity(os.stat(self._path))
        if now == self._seen:
            return
        with self._lock:
            while now != self._seen:
                try:
                    mac, epochs = _decode(key_file.read_private(self._path), self._path)
                except VaultTokenError:
                    if _identity(os.stat(self._path)) == now:
                        raise
                else:
                    self._mac, self._epochs, self._seen = mac, epochs, now
                now = _identity(os.stat(self._path))

    @contextmanager
    def _changing(self) -> Iterator[tuple[Secret, dict[int, Secret]]]:
        """What the file holds, while no other process changes it."""
        with _locked(self._path):
            self._load()
            yield self._mac, dict(self._epochs)
        self._load()

    def _replace(self, text: bytes) -> None:
        with open(self._path, "r+b") as old:
            write_whole(self._path, text, overwrite=True)
            about = os.fstat(old.fileno())
            if about.st_nlink == 0:  # nobody else's name leads to it
                old.write(bytes(about.st_size))
                old.flush()
                os.fsync(old.fileno())

    def __repr__(self) -> str:
        return "FileToken(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a token is not pickled")


def seal_under(key: Secret, data: bytes | memoryview, context: bytes) -> bytes:
    """A Cobblestone-256 message of *data* under a key of 32 bytes."""
    message = Cobblestone256Encryptor(key.view, context)
    return message.update(data) + message.finalize()


def open_under(key: Secret, sealed: bytes, context: bytes) -> Secret:
    """What `seal_under` sealed. Raises VaultDamagedError."""
    message = Cobblestone256Decryptor(key.view, context)
    try:
        return Secret(message.update(sealed) + message.finalize())
    except InvalidTag:
        raise VaultDamagedError("what the vault has sealed does not open") from None


def _encode(mac: Secret, epochs: dict[int, Secret]) -> bytes:
    lines = [_FIRST, f"mac {encode64(mac.view)}", *(f"epoch {number} {encode64(epochs[number].view)}" for number in sorted(epochs))]
    return (_COMMENT + "\n".join([*lines, f"end {_sum(lines)}", ""])).encode("ascii")


def _sum(lines: list[str]) -> str:
    """A flipped bit in a key would make every record unopenable and spend guesses on it: it is to be seen before."""
    return sha256("\n".join(lines).encode("ascii")).hexdigest()[:16]


def _decode(data: bytes, path: Path) -> tuple[Secret, dict[int, Secret]]:
    damaged = VaultTokenError(f"{path} is not a vault's token, or is damaged")
    try:
        lines = [line for line in data.decode("ascii").split("\n") if not line.startswith("#")]
        first, mac, *epochs, end, nothing = lines
        if nothing or first != _FIRST or not compare.compare_digest(end, f"end {_sum(lines[:-2])}") or not 1 <= len(epochs) <= EPOCHS_MAX:
            raise damaged
        word, text = mac.split(" ")
        keys: dict[int, Secret] = {}
        for line in epochs:
            label, number, key = line.split(" ")
            if label != "epoch" or not number.isdigit() or len(number) > 9 or int(number) <= max(keys, default=0):
                raise damaged
            keys[int(number)] = _secret(key, EPOCH_KEY_LEN)
        if word != "mac":
            raise damaged
        return _secret(text, MAC_KEY_LEN), keys
    except ValueError:
        raise damaged from None


def _secret(text: str, length: int) -> Secret:
    data = decode64(text.encode("ascii"))
    if len(data) != length:
        raise ValueError
    return Secret(data)


def _identity(about: os.stat_result) -> tuple[int, ...]:
    return about.st_dev, about.st_ino, about.st_mtime_ns, about.st_size


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes from changing the file, which is another one after each change."""
    while True:
        with open(path, "rb") as file:
            _lock(file)
            if os.fstat(file.fileno()).st_ino == os.stat(path).st_ino:
                yield
                return


def _lock(file: IO[bytes]) -> None:
    if os.name == "posix":
        fcntl.flock(file, fcntl.LOCK_EX)
