"""The database: conditions hold or nothing happens, threads and processes share it, and what is no vault's database is refused as one."""

import random
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from chatseal.errors import ChatsealError, OutcomeUnknownError, TargetExistsError, VaultBehindError, VaultBusyError, VaultDamagedError
from chatseal.vault import sqlite_records
from chatseal.vault.audit import Event, Head, Kind
from chatseal.vault.records import VALUE_MAX, Change
from chatseal.vault.sqlite_records import SqliteRecords
from vault.counting.scene import DATABASE, FILES, Vault, account_of

CREATED = Event(Kind.CREATED, 1, bytes(32))
CLAIMED = Event(Kind.CLAIMED, 2, b"a" * 32, 1, 1)


@pytest.fixture
def store(place: Path) -> Iterator[SqliteRecords]:
    with SqliteRecords.create(place / "records", CREATED) as made:
        yield made


def test_a_change_is_made_if_all_conditions_hold(store: SqliteRecords) -> None:
    assert store.commit(Change({"a": None}, {"a": b"1", "b": b"2"})) == store.head()
    assert store.read(["a", "b", "c"]) == [b"1", b"2", None]
    wrongs: list[dict[str, bytes | None]] = [{"a": None}, {"a": b"2"}, {"a": b"1", "c": b""}, {"a": b"1", "b": None}]
    for wrong in wrongs:
        assert store.commit(Change(wrong, {"a": b"3"}, (CLAIMED,))) is None
    assert store.commit(Change({"a": b"1", "c": None}, {"a": None, "b": b"4"})) is not None
    assert store.read(["a", "b"]) == [None, b"4"]
    assert store.head().index == 1


def test_events_are_chained_in_the_transaction(store: SqliteRecords) -> None:
    assert store.commit(Change({}, {"a": b"1"}, (CLAIMED, CLAIMED))) == store.head()
    assert [entry.head.index for entry in store.entries()] == [1, 2, 3]
    assert [entry.head.index for entry in store.entries(1, 1)] == [2]
    assert [entry.event.kind for entry in store.entries(account=CLAIMED.account)] == [Kind.CLAIMED] * 2
    assert store.verify() == store.head() == store.entries()[-1].head


def test_only_a_restoration_leaps(store: SqliteRecords) -> None:
    head = store.commit(Change(events=(Event(Kind.RESTORED, 3), CLAIMED), leap=100))
    assert head is not None
    assert head.index == 102
    assert store.verify() == head
    store.commit(Change(events=(CLAIMED,), leap=200))
    with pytest.raises(VaultDamagedError):
        store.verify()


def test_a_change_after_a_head_that_is_not_there_is_refused(store: SqliteRecords) -> None:
    head = store.head()
    assert store.commit(Change(writes={"a": b"1"}, events=(CLAIMED,), after=head)) is not None
    for wrong in (Head(head.index, bytes(32)), Head(3, head.hash)):
        with pytest.raises(VaultBehindError):
            store.commit(Change(writes={"a": b"2"}, after=wrong))
    assert store.read(["a"]) == [b"1"]


def test_lists_are_in_order_and_in_pieces(store: SqliteRecords) -> None:
    store.commit(Change(writes={f"x/{number:03}": b"v" for number in range(25)} | {"w": b"", "y": b""}))
    found: list[str] = []
    after = ""
    while page := store.list("x/", after, 10):
        after = page[-1][0]
        found += [key for key, _ in page]
    assert found == [f"x/{number:03}" for number in range(25)]


def test_keys_and_values_have_limits(store: SqliteRecords) -> None:
    store.commit(Change(writes={"k" * 100: bytes(VALUE_MAX)}))
    for key, value in (("k" * 101, b""), ("k", bytes(VALUE_MAX + 1)), ("\u00e4", b"")):
        with pytest.raises(ValueError):
            store.commit(Change(writes={key: value}))


def test_it_is_private_and_made_once(store: SqliteRecords, place: Path) -> None:
    assert {path.stat().st_mode & 0o777 for path in place.iterdir()} == {0o600}
    with pytest.raises(TargetExistsError):
        SqliteRecords.create(place / "records", CREATED)
    with pytest.raises(FileNotFoundError):
        SqliteRecords(place / "none")
    assert not (place / "none").exists()


def test_it_syncs_overwrites_and_trusts_no_schema(store: SqliteRecords) -> None:
    with store._connection() as connection:
        found = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "secure_delete", "trusted_schema")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "trusted_schema": 0}


