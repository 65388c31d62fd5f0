"""Book: the database with its anchor and its clock, as the rules read and write them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from secrets import token_bytes

from chatseal.errors import VaultBehindError, VaultBusyError, VaultDamagedError
from chatseal.vault.anchor import Anchor
from chatseal.vault.audit import NOBODY, Event, Head, Kind
from chatseal.vault.records import (
    ID_LEN,
    SLOTS,
    Account,
    Change,
    RecordStore,
    Slot,
    account_key,
    decode_account,
    decode_slot,
    open_key,
    slot_key,
)

TRIES = 20  # of a change whose conditions others keep breaking


def milliseconds() -> int:
    """The time since 1970."""
    return time.time_ns() // 1_000_000


def new_id() -> bytes:
    """16 random bytes for an attempt or another operation."""
    return token_bytes(ID_LEN)


@dataclass(slots=True)
class Step:
    """Parts of a change: what must stand there, what is to stand there, what is to be told."""

    conditions: dict[str, bytes | None] = field(default_factory=dict)
    writes: dict[str, bytes | None] = field(default_factory=dict)
    events: tuple[Event, ...] = ()

    def __add__(self, other: "Step") -> "Step":
        """Both in one. What the other one writes wins."""
        conditions, writes = self.conditions | other.conditions, self.writes | other.writes
        return Step(conditions, writes, self.events + other.events)


@dataclass(frozen=True, slots=True)
class Page:
    """An account as of one moment: `data` is its value as it was read, None if it has none; `slots` are its guesses, in order."""

    key: bytes
    data: bytes | None
    account: Account
    slots: tuple[Slot, ...]
    values: tuple[bytes, ...]

    def same_account(self) -> Step:
        """The condition that the account is as it was read: its generation, its record, its budgets, and what is announced."""
        return Step({account_key(self.key): self.data})

    def same_slot(self, index: int) -> Step:
        """The condition that a guess, counted from 0, is as it was read."""
        return Step({slot_key(self.key, index + 1): self.values[index]})

    def same_slots(self) -> Step:
        """The condition that the guesses are the ones that were read: of two that fail at once, one has to see that it is the last."""
        return self.no_more_slots() + Step({slot_key(self.key, number): value for number, value in enumerate(self.values, 1)})

    def no_more_slots(self) -> Step:
        """The condition that no guess was claimed since."""
        return Step({slot_key(self.key, len(self.slots) + 1): None} if len(self.slots) < SLOTS else {})

    def without_slots(self) -> Step:
        """Remove all guesses, if none was claimed since: one that nobody has counted would be forgotten."""
        numbers = range(1, SLOTS + 1)
        return self.no_more_slots() + Step({}, {name(self.key, number): None for number in numbers for name in (slot_key, open_key)})

    def find(self, attempt: bytes) -> int | None:
        """Where the guess with that id is."""
        return next((index for index, slot in enumerate(self.slots) if slot.attempt == attempt), None)


class Book:
    """A database that its anchor vouches for. Any thread may use it."""

    def __init__(self, store: RecordStore, anchor: Anchor, clock: Callable[[], int] = milliseconds) -> None:
        """Raises VaultBehindError if the database is older than the anchor or another one. A database that is ahead is right: whatever was
        claimed there stays claimed, and the anchor follows."""
        self.store, self.anchor, self.clock = store, anchor, clock
        self._floor = anchor.read()
        if not holds(store, self._floor):
            raise VaultBehindError("the vault's database lacks what its anchor has seen")
        self.follow()

    def follow(self) -> Head:
        """Bring the anchor up to the end of the chain: for what is known to be there, though no call of ours said so."""
        head = self.store.head()
        self._reached(head)
        return head

    def page(self, account: bytes) -> Page:
        """All of an account, as of one moment."""
        keys = [account_key(account), *(slot_key(account, number) for number in range(1, SLOTS + 1))]
        data, *values = self.store.read(keys)
        slots = tuple(decode_slot(value) for value in values if value is not None)
        found = Account(0, bytes(ID_LEN)) if data is None else decode_account(data)
        is_gap = any(value is None for value in values[: len(slots)])
        if is_gap or any(slot.generation != found.generation for slot in slots) or (slots and found.record is None):
            raise VaultDamagedError("the vault's database holds guesses that belong to no record")
        return Page(account, data, found, slots, tuple(value for value in values if value is not None))

    def unless_changed(self, page: Page, error: VaultDamagedError) -> None:
        """Raise *error*, which came up while the account was believed to be as it is on *page*, unless it has become another since."""
        if self.page(page.key).data == page.data:
            raise error

    def commit(self, step: Step, leap: int = 0) -> bool:
        """Make a change, and have its events anchored before this returns; False if a condition does not hold.

        Raises OutcomeUnknownError, VaultBehindError, or as the anchor does: then the change may be made."""
        head = self.store.commit(Change(step.conditions, step.writes, step.events, self._floor, leap))
        if head is None:
            return False
        if step.events:
            self._reached(head)
        return True

    def event(self, kind: Kind, account: bytes = NOBODY, **members: int | bytes) -> Event:
        """An event of now."""
        return Event(kind, self.clock(), account, **members)  # type: ignore[arg-type]

    def _reached(self, head: Head) -> None:
        self.anchor.advance(head)
        if head.index > self._floor.index:
            self._floor = head  # of two threads the later may set the lower one: that one is in the chain as well


def holds(store: RecordStore, head: Head) -> bool:
    """Whether the chain of a database contains *head*."""
    found = store.entries(head.index - 1, 1) if head.index else ()
    return bool(found) and found[0].head == head


def gave_up() -> VaultBusyError:
    """The error of somebody whose changes others keep overtaking."""
    return VaultBusyError("others change the same record all the time")
