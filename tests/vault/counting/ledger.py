"""Ledger: the rules told a second time, over the chain of events alone, by other code than keeps them."""

from dataclasses import dataclass, field

from chatseal.vault.audit import Entry, Event, Kind
from chatseal.vault.records import Reason

MINUTE = 60_000
DAY = 24 * 60 * MINUTE
WAITS = [0, 0, 0, 0, MINUTE, 5 * MINUTE] + 10 * [60 * MINUTE]


class Violation(AssertionError):
    """A rule is broken."""


@dataclass
class Guess:
    time: int
    is_open: bool = True


@dataclass
class Told:
    """What the events tell of an account."""

    generation: int = 0
    is_live: bool = False
    guesses: list[Guess] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)  # times, of generations that are over

    @property
    def life(self) -> int:
        return len(self.failures) + len(self.guesses)

    def spent(self, now: int) -> str:
        """Which budget has nothing left."""
        times = self.failures + [guess.time for guess in self.guesses]
        if len(self.guesses) >= 10:
            return "generation"
        if sum(now - time < 90 * DAY for time in times) >= 30:
            return "90 days"
        return "life" if self.life >= 100 else ""

    def end(self, *, but: int | None = None) -> None:
        self.failures += [guess.time for number, guess in enumerate(self.guesses) if number != but]
        self.guesses = []


class Ledger:
    """Reads entries in order and raises Violation at the first that should not be."""

    def __init__(self, *, waits: bool = True) -> None:
        self._waits = waits
        self.accounts: dict[bytes, Told] = {}
        self.index = 0
        self.claims: dict[tuple[bytes, int, int], int] = {}  # account, generation and slot: index
        self.successes: dict[tuple[bytes, int], int] = {}  # account and the generation that ended: index
        self._doomed: bytes | None = None  # the account whose destruction must be next

    def read(self, entries: list[Entry]) -> None:
        for entry in entries:
            self.index += 1
            if entry.head.index != self.index:
                raise Violation(f"entry {self.index} is not there")
            self._take(entry.event)
        if self._doomed is not None:
            raise Violation("the last guess failed, and the record lives")

    def _take(self, event: Event) -> None:
        if self._doomed is not None and (event.kind != Kind.DESTROYED or event.account != self._doomed):
            raise Violation("the last guess failed, and the record lives")
        self._doomed = None
        take = getattr(self, f"_{event.kind.name.lower()}", None)
        if take is not None:
            take(event, self.accounts.setdefault(event.account, Told()))

    @staticmethod
    def _must(is_so: bool, text: str) -> None:
        if not is_so:
            raise Violation(text)

    def _registered(self, event: Event, told: Told) -> None:
        self._must(not told.is_live, "registered over a record")
        self._must(event.generation > told.generation, "a generation came twice")
        self._must(told.spent(event.time) == "", "registered with no guess")
        told.generation, told.is_live = event.generation, True

    def _replaced(self, event: Event, told: Told) -> None:
        self._must(told.is_live, "replaced what is not there")
        self._must(event.generation == told.generation + 1, "a generation came twice")
        told.end()
        told.generation += 1

    def _claimed(self, event: Event, told: Told) -> None:
        self._current(event, told)
        self._must(event.slot == len(told.guesses) + 1, "a guess was claimed twice, or left out")
        self._must(told.spent(event.time) == "", f"claimed though the budget is spent: {told.spent(event.time)}")
        last = max((guess.time for guess in told.guesses), default=0)
        self._must(not self._waits or event.time - last >= WAITS[len(told.guesses)], "claimed without waiting")
        told.guesses.append(Guess(event.time))
        self.claims[event.account, event.generation, event.slot] = self.index

    def _succeeded(self, event: Event, told: Told) -> None:
        guess = self._open(event, told)
        self._must(event.time - guess.time < MINUTE, "success after the minute")
        told.end(but=event.slot - 1)
        told.generation += 1
        self.successes[event.account, event.generation] = self.index

    def _failed(self, event: Event, told: Told) -> None:
        self._open(event, told).is_open = False
        if told.spent(event.time) and not any(guess.is_open for guess in told.guesses):
            self._doomed = event.account

    def _expired(self, event: Event, told: Told) -> None:
        self._must(event.time - self._open(event, told).time >= MINUTE, "expired before the minute")
        self._failed(event, told)

    def _destroyed(self, event: Event, told: Told) -> None:
        self._current(event, told)
        if event.detail == Reason.LIMIT:
            self._must(told.spent(event.time) != "", "destroyed with guesses left")
            self._must(not any(guess.is_open for guess in told.guesses), "destroyed under an open attempt")
        told.end()
        told.is_live = False

    def _current(self, event: Event, told: Told) -> None:
        self._must(told.is_live, f"{event.kind.name} after the end")
        self._must(event.generation == told.generation, f"{event.kind.name} in a generation that is over")

    def _open(self, event: Event, told: Told) -> Guess:
        self._current(event, told)
        self._must(1 <= event.slot <= len(told.guesses), "an attempt that nobody claimed")
        guess = told.guesses[event.slot - 1]
        self._must(guess.is_open, f"{event.kind.name} of an attempt that had ended")
        return guess
