"""Guesses: ten for each generation of a record, each claimed before the answer that lets a password be tried, and none given back.

Nothing that lets a password be tried (the salt, through `Claimed`) and nothing that a right one earns (the wrapped secret, through
`Released`) leaves this file before the transaction that pays for it is made and anchored."""

from dataclasses import dataclass, replace
from enum import StrEnum

from chatseal.errors import OutcomeUnknownError, VaultDamagedError, VaultRefusedError
from chatseal.vault import budgets
from chatseal.vault.audit import WHERE_LEN, Event, Head, Kind
from chatseal.vault.book import TRIES, Book, Page, Step, gave_up, new_id
from chatseal.vault.records import (
    OPEN,
    SLOTS,
    Account,
    Announcement,
    Failure,
    Reason,
    Registration,
    Slot,
    Tombstone,
    account_key,
    encode_account,
    encode_number,
    encode_slot,
    open_key,
    opened_by,
    slot_key,
)
from chatseal.vault.shards import Shards

REGISTER_WAIT_MS = 7 * 24 * 3600 * 1000  # after a destruction, for whoever cannot sign for the owner


class Refusal(StrEnum):
    """Why the rules say no: `reason` of a VaultRefusedError. Clients see these words."""

    NO_RECORD = "no-record"  # nothing was ever registered
    DESTROYED = "destroyed"
    WAIT = "wait"  # pacing or the budget of 90 days; `seconds` says how long
    SPENT = "spent"  # the last guess is claimed, or the account has had all its failures
    NO_ATTEMPT = "no-attempt"  # no guess of this generation has that id
    EXPIRED = "expired"  # its attempt failed, or had its 60 seconds
    CHANGED = "changed"  # the record is of another generation than the caller believes
    NOT_ALLOWED = "not-allowed"  # needs the owner's signature or an announcement; `seconds` until one that stands is due


@dataclass(frozen=True, slots=True)
class Status:
    """What an account may know of itself. `failures` are all of the last 90 days, those of this generation last: `since` of them.

    Times are in milliseconds since 1970. `record_id` and `stretch` are empty without a record. `left` guesses may still be claimed, the
    next in `wait_seconds`; `open` of the claimed ones may still succeed."""

    generation: int
    record_id: bytes
    stretch: bytes
    left: int
    wait_seconds: int
    open: int
    failures: tuple[Failure, ...]
    since: int
    life: int
    tombstone: Tombstone | None
    announcement: Announcement | None
    head: Head


@dataclass(frozen=True, slots=True)
class Claimed:
    """A guess that is spent, with what the service needs to answer it. `left` more may be claimed after it."""

    attempt: bytes
    generation: int
    slot: int
    left: int
    registration: Registration
    salt: bytes

    def __repr__(self) -> str:
        return f"Claimed(generation={self.generation}, slot={self.slot}, left={self.left})"


@dataclass(frozen=True, slots=True)
class Released:
    """What a proved password earns. `failures` are the guesses before it in the generation that it ended."""

    wrapped: bytes
    generation: int
    failures: tuple[Failure, ...]

    def __repr__(self) -> str:
        return f"Released(generation={self.generation})"


