"""The folder: what its files look like, what else may lie there, and what a crash leaves."""

import os
import stat
import time
from pathlib import Path

import pytest

from chatseal.errors import ObjectMissingError, StoreFailedError
from chatseal.objects.local_store import PART_LIFE, PARTS, LocalStore
from corpus import noise


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def local(place: Path) -> LocalStore:
    return LocalStore(place, create=True)


def test_a_missing_folder_reads_as_an_empty_store_and_stays_missing(place: Path) -> None:
    for store in (LocalStore(place), LocalStore(place, create=True)):
        assert list(store.list("")) == []
        with pytest.raises(ObjectMissingError):
            store.get("a", 1)
        store.delete("a")
        assert not place.exists()


def test_a_missing_folder_is_not_made_unasked(place: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        LocalStore(place).put("packs/a", b"x")
    assert raised.value.filename == str(place / "packs/a")
    assert not place.exists()


def test_missing_folders_above_are_made_too(tmp_path: Path) -> None:
    LocalStore(tmp_path / "a/b/c", create=True).put("d", b"x")
    assert (tmp_path / "a/b/c/d").read_bytes() == b"x"


def test_a_folder_that_vanishes_is_not_made_again(local: LocalStore, place: Path) -> None:
    """As when its disk is unmounted."""
    local.put("packs/a", b"x")
    place.rename(place.with_name("elsewhere"))
    with pytest.raises(FileNotFoundError):
        local.put("packs/b", b"x")
    place.mkdir()
    with pytest.raises(StoreFailedError, match="another folder"):
        local.put("packs/b", b"x")
    assert list(place.iterdir()) == []


def test_files_and_folders_are_for_their_owner_alone(local: LocalStore, place: Path) -> None:
    umask = os.umask(0)
    try:
        local.put("packs/sub/a", b"x")
    finally:
        os.umask(umask)
    modes = {str(path.relative_to(place)): stat.S_IMODE(path.stat().st_mode) for path in place.rglob("*")}
    assert modes == {PARTS: 0o700, "packs": 0o700, "packs/sub": 0o700, "packs/sub/a": 0o600}
    assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_the_address_is_whole_whatever_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = LocalStore("store", create=True)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    store.put("a", b"x")
    assert store.url == str(tmp_path / "store")
    assert (tmp_path / "store/a").exists()


def test_nothing_is_left_in_the_folder_of_parts(local: LocalStore, place: Path) -> None:
    local.put("a", b"1")
    local.put("a", b"2")
    local.put("b", b"3", absent=True)
    assert list((place / PARTS).iterdir()) == []


def test_what_a_killed_run_left_goes_after_a_day_and_is_never_listed(local: LocalStore, place: Path) -> None:
    local.put("a", b"x")
    old, young = place / PARTS / "old", place / PARTS / "young"
    for part, age in ((old, PART_LIFE + 60), (young, PART_LIFE - 60)):
        part.write_bytes(b"half")
        os.utime(part, (time.time() - age,) * 2)
    assert [info.name for info in local.list("")] == ["a"]
    LocalStore(place).put("b", b"x")
    assert not old.exists()
    assert young.exists()


def test_foreign_things_are_not_listed(local: LocalStore, place: Path) -> None:
    local.put("packs/a", b"x")
    (place / "Thumbs.db").write_bytes(b"")
    (place / "packs/.DS_Store").write_bytes(b"")
    (place / "packs/folder").mkdir()
    (place / "packs/link").symlink_to(place / "packs/a")
    (place / "linked").symlink_to(place / "packs")
    (place / os.fsdecode(b"packs/\xff")).write_bytes(b"")
    os.mkfifo(place / "packs/pipe")
    assert [info.name for info in local.list("")] == ["packs/a"]


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_is_no_ordinary_file_is_not_read(local: LocalStore, place: Path, kind: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"not in the store")
    local.put("packs/a", b"x")
    if kind == "link":
        (place / "packs/b").symlink_to(tmp_path / "secret")
    else:
        os.mkfifo(place / "packs/b")  # opening it would wait for a writer
    for call in (lambda: local.get("packs/b", 100), lambda: local.get_range("packs/b", 0, 100), lambda: local.info("packs/b")):
        with pytest.raises(StoreFailedError, match="not an ordinary file"):
            call()


def test_a_link_in_the_place_of_a_folder_leads_nowhere(local: LocalStore, place: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/a").write_bytes(b"x")
    place.mkdir()
    (place / "packs").symlink_to(tmp_path / "other")
    calls = (
        lambda: local.get("packs/a", 100),
        lambda: local.put("packs/b", b""),
        lambda: local.delete("packs/a"),
        lambda: list(local.list("packs/")),
    )
    for call in calls:
        with pytest.raises(StoreFailedError, match="is a link"):
            call()
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["a"]


def test_a_folder_is_no_object(local: LocalStore) -> None:
    local.put("packs/a", b"x")
    with pytest.raises(ObjectMissingError):
        local.get("packs", 10)
    with pytest.raises(ObjectMissingError):
        local.info("packs")
    with pytest.raises(ObjectMissingError):
        local.get("packs/a/b", 10)
    local.delete("packs")
    local.delete("packs/a/b")
    assert [info.name for info in local.list("")] == ["packs/a"]
    with pytest.raises(IsADirectoryError):
        local.put("packs", b"x")


def test_a_file_longer_than_the_limit_is_not_read(local: LocalStore, place: Path) -> None:
    local.put("a", b"")
    os.truncate(place / "a", 1 << 40)  # sparse: reading it would need a terabyte
    with pytest.raises(StoreFailedError, match="more than the"):
        local.get("a", 1 << 20)
    assert local.get_range("a", (1 << 40) - 5, 100) == bytes(5)


def test_put_absent_where_there_are_no_hard_links_is_refused_and_the_probe_says_so(
    local: LocalStore, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(source: object, target: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    assert local.can_put_absent() is False
    with pytest.raises(StoreFailedError, match="file system"):
        local.put("a", noise(10), absent=True)
    assert list(local.list("")) == []
    assert list((place / PARTS).iterdir()) == []
