"""Simulated: a database in memory, and a stage on which operations run in threads that wait before each call until the test lets them on,
with the outcome that it chooses: done, lost, late, twice, answered from the past, or the process dies."""

import os
import threading
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from chatseal.errors import OutcomeUnknownError, VaultBehindError, VaultDamagedError
from chatseal.keys.secret import Secret
from chatseal.vault import audit
from chatseal.vault.audit import START, Entry, Event, Head
from chatseal.vault.records import Change, RecordStore
from chatseal.vault.token import open_under, seal_under

PAST = 8  # how many states back a stale answer may be


class Outcome(Enum):
    DONE = "done"
    LOST = "done, and the answer is lost"
    NEVER = "not done, and the answer is lost"
    LATE = "done later, and the answer is lost"
    TWICE = "done twice"
    STALE = "read from the past"
    DIES_BEFORE = "the process dies before"
    DIES_AFTER = "the process dies after"


UNKNOWN = (Outcome.LOST, Outcome.NEVER, Outcome.LATE)


class MemoryRecords:
    """A record store in memory, with its past."""

    def __init__(self, event: Event) -> None:
        self.items: dict[str, bytes] = {}
        self.log: list[Entry] = []
        self.past: list[dict[str, bytes]] = []
        self.commit(Change(events=(event,)))

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        return [self.items.get(key) for key in keys]

    def list(self, prefix: str, after: str = "", most: int = 100) -> list[tuple[str, bytes]]:
        keys = sorted(key for key in self.items if key.startswith(prefix) and key > after)
        return [(key, self.items[key]) for key in keys[:most]]

    def commit(self, change: Change) -> Head | None:
        after = change.after
        if after.index and all(entry.head != after for entry in self.log):
            raise VaultBehindError("behind")
        if any(self.items.get(key) != value for key, value in change.conditions.items()):
            return None
        if change.writes:
            self.past = [*self.past[1 - PAST :], dict(self.items)]
        for key, value in change.writes.items():
            if value is None:
                self.items.pop(key, None)
            else:
                self.items[key] = value
        for event in change.events:
            head, _ = audit.chain(self.head(), event, change.leap)
            self.log.append(Entry(head, event))
        return self.head()

    def head(self) -> Head:
        return self.log[-1].head if self.log else START

    def entries(self, after: int = 0, most: int = 100, account: bytes | None = None) -> Sequence[Entry]:
        # Indices have no gaps here: nothing is restored.
        return [entry for entry in self.log[after : after + most] if account in (None, entry.event.account)]

    def verify(self) -> Head:
        return self.head()

    def compact(self) -> None:
        """Nothing is left behind."""


class MemoryToken:
    """A token without a file."""

    def __init__(self) -> None:
        self._keys = {1: Secret.random(32)}

    def mac(self, label: str, message: bytes) -> bytes:
        raise NotImplementedError

    def epochs(self) -> tuple[int, ...]:
        return tuple(self._keys)

    def seal(self, epoch: int, data: bytes, context: bytes) -> bytes:
        return seal_under(self._key(epoch), data, context)

    def open(self, epoch: int, sealed: bytes, context: bytes) -> Secret:
        return open_under(self._key(epoch), sealed, context)

    def _key(self, epoch: int) -> Secret:
        if epoch not in self._keys:
            raise VaultDamagedError("the key of that epoch is gone")
        return self._keys[epoch]

    def new_epoch(self) -> int:
        number = max(self._keys) + 1
        self._keys[number] = Secret(os.urandom(32))
        return number

    def drop_epoch(self, number: int) -> None:
        self._keys.pop(number, None)


class MemoryAnchor:
    """An anchor without a file."""

    def __init__(self, head: Head) -> None:
        self.known = head

    def read(self) -> Head:
        return self.known

    def advance(self, head: Head) -> None:
        if head.index > self.known.index:
            self.known = head


class Death(BaseException):
    """The process of an operation is no more."""


class Actor:
    """An operation in a thread, which stands still except between `step` and its next call to the store or the anchor."""

    def __init__(self, work: Callable[["Actor"], Any]) -> None:
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self._outcome = Outcome.DONE
        self._end = threading.Event()
        self.was_stale = False
        self.result: Any = None
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True, name="actor")
        self._thread.start()
        self._stopped.acquire()

    def _run(self, work: Callable[["Actor"], Any]) -> None:
        try:
            self.result = work(self)
        except Death:
            pass
        except Exception as error:
            self.error = error
        self._end.set()
        self._stopped.release()

    def has_ended(self) -> bool:
        """Whether it has come to its end, or its process has died."""
        return self._end.is_set()

    def step(self, outcome: Outcome = Outcome.DONE) -> None:
        """Let it make its next call, if it has not come to its end."""
        if self.has_ended():
            return
        self._outcome = outcome
        self._go.release()
        self._stopped.acquire()
        if self.has_ended():
            self._thread.join()

    def finish(self) -> None:
        """Let it run to its end without faults."""
        while not self.has_ended():
            self.step()

    def kill(self) -> None:
        while not self.has_ended():
            self.step(Outcome.DIES_BEFORE)

    def call(self, work: Callable[[], Any], *, stale: Callable[[], Any] | None = None, late: Callable[[], Any] | None = None) -> Any:
        """Wait to be let on, then do *work* as the test says. What an outcome does not fit is simply done."""
        self._stopped.release()
        self._go.acquire()
        outcome = self._outcome
        if outcome == Outcome.DIES_BEFORE:
            raise Death
        if late is not None and outcome in UNKNOWN:
            if outcome == Outcome.LOST:
                work()
            if outcome == Outcome.LATE:
                late()
            raise OutcomeUnknownError("unknown")
        if stale is not None and outcome == Outcome.STALE:
            self.was_stale = True
            return stale()
        result = work()
        if outcome == Outcome.TWICE:
            work()
        if outcome == Outcome.DIES_AFTER:
            raise Death
        return result


class StagedStore:
    """What an actor sees of a store. `altered` is what a test does to every change before it is sent."""

    def __init__(self, inner: RecordStore, actor: Actor, late: list[Change], altered: Callable[[Change], Change]) -> None:
        self._inner, self._actor, self._late, self._altered = inner, actor, late, altered

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        def stale() -> list[bytes | None]:
            past = getattr(self._inner, "past", None)
            return [past[0].get(key) for key in keys] if past else self._inner.read(keys)

        found: list[bytes | None] = self._actor.call(lambda: self._inner.read(keys), stale=stale)
        return found

    def list(self, prefix: str, after: str = "", most: int = 100) -> list[tuple[str, bytes]]:
        found: list[tuple[str, bytes]] = self._actor.call(lambda: self._inner.list(prefix, after, most))
        return found

    def commit(self, change: Change) -> Head | None:
        sent = self._altered(change)
        head: Head | None = self._actor.call(lambda: self._inner.commit(sent), late=lambda: self._late.append(sent))
        return head

    def head(self) -> Head:
        return self._inner.head()

    def entries(self, after: int = 0, most: int = 100, account: bytes | None = None) -> Sequence[Entry]:
        return self._inner.entries(after, most, account)

    def verify(self) -> Head:
        return self._inner.verify()

    def compact(self) -> None:
        self._inner.compact()


class StagedAnchor:
    """What an actor sees of an anchor."""

    def __init__(self, inner: MemoryAnchor, actor: Actor) -> None:
        self._inner, self._actor = inner, actor

    def read(self) -> Head:
        return self._inner.read()

    def advance(self, head: Head) -> None:
        self._actor.call(lambda: self._inner.advance(head))
