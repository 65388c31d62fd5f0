"""What differs between two snapshots is named: entries, bytes of pages, rows of tables."""

from pathlib import Path

from chatseal import Store
from chatseal.events import TableDifference
from snapshots.scene import PAGE, add_messages, backed_up, database, noise


def test_entries_and_pages(store: Store, source: Path) -> None:
    (source / "same").write_bytes(noise(5000))
    (source / "changed").write_bytes(noise(200_000))
    (source / "gone").write_bytes(noise(70))
    (source / "mode").write_bytes(noise(9))
    backed_up(store, source)
    with open(source / "changed", "r+b") as file:
        file.seek(70_000)
        file.write(b"x")
    (source / "gone").unlink()
    (source / "new").symlink_to("same")
    (source / "mode").chmod(0o640)
    backed_up(store, source)
    before, after = store.snapshots()
    found = {d.path: (d.change, d.size_before, d.size_after, d.bytes_changed) for d in before.diff(after)}
    assert found == {
        "source/changed": ("changed", 200_000, 200_000, 65536),
        "source/gone": ("removed", 70, 0, 70),
        "source/new": ("added", 0, 0, 0),
        "source/mode": ("attributes", 9, 9, 0),
    }
    assert list(after.diff(after)) == []


def test_what_has_no_content_comes_and_goes(store: Store, source: Path) -> None:
    (source / "file").write_text("x")
    backed_up(store, source)
    (source / "folder").mkdir()
    (source / "empty").touch()
    (source / "link").symlink_to("file")
    backed_up(store, source)
    old, new = store.snapshots()
    names = {f"source/{name}" for name in ("folder", "empty", "link")}
    for before, after, change in ((old, new, "added"), (new, old, "removed")):
        found = {item.path: (item.change, item.size_before, item.size_after) for item in before.diff(after)}
        assert found == dict.fromkeys(names, (change, 0, 0))


def test_rows_of_tables(store: Store, source: Path) -> None:
    with database(source / "chat.db", 3000) as connection:
        connection.execute('CREATE TABLE "odd ""name" (a TEXT, b TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID')
        connection.execute("CREATE TABLE gone (x)")
        connection.execute("INSERT INTO gone VALUES (1), (2)")
        connection.execute("CREATE TABLE wider (x)")
        connection.execute("INSERT INTO wider VALUES (1)")
        backed_up(store, source)
        add_messages(connection, 12, seed=5)
        connection.execute("DELETE FROM messages WHERE id <= 5")
        connection.execute("UPDATE messages SET text = NULL WHERE id BETWEEN 100 AND 102")
        connection.execute('INSERT INTO "odd ""name" VALUES (1, 2)')
        connection.execute("DROP TABLE gone")
        connection.execute("ALTER TABLE wider ADD COLUMN y")
        backed_up(store, source)
    before, after = store.snapshots()
    (found,) = before.diff(after, rows=True)
    assert (found.path, found.change, found.type) == ("source/chat.db", "changed", "database")
    assert found.bytes_changed % PAGE == 0
    assert set(found.tables) == {
        TableDifference("messages", 12, 5, 3),
        TableDifference('odd "name', 1, 0, 0),
        TableDifference("gone", 0, 2, 0),
        TableDifference("wider", 1, 1, 0, redefined=True),
    }
