"""Records: what a vault's database holds, and the small interface that every kind of database for it has.

    account/A     the account: budgets, and the record or what became of it        A: 64 hex digits, R: 32, S: 16, N: 01 to 10
    slot/A/N      a guess that was claimed in the generation of the record
    open/A/N      its time, as long as the attempt may still succeed
    salt/R        the salt of a record, sealed under its shard's key
    shard/S       the shard's key, sealed under an epoch's key
    epoch         the epoch that shards are to be sealed under
    floor         the generation above which new accounts begin, after a restoration

Values are JSON in ASCII. Conditions compare a whole value with what was read, or say that there is none: SQLite and etcd both can. Two
values that are equal are the same state, because generations and counts of an account only grow."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol, TypeVar

from chatseal.errors import DamagedError, VaultDamagedError
from chatseal.format import strict_json
from chatseal.vault.audit import ACCOUNT_LEN, START, WHERE_LEN, Entry, Event, Head

SLOTS = 10
ID_LEN = 16  # of a record, of an attempt, of any operation
OWNER_LEN = 32
VALUE_MAX = 16384
RECENT_MAX = 128
LONGEST = {"password_file": 512, "wrapped": 512, "stretch": 256}
SALTS_MAX = 1000
EPOCH, FLOOR, OPEN, SALT, SHARD, ACCOUNT = "epoch", "floor", "open/", "salt/", "shard/", "account/"

T = TypeVar("T")
_HEX = re.compile(r"(?:[0-9a-f]{2})*")


# --- transactions --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """One transaction: if every condition holds, all writes and events are made, else nothing.

    `conditions`: what stands under a key now, None for nothing. `writes`: what is to stand there, None for nothing; no key twice.
    `after`: a head that the chain must hold, or the database is another one than the caller believes. `leap`: see `audit.chain`."""

    conditions: Mapping[str, bytes | None] = field(default_factory=dict)
    writes: Mapping[str, bytes | None] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    after: Head = START
    leap: int = 0


class RecordStore(Protocol):
    """A small linearizable database of values of at most 16 KiB under ASCII keys of at most 100 characters, with a chain of events.

    Any thread may call any method, and several processes may have the same one. All raise VaultDamagedError if the database holds what
    no vault wrote, VaultBusyError if it cannot be asked now, or OSError."""

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values under *keys* as of one moment, which is not before the call."""

    def list(self, prefix: str, after: str = "", most: int = 100) -> list[tuple[str, bytes]]:
        """Up to *most* keys that begin with *prefix* and come after *after*, in order, with their values."""

    def commit(self, change: Change) -> Head | None:
        """Make a change, durably, and give the head of the chain after it; None if a condition does not hold, and nothing is changed.

        Raises VaultBehindError if the chain lacks `after`. Raises OutcomeUnknownError if nobody can say whether the change is made:
        it may be made later still. It is never sent a second time from here."""

    def head(self) -> Head:
        """The end of the chain."""

    def entries(self, after: int = 0, most: int = 100, account: bytes | None = None) -> Sequence[Entry]:
        """Up to *most* events with an index above *after*, in order: all, or those of an account."""

    def verify(self) -> Head:
        """Read everything, check the whole chain, and give its end. Raises VaultDamagedError."""

    def compact(self) -> None:
        """Remove what deleted values left behind, as far as the database can."""


# --- what is stored ------------------------------------------------------------------------------------------------------


class Reason(IntEnum):
    """Why a record is gone. Numbers are for ever."""

    LIMIT = 1  # a guess too many
    OWNER = 2  # deleted with the owner's signature
    ANNOUNCED = 3  # deleted after the announced delay
    RESTORED = 4  # an older database was accepted, which cannot vouch for it


class Intent(IntEnum):
    """What can be announced by somebody who has the account, and not the owner's key."""

    DELETE = 1
    REPLACE = 2


@dataclass(frozen=True, slots=True)
class Failure:
    """A guess that did not succeed: when it was claimed (milliseconds) and a tag of the address that it came from."""

    time: int
    where: bytes


