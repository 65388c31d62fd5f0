"""The command killed and interrupted at random moments: what was reported stays whole, what was sent is not sent again, and nothing that
is left grows without bound."""

import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import live_database
from chatseal import Store
from chatseal.errors import EXIT_INTERRUPTED, EXIT_OK, RestoringError
from chatseal.format.object_names import PACKS
from chatseal.objects.local_store import PART_LIFE, PARTS
from chatseal.snapshots import pack_writer
from chatseal.snapshots.marker import ENDING, check_whole
from cli.command import PATIENCE
from faults import tracing
from snapshots import running
from snapshots.conftest import KEY
from snapshots.running import DATABASE, FILES, Scene

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

SEED = 20261126
SHARED_MEMORY = Path("/dev/shm")


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """In memory where there is such a place: everything is flushed all the time."""
    monkeypatch.setattr(pack_writer, "PLAIN", running.PACK)
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else tmp_path, prefix="chatseal-tests-") as folder:
        monkeypatch.setenv("CHATSEAL_STATE_DIR", f"{folder}/state")
        monkeypatch.setenv("CHATSEAL_CACHE_DIR", f"{folder}/cache")
        yield Scene(Path(folder), random.Random(SEED))


def leftovers(scene: Scene) -> list[Path]:
    """What is of nobody: parts in the store, and whatever has a name that begins with a dot in state and cache."""
    parts = list((scene.url / PARTS).glob("*"))
    return parts + [path for place in ("state", "cache") for path in (scene.folder / place).rglob(".*")]


def age(paths: list[Path]) -> None:
    """As if they had been left two days ago."""
    for path in paths:
        os.utime(path, times=(1, time.time() - 2 * PART_LIFE))


