"""Copies: a copy of a vault's database while it is used, and the way back."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from chatseal.errors import TargetExistsError, VaultBusyError, VaultDamagedError
from chatseal.part_file import name_new, part_of, sync_folder
from chatseal.vault import restoration
from chatseal.vault.service.files import Files
from chatseal.vault.sqlite_records import SqliteRecords
from chatseal.vault.token import FileToken

PAGES = 1000  # of 4 KiB, copied at a time: a service that runs is not kept waiting
_BESIDE = ("", "-wal", "-shm")


def back_up(files: Files, target: Path) -> None:
    """Copy the database as it is at one moment to a new file that only its owner can read, and check the copy.

    Raises TargetExistsError, VaultDamagedError, VaultBusyError or OSError."""
    if os.path.lexists(target):
        raise TargetExistsError(f"{target} exists; nothing is overwritten").with_remedy("Choose another name.")
    SqliteRecords(files.database).close()  # that it is a vault's
    part = part_of(target)
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _copy(files.database, part)
        with SqliteRecords(part) as copy:
            copy.verify()
        _alone(part)
        with open(part, "rb") as file:
            os.fsync(file.fileno())
        try:
            name_new(part, target)
        except FileExistsError:
            raise TargetExistsError(f"{target} exists; nothing is overwritten") from None
        sync_folder(target.parent)
    finally:
        for end in _BESIDE:
            Path(f"{part}{end}").unlink(missing_ok=True)


def bring_back(files: Files, source: Path | None) -> int:
    """Accept the database that is there, or a copy in its place, and destroy what the anchor cannot vouch for; how many records that was.

    What was there before is kept beside it, as `vault.db.before`. Raises VaultBusyError while a service runs, or as `restore` does."""
    with files.alone():
        if source is not None:
            part = part_of(files.database)
            try:
                os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
                _copy(source, part)
                with SqliteRecords(part) as copy:
                    copy.verify()
                _alone(part)
                _set_aside(files.database)
                os.rename(part, files.database)
                sync_folder(files.database.parent)
            finally:
                for end in _BESIDE:
                    Path(f"{part}{end}").unlink(missing_ok=True)
        with SqliteRecords(files.database) as store:
            return restoration.restore(store, files.anchor, FileToken(files.token))


def _copy(source: Path, target: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True, timeout=5.0)) as database,
            closing(sqlite3.connect(target)) as copy,
        ):
            database.backup(copy, pages=PAGES)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise VaultBusyError(f"others write to {source}, and do not let anybody else") from None
        if not source.is_file():
            raise FileNotFoundError(2, "no such file", str(source)) from None
        raise VaultDamagedError(f"{source} is not a vault's database, or is damaged") from None


def _alone(database: Path) -> None:
    """Bring everything into the one file."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _set_aside(database: Path) -> None:
    for end in _BESIDE:
        old = Path(f"{database}{end}")
        if old.exists():
            os.replace(old, Path(f"{database}.before{end}"))
