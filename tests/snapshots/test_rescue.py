"""What a store backs up, the independent reader rebuilds, byte for byte, from a copy of the store's folder."""

import io
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from chatseal import BackupKey, Store, rescue, rescue_store
from chatseal.rescue import RescueError
from snapshots.conftest import KEY
from snapshots.scene import add_messages, backed_up, database, described, noise, objects, rows_of
from snapshots.test_round_trip import make_tree

UNIT = 65536
PATIENCE = 60


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "my.key"
    path.write_text(bytes(KEY.secret).hex())
    return path


def opened(folder: Path, key: BackupKey = KEY) -> rescue_store.Store:
    return rescue_store.Store(str(folder), bytes(key.secret))


def run(capsysbinary: pytest.CaptureFixture[bytes], *words: object) -> tuple[int, bytes, str]:
    """The command in this process: exit code, standard output, standard error."""
    code = rescue.main([str(word) for word in words])
    said = capsysbinary.readouterr()
    return code, said.out, said.err.decode()


def restored(store: Path, key_file: Path, snapshot: str, target: Path) -> Path:
    assert rescue.main([str(store), "--key-file", str(key_file), snapshot, "--to", str(target)]) == 0
    return target


def test_a_folder_comes_back_as_it_was(store: Store, source: Path, tmp_path: Path, key_file: Path) -> None:
    make_tree(source)
    backed_up(store, source)
    found = restored(tmp_path / "store", key_file, "latest", tmp_path / "out")
    assert described(found / "source") == described(source)