@pytest.mark.parametrize(("seed", "kills"), [(0, 12), *(pytest.param(seed, 30, marks=pytest.mark.soak) for seed in range(1, 11))])
def test_a_backup_that_is_killed_at_any_moment_costs_nothing_but_time(scene: Scene, seed: int, kills: int) -> None:
    scene.chance.seed(SEED + seed)
    killed = with_packs = 0
    with scene.written_to(), Store(scene.url, KEY) as store:
        for turn in range(4 * kills):
            if turn >= kills and killed >= kills // 2 and with_packs >= kills // 6:  # on a busy machine more of them end first
                break
            process = scene.start("backup", scene.source)
            scene.wait_for(process, scene.url, scene.chance.randrange(16))
            code, said = running.kill(process)
            assert code in (-signal.SIGKILL, EXIT_OK)
            killed += code != EXIT_OK
            assert scene.nobody_is_left(process)
            if said:
                scene.known[json.loads(said)["snapshot"]] = scene.files()
            assert scene.is_whole(store)
            with_packs += bool(list((scene.folder / "state" / "sent").rglob("1-*")))
            if scene.chance.random() < 0.6:  # else it is killed a second time, and a third
                snapshot = scene.backup(store)
                assert scene.comes_back(store, snapshot, scene.folder / "out")
            if scene.chance.random() < 0.7:
                scene.change(FILES // 2)
            if turn % 10 == 9:
                age(leftovers(scene))
    with Store(scene.url, KEY) as store:
        age(leftovers(scene))
        scene.backup(store)
        assert leftovers(scene) == []
        assert scene.is_whole(store)
        for snapshot in list(scene.known)[-20:]:
            assert scene.comes_back(store, snapshot, scene.folder / "out")
    assert killed >= kills // 2
    assert with_packs >= kills // 6


SYSTEM_CALLS = ["rename", "fsync", "unlink,unlinkat", "openat", "pwrite64,write", "mkdir", "futex"]


@tracing.needed
@pytest.mark.parametrize("calls", [pytest.param(calls, marks=[] if calls == "rename" else pytest.mark.soak) for calls in SYSTEM_CALLS])
def test_a_backup_that_is_killed_at_a_system_call_costs_nothing_but_time(scene: Scene, calls: str) -> None:
    """By strace: packs, maps, manifests, journal, copies and pins all get their names by such calls."""
    killed = 0
    places = [f"CHATSEAL_{name}_DIR={scene.folder}/{name.lower()}" for name in ("STATE", "CACHE")]
    with Store(scene.url, KEY) as store:
        for number in (1, 3, 10, 30, 100, 300, 1000):
            scene.change(FILES // 2)
            ended = tracing.killed_at(["env", *places, *scene.line("backup", scene.source)], calls, number)
            assert scene.is_whole(store)
            assert scene.comes_back(store, scene.backup(store), scene.folder / "out")
            if ended.returncode == EXIT_OK:
                break
            assert ended.returncode == -signal.SIGKILL, ended.stderr
            killed += 1
    assert killed


def names_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@pytest.mark.parametrize("kills", [4, pytest.param(100, marks=pytest.mark.soak)])
def test_a_restore_that_is_killed_at_any_moment_leaves_whole_files_alone(scene: Scene, kills: int) -> None:
    killed = 0
    with Store(scene.url, KEY) as store:
        snapshot = scene.backup(store)
    files = scene.known[snapshot]
    for turn in range(kills):
        out = scene.folder / f"out {turn}"
        out.mkdir()
        process = scene.start("restore", snapshot, "--to", out)
        scene.wait_for(process, out, scene.chance.randrange(FILES + 1))
        killed += running.kill(process)[0] != EXIT_OK
        assert scene.nobody_is_left(process)
        found = names_below(out)
        assert found <= {*files, DATABASE}, "no part of a file is left"
        for name in found - {DATABASE}:
            assert (out / name).read_bytes() == files[name]
        if DATABASE in found:
            live_database.check((out / DATABASE).read_bytes(), scene.folder / "checked.db")
        again = scene.start("restore", snapshot, "--to", out, "--force")
        _, err = again.communicate(timeout=PATIENCE)
        assert again.returncode == EXIT_OK, err
        assert scene.is_restored(snapshot, out)
    assert killed


@pytest.mark.parametrize("kills", [4, pytest.param(100, marks=pytest.mark.soak)])
def test_a_restore_in_place_that_is_killed_at_any_moment_says_which_file_is_half(scene: Scene, kills: int) -> None:
    out, killed = scene.folder / "out", 0
    with Store(scene.url, KEY) as store:
        snapshots = [scene.backup(store)]
        scene.change(FILES)
        with scene.written_to():
            time.sleep(0.2)
        snapshots.append(scene.backup(store))
        assert scene.comes_back(store, snapshots[0], out)
    for turn in range(kills):
        before, after = scene.known[snapshots[turn % 2]], scene.known[snapshots[(turn + 1) % 2]]
        process = scene.start("restore", snapshots[(turn + 1) % 2], "--to", out, "--in-place")
        wanted = scene.chance.randrange(FILES)
        while process.poll() is None and sum((out / name).read_bytes() == after[name] for name in after) < wanted:
            time.sleep(0.001)
        code = running.kill(process)[0]
        killed += code != EXIT_OK
        assert scene.nobody_is_left(process)
        for name in [*after, DATABASE]:
            try:
                check_whole(out / name)
            except RestoringError:
                assert code != EXIT_OK
                continue
            if name != DATABASE:
                assert (out / name).read_bytes() in (before[name], after[name])
            else:
                live_database.check((out / name).read_bytes(), scene.folder / "checked.db")
        again = scene.start("restore", snapshots[(turn + 1) % 2], "--to", out, "--in-place")
        _, err = again.communicate(timeout=PATIENCE)
        assert again.returncode == EXIT_OK, err
        assert scene.is_restored(snapshots[(turn + 1) % 2], out)
        assert not list(out.rglob(f"*{ENDING}"))
    assert killed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_backup_that_is_interrupted_ends_soon_and_leaves_nothing_half(scene: Scene, number: signal.Signals) -> None:
    with scene.written_to(), Store(scene.url, KEY) as store:
        scene.backup(store)
        scene.change(FILES)
        before = {snapshot.id for snapshot in store.snapshots()}
        process = scene.start("backup", scene.source, "--limit-upload", "300K")
        scene.wait_for(process, scene.url / PACKS, 3)
        code, said, err = running.interrupt(process, number)
        assert (code, said) == (EXIT_INTERRUPTED, ""), err
        assert "Traceback" not in err
        assert scene.nobody_is_left(process)
        assert leftovers(scene) == []
        assert {snapshot.id for snapshot in store.snapshots()} == before
        assert list((scene.folder / "state" / "sent").rglob("1-*"))
        assert scene.is_whole(store)
        scene.backup(store)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_restore_that_is_interrupted_ends_soon_and_leaves_whole_files_alone(scene: Scene, number: signal.Signals) -> None:
    with Store(scene.url, KEY) as store:
        snapshot = scene.backup(store)
    out = scene.folder / "out"
    out.mkdir()
    process = scene.start("restore", snapshot, "--to", out)
    scene.wait_for(process, out, 1)
    code, _, err = running.interrupt(process, number)
    assert code in (EXIT_INTERRUPTED, EXIT_OK), err
    assert "Traceback" not in err
    assert scene.nobody_is_left(process)
    assert names_below(out) <= {*scene.known[snapshot], DATABASE}
    for name in names_below(out) - {DATABASE}:
        assert (out / name).read_bytes() == scene.known[snapshot][name]