def test_one_of_many_threads_makes_each_change(store: SqliteRecords) -> None:
    won: list[int] = []

    def claim(me: int) -> None:
        for number in range(20):
            if store.commit(Change({f"slot/{number}": None}, {f"slot/{number}": b"%d" % me}, (CLAIMED,))) is not None:
                won.append(number)

    threads = [threading.Thread(target=claim, args=(me,)) for me in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == list(range(20))
    assert store.verify().index == 21


def test_who_waits_too_long_is_told_so(store: SqliteRecords, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_records, "BUSY_SECONDS", 0.01)
    other = sqlite3.connect(place / "records", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with SqliteRecords(place / "records") as waiting:
        assert waiting.read(["a"]) == [None]
        with pytest.raises(VaultBusyError) as caught:
            waiting.commit(Change(writes={"a": b"1"}))
        assert not isinstance(caught.value, OutcomeUnknownError)
    other.close()


def test_a_closed_one_answers_nothing(store: SqliteRecords) -> None:
    store.close()
    with pytest.raises(ValueError, match="closed"):
        store.head()


# --- databases from elsewhere --------------------------------------------------------------------------------------------


def altered(path: Path, *statements: str) -> None:
    """Change the database as somebody with the file could, and leave it whole for SQLite."""
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "PRAGMA user_version = 0",
        "PRAGMA user_version = 2",
        "PRAGMA application_id = 0",
        "DROP TABLE items",
        "DROP INDEX audit_accounts",
        "DELETE FROM audit",
        "CREATE TABLE more (x)",
        "CREATE VIEW more AS SELECT * FROM items",
        "CREATE TRIGGER forget AFTER INSERT ON items BEGIN DELETE FROM items WHERE key LIKE 'slot/%'; END",
        "ALTER TABLE items RENAME COLUMN value TO worth",
    ],
)
def test_another_schema_is_refused(store: SqliteRecords, place: Path, statement: str) -> None:
    store.close()
    altered(place / "records", statement)
    with pytest.raises(VaultDamagedError):
        SqliteRecords(place / "records")


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0" + bytes(84), b"x" * 10_000, b"\0" * 4096])
def test_what_is_no_database_is_refused(store: SqliteRecords, place: Path, content: bytes) -> None:
    store.close()
    (place / "records").write_bytes(content)
    with pytest.raises(VaultDamagedError):
        SqliteRecords(place / "records")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET entry = zeroblob(75) WHERE number = 2",
        "UPDATE audit SET entry = zeroblob(10) WHERE number = 2",
        "UPDATE audit SET head = zeroblob(32) WHERE number = 2",
        "UPDATE audit SET account = zeroblob(32) WHERE number = 2",
        "UPDATE audit SET number = 9 WHERE number = 3",
        "DELETE FROM audit WHERE number = 2",
        "DELETE FROM audit WHERE number = 1",
    ],
)
def test_a_changed_audit_log_is_noticed(store: SqliteRecords, place: Path, statement: str) -> None:
    store.commit(Change(events=(CLAIMED, CLAIMED)))
    store.close()
    altered(place / "records", statement)
    with SqliteRecords(place / "records") as opened, pytest.raises(VaultDamagedError):
        opened.verify()


def test_values_that_no_vault_wrote_are_one_error(vault: Vault) -> None:
    vault.register("anna")
    vault.claim("anna")
    anna = account_of("anna")
    values: list[bytes] = [
        b"",
        b"x",
        b"[]",
        b"{}",
        b"null",
        b"[1]",
        b"[" * 5000,
        b"1" * 5000,
        b"[true]",
        b'[-1,2,"",3]',
        b'{"a":1,"a":2}',
        b"\xff",
    ]
    for key in [key for prefix in ("account/", "slot/", "salt/", "shard/", "epoch") for key, _ in vault.store.list(prefix)]:
        good = vault.store.read([key])[0]
        assert good is not None
        mutated = [good[:at] + new + good[at + 1 :] for at in range(0, len(good), 19) for new in (b"", b'"', b"\0")]
        cut = [value for value in mutated if value != good]
        for value in values + cut:
            vault.store.commit(Change(writes={key: value}))
            for ask in (
                lambda: vault.guesses.status(anna),
                lambda: vault.claim("anna"),
                lambda: vault.register("bert"),
                vault.shards.rotate,
            ):
                with suppress(ChatsealError):
                    ask()
            vault.store.commit(Change(writes={key: good}))


def test_random_damage_of_the_file_is_an_error_of_ours_or_none(vault: Vault, place: Path) -> None:
    for name in "abcdefgh":
        vault.register(name)
        vault.guess_wrong(name, 3)
    vault.close()
    altered(place / DATABASE, "PRAGMA user_version")
    good = (place / DATABASE).read_bytes()
    chance = random.Random(5)
    for _ in range(150):
        bad = bytearray(good)
        at = chance.randrange(len(good))
        length = chance.choice((1, 4, 100, 4096))
        bad[at : at + length] = chance.randbytes(len(bad[at : at + length]))
        for name in FILES:
            (place / name).unlink(missing_ok=True)
        (place / DATABASE).write_bytes(bad)
        try:
            opened = Vault(place)
        except (ChatsealError, OSError):
            continue
        with suppress(ChatsealError):
            opened.guesses.expire_due()
            opened.guesses.status(account_of(chance.choice("abcdefgh")))
            opened.claim(chance.choice("abcdefgh"))
            opened.store.verify()
        opened.close()