def test_every_day_comes_back(store: Store, source: Path, tmp_path: Path, key_file: Path) -> None:
    days = []
    (source / "grows").touch()
    with database(source / "chat.db", 300) as connection:
        for day in range(5):
            add_messages(connection, 20, seed=100 + day)
            if day == 3:
                connection.execute("DELETE FROM messages WHERE id > 100")
                connection.execute("VACUUM")
            (source / f"{day}.txt").write_bytes(noise(1000 + day, day))
            (source / f"{day - 2}.txt").unlink(missing_ok=True)
            with open(source / "grows", "ab") as file:
                file.write(bytes(UNIT // 2) if day % 2 else noise(UNIT // 2, day))
            done = backed_up(store, source)
            rows = connection.execute("SELECT * FROM messages ORDER BY id").fetchall()
            days.append((done.snapshot, rows, (source / "grows").read_bytes()))
    for number, (snapshot, rows, grown) in enumerate(days):
        theirs = restored(tmp_path / "store", key_file, snapshot, tmp_path / f"theirs {number}")
        ours = tmp_path / f"ours {number}"
        assert store.snapshot(snapshot).restore(ours).failed == ()
        assert described(theirs / "source") == described(ours / "source")
        assert rows_of(theirs / "source" / "chat.db") == rows
        assert (theirs / "source" / "grows").read_bytes() == grown


def test_a_new_full_map_after_32_is_read_too(store: Store, source: Path, tmp_path: Path) -> None:
    (source / "counter").write_bytes(noise(3 * UNIT))
    for day in range(34):
        with open(source / "counter", "r+b") as file:
            file.seek(day * 5000)
            file.write(noise(100, day))
        backed_up(store, source)
    found = opened(tmp_path / "store")
    chains = sorted(len(manifest.maps) for manifest in found.manifests()[0])
    assert (chains[-1], chains.count(1)) == (32, 2)
    snapshot = found.snapshot("latest")
    assert len(snapshot.maps) == 2
    assert content(found, snapshot, "source/counter") == (source / "counter").read_bytes()


def content(store: rescue_store.Store, snapshot: rescue_store.Manifest, path: str) -> bytes:
    table, out = store.table(snapshot), io.BytesIO()
    store.rebuild(table, table.entries[path], out)
    return out.getvalue().ljust(table.entries[path].size, b"\0")


def test_streams_and_databases_of_any_page_size_come_back(store: Store, tmp_path: Path) -> None:
    streams = {"dump": noise(UNIT + 77), "zeros": bytes(3 * UNIT), "empty": b""}
    with database(tmp_path / "small.db", 50, page_size=512), database(tmp_path / "large.db", 50, page_size=65536):
        sources = [tmp_path / "small.db", tmp_path / "large.db"]
        done = store.backup(*sources, streams={name: io.BytesIO(data) for name, data in streams.items()})
        assert done.skipped == ()
        found = opened(tmp_path / "store")
        snapshot = found.snapshot(done.snapshot[:8])
        for name, data in streams.items():
            assert content(found, snapshot, name) == data
        for path in sources:
            (tmp_path / "back.db").write_bytes(content(found, snapshot, path.name))
            assert rows_of(tmp_path / "back.db") == sqlite3.connect(path).execute("SELECT * FROM messages ORDER BY id").fetchall()


def test_the_command_lists_and_rebuilds_what_there_is(
    store: Store, source: Path, tmp_path: Path, key_file: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    make_tree(source)
    done = backed_up(store, source)
    words = (tmp_path / "store", "--key-file", key_file)
    code, out, _ = run(capsysbinary, *words)
    assert (code, out[:32].decode(), out.count(b"\n")) == (0, done.snapshot, 1)
    code, out, _ = run(capsysbinary, *words, done.snapshot[:6].upper())
    lines = out.decode().splitlines()
    assert code == 0
    assert "file 444 1 'source/media/0.jpg' ''" in lines
    assert r"file 644 15 'source/media/deep/line\nbreak \u2603' ''" in lines
    assert r"file 644 9 'source/media/caf\udce9' ''" in lines
    assert "link 777 0 'source/dangling' '../nowhere'" in lines
    assert run(capsysbinary, *words, "latest", "source/media/3.jpg", "-o", tmp_path / "one") == (0, b"", "")
    assert (tmp_path / "one").read_bytes() == (source / "media" / "3.jpg").read_bytes()
    assert run(capsysbinary, *words, "latest", "source/media", "--to", tmp_path / "part")[0] == 0
    assert described(tmp_path / "part" / "source" / "media") == described(source / "media")
    for more in (["latest", "source/nothing"], ["abcdefg"], ["latest", "source/media", "-o", tmp_path / "two"]):
        code, out, err = run(capsysbinary, *words, *more)
        assert (code, out, err[:8], err.count("\n")) == (10, b"", "rescue: ", 1)
    assert not (tmp_path / "two").exists()


def test_one_file_goes_to_standard_output_by_the_two_files_alone(store: Store, source: Path, tmp_path: Path, key_file: Path) -> None:
    """As whoever kept rescue.py and rescue_store.py beside the backups has them: without the package."""
    (source / "a").write_bytes(noise(2 * UNIT + 1))
    backed_up(store, source)
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "chatseal.py").write_text("raise ImportError('rescue uses nothing else of the project')")
    for module in (rescue, rescue_store):
        shutil.copy(str(module.__file__), alone)

    def rebuilt_by(program: str) -> tuple[int, bytes, bytes]:
        words = [str(alone / program), str(tmp_path / "store"), "--key-file", str(key_file), "latest", "source/a"]
        done = subprocess.run([sys.executable, *words], capture_output=True, timeout=PATIENCE, check=False)
        return done.returncode, done.stdout, done.stderr

    for program in ("rescue.py", "rescue_store.py"):
        assert rebuilt_by(program) == (0, noise(2 * UNIT + 1), b"")
    (alone / "rescue_store.py").unlink()
    assert rebuilt_by("rescue.py") == (1, b"", b"rescue: a store needs rescue_store.py, which is not beside rescue.py\n")


@pytest.mark.parametrize(
    "words",
    [
        ["FILE", "latest"],
        ["FILE", "--to", "x"],
        ["STORE", "--to", "x"],
        ["STORE", "latest", "-o", "x"],
        ["STORE", "latest", "a", "-o", "x", "--to", "y"],
        ["STORE", "--from", "x"],
    ],
)
def test_what_does_not_fit_together_is_refused(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = {"FILE": str(tmp_path / "file"), "STORE": str(tmp_path)}
    with pytest.raises(SystemExit) as stopped:
        rescue.main([*(places.get(word, word) for word in words), "--key-file", "k"])
    assert stopped.value.code == 2
    assert "usage: rescue" in capsys.readouterr().err


def test_a_wrong_key_is_told_from_damage(store: Store, source: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    backed_up(store, source)
    other = tmp_path / "other.key"
    other.write_text("00" * 32)
    assert run(capsysbinary, tmp_path / "store", "--key-file", other)[0] == 12
    assert run(capsysbinary, tmp_path / "source", "--key-file", other)[0] == 10


def test_damage_in_one_file_leaves_the_others(
    store: Store, source: Path, tmp_path: Path, key_file: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    (source / "good").write_bytes(noise(1000))
    backed_up(store, source)
    known = set(objects(tmp_path / "store"))
    (source / "bad").write_bytes(noise(1000, 2))
    backed_up(store, source)
    (pack,) = (name for name in set(objects(tmp_path / "store")) - known if name.startswith("packs/"))
    path = tmp_path / "store" / pack
    data = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(data[:5000] + bytes([data[5000] ^ 1]) + data[5001:])
    code, _, err = run(capsysbinary, tmp_path / "store", "--key-file", key_file, "latest", "--to", tmp_path / "out")
    assert code == 3
    assert f"'source/bad': damaged: {pack}: record 0" in err
    assert os.listdir(tmp_path / "out" / "source") == ["good"]
    path.unlink()
    assert run(capsysbinary, tmp_path / "store", "--key-file", key_file, "latest", "source/bad")[0] == 10


def test_a_snapshot_that_cannot_be_read_is_told_when_another_is_the_latest(
    store: Store, source: Path, tmp_path: Path, key_file: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    (source / "a").write_bytes(b"old")
    backed_up(store, source)
    known = set(objects(tmp_path / "store"))
    (source / "a").write_bytes(b"new")
    backed_up(store, source)
    (name,) = (name for name in set(objects(tmp_path / "store")) - known if name.startswith("snapshots/"))
    (tmp_path / "store" / name).chmod(0o600)
    with open(tmp_path / "store" / name, "ab") as file:
        file.write(b"x")
    words = (tmp_path / "store", "--key-file", key_file)
    trailing = f"rescue: trailing bytes: {name}: the file is longer than its size line says\n"
    assert run(capsysbinary, *words, "latest", "source/a", "-o", tmp_path / "a") == (0, b"", trailing)
    assert (tmp_path / "a").read_bytes() == b"old"
    code, out, err = run(capsysbinary, *words)
    assert (code, out.count(b"\n"), err) == (13, 1, trailing)


def test_every_object_is_bound_to_its_name_and_store(store: Store, source: Path, tmp_path: Path) -> None:
    """Objects of one kind under each other's names, of another kind, and of another store of the same key."""
    for day in range(2):
        (source / "a").write_bytes(noise(1000, day))
        backed_up(store, source)
    folder = tmp_path / "store"
    there = objects(folder)
    with Store.create(tmp_path / "second", KEY) as second:
        backed_up(second, source)
    elsewhere = objects(tmp_path / "second")
    first = opened(folder)
    for name in there:
        kind = name.partition("/")[0]
        if kind == "config":
            continue
        assert first.read(name, 1 << 27)
        for other, data in [*there.items(), *elsewhere.items()]:
            if other == name:
                continue
            (folder / name).chmod(0o600)
            (folder / name).write_bytes(data)
            with pytest.raises(RescueError):
                first.read(name, 1 << 27)
            with pytest.raises(Exception, match=kind[:-1]) as ours:
                store.sealed.read(name, 1 << 27)
            assert ours.value.exit_code == 13  # type: ignore[attr-defined]
        (folder / name).write_bytes(there[name])
    shutil.copy(tmp_path / "second" / "config", folder / "config")
    assert {str(error.failure) for error in opened(folder).manifests()[1]} == {"damaged"}
