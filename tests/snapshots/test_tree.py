"""Tree: what comes back is what was kept, and nothing is written anywhere but below the folder."""

import ctypes
import itertools
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatseal.capture.entry import Entry
from chatseal.errors import EXIT_DAMAGED, ChatsealError, TargetExistsError, UnsafePathError, exit_code
from chatseal.snapshots.entry_path import PART_MAX, PARTS_MAX, PATH_MAX, encode, parts_of
from chatseal.snapshots.place import Place
from chatseal.snapshots.tree import Tree
from corpus import noise

AT_FDCWD, RENAME_EXCHANGE = -100, 2
TIME = 1_700_000_000_123_456_789
UNSAFE = ["", "/", "/etc/x", "a//b", "a/", ".", "..", "a/../b", "../b", "a/..", "./a", "a/./b", "a\0b", "\0", "\ud800", "a/\udcff\ud83d"]


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside the one that is restored to, in which nothing may change."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "precious").write_bytes(b"precious")
    return folder


@pytest.fixture
def untouched(outside: Path) -> Iterator[Path]:
    yield outside
    assert [path.name for path in outside.iterdir()] == ["precious"]
    assert (outside / "precious").read_bytes() == b"precious"
    assert (outside / "precious").stat().st_nlink == 1


def put_file(tree: Tree, path: str, content: bytes = b"content", **more: Any) -> None:
    with tree.open_file(Entry(path, "file", **more)) as file:
        file.write_at(0, content)
        file.commit(len(content))


def put_any(kind: str, tree: Tree, path: str) -> None:
    if kind == "file":
        put_file(tree, path)
    elif kind == "database":
        with tree.open_file(Entry(path, "database")) as file:
            file.commit(0)
    elif kind == "folder":
        tree.put_folder(Entry(path, "folder"))
    elif kind == "link":
        tree.put_link(Entry(path, "link", target="anywhere"))
    else:
        put_file(tree, "the first name")
        tree.put_name(Entry(path, "file", same_as="the first name"))


KINDS = ["file", "database", "folder", "link", "name"]
LEAVES = ["file", "database", "link", "name"]


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


# --- what comes back ----------------------------------------------------------------------------------------------------


