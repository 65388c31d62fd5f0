"""Machine: services that share a database and fail in every way, clients who guess, and what must be true all the time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from chatseal.errors import VaultBusyError, VaultDamagedError, VaultRefusedError
from chatseal.vault.audit import Event, Kind
from chatseal.vault.book import Book
from chatseal.vault.guesses import Claimed, Guesses, Released
from chatseal.vault.records import Change, RecordStore, Registration
from chatseal.vault.registrations import Registrations
from chatseal.vault.shards import Shards
from vault.counting.ledger import Ledger, Told, Violation
from vault.counting.scene import DAY, HOUR, SECOND, START_MS, WHERE, Clock, account_of, registration_of
from vault.counting.simulated import Actor, MemoryAnchor, MemoryRecords, MemoryToken, Outcome, StagedAnchor, StagedStore

NAMES = ("anna", "bert")
OPERATIONS = ("claim", "claim", "claim", "finish", "finish", "fail", "sweep", "replace", "register", "delete", "rotate", "status")
FAULTS = [*Outcome, *(Outcome.DONE for _ in range(20))]
TIMES = (1, 100, SECOND, 59 * SECOND, 60 * SECOND, 61 * SECOND, 5 * 60 * SECOND, HOUR, DAY, 30 * DAY, 91 * DAY)


@dataclass
class Service:
    """The rules as one process has them."""

    guesses: Guesses
    registrations: Registrations
    shards: Shards


def unaltered(change: Change) -> Change:
    return change


class Machine(RuleBasedStateMachine):
    """Two accounts, any number of operations at the same time. Everything that leaves is remembered and compared with the chain."""

    altered: Callable[[Change], Change] = staticmethod(unaltered)

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.store = self.made_store()
        self.anchor = MemoryAnchor(self.store.head())
        self.token = MemoryToken()
        self.late: list[Change] = []
        self.actors: list[tuple[str, bytes, Actor]] = []
        self.ledger = Ledger()
        self.answers: dict[tuple[bytes, int, int], Claimed] = {}
        self.proved: list[tuple[bytes, Claimed]] = []  # what clients hold who may prove the password
        self.released: set[tuple[bytes, int]] = set()
        self.salts: dict[bytes, Registration] = {}  # by salt: what it was registered with
        self.versions = 0
        self.pick = -1  # which of their attempts clients go on with
        self.plain = self.service(None)

    def made_store(self) -> RecordStore:
        return MemoryRecords(Event(Kind.CREATED, START_MS))

    def service(self, actor: Actor | None) -> Service:
        book = Book(self.store, self.anchor, self.clock)
        if actor is not None:
            book.store, book.anchor = StagedStore(self.store, actor, self.late, type(self).altered), StagedAnchor(self.anchor, actor)
        shards = Shards(book, self.token)
        guesses = Guesses(book, shards)
        return Service(guesses, Registrations(book, shards, guesses), shards)

    # --- what happens ----------------------------------------------------------------------------------------------------

    def work(self, operation: str, account: bytes, service: Service) -> Any:
        generation = self.ledger.accounts.get(account, Told()).generation
        mine = [claimed for owner, claimed in self.proved if owner == account]
        match operation:
            case "claim":
                return service.guesses.claim(account, WHERE)
            case "finish":
                return mine and (mine[self.pick], service.guesses.finish(account, mine[self.pick].attempt))
            case "fail":
                for claimed in mine[-1:]:
                    service.guesses.fail(account, claimed.attempt)
                return None
            case "sweep":
                return service.guesses.expire_due()
            case "status":
                return service.guesses.status(account)
            case "delete":
                return service.registrations.delete(account, generation=generation, by_owner=True)
            case "rotate":
                return service.shards.rotate()
            case _:
                self.versions += 1
                registration, salt = registration_of(account.hex(), self.versions), Shards.new_salt()
                self.salts[salt] = registration
                return service.registrations.register(account, registration, salt, generation=generation, by_owner=True)

    def start(self, operation: str, name: str) -> Actor:
        account = account_of(name)
        actor = Actor(lambda actor: self.work(operation, account, self.service(actor)))
        self.actors.append((operation, account, actor))
        return actor

    def ended(self) -> None:
        """Take what the operations that came to their end give to their clients."""
        for operation, account, actor in [one for one in self.actors if one[2].has_ended()]:
            self.actors.remove((operation, account, actor))
            allowed = (VaultRefusedError, VaultBusyError, VaultDamagedError) if actor.was_stale else (VaultRefusedError, VaultBusyError)
            if actor.error is not None and not isinstance(actor.error, allowed):
                raise actor.error
            if isinstance(actor.result, Claimed):
                self.answered(account, actor.result)
            elif operation == "finish" and actor.result:
                self.gave(account, *actor.result)

    def answered(self, account: bytes, claimed: Claimed) -> None:
        self.read_ledger()
        key = (account, claimed.generation, claimed.slot)
        if key not in self.ledger.claims:
            raise Violation("answered without a claim")
        if key in self.answers:
            raise Violation("two answers for one guess")
        if self.anchor.known.index < self.ledger.claims[key]:
            raise Violation("answered before it was anchored")
        if self.salts[claimed.salt] != claimed.registration:
            raise Violation("the salt of another registration")
        self.answers[key] = claimed
        self.proved.append((account, claimed))

    def gave(self, account: bytes, claimed: Claimed, released: Released) -> None:
        self.read_ledger()
        key = (account, released.generation - 1)
        if key not in self.ledger.successes or self.anchor.known.index < self.ledger.successes[key]:
            raise Violation("released without a success, or before it was anchored")
        if key in self.released:
            raise Violation("released twice")
        if claimed.generation != released.generation - 1 or released.wrapped != claimed.registration.wrapped:
            raise Violation("released what was not proved")
        self.released.add(key)

    def read_ledger(self) -> None:
        self.ledger.read(list(self.store.entries(self.ledger.index, 10_000)))

    @initialize()
    def both_register(self) -> None:
        for name in NAMES:
            self.start("register", name).finish()
        self.ended()

    @rule(
        operations=st.lists(st.tuples(st.sampled_from(OPERATIONS), st.sampled_from(NAMES + NAMES[:1] * 3)), min_size=1, max_size=4),
        schedule=st.lists(st.tuples(st.integers(0, 7), st.sampled_from(FAULTS)), max_size=40),
        whole=st.booleans(),
    )
    def race(self, operations: list[tuple[str, str]], schedule: list[tuple[int, Outcome]], whole: bool) -> None:
        """Operations side by side; those that the schedule leaves unfinished end now, or stand still until somebody goes on with them."""
        for operation in operations:
            self.start(*operation)
        for number, outcome in schedule:
            if self.actors:
                self.actors[number % len(self.actors)][2].step(outcome)
                self.ended()
        if whole:
            for _, _, actor in list(self.actors):
                actor.finish()
                self.ended()

    @rule(name=st.sampled_from(NAMES), times=st.integers(1, 10), wait=st.booleans())
    def burn(self, name: str, times: int, wait: bool) -> None:
        """Guesses that fail or get no third message, one after the other, each after the wait."""
        for _ in range(times):
            if self.plain.guesses.status(account_of(name)).left:
                self.clock.now += self.plain.guesses.status(account_of(name)).wait_seconds * SECOND
            self.start("claim", name).finish()
            self.ended()
            if wait:
                self.clock.now += 60 * SECOND
                self.start("sweep", name).finish()
            else:
                self.start("fail", name).finish()
            self.ended()

    @rule(milliseconds=st.sampled_from(TIMES))
    def time_passes(self, milliseconds: int) -> None:
        self.clock.now += milliseconds

    @rule(number=st.integers(0, 20))
    def a_late_change_arrives(self, number: int) -> None:
        if self.late:
            change = self.late.pop(number % len(self.late))
            self.store.commit(change)

    @rule()
    def all_services_die(self) -> None:
        for _, _, actor in self.actors:
            actor.kill()
        self.ended()
        self.plain = self.service(None)

    def do(self, *operations: str, name: str = NAMES[0]) -> None:
        """Operations one after the other, without faults."""
        for operation in operations:
            self.start(operation, name).finish()
            self.ended()
            self.nothing_is_spent_in_silence()

    # --- what must be true -----------------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_spent_in_silence(self) -> None:
        """The chain keeps the rules, and the accounts say what the chain says."""
        self.read_ledger()
        book = Book(self.store, MemoryAnchor(self.store.head()), self.clock)
        for account, told in self.ledger.accounts.items():
            if any(account):
                page = book.page(account)
                said = page.account.generation, page.account.record is not None, len(page.slots), page.account.life + len(page.slots)
                if said != (told.generation, told.is_live, len(told.guesses), told.life):
                    raise Violation("the account does not say what happened")
                is_open = [slot.closed == 0 for slot in page.slots]
                if is_open != [guess.is_open for guess in told.guesses]:
                    raise Violation("an attempt does not say what happened to it")
                if page.account.record is not None:
                    salt = self.plain.shards.open(page.account.record.record_id)
                    if self.salts[salt] != page.account.record:
                        raise Violation("a live record does not open")

    def teardown(self) -> None:
        for _, _, actor in self.actors:
            actor.kill()
