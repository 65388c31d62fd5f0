"""Registrations: how a record comes, is replaced and goes. What an owner has is touched with his signature, or after it was announced.

Whoever calls checks the signature: `by_owner` says that it was the owner's, over the operation and the generation."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from chatseal.errors import OutcomeUnknownError, VaultDamagedError, VaultRefusedError
from chatseal.vault import budgets
from chatseal.vault.audit import Event, Kind
from chatseal.vault.book import TRIES, Book, Page, Step, gave_up, new_id
from chatseal.vault.guesses import Guesses, Refusal, seconds
from chatseal.vault.records import FLOOR, Account, Announcement, Intent, Reason, Registration, account_key, decode_number, encode_account
from chatseal.vault.shards import Shards

ANNOUNCED_MS = 7 * 24 * 3600 * 1000  # from the announcement until what it announces
LAPSE_MS = 7 * 24 * 3600 * 1000  # from then on until it counts no more: a forgotten one is no open door

T = TypeVar("T")


class Registrations:
    """The rules of having a record, over a book. Any thread may use it. Errors are those of `Guesses`.

    Each takes the generation that the caller read, 0 for an account that nobody has heard of: a change in between is a refusal."""

    def __init__(self, book: Book, shards: Shards, guesses: Guesses) -> None:
        self._book, self._shards, self._guesses = book, shards, guesses

    def register(self, account: bytes, registration: Registration, salt: bytes, *, generation: int, by_owner: bool = False) -> int:
        """Make *registration*, whose OPAQUE part was made with *salt*, the record; give its generation. An older record is destroyed in
        the same transaction. Its guesses stay counted."""

        def step(page: Page, now: int, operation: bytes) -> tuple[Step, int]:
            self._may_register(page, now, by_owner)
            found = page.account
            life, recent = budgets.counted(found, page.slots, now)
            floor = self._book.store.read([FLOOR])[0]
            number = max(found.generation, decode_number(floor)) + 1
            after = Account(number, operation, life, recent, registration)
            self._may_be_guessed(after, now)
            if found.record is None:
                kind, salted = Kind.REGISTERED, self._shards.placed(registration.record_id, salt)
            else:
                kind, salted = Kind.REPLACED, self._shards.replaced(found.record.record_id, registration.record_id, salt)
            written = Step({FLOOR: floor}, {account_key(account): encode_account(after)}, (Event(kind, now, account, number),))
            return salted + page.without_slots() + written, number

        return self._do(account, generation, step)

    def delete(self, account: bytes, *, generation: int, by_owner: bool = False) -> None:
        """Destroy the record: at once for the owner, for the account when an announced deletion is due."""

        def step(page: Page, now: int, operation: bytes) -> tuple[Step, None]:
            self._guesses.registration(page)
            if not by_owner:
                _announced(page.account, Intent.DELETE, now)
            return self._guesses.destruction(page, Reason.OWNER if by_owner else Reason.ANNOUNCED, now, operation=operation), None

        self._do(account, generation, step)

    def announce(self, account: bytes, intent: Intent, *, generation: int) -> int:
        """Say that the record is to be deleted or replaced without the owner's signature; give when that may be done (milliseconds).

        One announcement stands at a time, and the same one is not put off. Any success of the password, or `withdraw`, ends it."""

        def step(page: Page, now: int, operation: bytes) -> tuple[Step, int]:
            self._guesses.registration(page)
            standing = page.account.announcement
            if standing is not None and standing.intent == intent and now < standing.due + LAPSE_MS:
                return Step(), standing.due
            made = Announcement(intent, now + ANNOUNCED_MS)
            event = Event(Kind.ANNOUNCED, now, account, page.account.generation, detail=intent)
            return _rewritten(page, event, announcement=made, last=operation), made.due

        return self._do(account, generation, step)

    def withdraw(self, account: bytes, *, generation: int) -> None:
        """End an announcement, for the owner, whose signature the caller has checked."""

        def step(page: Page, now: int, operation: bytes) -> tuple[Step, None]:
            if page.account.announcement is None:
                return Step(), None
            event = Event(Kind.WITHDRAWN, now, account, page.account.generation, detail=page.account.announcement.intent)
            return _rewritten(page, event, announcement=None, last=operation), None

        self._do(account, generation, step)

    def _do(self, account: bytes, generation: int, step: Callable[[Page, int, bytes], tuple[Step, T]]) -> T:
        """Make what *step* gives for the account as it is, until it is made. An outcome that nobody knows is looked up by the id of the
        operation, which stands in the account that it wrote."""
        operation, result = new_id(), None
        for _ in range(TRIES):
            page = self._guesses.settled(account)
            if result is not None and page.account.last == operation:
                self._book.follow()
                return result[0]
            if page.account.generation != generation:
                raise VaultRefusedError(Refusal.CHANGED, "the record is of another generation")
            try:
                change, value = step(page, self._book.clock(), operation)
                if not change.writes:
                    return value
                if self._book.commit(page.same_account() + change):
                    return value
            except OutcomeUnknownError:
                result = (value,)
            except VaultDamagedError as error:
                self._book.unless_changed(page, error)
        raise gave_up()

    def _may_register(self, page: Page, now: int, by_owner: bool) -> None:
        tombstone = page.account.tombstone
        if by_owner:
            return
        if page.account.record is not None:
            _announced(page.account, Intent.REPLACE, now)
        elif tombstone is not None and now < tombstone.until:
            raise _not_allowed(tombstone.until - now)

    @staticmethod
    def _may_be_guessed(account: Account, now: int) -> None:
        """A record that nobody may open, not even its owner, would be a trap."""
        if budgets.is_life_spent(account, ()):
            raise VaultRefusedError(Refusal.SPENT, "the account has had all its failures")
        if wait := budgets.window_wait(account, (), now):
            raise VaultRefusedError(Refusal.WAIT, "too many guesses failed in the last 90 days", seconds(wait))


def _announced(account: Account, intent: Intent, now: int) -> None:
    """Raise unless it was announced, long enough ago, and not too long."""
    standing = account.announcement
    if standing is None or standing.intent != intent or now >= standing.due + LAPSE_MS:
        raise _not_allowed(0)
    if now < standing.due:
        raise _not_allowed(standing.due - now)


def _not_allowed(wait: int) -> VaultRefusedError:
    return VaultRefusedError(Refusal.NOT_ALLOWED, "this needs the owner's signature, or has to be announced and waited for", seconds(wait))


def _rewritten(page: Page, event: Event, *, announcement: Announcement | None, last: bytes) -> Step:
    account = replace(page.account, announcement=announcement, last=last)
    return Step({}, {account_key(page.key): encode_account(account)}, (event,))
