"""Audit: what happened in a vault, each event chained to all before it, so that none can be changed or left out unseen.

    entry   index 8 | time 8 (ms) | kind 1 | account 32 | generation 8 | slot 1 | detail 1 | where 16      big-endian, 75 bytes
    head    SHA-256( label | head before | entry ), of the first entry after 32 zero bytes

An index is the one before plus 1; only a restoration leaps, over the indices that were lost. Accounts are MACs already; no entry holds a
message, a password or a key."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256

from chatseal.errors import VaultDamagedError
from chatseal.vault import labels

ACCOUNT_LEN = 32
WHERE_LEN = 16
HEAD_LEN = 32
NOBODY = bytes(ACCOUNT_LEN)  # the account of events of the vault itself
NOWHERE = bytes(WHERE_LEN)
INTEGER_MAX = 2**63 - 1  # what SQLite and JSON readers keep exactly

_ENTRY = struct.Struct(f">QQB{ACCOUNT_LEN}sQBB{WHERE_LEN}s")


class Kind(IntEnum):
    """What happened. Numbers are for ever."""

    CREATED = 1  # the vault; the account is its random id
    REGISTERED = 2
    REPLACED = 3
    CLAIMED = 4  # a guess is spent, and the answer to it may leave
    SUCCEEDED = 5
    FAILED = 6
    EXPIRED = 7
    DESTROYED = 8  # detail: why
    ANNOUNCED = 9  # detail: what
    WITHDRAWN = 10
    ROTATING = 11  # generation: the new epoch
    ROTATED = 12  # the older epochs' keys are no longer needed
    RESTORED = 13  # an older database was accepted


@dataclass(frozen=True, slots=True)
class Event:
    """What a transaction adds to the chain. `time` is in milliseconds since 1970; `where` a tag of the address."""

    kind: Kind
    time: int
    account: bytes = NOBODY
    generation: int = 0
    slot: int = 0
    detail: int = 0
    where: bytes = NOWHERE


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: the index of the last entry and the hash over all of them."""

    index: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """An event with its place in the chain and the head after it."""

    head: Head
    event: Event


START = Head(0, bytes(HEAD_LEN))


def encode(index: int, event: Event) -> bytes:
    """The 75 bytes of an entry."""
    where, account = event.where, event.account
    if len(where) != WHERE_LEN or len(account) != ACCOUNT_LEN or max(index, event.time, event.generation) > INTEGER_MAX:
        raise ValueError("an event does not fit into an entry")
    return _ENTRY.pack(index, event.time, event.kind, account, event.generation, event.slot, event.detail, where)


def decode(data: bytes) -> tuple[int, Event]:
    """The index and event of an entry. Raises VaultDamagedError."""
    try:
        index, time, kind, account, generation, slot, detail, where = _ENTRY.unpack(data)
        return index, Event(Kind(kind), time, account, generation, slot, detail, where)
    except (struct.error, ValueError):
        raise VaultDamagedError("an entry of the audit log is damaged") from None


def chain(head: Head, event: Event, leap: int = 0) -> tuple[Head, bytes]:
    """The head after *event*, and its entry. The entry's index is the next one, or one after *leap* if that is more."""
    index = max(head.index, leap) + 1
    entry = encode(index, event)
    return Head(index, _hash(head.hash, entry)), entry


def verify(rows: Iterable[tuple[int, bytes, bytes]], start: Head = START) -> Head:
    """Recompute a chain from its rows (index, entry, head after it) and give its end. Raises VaultDamagedError at the first wrong one."""
    head = start
    for index, entry, claimed in rows:
        inside, event = decode(entry)
        follows = index == head.index + 1 or (event.kind == Kind.RESTORED and index > head.index)
        head = Head(index, _hash(head.hash, entry))
        if inside != index or not follows or claimed != head.hash or index > INTEGER_MAX:
            raise VaultDamagedError(f"the audit log is damaged at entry {index}")
    return head


def _hash(before: bytes, entry: bytes) -> bytes:
    return sha256(labels.AUDIT + b"\0" + before + entry).digest()
