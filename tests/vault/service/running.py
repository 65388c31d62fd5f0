"""A vault's service as a child process on loopback: `with running(folder, "grandma") as service:`. Stopped by its id at the end."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chatseal.vault.accounts import HouseholdAccounts
from chatseal.vault.identity import ServiceKey
from chatseal.vault.service.files import Files

COMMAND = (sys.executable, "-c", "from chatseal.cli.vault_operator import main; main()")
_HASTY = """
from chatseal.vault import attempts, budgets
budgets.PACING_MS = (0,)
budgets.ATTEMPT_MS = {milliseconds}
attempts.SECONDS = {milliseconds} / 1000
from chatseal.cli.vault_operator import main
main()
"""
UNHURRIED = ("--address-rate", "1000000", "--account-rate", "1000000")


@dataclass
class Running:
    """A service that answers at `url`. `tokens` by the names of accounts; `journal` is the file of its standard error."""

    url: str
    key: ServiceKey
    tokens: dict[str, str]
    files: Files
    process: subprocess.Popen[bytes]
    journal: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def fingerprint(self) -> str:
        return self.key.shown

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to end, and give its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def lines(self) -> list[dict[str, object]]:
        """What it wrote of itself."""
        return [json.loads(line) for line in self.journal.read_text().splitlines()]


def made(folder: Path, *names: str) -> tuple[Files, dict[str, str]]:
    """A new vault in a folder, and the tokens of its accounts."""
    files = Files.within(folder)
    files.create()
    accounts = HouseholdAccounts(files.accounts)
    return files, {name: accounts.add(name) for name in names}


def start(files: Files, tokens: dict[str, str], *options: str, scheme: str = "http", attempt: int = 0) -> Running:
    """Start the service of a vault that is there, and wait until it answers. With *attempt* it does not pace guesses, and an attempt has so
    many milliseconds: ten guesses would take hours."""
    journal = files.database.parent / "journal"
    program = (sys.executable, "-c", _HASTY.format(milliseconds=attempt)) if attempt else COMMAND
    command: Sequence[str] = (*program, "serve", "--folder", str(files.database.parent), "--json", *UNHURRIED, *options)
    if "--listen" not in options:
        command = (*command, "--listen", "127.0.0.1:0")
    with open(journal, "ab") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
    assert process.stdout is not None
    first = process.stdout.readline()
    process.stdout.close()
    if not first:
        raise AssertionError(f"the service ended with {process.wait()}: {journal.read_text()}")
    url = json.loads(first)["url"]
    assert url.startswith(f"{scheme}:")
    with files.keeper() as keeper:
        key = keeper.identity.public
    assert key.shown == json.loads(first)["fingerprint"]
    return Running(url, key, tokens, files, process, journal)


@contextmanager
def running(folder: Path, *names: str, options: Sequence[str] = (), attempt: int = 0) -> Iterator[Running]:
    """A new vault in a folder, with these accounts, that answers until the block ends."""
    with serving(*made(folder, *names), *options, attempt=attempt) as service:
        yield service


@contextmanager
def serving(files: Files, tokens: dict[str, str], *options: str, attempt: int = 0) -> Iterator[Running]:
    """The service of a vault that is there, until the block ends."""
    service = start(files, tokens, *options, attempt=attempt)
    try:
        yield service
    finally:
        service.process.terminate()
        try:
            service.process.wait(30)
        except subprocess.TimeoutExpired:
            service.kill()
