"""The walk: order, types, names, what is skipped and why, and what nobody can make it do."""

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.sources import database, kinds_of, plant
from chatseal.capture import names
from chatseal.capture.entry import Entry
from chatseal.capture.names import named_sources, sorted_names
from chatseal.capture.walk import DEPTH_MAX, Skipped, walk


def test_a_tree_comes_in_order_with_folders_before_what_is_in_them(tmp_path: Path) -> None:
    chat = plant(tmp_path / "chat", {"b/2": b"", "b/1": b"x", "a": b"1", "b-c": b"", "empty/": b"", "b/c/d": b""})
    os.symlink("../elsewhere", chat / "link")
    found, skipped = kinds_of([chat])
    assert list(found) == [
        "chat",
        "chat/a",
        "chat/b",
        "chat/b/1",
        "chat/b/2",
        "chat/b/c",
        "chat/b/c/d",
        "chat/b-c",
        "chat/empty",
        "chat/link",
    ]
    assert {path for path, kind in found.items() if kind == "folder"} == {"chat", "chat/b", "chat/b/c", "chat/empty"}
    assert found["chat/link"] == "link"
    assert not skipped


def test_an_entry_says_what_the_system_says(tmp_path: Path) -> None:
    path = plant(tmp_path, {"file": b"12345"}) / "file"
    os.chmod(path, 0o6751)
    os.utime(path, ns=(1, 1_600_000_000_123_456_789))
    os.symlink("file", tmp_path / "link")
    by_path = {entry.path: entry for entry, _ in walk([tmp_path], skipped=[])}
    about, entry = os.stat(path), by_path[f"{tmp_path.name}/file"]
    assert entry == Entry(
        f"{tmp_path.name}/file",
        "file",
        5,
        0o6751,
        about.st_uid,
        about.st_gid,
        1_600_000_000_123_456_789,
        about.st_ctime_ns,
        about.st_dev,
        about.st_ino,
    )
    link = by_path[f"{tmp_path.name}/link"]
    assert (link.type, link.target, link.size) == ("link", "file", 0)
    assert by_path[tmp_path.name].mode == stat.S_IMODE(tmp_path.stat().st_mode)


def test_sources_of_one_name_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("1/chat", "2/chat", "3/chat-2"):
        plant(tmp_path / name, {"x": b""})
    found, _ = kinds_of([tmp_path / "1/chat", f"{tmp_path}/2/chat/", tmp_path / "3/chat-2", tmp_path / "1/../1/chat"])
    assert list(found) == ["chat", "chat/x", "chat-2", "chat-2/x", "chat-2-2", "chat-2-2/x"]
    monkeypatch.chdir(tmp_path / "1/chat")
    assert list(named_sources(["."])) == ["chat"]
    assert list(named_sources([".."])) == ["1"]
    assert list(named_sources(["../.."])) == [tmp_path.name]
    assert named_sources(["/"]) == {names.ROOT: "/"}
    with pytest.raises(ValueError, match="empty name"):
        named_sources([""])


def test_a_link_is_followed_only_if_it_is_a_source_itself(tmp_path: Path) -> None:
    plant(tmp_path / "2024", {"x": b"", "y/z": b""})
    os.symlink("2024", tmp_path / "latest")
    os.symlink("..", tmp_path / "2024" / "loop")
    os.symlink("y", tmp_path / "2024" / "to y")
    found, skipped = kinds_of([tmp_path / "latest"])
    assert list(found) == ["latest", "latest/loop", "latest/to y", "latest/x", "latest/y", "latest/y/z"]
    assert not skipped


def test_names_in_any_encoding_come_as_they_are(tmp_path: Path) -> None:
    given = [b"latin \xe4", "umlaut ä".encode(), b"\xff\xfe", "😂".encode(), b"new\nline", b"\x01", b"-rf", b"back\\slash", b"*[?"]
    for name in given:
        Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).write_bytes(name)
    found = [(entry, path) for entry, path in walk([tmp_path], skipped=[]) if entry.type == "file"]
    assert sorted(os.fsencode(entry.path.split("/", 1)[1]) for entry, _ in found) == sorted(given)
    assert all(Path(path).read_bytes() == os.fsencode(os.path.basename(path)) for _, path in found)


def test_sockets_pipes_and_devices_are_skipped_with_a_word_and_nothing_waits_for_them(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))
        plant(tmp_path, {"zebra": b"x"})
        found, skipped = kinds_of([tmp_path, "/dev/null", tmp_path / "pipe"])
    assert list(found) == [tmp_path.name, f"{tmp_path.name}/zebra"]
    assert skipped == [
        (str(tmp_path / "pipe"), "a named pipe"),
        (str(tmp_path / "socket"), "a socket"),
        ("/dev/null", "a device"),
        (str(tmp_path / "pipe"), "a named pipe"),
    ]


