"""Files: where the parts of a vault lie, made once and opened together."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chatseal.errors import TargetExistsError, VaultBusyError
from chatseal.vault.accounts import HouseholdAccounts
from chatseal.vault.anchor import FileAnchor
from chatseal.vault.audit import ACCOUNT_LEN, Event, Kind
from chatseal.vault.book import milliseconds
from chatseal.vault.keeper import Keeper
from chatseal.vault.sqlite_records import SqliteRecords
from chatseal.vault.token import FileToken

if os.name == "posix":
    import fcntl


@dataclass(frozen=True, slots=True)
class Files:
    """The paths of a vault's database, token, anchor and list of accounts."""

    database: Path
    token: Path
    anchor: Path
    accounts: Path

    @classmethod
    def within(cls, folder: str | os.PathLike[str], *, token: str | None = None, anchor: str | None = None) -> "Files":
        """All in *folder*, but for a token and an anchor that lie elsewhere."""
        base = Path(folder)
        return cls(base / "vault.db", Path(token or base / "token"), Path(anchor or base / "anchor"), base / "accounts")

    def create(self) -> None:
        """Make a new vault. Raises TargetExistsError, and changes nothing, if any of the files is there; or OSError."""
        for path in (self.database, self.token, self.anchor, self.accounts):
            if os.path.lexists(path):
                raise TargetExistsError(f"{path} exists; a vault is never overwritten").with_remedy("Choose another folder.")
        self.database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        FileToken.create(self.token)
        HouseholdAccounts.create(self.accounts)
        with SqliteRecords.create(self.database, Event(Kind.CREATED, milliseconds(), secrets.token_bytes(ACCOUNT_LEN))) as store:
            FileAnchor.create(
                self.anchor, store.head()
            )  # the last: without it nothing opens, and nobody takes half a vault for a whole one

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let no service of this vault run in another process, as long as the block lasts. Its database may be lost.

        Raises VaultBusyError or OSError."""
        self.token.stat()  # there is a vault: nothing is written into another folder
        with open(self.database.with_name("lock"), "ab") as file:  # not the database: closing it would end SQLite's own locks
            if os.name == "posix":
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    busy = VaultBusyError("a service of this vault runs")
                    raise busy.with_remedy("Stop it first; one vault has one service.") from None
            yield

    @contextmanager
    def keeper(self) -> Iterator[Keeper]:
        """The keeper over these files, as long as the block lasts.

        Raises VaultBehindError, VaultDamagedError, VaultTokenError, KeyExposedError or OSError."""
        with SqliteRecords(self.database) as store:
            yield self.keeper_of(store)

    def keeper_of(self, store: SqliteRecords) -> Keeper:
        """The keeper over a store that is open. Raises as `keeper` does."""
        return Keeper(store, FileAnchor(self.anchor), FileToken(self.token))
