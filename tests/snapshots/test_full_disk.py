"""A disk that fills up, wherever it is: told by its exit code, nothing half is left, and with room again everything goes on.

The disk of the copies is the exception: they only save work."""

import os
import resource
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from chatseal import Store
from chatseal.errors import EXIT_NO_SPACE, exit_code
from chatseal.format.object_names import PACKS
from chatseal.objects.local_store import PARTS
from chatseal.snapshots import pack_writer
from chatseal.snapshots.orphans import Journal
from cli.command import COMMAND, PATIENCE, environment, started
from snapshots.conftest import KEY
from snapshots.scene import backed_up, described, noise

MIB = 1 << 20
UNIT = 65536


@pytest.fixture(autouse=True)
def small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack_writer, "PLAIN", 4 * UNIT)


class Disk:
    """A file system of 3 MiB, as a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        """No byte is left."""
        with open(self.folder / "filler", "wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))

    def make_room(self) -> None:
        """As if a larger disk had been bought."""
        (self.folder / "filler").unlink(missing_ok=True)
        subprocess.run(["mount", "-o", "remount,size=30m", str(self.folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"mounting is not allowed here: {mounted.stderr.decode().strip()}")
    yield Disk(folder)
    subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path, seed: int = 1, files: int = 20) -> None:
    for number in range(files):
        (folder / f"{number}").write_bytes(noise(4 * UNIT, 100 * seed + number))


def test_the_disk_of_the_store_fills_up(disk: Disk, source: Path, tmp_path: Path) -> None:
    with Store.create(disk.folder / "store", KEY) as store:
        fill(source, files=2)
        first = backed_up(store, source)
        fill(source)
        with pytest.raises(OSError, match="No space") as caught:
            store.backup(source)
        assert exit_code(caught.value) == EXIT_NO_SPACE
        assert list((disk.folder / "store" / PARTS).iterdir()) == []
        assert store.check(share=1.0).broken == ()
        assert [snapshot.id for snapshot in store.snapshots()] == [first.snapshot]
        sent = set(Journal(store.sealed).names())
        assert len(sent) >= 3
        disk.make_room()
        done = backed_up(store, source)
        assert done.packs == 20 - 2 - len(sent)
        store.snapshot().restore(tmp_path / "out")
        assert described(tmp_path / "out" / "source") == described(source)
        assert store.check(share=1.0).broken == ()
        assert sent <= {info.name for info in store.sealed.objects.list(PACKS)}


def test_the_command_says_that_the_disk_of_the_store_is_full(disk: Disk, source: Path, tmp_path: Path) -> None:
    KEY.write(tmp_path / "key")
    options = ["--store", str(disk.folder / "store"), "--key-file", str(tmp_path / "key")]
    assert started("init", str(disk.folder / "store"), "--key-file", str(tmp_path / "key")).code == 0
    fill(source)
    ran = started("backup", source, *options)
    assert ran.code == EXIT_NO_SPACE, ran.err
    assert "Traceback" not in ran.err
    assert str(tmp_path) in ran.err, "it names the place"


def test_the_disk_of_the_state_is_full(store: Store, disk: Disk, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATSEAL_STATE_DIR", str(disk.folder / "state"))
    fill(source, files=3)
    disk.fill()
    with Store(store.url, KEY) as opened, pytest.raises(OSError, match="No space") as caught:
        opened.backup(source)
    assert exit_code(caught.value) == EXIT_NO_SPACE
    with Store(store.url, KEY) as opened:
        assert opened.snapshots() == []
        disk.make_room()
        backed_up(opened, source)
        disk.fill()
        opened.snapshot().restore(tmp_path / "out")  # who reads needs no state
    assert described(tmp_path / "out" / "source") == described(source)


def test_the_disk_of_the_state_fills_up_on_the_way(
    store: Store, disk: Disk, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATSEAL_STATE_DIR", str(disk.folder / "state"))
    with Store(store.url, KEY) as opened:
        fill(source, files=1)
        first = backed_up(opened, source)
        disk.fill()
        fill(source, seed=2, files=4)
        with pytest.raises(OSError, match="No space") as caught:
            opened.backup(source)
        assert exit_code(caught.value) == EXIT_NO_SPACE
        assert [snapshot.id for snapshot in opened.snapshots()] == [first.snapshot]
        assert opened.check(share=1.0).broken == ()
        disk.make_room()
        backed_up(opened, source)
        opened.snapshot().restore(tmp_path / "out")
    assert described(tmp_path / "out" / "source") == described(source)


def test_that_the_disk_of_the_copies_is_full_is_no_failure(
    store: Store, disk: Disk, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATSEAL_CACHE_DIR", str(disk.folder / "cache"))
    with Store(store.url, KEY) as opened:
        for day in range(3):
            fill(source, seed=day, files=3)
            if day == 1:
                disk.fill()
            backed_up(opened, source)
        opened.snapshot().restore(tmp_path / "out")
        assert described(tmp_path / "out" / "source") == described(source)
        assert opened.check(share=1.0).broken == ()
    assert not list((disk.folder / "cache").rglob(".*")), "no part of a copy is left"


@pytest.mark.parametrize("in_place", [False, True])
def test_the_disk_that_is_restored_to_fills_up(store: Store, disk: Disk, source: Path, tmp_path: Path, in_place: bool) -> None:
    KEY.write(tmp_path / "key")
    fill(source)
    backed_up(store, source)
    out = disk.folder / "out"
    line: list[str | Path] = [
        "restore",
        "latest",
        "--to",
        out,
        "--store",
        store.url,
        "--key-file",
        tmp_path / "key",
        *(["--in-place"] if in_place else []),
    ]
    ran = started(*line)
    assert ran.code == EXIT_NO_SPACE, ran.err
    assert "Traceback" not in ran.err
    there = [path for path in out.rglob("*") if path.is_file()]
    assert 1 <= len(there) < 20
    for path in there:
        assert path.read_bytes() == (source / path.name).read_bytes(), "whole or not there"
    disk.make_room()
    ran = started(*line, *([] if in_place else ["--force"]))
    assert ran.code == 0, ran.err
    assert {path.name: path.read_bytes() for path in (out / "source").iterdir()} == {
        path.name: path.read_bytes() for path in source.iterdir()
    }


def test_a_file_that_may_not_grow_so_long_is_a_disk_that_is_full(store: Store, source: Path, tmp_path: Path) -> None:
    """By a limit of this process on files, which needs no rights and acts as a full disk does; with what is left it ends by itself."""
    KEY.write(tmp_path / "key")
    fill(source, files=3)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    line = [*COMMAND, "backup", str(source), "--store", store.url, "--key-file", str(tmp_path / "key")]
    ended = subprocess.run(
        ["bash", "-c", f"ulimit -f 300; exec {shlex.join(line)}"],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == EXIT_NO_SPACE, ended.stderr
    assert store.snapshots() == []
    assert list((Path(store.url) / PARTS).iterdir()) == []
    backed_up(store, source)
    assert store.check(share=1.0).broken == ()