@dataclass(frozen=True, slots=True)
class Registration:
    """What an owner leaves with the vault: opaque to everybody here. `repr` shows nothing of it."""

    record_id: bytes
    password_file: bytes = field(repr=False)
    wrapped: bytes = field(repr=False)
    stretch: bytes
    owner: bytes


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is left of a record. `owner` is who may register at once; anybody else with the account after `until` (milliseconds)."""

    reason: Reason
    time: int
    until: int
    owner: bytes


@dataclass(frozen=True, slots=True)
class Announcement:
    """What the account may do without the owner's key from `due` on (milliseconds)."""

    intent: Intent
    due: int


@dataclass(frozen=True, slots=True)
class Account:
    """All that is known of an account but its guesses of this generation. `life` counts every failure before this generation, `recent`
    holds those of the last 90 days; `last` is the id of the operation that wrote it."""

    generation: int
    last: bytes
    life: int = 0
    recent: tuple[Failure, ...] = ()
    record: Registration | None = None
    tombstone: Tombstone | None = None
    announcement: Announcement | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """A guess. `closed` is when its attempt failed or expired (milliseconds), 0 while it may succeed."""

    attempt: bytes
    generation: int
    time: int
    where: bytes
    closed: int = 0


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard key, sealed under an epoch's key; how many live salts it seals; whether one that it sealed was destroyed."""

    epoch: int
    key: bytes
    salts: int
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Salt:
    """A salt, sealed under the key of the shard with that id."""

    shard: str
    sealed: bytes


def account_key(account: bytes) -> str:
    """Where an account stands. Raises ValueError unless it is 32 bytes."""
    if len(account) != ACCOUNT_LEN:
        raise ValueError(f"an account is {ACCOUNT_LEN} bytes")
    return ACCOUNT + account.hex()


def slot_key(account: bytes, number: int) -> str:
    """Where guess *number*, 1 to 10, of an account stands."""
    return f"slot/{account.hex()}/{number:02}"


def open_key(account: bytes, number: int) -> str:
    """Where the time of an open attempt stands."""
    return f"{OPEN}{account.hex()}/{number:02}"


def salt_key(record_id: bytes) -> str:
    """Where the salt of a record stands."""
    return SALT + record_id.hex()


def id_in(key: str, prefix: str, length: int) -> bytes:
    """The id of so many bytes in a key after its prefix. Raises VaultDamagedError."""
    digits = key.removeprefix(prefix)
    if len(digits) != 2 * length or not _HEX.fullmatch(digits):
        raise _damaged()
    return bytes.fromhex(digits)


def opened_by(key: str) -> tuple[bytes, int]:
    """The account and number of a key that `open_key` made. Raises VaultDamagedError."""
    account, _, number = key.rpartition("/")
    if not re.fullmatch("0[1-9]|10", number):
        raise _damaged()
    return id_in(account, OPEN, ACCOUNT_LEN), int(number)


def encode_account(account: Account) -> bytes:
    """The value of an account."""
    record, tombstone, announcement = account.record, account.tombstone, account.announcement
    return strict_json.encode(
        {
            "generation": account.generation,
            "last": account.last.hex(),
            "life": account.life,
            "recent": [[failure.time, failure.where.hex()] for failure in account.recent],
            "record": record and {name: getattr(record, name).hex() for name in Registration.__slots__},
            "tombstone": tombstone and [int(tombstone.reason), tombstone.time, tombstone.until, tombstone.owner.hex()],
            "announcement": announcement and [int(announcement.intent), announcement.due],
        }
    )


def encode_slot(slot: Slot) -> bytes:
    """The value of a guess."""
    return strict_json.encode([slot.attempt.hex(), slot.generation, slot.time, slot.where.hex(), slot.closed])


def encode_shard(shard: Shard) -> bytes:
    """The value of a shard."""
    return strict_json.encode([shard.epoch, shard.key.hex(), shard.salts, int(shard.marked)])


def encode_salt(salt: Salt) -> bytes:
    """The value of a salt."""
    return strict_json.encode([salt.shard, salt.sealed.hex()])


