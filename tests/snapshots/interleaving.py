"""Several machines at one store, in one process: every call to the store waits until it is its turn, and chance says whose turn it is.

Lists come page by page, in an order of their own, and others have turns between two pages. Days pass at any moment. A machine may die
before any call, and starts again with what it had on its disk."""

import hashlib
import random
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue

from typing_extensions import Buffer

from chatseal.objects.memory_store import MemoryStore
from chatseal.objects.object_store import ObjectInfo
from chatseal.snapshots import places
from chatseal.snapshots.config import Config
from chatseal.snapshots.sealed_store import SealedStore

PAGE = 3  # objects of a list that come at once
SETTLE = 0.002  # seconds without a new call, after which all who will call have called
DAY = 86400.0
SPANS = (3600.0, *[DAY] * 10, 15 * DAY)  # that pass at once; after two weeks who sleeps has lost anyway
# What others look for, or what cannot be undone: before such a call a machine may sleep, while others make so many calls.
MOMENTS = ("puts pending/", "puts snapshots/", "puts moves/", "puts condemned/", "deletes packs/", "deletes moves/", "lists condemned/")
SLEEPS = (20, 60, 150)
SLEEPY = 0.3


class DiedError(BaseException):
    """The machine is dead: whatever it would do at the store now does not happen."""


class Turns:
    """Who calls next. Machines run in threads of their own, and only between two of their calls."""

    def __init__(self, seed: int, memory: MemoryStore, *, deaths: float) -> None:
        self.random = random.Random(seed)
        self.trace: list[str] = []
        self._memory, self._deaths = memory, deaths
        self._arrived: SimpleQueue[tuple[Machine, threading.Event]] = SimpleQueue()
        self._done: SimpleQueue[None] = SimpleQueue()

    def take(self, machine: "Machine", what: str, call: Callable[[], object]) -> object:
        """Do *call* when it is its turn. Raises DiedError if the machine is dead by then."""
        turn = threading.Event()
        machine.calls = what
        self._arrived.put((machine, turn))
        turn.wait()
        try:
            if machine.is_dead:
                raise DiedError
            self.trace.append(f"{machine.name} {what}")
            return call()
        finally:
            self._done.put(None)

    def run(self, machines: "Sequence[Machine]") -> None:
        """Until all have ended."""
        threads = [machine.start() for machine in machines]
        waiting: list[tuple[Machine, threading.Event]] = []
        last: Machine | None = None
        asleep: dict[Machine, int] = {}  # until this call
        calls = 0
        while True:
            try:
                while True:
                    waiting.append(arrived := self._arrived.get(timeout=SETTLE))
                    if arrived[0].calls.startswith(MOMENTS) and self.random.random() < SLEEPY:
                        asleep[arrived[0]] = calls + self.random.choice(SLEEPS)
            except Empty:
                pass
            if not waiting:
                if not any(thread.is_alive() for thread in threads):
                    return
                continue
            calls += 1
            awake = [turn for turn in waiting if asleep.get(turn[0], 0) <= calls] or waiting
            own = [turn for turn in awake if turn[0] is last]
            machine, event = chosen = self.random.choice(own if own and self.random.random() < 0.7 else awake)
            waiting.remove(chosen)
            last = machine
            if self.random.random() < self._deaths:
                machine.is_dead = True
                self.trace.append(f"{machine.name} dies")
            if self.random.random() < 0.05:
                self.pass_time(self.random.choice(SPANS))
            event.set()
            self._done.get()

    def tell(self, machines: "Sequence[Machine]", story: "Iterable[tuple[Machine, str] | Callable[[], object]]") -> None:
        """As the *story* says: a machine goes on alone, by one call at least, until its next call would be one of these words, or to its
        end if there are none; or something else is done."""
        threads = {machine: machine.start() for machine in machines}
        waiting: dict[Machine, threading.Event] = {}
        for part in story:
            if not isinstance(part, tuple):
                part()
                continue
            machine, words = part
            is_first = True
            while threads[machine].is_alive():
                try:
                    while machine not in waiting:
                        who, event = self._arrived.get(timeout=SETTLE)
                        waiting[who] = event
                except Empty:
                    continue
                if not is_first and words and machine.calls.startswith(words):
                    break
                is_first = False
                waiting.pop(machine).set()
                self._done.get()

    def pass_time(self, seconds: float) -> None:
        """All that is in the store was put so much earlier."""
        self.trace.append(f"{seconds / 3600:.0f} hours pass")
        with self._memory._lock:
            self._memory._objects = {name: (data, modified - seconds) for name, (data, modified) in self._memory._objects.items()}


