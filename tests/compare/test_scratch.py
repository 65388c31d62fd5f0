"""Scratch folders: where there is room, for their owner alone, and gone afterwards whatever was put into them."""

import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from chatseal.compare import scratch
from chatseal.compare.scratch import NoRoomError


def test_memory_is_chosen_if_it_has_room_and_otherwise_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meminfo = tmp_path / "meminfo"
    monkeypatch.setattr(scratch, "MEMORY", tmp_path)
    monkeypatch.setattr(scratch, "_MEMINFO", meminfo)
    elsewhere = Path(tempfile.gettempdir()).resolve()
    assert scratch.choose(None, 1000) == elsewhere  # nobody knows how much memory there is
    meminfo.write_text(f"MemTotal: 9 kB\nMemAvailable:   {(scratch.LEFT_FREE + 2000) // 1024} kB\n")
    assert scratch.choose(None, 1000) == tmp_path
    assert scratch.choose(None, 5000) == elsewhere
    monkeypatch.setattr(scratch, "MEMORY", tmp_path / "nix")
    assert scratch.choose(None, 1000) == elsewhere


def test_without_room_nothing_is_chosen(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    assert scratch.choose(str(tmp_path), free // 2) == tmp_path
    with pytest.raises(NoRoomError, match=f"needs about .* MB in {tmp_path}, 3 times the file") as caught:
        scratch.choose(str(tmp_path), 2 * free)
    assert caught.value.exit_code == 15


def test_the_largest_file_counts() -> None:
    assert scratch.needed(10, 1000) == 3000 + scratch.MARGIN


def test_a_scratch_folder_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "kept").write_bytes(b"x")
        raise KeyError

    with pytest.raises(KeyError), scratch.folder(tmp_path) as folder:
        fail(folder)
    assert os.listdir(tmp_path) == []


def test_a_folder_whose_owner_was_killed_is_removed_by_the_next_and_no_other_one(tmp_path: Path) -> None:
    ownerless = tmp_path / f"{scratch.PREFIX}killed"
    (ownerless / "store").mkdir(parents=True)
    link = tmp_path / f"{scratch.PREFIX}link"
    outside = tmp_path / "outside"
    outside.mkdir()
    link.symlink_to(outside)
    with scratch.folder(tmp_path) as first:
        assert sorted(tmp_path.iterdir()) == sorted([first, link, outside])
        with scratch.folder(tmp_path) as second:
            assert first.exists()
            assert second != first
    assert sorted(tmp_path.iterdir()) == sorted([link, outside])


def test_folders_that_may_not_be_written_are_removed_and_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o500)
    with scratch.folder(tmp_path) as folder:
        deep = folder / "a" / "b"
        deep.mkdir(parents=True)
        (deep / "file").write_bytes(b"x")
        (deep / "link").symlink_to(outside)
        deep.chmod(0o000)
        deep.parent.chmod(0o500)
    assert os.listdir(tmp_path) == ["outside"]
    assert outside.stat().st_mode & 0o777 == 0o500


def test_an_interruption_waits_until_all_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = shutil.rmtree

    def interrupted(path: Path) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        real(path)

    with pytest.raises(KeyboardInterrupt), scratch.folder(tmp_path):
        monkeypatch.setattr(shutil, "rmtree", interrupted)
    assert os.listdir(tmp_path) == []


def test_the_medium_is_that_of_the_innermost_mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/a / ext4 rw 0 0\ntmpfs /mnt tmpfs rw 0 0\n/dev/b /mnt/my\\040disk xfs rw 0 0\n/dev/c /mnt/my\\040disk btrfs rw 0 0\n"
    )
    monkeypatch.setattr(scratch, "_MOUNTS", mounts)
    assert scratch.medium(Path("/home")) == "ext4"
    assert scratch.medium(Path("/mnt/x")) == "tmpfs"
    assert scratch.medium(Path("/mnt/my disk/x")) == "btrfs"
    monkeypatch.setattr(scratch, "_MOUNTS", tmp_path / "nix")
    assert scratch.medium(Path("/home")) == ""
