"""More of what the keeper of a store can do: turn its clock, and plant what nobody put there. All of it is left alone or named."""

import dataclasses
import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chatseal import Store
from chatseal.errors import IntegrityError
from chatseal.format.object_names import CONDEMNED, MAPS, PACKS, PENDINGS, SNAPSHOTS
from chatseal.snapshots import catalogue, pack_writer
from snapshots.scene import backed_up
from snapshots.victim import UNIT, Victim, contents, fill, folder_of, made, objects_in


@pytest.fixture(autouse=True)
def small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    """One file of `fill` in each pack."""
    monkeypatch.setattr(pack_writer, "PLAIN", UNIT)


@pytest.fixture
def victim(store: Store, source: Path, places: Path) -> Victim:
    return made(store, source, places)


# --- Time ----------------------------------------------------------------------------------------------------------------


def put_snapshot(store: Store, time: datetime) -> str:
    """A snapshot like the latest one, as a writer with this clock makes it; its id."""
    manifest = dataclasses.replace(store.snapshot().record.manifest, time=time, sequence=99)
    name = store.sealed.new_name(SNAPSHOTS)
    store.sealed.objects.put(name, store.sealed.seal(name, [manifest.encode()]))
    return name.rpartition("-")[2]


@pytest.mark.parametrize("years", [1, 70, 900])
def test_a_snapshot_of_the_future_is_not_the_latest_one_for_long(store: Store, source: Path, years: int) -> None:
    fill(source)
    backed_up(store, source)
    ahead = put_snapshot(store, datetime.now(UTC) + timedelta(days=365 * years))
    assert store.snapshot(ahead).time <= datetime.now(UTC) + timedelta(seconds=5)
    (source / "0").write_bytes(b"new")
    os.utime(folder_of(store) / f"{SNAPSHOTS}1-{ahead}", times=(1, datetime.now(UTC).timestamp() - 60))
    last = backed_up(store, source)
    assert store.snapshot().id == last.snapshot
    assert last.snapshot != ahead