def test_files_folders_links_and_names_come_back_with_modes_and_times(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "place"
    with Tree(folder, overwrite=False, owner=False) as tree:
        tree.put_folder(Entry("chats", "folder", mode=0o750, mtime_ns=TIME + 1))
        tree.put_folder(Entry("chats/media", "folder", mode=0o500, mtime_ns=TIME + 2))
        put_file(tree, "chats/media/photo", b"photo", mode=0o640, mtime_ns=TIME)
        put_file(tree, "chats/empty", b"", mode=0o444, mtime_ns=-TIME)
        tree.put_link(Entry("chats/latest", "link", target="media/photo", mtime_ns=TIME + 3))
        tree.put_name(Entry("chats/again", "file", same_as="chats/media/photo"))
    assert not tree.warnings
    chats = folder / "chats"
    assert names(chats) == ["again", "empty", "latest", "media"]
    assert (chats / "media" / "photo").read_bytes() == b"photo"
    assert (chats / "empty").read_bytes() == b""
    assert os.readlink(chats / "latest") == "media/photo"
    assert (chats / "again").samefile(chats / "media" / "photo")
    modes = {"": 0o750, "media": 0o500, "media/photo": 0o640, "empty": 0o444}
    assert {name: mode(chats / name) for name in modes} == modes
    times = {"": TIME + 1, "media": TIME + 2, "media/photo": TIME, "empty": -TIME, "latest": TIME + 3}
    assert {name: (chats / name).lstat().st_mtime_ns for name in times} == times
    assert mode(folder) == mode(folder.parent) == 0o700


@pytest.mark.parametrize("length", [0, 1, 4095, 4096, 4097, 100_000])
@pytest.mark.parametrize("step", [1000, 4096, 65536])
def test_pieces_in_any_order_make_the_file(length: int, step: int, tmp_path: Path) -> None:
    content = noise(length)
    with Tree(tmp_path / "to", overwrite=False, owner=False) as tree, tree.open_file(Entry("x", "file")) as file:
        for offset in reversed(range(0, length, step)):
            file.write_at(offset, memoryview(content)[offset : offset + step])
        assert os.pread(file.descriptor, length + 1, 0) == content
        file.commit(length)
    assert (tmp_path / "to" / "x").read_bytes() == content


def test_what_is_not_written_is_zeros_without_blocks_and_what_is_beyond_the_length_is_cut(tmp_path: Path) -> None:
    with Tree(tmp_path / "to", overwrite=False, owner=False) as tree, tree.open_file(Entry("x", "file")) as file:
        file.write_at(1 << 20, b"middle and more")
        file.commit((1 << 20) + 6)
        with tree.open_file(Entry("hole", "file")) as hole:
            hole.commit(1 << 30)
    assert (tmp_path / "to" / "x").read_bytes() == bytes(1 << 20) + b"middle"
    about = (tmp_path / "to" / "hole").stat()
    assert (about.st_size, about.st_blocks) == (1 << 30, 0)


def test_threads_write_pieces_of_one_file_at_once(tmp_path: Path) -> None:
    content = noise(1 << 20)
    with Tree(tmp_path / "to", overwrite=False, owner=False) as tree, tree.open_file(Entry("x", "file")) as file:

        def write(first: int) -> None:
            for offset in range(first, len(content), 4 * 8192):
                file.write_at(offset, content[offset : offset + 8192])

        threads = [threading.Thread(target=write, args=(n * 8192,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        file.commit(len(content))
    assert (tmp_path / "to" / "x").read_bytes() == content


@pytest.fixture(params=["files without a name", "a name from the beginning"])
def way_of_making(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "a name from the beginning":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    return str(request.param)


@pytest.mark.usefixtures("way_of_making")
def test_a_file_that_is_not_committed_leaves_nothing(tmp_path: Path) -> None:
    for overwrite, before in ((False, []), (True, ["x"])):
        with Tree(tmp_path / "to", overwrite=overwrite, owner=False) as tree:
            for name in before:
                put_file(tree, name, b"older")
            with tree.open_file(Entry("x", "file")) as file:
                file.write_at(0, b"half")
                assert stat.S_IMODE(os.fstat(file.descriptor).st_mode) == 0o600
            file.close()
            tree.open_file(Entry("x", "file"))  # and forgotten
        assert names(tmp_path / "to") == before


def test_many_files_can_be_open_at_once_and_end_in_any_order(tmp_path: Path) -> None:
    with Tree(tmp_path / "to", overwrite=False, owner=False) as tree:
        files = [tree.open_file(Entry(f"{n % 3}/{n}", "file")) for n in range(30)]
        for n, file in enumerate(files):
            file.write_at(0, str(n).encode())
        for n, file in reversed(list(enumerate(files))):
            file.commit(len(str(n)))
            file.close()
    assert all((tmp_path / "to" / str(n % 3) / str(n)).read_text() == str(n) for n in range(30))


@given(st.lists(st.binary(min_size=1, max_size=PART_MAX), min_size=1, max_size=4))
def test_names_in_any_encoding_come_back_byte_by_byte(tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]) -> None:
    folder, raw = tmp_path_factory.mktemp("to"), b"/".join(parts)
    path = raw.decode("utf-8", "surrogateescape")
    bad = any(part in (b"", b".", b"..") for part in raw.split(b"/")) or b"\0" in raw or any(len(part) > PART_MAX for part in parts)
    with Tree(folder, overwrite=False, owner=False) as tree:
        if bad:
            with pytest.raises(UnsafePathError):
                put_file(tree, path)
            return
        put_file(tree, path, raw)
    with open(os.fsencode(folder) + b"/" + raw, "rb") as file:
        assert file.read() == raw


@pytest.mark.parametrize("name", ["é" * 127, "😂" * 63, "\udcff" * 255, "n" * 255, "\n\t\x1b[31m", " ", "..."])
def test_long_and_odd_names_come_back(name: str, tmp_path: Path) -> None:
    for _ in range(2):  # the second time something has the name
        with Tree(tmp_path / "to", overwrite=True, owner=False) as tree:
            put_file(tree, name)
            put_file(tree, f"folder/{name}")
            tree.put_link(Entry(f"links/{name}", "link", target=name))
            tree.put_name(Entry(f"names/{name}", "file", same_as=name))
    assert os.listdir(os.fsencode(tmp_path / "to" / "names")) == [encode(name)]
    assert os.listdir(os.fsencode(tmp_path / "to" / "folder")) == [encode(name)]


def test_a_path_longer_than_the_system_takes_at_once_comes_back(tmp_path: Path) -> None:
    path = "/".join(["d" * 100] * 100)
    with Tree(tmp_path / "to", overwrite=False, owner=False) as tree:
        put_file(tree, f"{path}/x", b"deep")
        tree.put_name(Entry(f"{path}/y", "file", same_as=f"{path}/x"))
    with Tree(tmp_path / "to", overwrite=False, owner=False) as tree, pytest.raises(TargetExistsError):
        put_file(tree, f"{path}/y")


# --- attacks: names -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*UNSAFE, "n" * (PART_MAX + 1), "é" * 128, "a/" * PARTS_MAX + "a", "abc/" * (PATH_MAX // 4) + "a"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_path_that_leads_out_of_the_folder_is_refused(kind: str, path: str, tmp_path: Path, untouched: Path) -> None:
    with Tree(tmp_path / "to", overwrite=True, owner=False) as tree:
        with pytest.raises(UnsafePathError) as caught:
            put_any(kind, tree, path)
        assert exit_code(caught.value) == EXIT_DAMAGED
        assert caught.value.remedy
        assert len(str(caught.value)) < 3000
    assert names(tmp_path / "to") == (["the first name"] if kind == "name" else [])
    assert names(tmp_path) == ["outside", "to"]


def test_the_limits_of_paths_are_those_of_the_page(tmp_path: Path) -> None:
    assert len(parts_of("a/" * (PARTS_MAX - 1) + "a")) == PARTS_MAX
    wide = "/".join(["n" * 255] * 256)
    assert len(parts_of(wide)) == 256
    assert len(wide) == PATH_MAX - 1


@pytest.mark.parametrize("path", UNSAFE)
def test_a_hard_link_to_outside_is_refused(path: str, tmp_path: Path, untouched: Path) -> None:
    with Tree(tmp_path / "to", overwrite=True, owner=False) as tree, pytest.raises(UnsafePathError):
        tree.put_name(Entry("x", "file", same_as=path or "/"))
    assert not names(tmp_path / "to")


def test_a_hard_link_to_what_was_there_before_is_refused(tmp_path: Path) -> None:
    """Else a name that could not be restored would lend its old content to another."""
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "old").write_bytes(b"old")
    with Tree(tmp_path / "to", overwrite=False, owner=False) as tree:
        with pytest.raises(TargetExistsError):
            put_file(tree, "old")
        with pytest.raises(FileNotFoundError, match="not restored"):
            tree.put_name(Entry("x", "file", same_as="old"))
    assert names(tmp_path / "to") == ["old"]


@pytest.mark.parametrize("target", ["", "a\0b", "\ud800", "x" * 4096])
def test_a_link_that_no_system_can_have_is_refused(target: str, tmp_path: Path) -> None:
    with Tree(tmp_path / "to", overwrite=True, owner=False) as tree, pytest.raises(UnsafePathError):
        tree.put_link(Entry("x", "link", target=target))
    assert not names(tmp_path / "to")


# --- attacks: links -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["../outside", "outside", "/", "."])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_goes_through_a_link_that_an_earlier_entry_planted(kind: str, target: str, tmp_path: Path, untouched: Path) -> None:
    with Tree(tmp_path / "to", overwrite=True, owner=False) as tree:
        tree.put_link(Entry("a", "link", target=target if target != "outside" else str(untouched)))
        for path in ("a/precious", "a/new", "a/b/c"):
            with pytest.raises(UnsafePathError):
                put_any(kind, tree, path)
    assert names(tmp_path / "to") in (["a"], ["a", "the first name"])


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_goes_through_a_link_that_was_there_before(kind: str, tmp_path: Path, untouched: Path) -> None:
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "a").symlink_to(untouched)
    with Tree(tmp_path / "to", overwrite=True, owner=False) as tree:
        for path in ("a/precious", "a/new", "a/b/c"):
            with pytest.raises(TargetExistsError) as caught:
                put_any(kind, tree, path)
            assert "through a link" in caught.value.remedy


@pytest.mark.parametrize("kind", LEAVES)
def test_a_link_under_the_own_name_is_replaced_and_not_followed(kind: str, tmp_path: Path, untouched: Path) -> None:
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "x").symlink_to(untouched / "precious")
    with Tree(tmp_path / "to", overwrite=True, owner=False) as tree:
        put_any(kind, tree, "x")
    assert (tmp_path / "to" / "x").is_symlink() == (kind == "link")


def test_a_folder_does_not_take_the_place_of_a_link(tmp_path: Path, untouched: Path) -> None:
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "x").symlink_to(untouched)
    with Tree(tmp_path / "to", overwrite=True, owner=False) as tree, pytest.raises(TargetExistsError):
        tree.put_folder(Entry("x", "folder", mode=0o777))
    assert mode(untouched) != 0o777


