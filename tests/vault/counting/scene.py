"""Scene: a vault's service without protocol or network, with a clock that the test moves."""

import shutil
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from chatseal.vault.anchor import FileAnchor
from chatseal.vault.audit import Event, Kind
from chatseal.vault.book import Book
from chatseal.vault.guesses import Claimed, Guesses
from chatseal.vault.records import Registration
from chatseal.vault.registrations import Registrations
from chatseal.vault.shards import Shards
from chatseal.vault.sqlite_records import SqliteRecords
from chatseal.vault.token import FileToken

START_MS = 1_700_000_000_000
SECOND = 1000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
WHERE = b"an address's tag"
DATABASE, TOKEN, ANCHOR = "vault.db", "token", "anchor"
FILES = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm")


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: int = START_MS

    def __call__(self) -> int:
        return self.now


def account_of(name: str) -> bytes:
    return sha256(name.encode()).digest()


def registration_of(name: str, version: int = 1) -> Registration:
    seed = sha256(f"{name} {version}".encode()).digest()
    return Registration(sha256(name.encode()).digest()[:16], seed * 6, seed * 3 + b"wrapped", b"stretch", sha256(b"owner" + seed).digest())


@dataclass
class Vault:
    """The parts of a vault in a folder, opened. Close it."""

    folder: Path
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.store = SqliteRecords(self.folder / DATABASE)
        try:
            self.token = FileToken(self.folder / TOKEN)
            self.anchor = FileAnchor(self.folder / ANCHOR)
            self.book = Book(self.store, self.anchor, self.clock)
        except BaseException:
            self.store.close()
            raise
        self.shards = Shards(self.book, self.token)
        self.guesses = Guesses(self.book, self.shards)
        self.registrations = Registrations(self.book, self.shards, self.guesses)

    def close(self) -> None:
        self.store.close()

    def register(self, name: str, version: int = 1, *, by_owner: bool = False) -> bytes:
        """Register, and give the salt."""
        salt = Shards.new_salt()
        generation = self.guesses.status(account_of(name)).generation
        self.registrations.register(account_of(name), registration_of(name, version), salt, generation=generation, by_owner=by_owner)
        return salt

    def claim(self, name: str) -> Claimed:
        return self.guesses.claim(account_of(name), WHERE)

    def guess_wrong(self, name: str, times: int = 1) -> None:
        """Guesses that fail, each after the wait."""
        for _ in range(times):
            self.clock.now += self.guesses.status(account_of(name)).wait_seconds * SECOND
            self.guesses.fail(account_of(name), self.claim(name).attempt)

    def kinds(self, name: str) -> list[Kind]:
        """What happened to an account."""
        return [entry.event.kind for entry in self.store.entries(0, 1000, account_of(name))]


def make(folder: Path) -> None:
    """A new vault's files."""
    FileToken.create(folder / TOKEN)
    with SqliteRecords.create(folder / DATABASE, Event(Kind.CREATED, START_MS, sha256(bytes(folder)).digest())) as store:
        FileAnchor.create(folder / ANCHOR, store.head())


def copy_database(vault: Vault, folder: Path) -> None:
    """What a backup of the disk has, taken while the service runs."""
    folder.mkdir()
    for name in FILES:
        shutil.copyfile(vault.folder / name, folder / name)


def put_back(folder: Path, target: Path) -> None:
    """Put a copy in the place of the database."""
    for name in FILES:
        (target / name).unlink(missing_ok=True)
        if (folder / name).exists():
            shutil.copyfile(folder / name, target / name)