def test_a_missing_source_and_one_that_vanishes_are_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    plant(tmp_path / "a", {"1/x": b"", "2/y": b"", "3": b""})
    skipped: Skipped = []
    found = walk([tmp_path / "gone", tmp_path / "a"], skipped=skipped)
    seen = [next(found).entry.path for _ in range(2)]
    assert seen == ["a", "a/1"]
    for path in ("2/y", "3"):
        (tmp_path / "a" / path).unlink()
    (tmp_path / "a" / "2").rmdir()
    assert [entry.path for entry, _ in found] == ["a/1/x"]
    assert skipped == [
        (str(tmp_path / "gone"), "there is no such file"),
        (str(tmp_path / "a" / "2"), "it vanished before it was read"),
        (str(tmp_path / "a" / "3"), "it vanished before it was read"),
    ]


def test_hard_links_have_their_content_once(tmp_path: Path) -> None:
    plant(tmp_path / "a", {"x": b"content"})
    os.link(tmp_path / "a/x", tmp_path / "a/y")
    (tmp_path / "b").mkdir()
    os.link(tmp_path / "a/x", tmp_path / "b/z")
    database(tmp_path / "b" / "db")
    os.link(tmp_path / "b/db", tmp_path / "b/other name")
    same = {entry.path: entry.same_as for entry, _ in walk([tmp_path / "a", tmp_path / "b"], skipped=[])}
    assert same == {"a": "", "a/x": "", "a/y": "a/x", "b": "", "b/db": "", "b/other name": "b/db", "b/z": "a/x"}


def test_databases_are_told_by_their_content_and_take_what_belongs_to_them_along(tmp_path: Path) -> None:
    database(tmp_path / "chat.db")
    plant(
        tmp_path,
        {
            "chat.db-wal": b"",
            "chat.db-shm": b"x",
            "chat.db-journal": b"",
            "cipher": b"\x8f" * 4096,
            "cipher-wal": b"\x37\x7f\x06\x82" + bytes(28),
            "cipher-shm": bytes(32),
            "hot": bytes(1024),
            "hot-journal": b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(504),
            "notes": b"notes",
            "notes-journal": b"dear diary",
            "tiny.db": b"SQLite format 3\0",
            "only-wal": b"\x37\x7f\x06\x82" + bytes(28),
            "new.db": b"",
            "new.db-wal": b"\x37\x7f\x06\x83" + bytes(28),
        },
    )
    found, skipped = kinds_of([tmp_path])
    assert {path.split("/")[1]: kind for path, kind in found.items() if "/" in path} == {
        "chat.db": "database",
        "cipher": "database",
        "hot": "database",
        "new.db": "database",
        "notes": "file",
        "notes-journal": "file",
        "only-wal": "file",
        "tiny.db": "file",
    }
    assert not skipped


def test_a_companion_given_as_a_source_is_no_entry(tmp_path: Path) -> None:
    plant(database(tmp_path / "chat.db").parent, {"chat.db-wal": b"", "chat.db-shm": b"x"})
    assert kinds_of([tmp_path / "chat.db", tmp_path / "chat.db-shm", tmp_path / "chat.db-wal"]) == ({"chat.db": "database"}, [])
    found, skipped = kinds_of([tmp_path / "chat.db-shm"])
    assert not found
    assert skipped == [(str(tmp_path / "chat.db-shm"), "it belongs to chat.db, which is to be named instead")]


def test_the_walk_opens_no_database_in_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(database(tmp_path / "tree" / "chat.db"))
    opened: list[object] = []
    real = os.open

    def watched(name: str, *rest: int, **options: int) -> int:
        opened.append(os.path.basename(name))
        return real(name, *rest, **options)

    monkeypatch.setattr(os, "open", watched)
    assert kinds_of([tmp_path / "tree", path])[0] == {"tree": "folder", "tree/chat.db": "database", "chat.db": "database"}
    assert "tree" in opened
    assert "chat.db" not in opened


def test_a_file_known_from_earlier_is_not_looked_into_again(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"SQLite format 3\0" + bytes(1008))
    (entry, _) = next(walk([path], skipped=[]))
    assert entry.type == "database"
    about = os.stat(path)
    as_file = Entry("x", "file", 1024, 0, 0, 0, about.st_mtime_ns, about.st_ctime_ns, about.st_dev, about.st_ino)
    assert kinds_of([path], earlier={"x": as_file})[0] == {"x": "file"}
    os.utime(path, ns=(1, 1))
    assert kinds_of([path], earlier={"x": as_file})[0] == {"x": "database"}