@pytest.mark.parametrize("made", ["a link", "another folder", "nothing"])
def test_a_folder_swapped_before_the_end_does_not_get_its_mode(made: str, tmp_path: Path, untouched: Path) -> None:
    before = mode(untouched)
    with Tree(tmp_path / "to", overwrite=True, owner=False) as tree:
        tree.put_folder(Entry("a", "folder", mode=0o777))
        tree.put_folder(Entry("b", "folder"))
        (tmp_path / "to" / "a").rename(tmp_path / "to" / "moved")
        if made == "a link":
            (tmp_path / "to" / "a").symlink_to(untouched)
        elif made == "another folder":
            (tmp_path / "to" / "a").mkdir(before)
    assert mode(untouched) == before
    assert mode(tmp_path / "to" / "moved") == 0o700
    assert any("meanwhile: a" in warning for warning in tree.warnings)


@pytest.mark.parametrize("kind", KINDS)
def test_a_parent_swapped_for_a_link_in_a_race_is_not_followed(kind: str, tmp_path: Path, untouched: Path) -> None:
    """Another process swaps the parent for a link to the outside and back, as fast as it can."""
    to = tmp_path / "to"
    (to / "a").mkdir(parents=True)
    (to / "link").symlink_to(untouched)
    exchange = getattr(ctypes.CDLL(None), "renameat2", None)
    if exchange is None:
        pytest.skip("this system cannot swap two names at once")
    running = True

    def swap() -> None:
        while running:
            exchange(AT_FDCWD, os.fsencode(to / "a"), AT_FDCWD, os.fsencode(to / "link"), RENAME_EXCHANGE)

    thread = threading.Thread(target=swap)
    thread.start()
    made, until = 0, time.monotonic() + 60
    try:
        for n in itertools.count():
            if n >= 300 and (made or time.monotonic() > until):  # on a busy machine the other may hold the link for long
                break
            try:
                with Tree(to, overwrite=True, owner=False) as tree:
                    put_any(kind, tree, f"a/{n}")
                    made += 1
            except TargetExistsError:
                pass
    finally:
        running = False
        thread.join()
    assert made


