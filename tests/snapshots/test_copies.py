"""What this machine keeps of a store, its copies and its journal, may be anything: stale, foreign, exchanged, damaged or gone. It only
ever saves work; no backup and no restore goes wrong by it."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from chatseal.errors import StoreFailedError
from chatseal.format.object_names import PACKS, PENDINGS, SNAPSHOTS
from chatseal.snapshots import catalogue, map_chain, pack_writer
from snapshots.scene import noise
from snapshots.wrapped_store import Bench

UNIT = 65536
SEED = 20261125


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A store in memory, with small packs and maps in several parts."""
    monkeypatch.setattr(pack_writer, "PLAIN", 2 * UNIT)
    monkeypatch.setattr(map_chain, "PART", 400)
    return Bench()


@pytest.fixture
def kept(places: Path) -> "Kept":
    return Kept(places)


class Kept:
    """The files that this machine keeps, of all stores, but for the pins."""

    def __init__(self, places: Path) -> None:
        self.places = places

    def files(self, bench: Bench | None = None) -> list[Path]:
        """Those of one store, or of all."""
        found = [*(self.places / "cache").rglob("*"), *(self.places / "state" / "sent").rglob("*")]
        return sorted(path for path in found if path.is_file() and (bench is None or bench.store.config.store_id in path.parts))

    def of(self, kind: str, bench: Bench) -> list[Path]:
        """`maps` and `snapshots` are copies, `sent` is the journal."""
        return [path for path in self.files(bench) if kind in path.relative_to(self.places).parts]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def change(folder: Path, chance: random.Random) -> None:
    """Some files become new, other, longer, shorter, or go."""
    for _ in range(chance.randint(1, 4)):
        path = folder / f"{chance.randrange(6)}"
        match chance.randrange(5):
            case 0:
                path.unlink(missing_ok=True)
            case 1 if path.exists():
                with open(path, "r+b") as file:
                    file.truncate(chance.randrange(path.stat().st_size + 1))
            case 2 if path.exists():
                with open(path, "r+b") as file:
                    file.seek(chance.randrange(path.stat().st_size + 1))
                    file.write(chance.randbytes(100))
            case _:
                path.write_bytes(chance.randbytes(chance.choice([1, UNIT - 1, UNIT, UNIT + 1, 2 * UNIT + 7])))


def cut(bench: Bench, source: Path) -> None:
    """A backup that sends its packs and no more: the journal tells of them afterwards."""

    def before(call: str, name: str) -> None:
        if name.startswith(PENDINGS):
            raise StoreFailedError("cut")

    bench.objects.before = before
    with pytest.raises(StoreFailedError, match="cut"):
        bench.backup(source)
    bench.calm()


def right(bench: Bench, source: Path, out: Path) -> None:
    """Back up, and see that what comes back is what was there."""
    done = bench.backup(source)
    assert done.skipped == ()
    bench.restore(out, done.snapshot)
    assert contents(out / source.name) == contents(source)


# --- One thing at a time -------------------------------------------------------------------------------------------------

HARM: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "garbage": lambda data: noise(len(data), 5),
    "truncated": lambda data: data[:-1],
    "cut in the header": lambda data: data[:100],
    "longer": lambda data: data + b"x",
    "a bit other": lambda data: (
        data[: len(data) // 2] + bytes(byte ^ 1 for byte in data[len(data) // 2 :][:1]) + data[len(data) // 2 + 1 :]
    ),
    "not sealed": lambda data: b'{"version":1}\n' * 100,
}


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("kind", ["maps", "snapshots", "sent"])
def test_a_file_that_is_damaged_is_as_good_as_none(bench: Bench, kept: Kept, source: Path, tmp_path: Path, kind: str, harm: str) -> None:
    (source / "a").write_bytes(noise(3 * UNIT))
    bench.backup(source)
    (source / "b").write_bytes(noise(3 * UNIT, 2))
    cut(bench, source)
    assert kept.of(kind, bench)
    for path in kept.of(kind, bench):
        path.write_bytes(HARM[harm](path.read_bytes()))
    right(bench, source, tmp_path / "out")
    assert bench.check().broken == ()


@pytest.mark.parametrize("kind", ["maps", "snapshots", "sent"])
def test_a_file_that_was_exchanged_with_its_neighbour_is_as_good_as_none(
    bench: Bench, kept: Kept, source: Path, tmp_path: Path, kind: str
) -> None:
    for number in range(3):
        (source / f"{number}").write_bytes(noise(3 * UNIT, number))
        bench.backup(source)
    for name in ("new", "newer"):
        (source / name).write_bytes(noise(2 * UNIT + 3, len(name)))
    cut(bench, source)
    files = kept.of(kind, bench)
    assert len(files) >= 2
    contents_then = [path.read_bytes() for path in files]
    for path, data in zip(files, contents_then[1:] + contents_then[:1], strict=True):
        path.write_bytes(data)
    right(bench, source, tmp_path / "out")
    assert bench.check().broken == ()


