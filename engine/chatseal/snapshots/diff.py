"""Diff: what is other in one snapshot than in another: entries, pages, and in databases tables and rows."""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chatseal.errors import ChatsealError
from chatseal.events import Difference, TableDifference
from chatseal.snapshots import map_chain
from chatseal.snapshots.catalogue import Record
from chatseal.snapshots.page_table import PageTable, Units
from chatseal.snapshots.restore import RestoreOptions, restore_file
from chatseal.snapshots.sealed_store import SealedStore
from chatseal.snapshots.trial_database import WAL_MARKS

if TYPE_CHECKING:
    import sqlite3


def diff(store: SealedStore, before: Record, after: Record, *, rows: bool = False) -> Iterator[Difference]:
    """Every entry that differs, by path. With *rows* databases are compared table by table: both are restored into a private temporary
    folder for that, one after the other. Raises what restoring raises."""
    old, new = (map_chain.load(store, record.manifest.maps) for record in (before, after))
    for path in sorted(old.entries.keys() | new.entries.keys()):
        found = _entry(old, new, path)
        if found is None:
            continue
        if rows and found.change == "changed" and new.entries[path].entry.type == old.entries[path].entry.type == "database":
            yield _with_tables(store, before, after, found)
        else:
            yield found


def _entry(old: PageTable, new: PageTable, path: str) -> Difference | None:
    a, b = old.entries.get(path), new.entries.get(path)
    if a is None or b is None:
        if a is not None:  # what has no content has no units, and is false
            return Difference(path, "removed", a.entry.type, a.entry.size, 0, a.entry.size)
        assert b is not None
        return Difference(path, "added", b.entry.type, 0, b.entry.size, b.entry.size)
    changed = _changed_bytes(a, b)
    other = changed or a.entry.type != b.entry.type or a.entry.target != b.entry.target or a.entry.same_as != b.entry.same_as
    attributes = (a.entry.mode, a.entry.uid, a.entry.gid) != (b.entry.mode, b.entry.uid, b.entry.gid)
    if not other and a.entry.size == b.entry.size:
        return Difference(path, "attributes", b.entry.type, a.entry.size, b.entry.size, 0) if attributes else None
    return Difference(path, "changed", b.entry.type, a.entry.size, b.entry.size, changed)


def _changed_bytes(a: Units, b: Units) -> int:
    """Bytes of *b*, in whole units, that are not in *a* at the same place."""
    if a.unit != b.unit:
        return b.entry.size
    both = min(len(a), len(b))
    differ = int(np.any(a.prints[:both] != b.prints[:both], axis=1).sum())
    return (differ + len(b) - both) * b.unit


def _with_tables(store: SealedStore, before: Record, after: Record, found: Difference) -> Difference:
    import sqlite3

    with tempfile.TemporaryDirectory(prefix="chatseal-diff-") as folder:
        paths = []
        for name, record in (("before", before), ("after", after)):
            paths.append(Path(folder, name))
            restore_file(store, record, found.path, paths[-1], RestoreOptions())
            _forget_wal(paths[-1])
        try:
            with closing(sqlite3.connect(f"file:{paths[0]}?mode=ro", uri=True)) as connection:
                connection.execute("PRAGMA temp_store=MEMORY")
                connection.execute("ATTACH ? AS after", (f"file:{paths[1]}?mode=ro",))
                return replace(found, tables=tuple(_tables(connection)))
        except sqlite3.Error as error:
            raise ChatsealError(f"{found.path} cannot be compared by rows: {error}") from None


def _forget_wal(path: Path) -> None:
    """Let SQLite read a restored copy, which has no WAL, without making one."""
    with open(path, "r+b") as file:
        file.seek(WAL_MARKS.start)
        if file.read(2) == b"\2\2":
            file.seek(WAL_MARKS.start)
            file.write(b"\1\1")


def _tables(connection: "sqlite3.Connection") -> Iterator[TableDifference]:
    names = {}
    for schema in ("main", "after"):
        rows = connection.execute(f"SELECT name, sql FROM {schema}.sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'")
        names[schema] = dict(rows.fetchall())
    for name in sorted(names["main"].keys() | names["after"].keys()):
        quoted = '"' + name.replace('"', '""') + '"'
        if name not in names["after"] or name not in names["main"]:
            schema, is_new = ("after", True) if name in names["after"] else ("main", False)
            (count,) = connection.execute(f"SELECT count(*) FROM {schema}.{quoted}").fetchone()
            yield TableDifference(name, count if is_new else 0, 0 if is_new else count, 0)
        elif names["main"][name] != names["after"][name]:
            (a,), (b,) = (connection.execute(f"SELECT count(*) FROM {schema}.{quoted}").fetchone() for schema in ("main", "after"))
            yield TableDifference(name, b, a, 0, redefined=True)
        elif (found := _rows(connection, name, quoted)) != TableDifference(name, 0, 0, 0):
            yield found


def _rows(connection: "sqlite3.Connection", name: str, quoted: str) -> TableDifference:
    """How many rows came, went and changed: rows are the same if their primary key is, or their rowid."""
    columns = connection.execute(f"PRAGMA main.table_info({quoted})").fetchall()
    keys = [f'"{column[1].replace(chr(34), chr(34) * 2)}"' for column in sorted(columns, key=lambda c: c[5]) if column[5]] or ["rowid"]
    others = [f'"{column[1].replace(chr(34), chr(34) * 2)}"' for column in columns]
    match = " AND ".join(f"a.{key} IS b.{key}" for key in keys)
    same = " AND ".join(f"a.{column} IS b.{column}" for column in others)

    def count(sql: str) -> int:
        return int(connection.execute(sql).fetchone()[0])

    came = count(f"SELECT count(*) FROM after.{quoted} b WHERE NOT EXISTS (SELECT 1 FROM main.{quoted} a WHERE {match})")
    went = count(f"SELECT count(*) FROM main.{quoted} a WHERE NOT EXISTS (SELECT 1 FROM after.{quoted} b WHERE {match})")
    moved = count(f"SELECT count(*) FROM main.{quoted} a JOIN after.{quoted} b ON {match} WHERE NOT ({same})")
    return TableDifference(name, came, went, moved)