MOMENTS: list[Callable[[Tree, str], None]] = [
    lambda tree, path: tree.put_folder(Entry(path, "folder", mode=0o777)),
    lambda tree, path: tree.put_link(Entry(path, "link", target="x")),
    put_file,
]


@pytest.mark.parametrize("put", MOMENTS)
@pytest.mark.parametrize("call", ["mkdir", "open", "stat", "symlink", "rename", "link", "utime"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_parent_swapped_just_before_any_call_is_not_followed(
    overwrite: bool, call: str, put: Callable[[Tree, str], None], tmp_path: Path, untouched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, rename, swapped = getattr(os, call), os.rename, 0
    for path, nth in itertools.product(("a/precious", "a/new", "a/new/x"), range(1, 12)):
        to, count = tmp_path / f"{path.replace('/', ' ')} {nth}", 0
        (to / "a").mkdir(parents=True)

        def swap_first(*args: object, to: Path = to, nth: int = nth, **options: object) -> object:
            nonlocal count, swapped
            count += 1
            if count == nth:
                swapped += 1
                rename(to / "a", to / "b")
                (to / "a").symlink_to(untouched)
            return real(*args, **options)

        with monkeypatch.context() as patch:
            patch.setattr(os, call, swap_first)
            with suppress(TargetExistsError), Tree(to, overwrite=overwrite, owner=False) as tree:
                put(tree, path)
    assert swapped or call in ("symlink", "rename", "link", "utime", "stat")


# --- what is there already ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("older", ["file", "link", "folder", "pipe"])
@pytest.mark.parametrize("kind", LEAVES)
@pytest.mark.parametrize("overwrite", [False, True])
def test_what_has_the_name_is_replaced_only_if_asked_and_never_if_it_is_a_folder(
    overwrite: bool, kind: str, older: str, tmp_path: Path
) -> None:
    to, x = tmp_path / "to", tmp_path / "to" / "x"
    to.mkdir()
    make: dict[str, Callable[[], None]] = {
        "file": x.touch,
        "folder": x.mkdir,
        "link": lambda: x.symlink_to("nowhere"),
        "pipe": lambda: os.mkfifo(x),
    }
    make[older]()
    before = x.lstat()
    with Tree(to, overwrite=overwrite, owner=False) as tree:
        if overwrite and older != "folder":
            put_any(kind, tree, "x")
            assert x.lstat().st_ino != before.st_ino
        else:
            with pytest.raises(TargetExistsError):
                put_any(kind, tree, "x")
            assert x.lstat() == before
    assert set(names(to)) <= {"x", "the first name"}


@pytest.mark.parametrize("older", ["file", "folder"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_what_takes_the_name_while_the_file_is_written_is_kept_unless_it_may_be_replaced(
    overwrite: bool, older: str, tmp_path: Path
) -> None:
    x = tmp_path / "to" / "x"
    with Tree(tmp_path / "to", overwrite=overwrite, owner=False) as tree, tree.open_file(Entry("x", "file")) as file:
        if older == "file":
            x.write_bytes(b"another's")
        else:
            x.mkdir()
        if overwrite and older == "file":
            file.commit(0)
            assert x.read_bytes() == b""
        else:
            with pytest.raises(TargetExistsError):
                file.commit(0)
            assert x.is_dir() or x.read_bytes() == b"another's"
    assert names(tmp_path / "to") == ["x"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_that_is_there_is_used_and_keeps_its_mode_unless_it_may_be_replaced(overwrite: bool, tmp_path: Path) -> None:
    older = tmp_path / "to" / "a"
    older.mkdir(parents=True)
    older.chmod(0o711)
    with Tree(tmp_path / "to", overwrite=overwrite, owner=False) as tree:
        tree.put_folder(Entry("a", "folder", mode=0o755, mtime_ns=TIME))
        put_file(tree, "a/b")
    assert mode(older) == (0o755 if overwrite else 0o711)
    assert (older.stat().st_mtime_ns == TIME) == overwrite


def test_a_folder_made_for_what_is_in_it_gets_its_mode_from_an_entry_that_comes_later(tmp_path: Path) -> None:
    with Tree(tmp_path / "to", overwrite=False, owner=False) as tree:
        put_file(tree, "a/b/c")
        tree.put_folder(Entry("a", "folder", mode=0o751, mtime_ns=TIME))
    assert mode(tmp_path / "to" / "a") == 0o751
    assert (tmp_path / "to" / "a").stat().st_mtime_ns == TIME
    assert mode(tmp_path / "to" / "a" / "b") == 0o700


def test_after_an_error_what_was_committed_stays_and_folders_stay_closed_to_others(tmp_path: Path) -> None:
    def stop() -> None:
        with Tree(tmp_path / "to", overwrite=False, owner=False) as tree:
            tree.put_folder(Entry("a", "folder", mode=0o777))
            put_file(tree, "a/b")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert mode(tmp_path / "to" / "a") == 0o700
    assert (tmp_path / "to" / "a" / "b").read_bytes() == b"content"


def test_an_error_of_the_system_names_the_path_that_people_know(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError):
        Tree(tmp_path / "file", overwrite=False, owner=False)
    with Tree(tmp_path / "to", overwrite=False, owner=False) as tree, tree.open_file(Entry("x", "file")) as file:
        os.close(file.descriptor)
        with pytest.raises(OSError) as caught:
            file.commit(1)
        assert caught.value.filename == str(tmp_path / "to" / "x")
        file.descriptor = os.open(os.devnull, os.O_RDONLY)


# --- owners and special bits --------------------------------------------------------------------------------------------

SPECIAL = [0o4755, 0o2755, 0o1777, 0o7777]
NOBODY = 65534


@pytest.mark.parametrize("bits", SPECIAL)
def test_bits_that_lend_rights_are_dropped_without_the_owner(bits: int, tmp_path: Path) -> None:
    with Tree(tmp_path / "to", overwrite=False, owner=False) as tree:
        put_file(tree, "x", mode=bits, uid=NOBODY, gid=NOBODY)
        tree.put_folder(Entry("a", "folder", mode=bits, uid=NOBODY, gid=NOBODY))
    for name in ("x", "a"):
        assert mode(tmp_path / "to" / name) == bits & 0o777
        assert (tmp_path / "to" / name).stat().st_uid == os.geteuid()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
@pytest.mark.parametrize("bits", SPECIAL)
def test_the_owner_comes_back_with_bits_and_all(bits: int, tmp_path: Path) -> None:
    owner: dict[str, Any] = {"uid": NOBODY, "gid": NOBODY - 1}
    with Tree(tmp_path / "to", overwrite=False, owner=True) as tree:
        put_file(tree, "x", mode=bits, **owner)
        tree.put_folder(Entry("a", "folder", mode=bits, **owner))
        tree.put_link(Entry("l", "link", target="x", **owner))
    assert not tree.warnings
    for name in ("x", "a", "l"):
        about = (tmp_path / "to" / name).lstat()
        assert (about.st_uid, about.st_gid) == (NOBODY, NOBODY - 1)
        assert name == "l" or stat.S_IMODE(about.st_mode) == bits


@pytest.mark.parametrize("bits", SPECIAL)
@pytest.mark.parametrize("uid", [-1, -2, 2**32 - 1, 2**32, 2**70, "refused"])
def test_bits_that_lend_rights_are_dropped_when_the_owner_cannot_be_set(
    uid: int | str, bits: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    if isinstance(uid, str):
        monkeypatch.setattr(os, "fchown", refuse)
        monkeypatch.setattr(os, "chown", refuse)
        uid = NOBODY
    with Tree(tmp_path / "to", overwrite=False, owner=True) as tree:
        for path in ("x", "y", "z"):
            put_file(tree, path, mode=bits, uid=uid)
        tree.put_link(Entry("l", "link", target="x", uid=uid))
    assert mode(tmp_path / "to" / "x") == bits & 0o777
    assert tree.warnings == ["the owner could not be set: x and 3 more"]


@pytest.mark.parametrize("time", [2**63 - 1, -(2**63), 2**80, -(2**80), 10**40])
def test_a_time_that_no_system_has_does_no_harm(time: int, tmp_path: Path) -> None:
    with Tree(tmp_path / "to", overwrite=False, owner=False) as tree:
        put_file(tree, "x", mtime_ns=time)
        tree.put_link(Entry("l", "link", target="x", mtime_ns=time))
    assert names(tmp_path / "to") == ["l", "x"]
    assert all("the time could not be set" in warning for warning in tree.warnings)
    assert tree.warnings or time != 10**40  # the system takes the others to the nearest time that it can have


def test_modes_beyond_permission_bits_do_no_harm(tmp_path: Path) -> None:
    with Tree(tmp_path / "to", overwrite=False, owner=False) as tree:
        put_file(tree, "x", mode=stat.S_IFDIR | 0o644 | 1 << 40)
    assert mode(tmp_path / "to" / "x") == 0o644


# --- hard links ---------------------------------------------------------------------------------------------------------


def test_where_there_are_no_hard_links_names_become_copies_and_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = noise(3_000_000)

    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)  # where there is one, there is the other
    with Tree(tmp_path / "to", overwrite=False, owner=False) as tree:
        put_file(tree, "x", content, mode=0o640)
        for name in ("y", "z"):
            tree.put_name(Entry(name, "file", same_as="x", mode=0o640, mtime_ns=TIME))
        with pytest.raises(TargetExistsError):
            put_file(tree, "x")
    assert (tmp_path / "to" / "y").read_bytes() == (tmp_path / "to" / "z").read_bytes() == content
    assert (tmp_path / "to" / "y").stat().st_mtime_ns == TIME
    assert len(tree.warnings) == 1
    assert "y and 1 more" in tree.warnings[0]
    assert names(tmp_path / "to") == ["x", "y", "z"]


def test_a_name_restored_over_itself_stays(tmp_path: Path) -> None:
    entry = Entry("y", "file", same_as="x")
    for _ in range(2):
        with Tree(tmp_path / "to", overwrite=True, owner=False) as tree:
            put_file(tree, "x")
            tree.put_name(entry)
            tree.put_name(entry)
            tree.put_name(replace(entry, path="x"))
    assert names(tmp_path / "to") == ["x", "y"]
    assert (tmp_path / "to" / "x").stat().st_nlink == 2


# --- faults -------------------------------------------------------------------------------------------------------------

CALLS = ["open", "mkdir", "dup", "ftruncate", "fchmod", "utime", "fsync", "rename", "link", "unlink", "symlink", "stat", "pwrite"]

WHOLE = {"a/x": [b"old x", b"new x"], "b/y": [b"old y", b"new y"], "b/z": [b"new x"]}


def put_all(tree: Tree) -> None:
    tree.put_folder(Entry("a", "folder", mode=0o755))
    put_file(tree, "a/x", b"new x")
    put_file(tree, "b/y", b"new y")
    tree.put_link(Entry("l", "link", target="a"))
    tree.put_name(Entry("b/z", "file", same_as="a/x"))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("overwrite", [False, True])
def test_when_any_call_fails_files_are_whole_or_not_there_and_nothing_lies_about(
    overwrite: bool, call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failed = getattr(os, call), 0
    opened = len(os.listdir("/proc/self/fd"))
    for nth in range(1, 100):
        to, count = tmp_path / f"{nth}", 0
        if overwrite:
            with Tree(to, overwrite=False, owner=False) as tree:
                put_file(tree, "a/x", b"old x")
                put_file(tree, "b/y", b"old y")

        def fail(*args: object, nth: int = nth, **options: object) -> object:
            nonlocal count
            count += 1
            if count == nth:
                raise OSError(5, "Input/output error")
            return real(*args, **options)

        with monkeypatch.context() as patch:
            patch.setattr(os, call, fail)
            error = None
            try:
                with Tree(to, overwrite=overwrite, owner=False) as tree:
                    put_all(tree)
            except (OSError, ChatsealError) as caught:
                error = caught
        found = {str(path.relative_to(to)): path.read_bytes() for path in to.rglob("*") if path.is_file()}
        assert set(found) <= WHOLE.keys() or call == "unlink", (call, nth)
        assert all(content in WHOLE.get(name, [content]) for name, content in found.items())
        if count < nth:
            assert error is None
            break
        failed += 1
    assert failed or call == {True: "link", False: "rename"}[overwrite]
    assert len(os.listdir("/proc/self/fd")) == opened


def test_a_place_shows_what_people_know_and_no_descriptor(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError) as caught:
        Place(os.open(os.devnull, os.O_RDONLY), b"x", "known").open(os.O_RDONLY)
    assert caught.value.filename == "known"
