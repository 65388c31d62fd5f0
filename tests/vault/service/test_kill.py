"""The service is killed at random moments under many clients: every guess is counted once, and none is given away or lost."""

import http.client
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from chatseal.errors import VaultSignatureError
from chatseal.vault import messages
from chatseal.vault.audit import Kind
from chatseal.vault.sqlite_records import SqliteRecords
from chatseal.vault.token import FileToken
from vault.service.person import RIGHT, WRONG, Person, RefusedError
from vault.service.running import Running, made, start

ATTEMPT_MS = 800
GONE = (OSError, http.client.HTTPException, VaultSignatureError, KeyError)


@dataclass
class Ledger:
    """What one client saw of its record."""

    granted: Counter[int] = field(default_factory=Counter)  # answers that let a password be tried, by generation
    lost: int = 0  # requests without an answer
    unexpected: list[str] = field(default_factory=list)  # refusals that nobody should get here
    released: list[int] = field(default_factory=list)  # generations that a success began


@dataclass
class Stage:
    """The service that is running at this moment; another one after each kill, at the same port."""

    service: Running
    ended: threading.Event = field(default_factory=threading.Event)

    def kill_and_start(self) -> None:
        old = self.service
        old.kill()
        self.service = start(old.files, old.tokens, "--listen", f"127.0.0.1:{old.port}", attempt=ATTEMPT_MS)


def play(person: Person, dice: random.Random, ledger: Ledger, successes: int) -> None:
    """Guess until the record is destroyed; the right password among them, so many times."""
    while True:
        is_right = successes > 0 and dice.random() < 0.3
        successes -= is_right
        try:
            if person.record_id == b"" and person.status().tombstone is not None:
                return
            login, ask = person.login_start(RIGHT if is_right else WRONG)
            begun = person.ask(ask, messages.LoginStartAnswer)
            ledger.granted[begun.generation] += 1
            if not is_right and dice.random() < 0.5:
                continue  # as a client with a wrong password does
            ke3 = login.finish(begun.ke2)[0] if is_right else bytes(64)
            ended = person.ask(person.login_finish(begun.attempt, ke3), messages.LoginFinishAnswer)
            ledger.released.append(ended.generation)
            person.generation = ended.generation
        except RefusedError as refused:
            if refused.reason == "destroyed":
                return
            if refused.reason == "changed":
                person.record_id = b""
            elif refused.reason in ("spent", "unavailable"):
                ledger.lost += refused.reason == "unavailable"  # a guess may be spent, and nobody was told
                time.sleep(0.1)  # until what is open expires
            elif refused.reason not in ("wrong", "expired", "no-attempt"):
                ledger.unexpected.append(refused.reason)
                return
        except GONE:
            ledger.lost += 1
            person.record_id = b""
            time.sleep(0.05)


def work(people: list[Person], seed: int, ledgers: dict[str, Ledger]) -> None:
    dice = random.Random(seed)
    for person in people:
        play(person, dice, ledgers[person.name], successes=seed < 2)  # two in all: 28 failures, and 30 are the budget of 90 days


@pytest.mark.parametrize(
    ("threads", "records", "kills"), [(4, 5, 3), pytest.param(20, 200, 100, marks=pytest.mark.soak)], ids=["short", "full"]
)
def test_every_guess_is_counted_once_whenever_the_service_dies(place: Path, threads: int, records: int, kills: int) -> None:
    names = [f"person-{number}" for number in range(records)]
    files, tokens = made(place, *names)
    stage, dice = Stage(start(files, tokens, attempt=ATTEMPT_MS)), random.Random(7)
    owners = [Person(stage.service, name) for name in names]
    for owner in owners:
        owner.register()
    seen = [{name: Ledger() for name in names} for _ in range(threads)]
    crews = []
    for number in range(threads):  # everybody after the same record at the same time
        people = [Person(stage.service, owner.name, owner.secret) for owner in owners]
        crews.append(threading.Thread(target=work, args=(people, number, seen[number])))
    for crew in crews:
        crew.start()
    for _ in range(kills):
        time.sleep(dice.uniform(0.1, 0.6))
        stage.kill_and_start()
    for crew in crews:
        crew.join(1200)
        assert not crew.is_alive()
    assert stage.service.stop() == 0
    assert not [line for line in stage.service.lines() if line["message"] == "bug"]
    with SqliteRecords(files.database) as store:
        store.verify()
        token = FileToken(files.token)
        for name in names:
            events = [entry.event for entry in store.entries(0, 1000, token.mac("account", name.encode())[:32])]
            check([ledgers[name] for ledgers in seen], [(event.kind, event.generation) for event in events])
    assert sum(ledger.lost for ledgers in seen for ledger in ledgers.values()) > 0  # else nothing was killed at the right moment


def check(ledgers: list[Ledger], events: list[tuple[Kind, int]]) -> None:
    """Hold what all clients saw of a record against what the log says."""
    granted: Counter[int] = sum((ledger.granted for ledger in ledgers), Counter())
    assert not [reason for ledger in ledgers for reason in ledger.unexpected]
    lost, released = sum(ledger.lost for ledger in ledgers), [one for ledger in ledgers for one in ledger.released]
    claimed: Counter[int] = Counter(generation for kind, generation in events if kind == Kind.CLAIMED)
    last = max(generation for _, generation in events)
    assert max(claimed.values()) <= 10
    assert claimed[last] == 10
    assert events[-1] == (Kind.DESTROYED, last)
    assert all(granted[generation] <= claimed[generation] for generation in granted)
    assert 0 <= claimed.total() - granted.total() <= lost  # a guess without an answer is one whose request was lost
    successes = sum(kind == Kind.SUCCEEDED for kind, _ in events)
    assert len(released) == len(set(released))
    assert len(released) <= successes <= len(released) + lost
    assert last == 1 + successes
