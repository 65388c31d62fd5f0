"""Logins a second of a vault: `python bench/logins.py [--people 200] [--rounds 5] [--folder DIR] [--json FILE]`.

The service runs on one core; the clients, threads of this process, on the others. A round begins a login for everybody, then (not timed:
it is Argon2id) makes the third messages, then ends all logins. A login is durable twice, in the database and in the anchor, so the disk
under --folder counts; memory, where the inputs of the other benches lie, has none."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from threading import local
from typing import TypeVar

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))  # the service and the people of the tests

import inputs
import machine
from bars import Bar, show
from chatseal.vault import messages
from vault.service.person import Person
from vault.service.running import Running, running

LOGINS_BAR = 150.0
CLIENTS = 16
TICK = os.sysconf("SC_CLK_TCK")

T = TypeVar("T")
R = TypeVar("R")


class Crowd:
    """People who all log in at once, each connection kept."""

    def __init__(self, service: Running, people: int, pool: ThreadPoolExecutor) -> None:
        self.service, self.pool, self.own = service, pool, local()
        self.people = [Person(service, f"person-{number}") for number in range(people)]
        self.each(Person.register, self.people)

    def each(self, work: Callable[[T], R], on: Sequence[T]) -> list[R]:
        return list(self.pool.map(work, on))

    def post(self, asked: tuple[Person, messages.Ask]) -> bytes:
        person, ask = asked
        if not hasattr(self.own, "connection"):
            self.own.connection = HTTPConnection("127.0.0.1", self.service.port, timeout=60)
        bearer = {"Authorization": f"Bearer {self.service.tokens[person.name]}"}
        self.own.connection.request("POST", f"/v1/{ask.operation}", messages.encode(ask), bearer)
        answer = self.own.connection.getresponse()
        data: bytes = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{ask.operation}: {answer.status} {data!r}")
        return data

    def round(self) -> tuple[float, float]:
        """Seconds, and seconds of processor time of the service, for a login of everybody."""
        logins = [person.login_start() for person in self.people]
        began, busy = time.perf_counter(), processor(self.service)
        answers = self.each(self.post, [(person, ask) for person, (_, ask) in zip(self.people, logins, strict=True)])
        seconds, used = time.perf_counter() - began, processor(self.service) - busy
        ends: list[tuple[Person, messages.Ask]] = []
        for person, (login, _), data in zip(self.people, logins, answers, strict=True):
            begun = messages.decode_answer(data, messages.LoginStartAnswer)
            assert isinstance(begun, messages.LoginStartAnswer)
            ends.append((person, person.login_finish(begun.attempt, login.finish(begun.ke2)[0])))
            person.generation += 1
        began, busy = time.perf_counter(), processor(self.service)
        self.each(self.post, ends)
        return seconds + time.perf_counter() - began, used + processor(self.service) - busy


def processor(service: Running) -> float:
    """Seconds of processor time that the service has had."""
    fields = Path(f"/proc/{service.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def pinned(service: Running) -> str:
    """The service on one core, and this process on the others."""
    cores = sorted(os.sched_getaffinity(0))
    for task in Path(f"/proc/{service.process.pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {cores[0]})
    if len(cores) > 1:
        os.sched_setaffinity(0, set(cores[1:]))
    return "one core, clients on others" if len(cores) > 1 else "one core, and the clients on the same"


def logins(people: int, rounds: int, folder: Path) -> list[Bar]:
    """The bar, and what a login costs."""
    names = [f"person-{number}" for number in range(people)]
    with running(folder, *names, options=("--log-level", "warning")) as service, ThreadPoolExecutor(CLIENTS) as pool:
        where = pinned(service)
        crowd = Crowd(service, people, pool)
        found = [crowd.round() for _ in range(rounds)]
    rates, costs = [people / seconds for seconds, _ in found], [1000 * used / people for _, used in found]
    words = f"{median(rates):.0f} ({min(rates):.0f} to {max(rates):.0f}; {people} people, {CLIENTS} clients, {rounds} rounds; {where})"
    what, cost = "logins a second, begun and ended, apart from Argon2id", f"{median(costs):.2f} ms ({min(costs):.2f} to {max(costs):.2f})"
    return [
        Bar(what, f">= {LOGINS_BAR:.0f}", words, median(rates), median(rates) >= LOGINS_BAR),
        Bar("processor time of the service for a login", "", cost, median(costs), None),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the vault lies; default BENCH_FOLDER, or /dev/shm where it is")
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    given = parser.parse_args()
    inputs.choose_folder(given.folder)
    print(machine.describe(), flush=True)
    with inputs.scratch() as scratch:
        found = logins(given.people, given.rounds, scratch / "vault")
    for bar in found:
        print(show(bar))
    if given.json:
        given.json.write_text(json.dumps({"machine": machine.facts(), "bars": [asdict(bar) for bar in found]}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
