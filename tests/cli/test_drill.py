"""`chatseal drill`: exit codes and words that monitoring relies on."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cli.command import Ran, Run
from snapshots.scene import noise


@pytest.fixture
def drilled(run: Run, here: Path, my: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `drill` on a store with one snapshot of a database and a file."""
    monkeypatch.setenv("CHATSEAL_STATE_DIR", str(here / "state"))
    monkeypatch.setenv("CHATSEAL_CACHE_DIR", str(here / "cache"))
    with closing(sqlite3.connect(here / "chat.db", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE message (text)")
        connection.executemany("INSERT INTO message VALUES (?)", (("a",), ("b",)))
    (here / "photo.jpg").write_bytes(noise(200_000))
    assert run("init", "store", "--key-file", my).code == 0
    assert run("backup", "chat.db", "photo.jpg", "--store", "store", "--key-file", my).code == 0

    def drill(*words: str | Path, stdin: bytes = b"", **changes: str) -> Ran:
        return run("drill", "--store", "store", "--key-file", my, *words, stdin=stdin, **changes)

    return drill


def test_it_says_what_came_back(drilled: Run) -> None:
    ended = drilled()
    assert (ended.code, ended.err) == (0, "")
    assert b"2 files, 208.2 kB, 2 rows in 1 database: everything comes back" in ended.out


def test_json_has_databases_with_their_rows(drilled: Run) -> None:
    found = json.loads(drilled("--json").out)
    assert found["databases"] == [{"path": "chat.db", "whole": True, "rows": {"message": 2}}]
    assert (found["entries"], found["tried"], found["bytes"], found["failed"]) == (2, 2, 208192, [])


def test_a_sample_says_of_how_many(drilled: Run) -> None:
    assert b"1 file of 2" in drilled("--sample", "50%").out
    assert drilled("--sample", "0%").code == 2


def test_what_does_not_come_back_is_named_with_exit_code_13(drilled: Run, here: Path) -> None:
    for pack in (here / "store" / "packs").rglob("*"):
        if pack.is_file():
            pack.write_bytes(pack.read_bytes()[:-1] + b"?")
    ended = drilled()
    assert ended.code == 13
    assert "does not come back: photo.jpg: " in ended.err
    assert b"does not come back: 2 names" in ended.out


def test_a_snapshot_that_is_not_there_is_exit_code_10(drilled: Run) -> None:
    assert drilled("ffff").code == 10
    assert drilled("--at", "3d").code == 10
