"""Config: the one object of a store that the key opens; in it are the keys of everything else (docs/format.md, section 10)."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from chatseal.errors import DamagedError, DroppedEpochError, HolderError, LimitError
from chatseal.format import strict_json
from chatseal.format.labels import CONFIG, OBJECT_NAMES
from chatseal.format.object_names import CONFIG_NAME
from chatseal.format.strict_json import damaged
from chatseal.keys.backup_key import BackupKey
from chatseal.keys.epoch_key import KEY_LEN, NUMBER_MAX, EpochKey
from chatseal.keys.password import Password
from chatseal.keys.secret import Secret
from chatseal.keys.slots import FileKeySlots, Holder, Opener, holders_of
from chatseal.keys.vault_key import VaultKey
from chatseal.snapshots import envelope

VERSION = 1
LENGTH_MAX = 1 << 20  # of the object
EPOCHS_MAX = 1024
ID_LEN = 16
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True, repr=False)
class Config:
    """What a store is, and its keys. The epoch keys open its objects, the newest seals new ones; `fingerprint_key` marks units of
    sources, the same in all epochs. `generation` grows with every change, `puts_absent` says that the store keeps that promise."""

    store_id: str
    generation: int
    created: datetime
    epochs: tuple[EpochKey, ...]
    fingerprint_key: Secret
    puts_absent: bool = False

    @classmethod
    def new(cls, *, puts_absent: bool) -> "Config":
        """A store's first config, all of it from the operating system's random generator."""
        now = datetime.now(UTC).replace(microsecond=0)
        return cls(secrets.token_hex(ID_LEN), 1, now, (EpochKey.generate(1),), Secret.random(KEY_LEN), puts_absent)

    @property
    def epoch(self) -> EpochKey:
        """The newest, for new objects."""
        return self.epochs[-1]

    def changed(self, *, new_epoch: bool = False) -> "Config":
        """The next generation, for other holders, and with *new_epoch* for new objects that the holders until now cannot open.

        Raises LimitError if there are as many epochs as a config can have."""
        epochs = self.epochs
        if new_epoch:
            if len(epochs) == EPOCHS_MAX or self.epoch.number == NUMBER_MAX:
                raise LimitError(f"the store has {len(epochs)} epochs, and {EPOCHS_MAX} are all that it can have")
            epochs = (*epochs, EpochKey.generate(self.epoch.number + 1))
        return replace(self, generation=self.generation + 1, epochs=epochs)

    def without_epoch(self, number: int) -> "Config":
        """The next generation, in which nobody can open what is sealed for epoch *number*."""
        return replace(self, generation=self.generation + 1, epochs=tuple(epoch for epoch in self.epochs if epoch.number != number))

    def has_dropped(self, number: int) -> bool:
        """Whether there was an epoch *number*, or may have been, whose key is gone for good."""
        return number < self.epoch.number and all(epoch.number != number for epoch in self.epochs)

    def epoch_key(self, number: int) -> EpochKey:
        """The key of epoch *number*. Raises DroppedEpochError if it is gone for good, DamagedError if the store never had it."""
        for epoch in self.epochs:
            if epoch.number == number:
                return epoch
        if self.has_dropped(number):
            raise DroppedEpochError(f"an object is sealed for epoch {number}, which was dropped: nobody can open it any more")
        raise DamagedError(f"an object is sealed for epoch {number}, whose key this store's config does not hold")

    def name_key(self) -> Secret:
        """What makes names of new objects."""
        return self.epoch.derived(OBJECT_NAMES)

    def seal(self, key: Holder | Sequence[Holder] | FileKeySlots) -> bytes:
        """The config as an object for the holders of *key*: backup keys and passwords; or with slots that there are already.

        Raises HolderError of a public key: whoever stores a config could make one for it, and get the next backup."""
        holders = key if isinstance(key, FileKeySlots) else check_holders(key)
        return b"".join(envelope.seal(holders, CONFIG, [strict_json.encode(self._members())]))

    def _members(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "store": self.store_id,
            "generation": self.generation,
            "created": self.created.strftime(_TIME),
            "epochs": [[epoch.number, epoch.secret.hex()] for epoch in self.epochs],
            "fingerprints": self.fingerprint_key.view.hex(),
            "puts_absent": self.puts_absent,
        }

    @classmethod
    def open(cls, data: bytes, openers: Sequence[Opener]) -> "Config":
        """The config in an object. Raises WrongKeyError and everything that can be wrong with a sealed file."""
        return cls._parse(envelope.unseal(data, openers, CONFIG, LENGTH_MAX, CONFIG_NAME))

    @classmethod
    def _parse(cls, data: bytes) -> "Config":
        members = strict_json.parse_object(data)
        strict_json.version(members, VERSION)
        epochs = strict_json.items(members, "epochs", EPOCHS_MAX, _epoch)
        numbers = [epoch.number for epoch in epochs]
        if not numbers or numbers != sorted(set(numbers)):
            raise damaged()
        return cls(
            _digits(members, "store", ID_LEN).hex(),
            strict_json.number(members, "generation", 1),
            strict_json.time(members, "created", _TIME),
            epochs,
            Secret(_digits(members, "fingerprints", KEY_LEN)),
            strict_json.boolean(members, "puts_absent"),
        )


def check_holders(key: Holder | Sequence[Holder]) -> tuple[Holder, ...]:
    """The holders in *key*, who may open a store. Raises HolderError, and what `holders_of` raises."""
    holders = holders_of(key)
    if not all(isinstance(holder, (BackupKey, Password, VaultKey)) for holder in holders):
        raise HolderError("a store is opened by a backup key or a password, not by a public key").with_remedy(
            "Anybody can write for a public key: whoever keeps the store could put another store in its place."
        )
    return holders


def _epoch(value: Any) -> EpochKey:
    if not isinstance(value, list) or len(value) != 2:
        raise damaged()
    members = dict(zip(("number", "key"), value, strict=True))
    return EpochKey(strict_json.number(members, "number", 1, NUMBER_MAX), _digits(members, "key", KEY_LEN))


def _digits(members: dict[str, Any], name: str, length: int) -> bytes:
    """A member that is so many bytes as lower-case hexadecimal digits, of which every value has one spelling."""
    written = strict_json.text(members, name, 2 * length)
    if len(written) != 2 * length or set(written) - _HEX:
        raise damaged()
    return bytes.fromhex(written)