@pytest.mark.parametrize("kind", ["maps", "snapshots", "sent"])
def test_files_of_another_store_under_the_names_of_ours_are_as_good_as_none(
    bench: Bench, kept: Kept, source: Path, tmp_path: Path, kind: str
) -> None:
    other, theirs = Bench(), tmp_path / "theirs"
    theirs.mkdir()
    for here, folder in ((bench, source), (other, theirs)):
        (folder / "a").write_bytes(noise(3 * UNIT, len(str(folder))))
        here.backup(folder)
        (folder / "b").write_bytes(noise(3 * UNIT, 2))
        cut(here, folder)
    ours, foreign = kept.of(kind, bench), kept.of(kind, other)
    assert len(ours) == len(foreign) > 0
    for path, alien in zip(ours, foreign, strict=True):
        path.write_bytes(alien.read_bytes())
        shutil.copy(alien, path.parent)  # and under its own name
    right(bench, source, tmp_path / "out")
    assert bench.check().broken == ()


def test_the_journal_of_an_older_day_does_not_bring_old_content_back(bench: Bench, places: Path, source: Path, tmp_path: Path) -> None:
    """As when a disk image of last week is brought back."""
    (source / "a").write_bytes(noise(3 * UNIT))
    cut(bench, source)
    shutil.copytree(places / "state" / "sent", tmp_path / "last week")
    right(bench, source, tmp_path / "out 1")
    (source / "a").write_bytes(noise(UNIT, 2) + noise(3 * UNIT)[UNIT : 2 * UNIT] + noise(UNIT, 3))
    right(bench, source, tmp_path / "out 2")
    shutil.copytree(tmp_path / "last week", places / "state" / "sent", dirs_exist_ok=True)
    for pack in bench.names(PACKS):
        if pack not in {place.name for place in bench.table().packs}:
            bench.objects.inner.delete(pack)
    (source / "a").write_bytes(noise(UNIT, 4) + noise(3 * UNIT)[UNIT:])
    right(bench, source, tmp_path / "out 3")
    assert bench.check().broken == ()


def test_copies_of_an_older_day_are_as_good_as_fewer(bench: Bench, places: Path, source: Path, tmp_path: Path) -> None:
    (source / "a").write_bytes(noise(3 * UNIT))
    right(bench, source, tmp_path / "out 1")
    shutil.copytree(places / "cache", tmp_path / "last week")
    for day in range(3):
        (source / "a").write_bytes(noise(2 * UNIT, day) + noise(3 * UNIT)[2 * UNIT :])
        right(bench, source, tmp_path / f"day {day}")
    shutil.rmtree(places / "cache")
    shutil.copytree(tmp_path / "last week", places / "cache")
    (source / "a").write_bytes(noise(3 * UNIT))
    right(bench, source, tmp_path / "out 2")
    assert bench.check().broken == ()


def a_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"no folder")


def below_a_file(path: Path) -> None:
    a_file(path.parent)


