"""Victim: a service whose threads spend every guess of every record, to be killed. Each guess that was granted is a line of its output.

python -m vault.counting.victim FOLDER RECORDS THREADS SEED"""

import os
import random
import sys
import threading
from pathlib import Path

from chatseal.errors import VaultBusyError, VaultRefusedError
from chatseal.vault import budgets
from chatseal.vault.book import milliseconds
from chatseal.vault.guesses import Refusal
from vault.counting.scene import WHERE, Vault, account_of

budgets.PACING_MS = (0, 0, 0, 0, 0, 0, 0)


def spend(vault: Vault, names: list[str]) -> None:
    """Guess at each record until there is nothing to guess at."""
    for name in names:
        is_over = False
        while not is_over:
            try:
                claimed = vault.guesses.claim(account_of(name), WHERE)
                os.write(1, f"{name} {claimed.slot} {claimed.attempt.hex()}\n".encode())
                vault.guesses.fail(account_of(name), claimed.attempt)
            except VaultRefusedError as refused:
                is_over = refused.reason in (Refusal.DESTROYED, Refusal.SPENT)
            except VaultBusyError:
                pass


def main(folder: str, records: str, threads: str, seed: str) -> None:
    vault = Vault(Path(folder), milliseconds)  # type: ignore[arg-type]
    chance = random.Random(int(seed))
    names = [f"record {number}" for number in range(int(records))]
    working = [threading.Thread(target=spend, args=(vault, chance.sample(names, len(names)))) for _ in range(int(threads))]
    for thread in working:
        thread.start()
    for thread in working:
        thread.join()
    vault.close()


main(*sys.argv[1:])