class Machine:
    """One machine: a state folder, and work that it does with the store, again if it dies."""

    def __init__(self, name: str, turns: Turns, memory: MemoryStore, config: Config, folder: Path) -> None:
        self.name, self.folder, self.is_dead = name, folder / name, False
        self._turns, self._memory, self._config = turns, memory, config
        self._thread = threading.Thread(target=self._run, name=name)
        self.work: Callable[[SealedStore], None] = lambda store: None
        self.calls = ""  # what it does at the store now
        self.errors: list[BaseException] = []

    def start(self) -> threading.Thread:
        self._thread.start()
        return self._thread

    def _run(self) -> None:
        HERE.folder = self.folder
        for _ in range(20):
            try:
                self.work(SealedStore(Calls(self, self._turns, self._memory), self._config))
                return
            except DiedError:
                self.is_dead = False
            except BaseException as error:
                self.errors.append(error)
                return


class Calls:
    """An ObjectStore: that of one machine, whose calls take turns."""

    url = "memory:"

    def __init__(self, machine: Machine, turns: Turns, memory: MemoryStore) -> None:
        self._machine, self._turns, self._memory = machine, turns, memory
        self._lists = 0

    def put(self, name: str, data: "Buffer | Sequence[Buffer]", *, absent: bool = False) -> None:
        self._turns.take(self._machine, f"puts {name}", lambda: self._memory.put(name, data, absent=absent))

    def swap(self, name: str, data: "Buffer | Sequence[Buffer]", before: bytes) -> None:
        self._turns.take(self._machine, f"swaps {name}", lambda: self._memory.swap(name, data, before))

    def get(self, name: str, limit: int) -> bytes:
        found = self._turns.take(self._machine, f"gets {name}", lambda: self._memory.get(name, limit))
        assert isinstance(found, bytes)
        return found

    def get_range(self, name: str, offset: int, length: int) -> bytes:
        found = self._turns.take(self._machine, f"gets of {name}", lambda: self._memory.get_range(name, offset, length))
        assert isinstance(found, bytes)
        return found

    def info(self, name: str) -> ObjectInfo:
        found = self._turns.take(self._machine, f"looks for {name}", lambda: self._memory.info(name))
        assert isinstance(found, ObjectInfo)
        return found

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        self._lists += 1
        salt = f"{self._machine.name} {self._lists}"

        def place(info: ObjectInfo) -> bytes:
            return hashlib.sha256(f"{salt} {info.name}".encode()).digest()

        after = b""
        while True:
            found: list[ObjectInfo] = []

            def page(found: list[ObjectInfo] = found, after: bytes = after) -> None:
                found += sorted((info for info in self._memory.list(prefix) if place(info) > after), key=place)[:PAGE]

            self._turns.take(self._machine, f"lists {prefix}", page)
            yield from found
            if len(found) < PAGE:
                return
            after = place(found[-1])

    def delete(self, name: str) -> None:
        self._turns.take(self._machine, f"deletes {name}", lambda: self._memory.delete(name))

    def can_put_absent(self) -> bool:
        return True

    def close(self) -> None:
        pass


class _Here(threading.local):
    folder: Path | None = None


HERE = _Here()
_state, _cache = places.state_folder, places.cache_folder


def state_folder() -> Path:
    """That of the machine whose thread this is."""
    return HERE.folder / "state" if HERE.folder is not None else _state()


def cache_folder() -> Path:
    """The same for what can be fetched again."""
    return HERE.folder / "cache" if HERE.folder is not None else _cache()