@pytest.mark.parametrize("modified", [-(2**40), -1, 0, 2**40, 2**62 // 10**9])
def test_a_store_whose_clock_is_nonsense_can_be_read(victim: Victim, tmp_path: Path, modified: int) -> None:
    for name in objects_in(victim.store):
        with suppress(OSError, OverflowError):
            os.utime(folder_of(victim.store) / name, times=(0, modified))
    assert {snapshot.id for snapshot in victim.store.snapshots()} == set(victim.days)
    for snapshot, there in victim.days.items():
        victim.store.snapshot(snapshot).restore(tmp_path / snapshot)
        assert contents(tmp_path / snapshot) == there
    backed_up(victim.store, victim.source)
    found = victim.store.check(share=1.0)
    assert (found.broken, found.hurt) == ((), ())


def test_a_time_beyond_the_calendar_counts_as_long_ago(store: Store, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(source)
    first = backed_up(store, source)
    for modified in (1e300, -1e300, float("inf"), float("nan"), 2.0**62):
        assert catalogue._moment(modified) == datetime.fromtimestamp(0, UTC)
    assert store.snapshot().id == first.snapshot


# --- What he plants ------------------------------------------------------------------------------------------------------

PLANTED = [
    "snapshots/1-" + "G" * 32,
    "snapshots/1-" + "0" * 31,
    "snapshots/01-" + "0" * 32,
    "snapshots/9999999999-" + "0" * 32,
    "snapshots/1-" + "0" * 32 + "/1-" + "0" * 32,
    "snapshots/readme.txt",
    "packs/README",
    "packs/-",
    "maps/..x",
    "condemned/run",
    "condemned/x/y/z/" + "q" * 90,
    "pending/later",
    "unknown/thing",
    "Thumbs.db",
    ".hidden",
    "snapshots/.hidden",
    "packs/line\nbreak",
    "packs/\u2603",
    "packs/%2e%2e",
    "maps/$(reboot)",
]


def plant(store: Store, name: str, data: bytes) -> Path:
    path = folder_of(store) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_objects_with_strange_names_are_left_alone(victim: Victim, tmp_path: Path) -> None:
    for name in PLANTED:
        plant(victim.store, name, b"planted")
    (folder_of(victim.store) / "packs" / "link").symlink_to("/etc/passwd")
    (folder_of(victim.store) / "snapshots" / ("1-" + "1" * 32)).mkdir()
    os.mkfifo(folder_of(victim.store) / "maps" / ("1-" + "2" * 32))
    (folder_of(victim.store) / "loop").symlink_to(".")
    assert [snapshot.id for snapshot in victim.store.snapshots()] == list(victim.days)
    done = backed_up(victim.store, victim.source)
    victim.store.snapshot().restore(tmp_path / "out")
    assert contents(tmp_path / "out" / "source") == contents(victim.source)
    found = victim.store.check(share=1.0)
    assert (found.broken, found.hurt) == ((), ())
    assert done.snapshot == victim.store.snapshot().id
    assert all((folder_of(victim.store) / name).read_bytes() == b"planted" for name in PLANTED)


def test_what_is_no_ordinary_file_under_a_pack_s_name_hurts_that_file_only(victim: Victim, tmp_path: Path) -> None:
    latest = victim.store.snapshot()
    for number, name in enumerate(objects_in(victim.store, PACKS)):
        path = folder_of(victim.store) / name
        data = path.read_bytes()
        for kind, make in {"link": a_link, "pipe": os.mkfifo, "folder": os.mkdir}.items():
            path.unlink()
            make(path)
            folder = tmp_path / f"out {number}" / kind
            done = latest.restore(folder)
            failed = {file for file, _ in done.failed}
            assert contents(folder) == {file: there for file, there in victim.days[latest.id].items() if file not in failed}
            assert failed == victim.needing(latest.id, name)
            assert name in dict(victim.store.check(share=1.0).broken)
            if kind == "folder":
                path.rmdir()
            else:
                path.unlink()
            path.write_bytes(data)


def a_link(path: Path) -> None:
    path.symlink_to("/dev/zero")


NESTED = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
HUGE_NUMBER = b'{"version":1,"sequence":' + b"9" * 10_000 + b"}"


def test_json_that_is_deep_huge_or_twice_is_refused_even_if_it_is_sealed(store: Store, source: Path) -> None:
    """By somebody with the key, or by a broken version."""
    fill(source)
    first = backed_up(store, source)
    sealed = store.sealed
    texts = [
        NESTED,
        b"[" * 1_000_000,
        HUGE_NUMBER,
        b'{"version":1,"version":1}',
        b"null",
        b"[]",
        b"\xff",
        b"",
        b" " * (17 << 20),
        b'{"version":NaN}',
    ]
    names = []
    for text in texts:
        names.append(sealed.new_name(SNAPSHOTS))
        sealed.objects.put(names[-1], sealed.seal(names[-1], [text]))
    assert [snapshot.id for snapshot in store.snapshots()] == [first.snapshot]
    assert {name for name, _ in store.check().broken} == set(names)
    backed_up(store, source)
    for text in texts:
        name = sealed.new_name(CONDEMNED)
        sealed.objects.put(name, sealed.seal(name, [text]))
        with pytest.raises(IntegrityError):
            store.backup(source)
        sealed.objects.delete(name)
    for text in texts:
        name = sealed.new_name(MAPS)
        sealed.objects.put(name, sealed.seal(name, [text]))
        manifest = dataclasses.replace(store.snapshot(first.snapshot).record.manifest, maps=((name,),))
        snapshot = sealed.new_name(SNAPSHOTS)
        sealed.objects.put(snapshot, sealed.seal(snapshot, [manifest.encode()]))
        with pytest.raises(IntegrityError):
            store.snapshot(snapshot.rpartition("-")[2]).entries()
        assert name in dict(store.check().broken)
        sealed.objects.delete(snapshot)


def test_an_object_of_many_bytes_is_not_read_into_memory(store: Store, source: Path) -> None:
    fill(source)
    first = backed_up(store, source)
    for folder in (SNAPSHOTS, PENDINGS):
        with open(folder_of(store) / f"{folder}1-{'7' * 32}", "wb") as file:
            file.truncate(1 << 40)
    assert [snapshot.id for snapshot in store.snapshots()] == [first.snapshot]
    assert dict(store.check().broken).keys() == {f"{SNAPSHOTS}1-{'7' * 32}"}
    backed_up(store, source)
