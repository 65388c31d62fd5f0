"""Folders that a program carries between machines: which they are, and that what has not arrived is neither missing nor pruned."""

import plistlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatseal import Store
from chatseal.errors import NotHereYetError, ObjectMissingError, UnprunableError
from chatseal.format.object_names import PACKS
from chatseal.objects.local_store import LocalStore
from chatseal.objects.synced_folder import is_synced, placeholder_of, service_of
from snapshots.conftest import KEY, places
from snapshots.scene import backed_up, described, noise

__all__ = ["places"]

KNOWN = [
    ("Users/ada/Library/Mobile Documents/com~apple~CloudDocs/chats", "iCloud Drive"),
    ("Users/ada/iCloudDrive/chats", "iCloud Drive"),
    ("Users/ada/Library/CloudStorage/Dropbox/chats", "Dropbox"),
    ("home/ada/Dropbox", "Dropbox"),
    ("home/ada/Dropbox (Analytical Engines)/chats", "Dropbox"),
    ("Users/ada/Library/CloudStorage/OneDrive-Personal/chats", "OneDrive"),
    ("Users/ada/OneDrive - Analytical Engines/chats", "OneDrive"),
    ("Users/ada/Library/CloudStorage/GoogleDrive-ada@example.org/My Drive/chats", "Google Drive"),
    ("Users/ada/Google Drive/chats", "Google Drive"),
    ("Users/ada/Library/CloudStorage/Box-Box/chats", "a cloud's program"),
]
MARKED = [(".dropbox.cache", "Dropbox"), (".849C9593-D756-4E56-8D6E-42412F2A707B", "OneDrive"), (".stfolder", "Syncthing")]
ORDINARY = ["srv/backups/chats", "home/ada/dropbox-old/chats", "home/ada/My Dropbox copies", "mnt/nas/drive", "home/ada/OneDriveBackup"]


@pytest.mark.parametrize(("path", "service"), KNOWN)
def test_the_folders_of_services_are_known_by_their_paths(tmp_path: Path, path: str, service: str) -> None:
    assert service_of(tmp_path / path) == service
    (tmp_path / path).mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / path)
    assert is_synced(tmp_path / "link" / "store")


@pytest.mark.parametrize(("marker", "service"), MARKED)
def test_or_by_what_their_programs_leave_there(tmp_path: Path, marker: str, service: str) -> None:
    (tmp_path / marker).mkdir()
    assert service_of(tmp_path / "a/b/store") == service


@pytest.mark.parametrize("path", ORDINARY)
def test_others_are_not(tmp_path: Path, path: str) -> None:
    assert not is_synced(tmp_path / path)


def binary(members: dict[str, Any] | list[Any]) -> bytes:
    return plistlib.dumps(members, fmt=plistlib.FMT_BINARY)


def evict(path: Path, length: int | None = None) -> None:
    """As iCloud Drive does when there is little room: the file becomes a placeholder."""
    size = path.stat().st_size if length is None else length
    placeholder_of(path).write_bytes(binary({"NSURLFileSizeKey": size, "NSURLNameKey": path.name}))
    path.unlink()


def test_a_placeholder_is_an_object_that_is_not_here_yet(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store", create=True)
    store.put("packs/a", noise(1000))
    evict(tmp_path / "store/packs/a")
    assert [(info.name, info.size) for info in store.list("packs/")] == [("packs/a", 1000)]
    assert store.info("packs/a").size == 1000
    reads: list[Callable[[], bytes]] = [lambda: store.get("packs/a", 1000), lambda: store.get_range("packs/a", 0, 1)]
    for read in reads:
        with pytest.raises(NotHereYetError, match="not here yet") as raised:
            read()
        assert "keep the folder on this machine" in raised.value.remedy
    with pytest.raises(ObjectMissingError) as missing:
        store.get("packs/b", 10)
    assert not isinstance(missing.value, NotHereYetError)
    store.put("packs/a", noise(1000))
    assert len(list(store.list("packs/"))) == 1


@pytest.mark.parametrize(
    "harm",
    [b"", b"bplist00", b"<plist>", binary({"NSURLFileSizeKey": -5}), binary({"NSURLFileSizeKey": True}), binary([1]), b"x" * 100_000],
)
def test_a_placeholder_that_makes_no_sense_is_of_no_length(tmp_path: Path, harm: bytes) -> None:
    store = LocalStore(tmp_path, create=True)
    (tmp_path / ".config.icloud").write_bytes(harm)
    assert [(info.name, info.size) for info in store.list("")] == [("config", 0)]


def synced(tmp_path: Path, source: Path) -> Store:
    (source / "photo.jpg").write_bytes(noise(200_000))
    store = Store.create(tmp_path / "Dropbox" / "chats", KEY)
    backed_up(store, source)
    return store


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.mark.usefixtures("places")
def test_a_snapshot_that_arrives_before_its_packs_is_not_here_yet_and_comes_back_later(tmp_path: Path, source: Path) -> None:
    with synced(tmp_path, source) as store:
        (pack,) = Path(store.url, PACKS).iterdir()
        pack.rename(tmp_path / "on its way")
        done = store.snapshot().restore(tmp_path / "out")
        assert any("not here yet: Dropbox" in reason for _, reason in done.failed)
        (tmp_path / "on its way").rename(pack)
        assert store.snapshot().restore(tmp_path / "later").failed == ()
    assert described(tmp_path / "later/source") == described(source)


@pytest.mark.usefixtures("places")
def test_nothing_is_pruned_there_unless_one_is_alone(tmp_path: Path, source: Path) -> None:
    with synced(tmp_path, source) as store:
        (pack,) = Path(store.url, PACKS).iterdir()
        evict(pack)
        with pytest.raises(UnprunableError, match="in a folder of Dropbox") as raised:
            store.prune()
        assert "--exclusive" in raised.value.remedy
        assert store.prune(dry_run=True).removed == 0
        assert store.prune(exclusive=True).removed == 0
        assert placeholder_of(pack).exists()


@pytest.mark.usefixtures("places")
def test_conflict_copies_are_nobodys_objects(tmp_path: Path, source: Path) -> None:
    with synced(tmp_path, source) as store:
        before = {info.name for info in store.sealed.objects.list("")}
        for path in [path for path in Path(store.url).rglob("*") if path.is_file()]:
            for name in (f"{path.name} (1)", f"{path.name} 2", f"{path.name} (Ada's conflicted copy 2026-11-26)", f"{path.name}-LAPTOP"):
                path.with_name(name).write_bytes(b"another")
        assert {info.name for info in store.sealed.objects.list("")} == before
        assert len(store.snapshots()) == 1
        assert store.check(share=1.0).broken == ()