class Guesses:
    """The rules of guessing, over a book. Any thread may use it.

    All raise VaultRefusedError where the rules say no, VaultBusyError (a claimed guess may be spent, and nothing was told),
    VaultBehindError or VaultDamagedError."""

    def __init__(self, book: Book, shards: Shards) -> None:
        self._book, self._shards = book, shards

    def status(self, account: bytes) -> Status:
        """What there is to know, with nothing spent. Attempts that had their time are closed first."""
        page = self.settled(account)
        found, slots, now = page.account, page.slots, self._book.clock()
        record = found.record
        left = budgets.left(found, slots, now) if record else 0
        failures = tuple(failure for failure in found.recent if now - failure.time < budgets.WINDOW_MS) + budgets.failures(slots)
        return Status(
            generation=found.generation,
            record_id=record.record_id if record else b"",
            stretch=record.stretch if record else b"",
            left=left,
            wait_seconds=seconds(budgets.wait(slots, now)) if left else 0,
            open=sum(budgets.is_open(slot, now) for slot in slots),
            failures=failures,
            since=len(slots),
            life=found.life + len(slots),
            tombstone=found.tombstone,
            announcement=found.announcement,
            head=self._book.store.head(),
        )

    def claim(self, account: bytes, where: bytes, *, only: tuple[bytes, int] | None = None) -> Claimed:
        """Spend a guess. *where* is a tag of 16 bytes of the address that asks. What is returned is claimed, durably and anchored.

        With *only*, a record's id and a generation, none is spent on another: a password is stretched for one record."""
        if len(where) != WHERE_LEN:
            raise ValueError(f"a tag of an address is {WHERE_LEN} bytes")
        attempt = new_id()
        sent: dict[bytes | None, bytes] = {}  # changes that may still be made: the account that each demands, and the salt
        for _ in range(TRIES):
            page = self.settled(account)
            if page.data in sent and page.find(attempt) is not None:
                self._book.follow()
                return self._claimed(page, attempt, sent[page.data])
            registration, now = self.registration(page), self._book.clock()
            if only is not None and only != (registration.record_id, page.account.generation):
                if sent:  # and then it was spent before this generation began: nobody may be told that it was not
                    raise gave_up()
                raise VaultRefusedError(Refusal.CHANGED, "the record is another one by now")
            self._check_budgets(page, now)
            try:
                salt, same_salt = self._shards.opened(registration.record_id)  # before it is spent: damage is nobody's guess
            except VaultDamagedError as error:
                self._book.unless_changed(page, error)
                continue
            slot = Slot(attempt, page.account.generation, now, where)
            try:
                if self._book.commit(self._claim(page, slot) + same_salt):
                    left = budgets.left(page.account, (*page.slots, slot), now)
                    return Claimed(attempt, slot.generation, len(page.slots) + 1, left, registration, salt)
            except OutcomeUnknownError:
                sent[page.data] = salt  # the same id tells whether it was made, and two of them cannot be
        raise gave_up()

    def finish(self, account: bytes, attempt: bytes) -> Released:
        """End an attempt whose third message proved the password, once, and begin a new generation."""
        operation = new_id()  # not the attempt's: another call may end the same attempt, and one of them is given the secret
        released = None
        for _ in range(TRIES):
            page = self._book.page(account)
            if released is not None and page.account.last == operation:
                self._book.follow()
                return released
            registration = self.registration(page)
            index, now = self._attempt(page, attempt), self._book.clock()
            if not budgets.is_open(page.slots[index], now):
                self._close(page, index, Kind.EXPIRED, now)
                raise VaultRefusedError(Refusal.EXPIRED, "the attempt took too long, or was ended")
            others = tuple(slot for slot in page.slots if slot.attempt != attempt)
            earned = Released(registration.wrapped, page.account.generation + 1, budgets.failures(others))
            try:
                if self._book.commit(self._success(page, index, others, now, operation)):
                    return earned
            except OutcomeUnknownError:
                released = earned
        raise gave_up()

    def fail(self, account: bytes, attempt: bytes) -> None:
        """End an attempt whose third message was wrong. The last one destroys the record."""
        for _ in range(TRIES):
            page = self._book.page(account)
            index = page.find(attempt)
            if index is None or page.slots[index].closed or self._close(page, index, Kind.FAILED, self._book.clock()):
                return
        raise gave_up()

    def expire_due(self) -> int:
        """Close the attempts that had their time, and destroy the records whose last guess was among them. How many accounts had some.
        To be called every few seconds by each service; any number may do so at the same time."""
        seen, after = set(), OPEN
        while page := self._book.store.list(OPEN, after):
            after = page[-1][0]
            for key, _ in page:
                account = opened_by(key)[0]
                if account not in seen and any(self._is_due(slot) for slot in self._book.page(account).slots):
                    self.settled(account)
                    seen.add(account)
        return len(seen)

    # --- the transactions ------------------------------------------------------------------------------------------------

    def _claim(self, page: Page, slot: Slot) -> Step:
        """Guess n+1, which nobody has, of the account as it was read."""
        number = len(page.slots) + 1
        event = Event(Kind.CLAIMED, slot.time, page.key, slot.generation, number, where=slot.where)
        names = slot_key(page.key, number), open_key(page.key, number)
        step = Step({names[0]: None}, {names[0]: encode_slot(slot), names[1]: encode_number(slot.time)}, (event,))
        return page.same_account() + step

    def _success(self, page: Page, index: int, others: tuple[Slot, ...], now: int, operation: bytes) -> Step:
        """The next generation, if the attempt is still as it was read: neither failed nor expired."""
        life, recent = budgets.counted(page.account, others, now)
        generation = page.account.generation + 1
        account = replace(page.account, generation=generation, last=operation, life=life, recent=recent, announcement=None)
        event = Event(Kind.SUCCEEDED, now, page.key, generation - 1, index + 1)
        step = Step({}, {account_key(page.key): encode_account(account)}, (event,))
        return page.same_account() + page.same_slot(index) + page.without_slots() + step

    def _closing(self, page: Page, index: int, kind: Kind, now: int) -> Step:
        """The attempt ended without success; with the last one the record ends."""
        slot = replace(page.slots[index], closed=now)
        event = Event(kind, now, page.key, slot.generation, index + 1)
        names = slot_key(page.key, index + 1), open_key(page.key, index + 1)
        step = page.same_account() + page.same_slots() + Step({}, {names[0]: encode_slot(slot), names[1]: None}, (event,))
        slots = (*page.slots[:index], slot, *page.slots[index + 1 :])
        if budgets.left(page.account, slots, now) or any(slot.closed == 0 for slot in slots):
            return step
        return step + self.destruction(page, Reason.LIMIT, now)

    def destruction(self, page: Page, reason: Reason, now: int, generation: int = 0, operation: bytes = b"") -> Step:
        """The end of a record: its salt goes, a tombstone stays, and every guess counts as a failure. *generation* is the least that the
        tombstone is to have."""
        account = page.account
        if account.record is None:
            raise ValueError("there is no record to destroy")
        wait = REGISTER_WAIT_MS if reason in (Reason.LIMIT, Reason.RESTORED) else 0
        life, recent = budgets.counted(account, page.slots, now)
        tombstone = Tombstone(reason, now, now + wait, account.record.owner)
        dead = Account(max(account.generation, generation), operation or new_id(), life, recent, None, tombstone)
        event = Event(Kind.DESTROYED, now, page.key, account.generation, detail=reason)
        step = Step({}, {account_key(page.key): encode_account(dead)}, (event,))
        return page.same_account() + self._shards.removed(account.record.record_id) + page.without_slots() + step

    # --- what they rest on -----------------------------------------------------------------------------------------------

    def settled(self, account: bytes) -> Page:
        """The account after every attempt that had its time is closed."""
        for _ in range(TRIES):
            page = self._book.page(account)
            due = next((index for index, slot in enumerate(page.slots) if self._is_due(slot)), None)
            if due is None:
                return page
            self._close(page, due, Kind.EXPIRED, self._book.clock())
        raise gave_up()

    def _close(self, page: Page, index: int, kind: Kind, now: int) -> bool:
        """Whether the attempt is closed now by this call. One that nobody knows of is found closed, or not, with the next look."""
        if page.slots[index].closed:
            return False
        try:
            return self._book.commit(self._closing(page, index, kind, now))
        except OutcomeUnknownError:
            return False
        except VaultDamagedError as error:
            self._book.unless_changed(page, error)
            return False

    def _is_due(self, slot: Slot) -> bool:
        return slot.closed == 0 and not budgets.is_open(slot, self._book.clock())

    def _claimed(self, page: Page, attempt: bytes, salt: bytes) -> Claimed:
        """The answer to a claim that was found to be made. The account is the one that it was made for: its guesses are there."""
        registration, index = self.registration(page), self._attempt(page, attempt)
        left = budgets.left(page.account, page.slots, self._book.clock())
        return Claimed(attempt, page.account.generation, index + 1, left, registration, salt)

    @staticmethod
    def registration(page: Page) -> Registration:
        """The record of an account. Raises VaultRefusedError if there is none."""
        if page.account.record is not None:
            return page.account.record
        if page.account.tombstone is not None:
            raise VaultRefusedError(Refusal.DESTROYED, "the record is destroyed")
        raise VaultRefusedError(Refusal.NO_RECORD, "there is no record")

    @staticmethod
    def _attempt(page: Page, attempt: bytes) -> int:
        index = page.find(attempt)
        if index is None:
            raise VaultRefusedError(Refusal.NO_ATTEMPT, "there is no such attempt")
        return index

    @staticmethod
    def _check_budgets(page: Page, now: int) -> None:
        if len(page.slots) >= SLOTS or budgets.is_life_spent(page.account, page.slots):
            raise VaultRefusedError(Refusal.SPENT, "no guess is left")
        wait = max(budgets.wait(page.slots, now), budgets.window_wait(page.account, page.slots, now))
        if wait:
            raise VaultRefusedError(Refusal.WAIT, "the next guess has to wait", seconds(wait))


def seconds(milliseconds: int) -> int:
    """The same in whole seconds, never less."""
    return -(-milliseconds // 1000)