def a_dangling_link(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to("nowhere/at/all")


@pytest.mark.parametrize("obstacle", [a_file, below_a_file, a_dangling_link])
def test_where_copies_cannot_be_kept_everything_works_without(
    bench: Bench, places: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, obstacle: Callable[[Path], None]
) -> None:
    monkeypatch.setenv("CHATSEAL_CACHE_DIR", str(places / "elsewhere" / "cache"))
    obstacle(places / "elsewhere" / "cache")
    bench = Bench()
    for day in range(2):
        (source / "a").write_bytes(noise(3 * UNIT, day))
        right(bench, source, tmp_path / f"out {day}")
    assert bench.check().broken == ()


def test_folders_under_the_names_of_copies_and_records_are_no_failure(bench: Bench, kept: Kept, source: Path, tmp_path: Path) -> None:
    (source / "a").write_bytes(noise(3 * UNIT))
    bench.backup(source)
    (source / "b").write_bytes(noise(3 * UNIT, 2))
    cut(bench, source)
    for path in kept.files(bench):
        path.unlink()
        (path / "inside").mkdir(parents=True)
    right(bench, source, tmp_path / "out")
    assert bench.check().broken == ()


def test_of_manifests_only_those_are_fetched_of_which_there_is_no_good_copy(bench: Bench, kept: Kept, source: Path) -> None:
    for day in range(6):
        (source / "a").write_bytes(noise(10, day))
        bench.backup(source)
    known = catalogue.read(bench.store)
    gone, harmed = kept.of("snapshots", bench)[1:5:2]
    gone.unlink()
    harmed.write_bytes(HARM["a bit other"](harmed.read_bytes()))
    bench.calm()
    assert catalogue.read(bench.store) == known
    assert sorted(name for call, name in bench.objects.calls if call == "get") == sorted(SNAPSHOTS + path.name for path in (gone, harmed))
    bench.calm()
    assert catalogue.read(bench.store) == known
    assert "get" not in [call for call, _ in bench.objects.calls]


def test_copies_of_what_no_snapshot_needs_any_more_are_dropped(
    bench: Bench, kept: Kept, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in range(4):
        (source / "a").write_bytes(noise(3 * UNIT, day))
        bench.backup(source)
    parts = [path.with_name(f".{path.name}.01234567") for path in kept.of("maps", bench)]  # of runs that were killed
    for part in parts:
        part.write_bytes(b"half a copy")
    first = catalogue.read(bench.store).records[0]
    bench.objects.inner.delete(first.name)
    catalogue.read(bench.store)
    assert all(part.exists() for part in parts), "somebody may be at work on them"
    monkeypatch.setattr("chatseal.snapshots.places.is_old.__defaults__", (-1.0,))
    known = catalogue.read(bench.store)
    needed = {part for record in known.records for parts in record.manifest.maps for part in parts}
    assert {path.name for path in kept.of("maps", bench)} == {name.rpartition("/")[2] for name in needed}
    assert {path.name for path in kept.of("snapshots", bench)} == {record.name.rpartition("/")[2] for record in known.records}


def test_what_killed_runs_left_in_the_journal_is_dropped(bench: Bench, places: Path, source: Path) -> None:
    (source / "a").write_bytes(noise(3 * UNIT))
    cut(bench, source)
    folder = places / "state" / "sent" / bench.store.config.store_id
    record = next(iter(folder.iterdir()))
    part, fresh = folder / ".x.0123456789ab.part", folder / ".y.0123456789ab.part"
    for path, age in ((part, 2), (fresh, 0), (record, 15)):
        path.touch()
        then = path.stat().st_mtime - age * 24 * 3600
        os.utime(path, (then, then))
    bench.backup(source)
    assert list(folder.iterdir()) == [fresh]


# --- Everything at once --------------------------------------------------------------------------------------------------


def spoil(kept: Kept, bench: Bench, pool: list[bytes], chance: random.Random) -> None:
    """Put anything in the place of some files of a store, and plant some more."""
    files = kept.files(bench)
    pool += [path.read_bytes() for path in kept.files()]
    del pool[:-400]
    for path in files:
        match chance.randrange(6):
            case 0:
                path.unlink()
            case 1:
                path.write_bytes(chance.choice(pool))
            case 2:
                path.write_bytes(chance.choice(list(HARM.values()))(path.read_bytes()))
            case 3:
                other = chance.choice(files)
                if other.exists():
                    path.write_bytes(other.read_bytes())
    for path in files[:3]:
        path.parent.mkdir(exist_ok=True)
        name = path.name if chance.random() < 0.5 else f"1-{chance.randbytes(16).hex()}"
        (path.parent / name).write_bytes(chance.choice(pool))


@pytest.mark.parametrize("rounds", [8, pytest.param(60, marks=pytest.mark.soak)])
def test_whatever_lies_there_by_chance_every_backup_is_right(bench: Bench, kept: Kept, source: Path, tmp_path: Path, rounds: int) -> None:
    chance = random.Random(SEED)
    other, theirs = Bench(), tmp_path / "theirs"
    theirs.mkdir()
    pool: list[bytes] = []
    states: list[tuple[str, dict[str, bytes]]] = []
    for number in range(rounds):
        for here, folder in ((bench, source), (other, theirs)):
            change(folder, chance)
            if chance.random() < 0.6:
                cut(here, folder)
            if chance.random() < 0.6:
                change(folder, chance)
        spoil(kept, bench, pool, chance)
        right(bench, source, tmp_path / f"out{number}")
        shutil.rmtree(tmp_path / f"out{number}")
        states.append((catalogue.read(bench.store).find("latest").id, contents(source)))
    for snapshot, state in states:
        spoil(kept, bench, pool, chance)
        bench.restore(tmp_path / "again", snapshot)
        assert contents(tmp_path / "again" / source.name) == state
        shutil.rmtree(tmp_path / "again")
    found = bench.check()
    assert (found.broken, found.hurt) == ((), ())