def test_a_cache_keeps_its_tag_alone(tmp_path: Path) -> None:
    tag = b"Signature: 8a477f597d28d172789f06886806bc55\n# a cache\n"
    plant(tmp_path / "a", {"cache/CACHEDIR.TAG": tag, "cache/x": b"", "no/CACHEDIR.TAG": b"Signature: none", "no/x": b""})
    assert "a/cache/x" in kinds_of([tmp_path / "a"])[0]
    found, skipped = kinds_of([tmp_path / "a"], exclude_caches=True)
    assert list(found) == ["a", "a/cache", "a/cache/CACHEDIR.TAG", "a/no", "a/no/CACHEDIR.TAG", "a/no/x"]
    assert not skipped


def test_where_the_backup_itself_is_kept_is_never_entered(tmp_path: Path) -> None:
    plant(tmp_path / "a", {"store/x": b"", "y": b"", "file": b""})
    os.symlink(tmp_path / "a", tmp_path / "other")
    found, skipped = kinds_of([tmp_path / "a"], leave_out=[tmp_path / "other" / "store", tmp_path / "a" / "file", tmp_path / "not there"])
    assert list(found) == ["a", "a/y"]
    assert not skipped
    found, skipped = kinds_of([tmp_path / "a" / "store"], leave_out=[tmp_path / "a" / "store"])
    assert not found
    assert skipped == [(str(tmp_path / "a" / "store"), "it is where the backup itself is kept")]


def test_another_file_system_is_an_empty_folder_if_only_one_is_wanted() -> None:
    found, _ = kinds_of(["/dev"], one_file_system=True)
    assert found["dev/shm"] == "folder"
    assert not any(path.startswith(("dev/shm/", "dev/pts/")) for path in found)


def test_a_tree_deeper_than_any_is_cut_off_with_a_word(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(DEPTH_MAX + 40):
        os.mkdir("d", dir_fd=here)
        further = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = further
    os.close(here)
    found, skipped = kinds_of([tmp_path / "d"])
    assert len(found) == DEPTH_MAX + 1
    assert [why for _, why in skipped] == [f"it is more than {DEPTH_MAX} folders deep"]


def test_a_walk_that_is_left_keeps_nothing_open(tmp_path: Path) -> None:
    plant(tmp_path, {"a/b/c/d": bytes(600), "a/b/c/e": b""})
    before = len(os.listdir("/proc/self/fd"))
    found = walk([tmp_path], skipped=[])
    while next(found).entry.type == "folder":
        pass
    assert len(os.listdir("/proc/self/fd")) > before
    found.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_folder_with_more_names_than_fit_is_read_several_times(tmp_path: Path) -> None:
    names = sorted(f"{i * 7919 % 1000:03}" for i in range(100))
    plant(tmp_path, dict.fromkeys(names, b""))
    for at_once in (1, 7, 99, 100, 101):
        folder = os.open(tmp_path, os.O_RDONLY)
        lists = list(sorted_names(folder, at_once))
        os.close(folder)
        assert [name for some in lists for name in some] == names
        assert max(map(len, lists)) <= at_once


def test_companions_are_found_in_folders_whose_names_do_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(
        database(tmp_path / "a" / "m.db").parent, {"m.db-wal": b"x", "cipher": b"", "cipher-wal": b"\x37\x7f\x06\x82", "z": b"", "b": b""}
    )
    small = 2
    monkeypatch.setattr("chatseal.capture.walk.AT_ONCE", small)
    monkeypatch.setattr("chatseal.capture.walk.sorted_names", lambda folder: sorted_names(folder, small))
    assert kinds_of([tmp_path / "a"])[0] == {
        "a": "folder",
        "a/b": "file",
        "a/cipher": "database",
        "a/m.db": "database",
        "a/z": "file",
    }


NAME = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=6).filter(
    lambda name: name not in (".", "..")
)
TREE = st.recursive(st.none(), lambda inner: st.dictionaries(NAME, inner, max_size=5), max_leaves=12)
Tree = dict[str, "Tree"] | None


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    return (tmp_path_factory.mktemp("tree") for _ in iter(int, 1))


@given(tree=st.dictionaries(NAME, TREE, max_size=5))
def test_any_tree_is_found_whole_and_in_order(tree: dict[str, Tree], scratch: Iterator[Path]) -> None:
    top = next(scratch) / "top"

    def build(path: Path, tree: Tree) -> list[str]:
        if tree is None:
            path.write_bytes(b"")
            return []
        path.mkdir()
        return [inside for name in sorted(tree) for inside in (name, *(f"{name}/{below}" for below in build(path / name, tree[name])))]

    wanted = build(top, tree)
    skipped: Skipped = []
    assert [entry.path for entry, _ in walk([top], skipped=skipped)] == ["top", *(f"top/{inside}" for inside in wanted)]
    assert not skipped
