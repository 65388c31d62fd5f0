"""Services killed while twenty threads spend every guess of every record: as many as allowed are granted, none twice, none lost."""

import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

from chatseal.vault.audit import Kind
from chatseal.vault.records import SLOTS
from vault.counting.ledger import Ledger
from vault.counting.scene import Clock, Vault, account_of, make

THREADS, PROCESSES = 10, 2
TESTS = Path(__file__).parents[2]


@pytest.mark.parametrize(("records", "seconds"), [(25, 5.0), pytest.param(200, 600.0, marks=pytest.mark.soak)])
def test_every_guess_is_granted_once_whoever_is_killed(records: int, seconds: float, tmp_path: Path) -> None:
    make(tmp_path)
    chance = random.Random(records)
    vault = Vault(tmp_path, Clock(time.time_ns() // 1_000_000))
    for number in range(records):
        vault.register(f"record {number}")
    vault.close()
    kills, end = 0, time.monotonic() + seconds
    with tempfile.TemporaryFile() as lines:
        done = [False] * PROCESSES
        running = [start(tmp_path, records, chance, lines.fileno()) for _ in done]
        try:
            while not all(done):
                time.sleep(chance.uniform(0.3, 0.8))
                which = chance.randrange(PROCESSES)
                if time.monotonic() < end and running[which].poll() is None:
                    running[which].kill()
                for number, one in enumerate(running):
                    done[number] = one.poll() == 0
                    if one.poll() not in (None, 0):
                        assert one.wait() == -9
                        kills += 1
                        running[number] = start(tmp_path, records, chance, lines.fileno())
        finally:
            for one in running:
                one.kill()
                one.wait()
        lines.seek(0)
        granted = [line.rsplit(" ", 2) for line in lines.read().decode().splitlines()]
    check(tmp_path, records, granted, kills)


def start(folder: Path, records: int, chance: random.Random, output: int) -> "subprocess.Popen[bytes]":
    words = [sys.executable, "-m", "vault.counting.victim", str(folder), str(records), str(THREADS), str(chance.randrange(2**32))]
    return subprocess.Popen(words, stdout=output, env=os.environ | {"PYTHONPATH": str(TESTS)})


def check(folder: Path, records: int, granted: list[list[str]], kills: int) -> None:
    vault = Vault(folder, Clock(time.time_ns() // 1_000_000 + 61_000))
    vault.guesses.expire_due()
    ledger = Ledger(waits=False)
    ledger.read(list(vault.store.entries(0, 10**6)))
    assert vault.store.verify() == vault.anchor.read()
    counts = Counter(name for name, _, _ in granted)
    for number in range(records):
        name = f"record {number}"
        assert vault.kinds(name).count(Kind.CLAIMED) == SLOTS
        assert vault.kinds(name)[-1] == Kind.DESTROYED
        assert counts[name] <= SLOTS
        assert len(vault.guesses.status(account_of(name)).failures) == SLOTS
    assert len({(name, slot) for name, slot, _ in granted}) == len(granted)
    assert len({attempt for _, _, attempt in granted}) == len(granted)
    assert SLOTS * records - len(granted) <= kills * THREADS
    assert kills > 0
    vault.close()