def encode_number(number: int) -> bytes:
    """The value of a key that holds a number."""
    return strict_json.encode([number])


def decode_account(data: bytes) -> Account:
    """The account in a value. Raises VaultDamagedError, as all of these do."""
    return _reading(_account, data)


def decode_slot(data: bytes) -> Slot:
    """The guess in a value."""
    return _reading(lambda read: Slot(read.hex(ID_LEN), read.number(), read.number(), read.hex(WHERE_LEN), read.number()), data)


def decode_shard(data: bytes) -> Shard:
    """The shard in a value."""
    return _reading(lambda read: Shard(read.number(), read.hex(0, 256), read.number(SALTS_MAX), bool(read.number(1))), data)


def decode_salt(data: bytes) -> Salt:
    """The salt in a value."""
    return _reading(lambda read: Salt(read.hex(8).hex(), read.hex(0, 256)), data)


def decode_number(data: bytes | None) -> int:
    """The number in a value; 0 if there is none."""
    return 0 if data is None else _reading(_Reader.number, data)


class _Reader:
    """The items of a list, one after the other; anything else than expected is a ValueError."""

    def __init__(self, found: Any) -> None:
        if not isinstance(found, list):
            raise ValueError
        self._items = found[::-1]

    def next(self) -> Any:
        if not self._items:
            raise ValueError
        return self._items.pop()

    def number(self, most: int = strict_json.INTEGER_MAX) -> int:
        value = self.next()
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            raise ValueError
        return value

    def hex(self, length: int, longest: int = 0) -> bytes:
        """So many bytes, or up to *longest*."""
        value = self.next()
        if not isinstance(value, str) or not _HEX.fullmatch(value) or not length <= len(value) // 2 <= max(length, longest):
            raise ValueError
        return bytes.fromhex(value)

    def end(self) -> None:
        if self._items:
            raise ValueError


def _reading(read: Callable[[_Reader], T], data: bytes) -> T:
    try:
        found = strict_json.parse(data)
        reader = _Reader([found] if isinstance(found, dict) else found)
        value = read(reader)
        reader.end()
    except (ValueError, DamagedError):
        raise _damaged() from None
    return value


def _account(reader: _Reader) -> Account:
    members = reader.next()
    if not isinstance(members, dict) or members.keys() != set(Account.__slots__):
        raise ValueError
    plain = _Reader([members["generation"], members["last"], members["life"]])
    recent, record, tombstone, announcement = (members[name] for name in ("recent", "record", "tombstone", "announcement"))
    if not isinstance(recent, list) or len(recent) > RECENT_MAX or (record is not None and tombstone is not None):
        raise ValueError
    return Account(
        plain.number(),
        plain.hex(ID_LEN),
        plain.number(),
        tuple(_failure(item) for item in recent),
        None if record is None else _registration(record),
        None if tombstone is None else _tombstone(tombstone),
        None if announcement is None else _announcement(announcement),
    )


def _failure(item: Any) -> Failure:
    reader = _Reader(item)
    failure = Failure(reader.number(), reader.hex(WHERE_LEN))
    reader.end()
    return failure


def _registration(members: Any) -> Registration:
    if not isinstance(members, dict) or members.keys() != set(Registration.__slots__):
        raise ValueError
    lengths = {"record_id": ID_LEN, "owner": OWNER_LEN}
    return Registration(**{name: _Reader([members[name]]).hex(lengths.get(name, 0), LONGEST.get(name, 0)) for name in members})


def _tombstone(item: Any) -> Tombstone:
    reader = _Reader(item)
    tombstone = Tombstone(Reason(reader.number()), reader.number(), reader.number(), reader.hex(OWNER_LEN))
    reader.end()
    return tombstone


def _announcement(item: Any) -> Announcement:
    reader = _Reader(item)
    announcement = Announcement(Intent(reader.number()), reader.number())
    reader.end()
    return announcement


def _damaged() -> VaultDamagedError:
    return VaultDamagedError("the vault's database holds a value that no vault wrote")
