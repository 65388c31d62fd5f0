"""The new file beside the old one: what it keeps, how its bytes get there, and what happens when others touch the file too."""

import errno
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import chatseal
from chatseal import BackupKey, Progress, SourceChangedError
from chatseal.errors import EXIT_BUSY, EXIT_NOT_THERE, exit_code
from chatseal.part_file import is_part
from chatseal.sealing import copying
from chatseal.sealing.rekey import hold
from corpus import KEY_BYTES, MIB, noise
from oracle import header_length
from slow_writer import Draw

KEY, OTHER = BackupKey(KEY_BYTES), BackupKey(Draw("another backup key")(32))
PLAIN = noise(300_000)
NOBODY = 65534
WHEN = 1_700_000_000_123_456_789


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "chat.seal"
    chatseal.seal(PLAIN, path, KEY)
    return path


def add(path: Path, progress: Callable[[Progress], object] | None = None) -> chatseal.HolderChange:
    return chatseal.add_holder(path, KEY, OTHER, progress=progress)


def reseal(path: Path, progress: Callable[[Progress], object] | None = None) -> chatseal.HolderChange:
    return chatseal.rotate_key(path, KEY, [KEY, OTHER], reseal=True, threads=2, progress=progress)


WAYS = [add, reseal]


def opens(path: Path, key: BackupKey = OTHER) -> bool:
    return chatseal.unseal_bytes(path.read_bytes(), key) == PLAIN


# --- what is kept -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o440, 0o777])
def test_mode_and_time_of_modification_stay(mode: int, way: Callable[[Path], object], target: Path) -> None:
    target.chmod(mode)
    os.utime(target, ns=(WHEN, WHEN))
    way(target)
    assert stat.S_IMODE(target.stat().st_mode) == mode
    assert target.stat().st_mtime_ns == WHEN
    assert opens(target)


def test_the_new_file_is_its_owners_alone_until_it_has_its_name(target: Path) -> None:
    target.chmod(0o644)
    modes: list[int] = []
    add(target, lambda _: modes.extend(stat.S_IMODE(part.stat().st_mode) for part in target.parent.glob(".*.part")))
    assert modes
    assert set(modes) == {0o600}


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root may give files away")
def test_owner_and_group_stay_where_that_is_permitted(target: Path) -> None:
    os.chown(target, NOBODY, NOBODY)
    target.chmod(0o6755)
    assert add(target).owner_kept
    assert (target.stat().st_uid, target.stat().st_gid, stat.S_IMODE(target.stat().st_mode)) == (NOBODY, NOBODY, 0o6755)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root may become somebody else")
def test_an_owner_that_cannot_be_kept_is_told(folder_of_all: Path) -> None:
    path = folder_of_all / "chat.seal"
    chatseal.seal(PLAIN, path, KEY)
    path.chmod(0o644)
    os.seteuid(NOBODY)
    try:
        assert not add(path).owner_kept
    finally:
        os.seteuid(0)
    assert path.stat().st_uid == NOBODY
    assert opens(path)


@pytest.fixture
def folder_of_all() -> Iterator[Path]:
    """A folder in which everybody may write."""
    path = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path("/tmp")
    folder = path / f"chatseal-tests-{os.getpid()}"
    folder.mkdir()
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no extended attributes here")
def test_extended_attributes_stay(target: Path) -> None:
    try:
        os.setxattr(target, "user.origin", b"phone")
    except OSError:
        pytest.skip("no extended attributes on this file system")
    add(target)
    assert os.getxattr(target, "user.origin") == b"phone"


def test_a_symbolic_link_stays_and_the_file_it_leads_to_changes(target: Path, tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "link"
    link.symlink_to("../chat.seal")
    (tmp_path / "links" / "second").symlink_to("link")
    add(tmp_path / "links" / "second")
    assert os.readlink(link) == "../chat.seal"
    assert opens(target)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["chat.seal", "link", "links", "second"]


def test_other_hard_links_lead_to_the_old_file_and_are_counted(target: Path, tmp_path: Path) -> None:
    old = target.read_bytes()
    os.link(target, tmp_path / "second")
    os.link(target, tmp_path / "third")
    assert add(target).other_names == 2
    assert (tmp_path / "second").read_bytes() == (tmp_path / "third").read_bytes() == old
    assert add(tmp_path / "second").other_names == 1
    assert add(tmp_path / "third").other_names == 0


def test_what_a_killed_run_left_disturbs_nobody_and_is_known_by_its_name(target: Path) -> None:
    left = target.with_name(".chat.seal.0123456789ab.part")
    left.write_bytes(target.read_bytes()[:1000])
    add(target)
    chatseal.slots(target, OTHER)
    reports = list(chatseal.unseal_many([target.parent], target.parent / "out", OTHER))
    assert [(Path(report.source), report.error) for report in reports] == [(target, None)]
    assert left.exists()
    assert is_part(left)
    assert not any(is_part(name) for name in (target, "chat.seal.part", ".chat.seal.part", ".chat.seal.0123456789AB.part"))


# --- how the bytes get there ------------------------------------------------------------------------------------------


def no_sharing(*_: object) -> bool:
    return False


def no_kernel(*_: object) -> int:
    return 0


COPIES: dict[str, dict[str, object]] = {
    "as the file system likes": {},
    "inside the kernel": {"_share": no_sharing},
    "by reads and writes": {"_share": no_sharing, "_copy_in_kernel": no_kernel},
}


@pytest.mark.parametrize("instead", COPIES.values(), ids=COPIES)
def test_the_payload_is_the_same_however_it_is_copied(instead: dict[str, object], target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, function in instead.items():
        monkeypatch.setattr(copying, name, function)
    monkeypatch.setattr(copying, "PIECE", 100_000)
    before = target.read_bytes()
    done: list[Progress] = []
    add(target, done.append)
    after = target.read_bytes()
    payload = before[header_length(before) :]
    assert after[header_length(after) :] == payload
    assert done[-1] == Progress(len(payload), len(payload))
    assert {progress.total for progress in done} == {len(payload)}


@pytest.mark.parametrize("length", [0, 1, 100_000, 5 * MIB + 1])
def test_a_copy_that_the_kernel_stops_half_way_is_finished_by_hand(length: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "chat.seal"
    chatseal.seal(noise(length), path, KEY)
    copied = copying._copy_in_kernel

    def half(source: int, source_at: int, target: int, target_at: int, length: int, tick: copying.Tick) -> int:
        return copied(source, source_at, target, target_at, length // 2, tick)

    monkeypatch.setattr(copying, "_share", no_sharing)
    monkeypatch.setattr(copying, "_copy_in_kernel", half)
    add(path)
    assert chatseal.unseal_bytes(path.read_bytes(), OTHER) == noise(length)


@pytest.fixture
def sharing_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system on which files share blocks."""
    mkfs = shutil.which("mkfs.xfs", path="/usr/sbin:/sbin:" + os.environ.get("PATH", ""))
    if mkfs is None or os.geteuid() != 0:
        pytest.skip("needs mkfs.xfs, and root to mount")
    image, disk = tmp_path / "image", tmp_path / "disk"
    disk.mkdir()
    with open(image, "wb") as file:
        file.truncate(320 * MIB)
    for command in ([mkfs, "-q", "-m", "reflink=1", str(image)], ["mount", "-o", "loop", str(image), str(disk)]):
        ended = subprocess.run(command, capture_output=True, check=False)
        if ended.returncode:
            pytest.skip(f"no such file system here: {ended.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_the_payload_shares_its_blocks_where_the_file_system_can(sharing_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> int:
        raise AssertionError("the payload was copied")

    path = sharing_disk / "chat.seal"
    chatseal.seal(noise(100 * MIB), path, KEY)
    free = shutil.disk_usage(sharing_disk).free
    monkeypatch.setattr(copying, "_copy_in_kernel", never)
    for _ in range(3):  # the header grows by a block on the way
        chatseal.add_holder(path, KEY, [chatseal.PrivateKey.generate().public_key])
    assert header_length(path.read_bytes()) == 8192
    os.sync()
    assert free - shutil.disk_usage(sharing_disk).free < 2 * MIB
    assert chatseal.verify(path, KEY).plain_bytes == 100 * MIB


# --- others -----------------------------------------------------------------------------------------------------------


def test_a_second_change_at_the_same_time_is_busy(target: Path) -> None:
    ends: list[int] = []

    def second() -> None:
        for way in WAYS:
            with pytest.raises(OSError) as caught:
                way(target)
            ends.append(exit_code(caught.value))
            assert caught.value.filename == str(target)

    add(target, Once(second))
    assert ends
    assert set(ends) == {EXIT_BUSY}
    assert len(chatseal.slots(target)) == 2


def test_a_file_that_was_replaced_between_opening_and_locking_is_busy(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    locked = fcntl.flock

    def late(descriptor: int, operation: int) -> None:
        other = target.with_name("other")
        shutil.copy(target, other)
        os.replace(other, target)
        locked(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(OSError) as caught:
        add(target)
    assert caught.value.errno == errno.EBUSY


def test_a_file_system_without_locks_is_no_hindrance(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def unsupported(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    add(target)
    assert opens(target)


def test_a_lock_does_not_outlast_the_change(target: Path) -> None:
    add(target)
    with pytest.raises(chatseal.HolderError):
        add(target)
    with hold(target):
        pass
    chatseal.remove_holder(target, KEY, OTHER)


def replaced(path: Path) -> None:
    other = path.with_name("newer")
    other.write_bytes(b"a newer backup")
    os.replace(other, path)


def written(path: Path) -> None:
    with open(path, "r+b") as file:
        file.write(b"x")
    os.utime(path, ns=(WHEN, WHEN))


def grown(path: Path) -> None:
    with open(path, "ab") as file:
        file.write(b"x")


def shrunk(path: Path) -> None:
    os.truncate(path, 5000)


LEFT: dict[str, Callable[[bytes], bool]] = {
    "replaced": lambda now: now == b"a newer backup",
    "written": lambda now: now.startswith(b"x"),
    "grown": lambda now: now.endswith(b"x"),
    "shrunk": lambda now: len(now) == 5000,
}


class Once:
    """A progress report that does something the first time."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work: Callable[[], object] | None = work

    def __call__(self, progress: Progress) -> None:
        if work := self._work:
            self._work = None
            work()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("meanwhile", [replaced, written, grown, shrunk])
def test_what_another_writes_meanwhile_is_not_overwritten(
    meanwhile: Callable[[Path], None], way: Callable[..., object], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "PIECE", 100_000)
    with pytest.raises(SourceChangedError) as caught:
        way(target, Once(lambda: meanwhile(target)))
    assert caught.value.remedy
    now = target.read_bytes()
    assert LEFT[meanwhile.__name__](now)
    assert [path.name for path in target.parent.iterdir()] == [target.name]


@pytest.mark.parametrize("way", WAYS)
def test_a_file_that_is_deleted_meanwhile_does_not_come_back(way: Callable[..., object], target: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        way(target, Once(target.unlink))
    assert exit_code(caught.value) == EXIT_NOT_THERE
    assert not list(target.parent.iterdir())


@pytest.mark.parametrize("way", WAYS)
def test_an_interruption_leaves_the_old_file_and_nothing_beside_it(way: Callable[..., object], target: Path) -> None:
    before = target.read_bytes()

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        way(target, Once(interrupt))
    assert target.read_bytes() == before
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_many_changes_at_once_are_done_or_busy_and_none_is_lost(target: Path) -> None:
    keys = [BackupKey.generate() for _ in range(8)]
    ends: list[object] = []

    def work(key: BackupKey) -> None:
        try:
            ends.append((chatseal.add_holder(target, KEY, key), key))
        except OSError as error:
            ends.append(error.errno)

    threads = [threading.Thread(target=work, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = [end[1] for end in ends if isinstance(end, tuple)]
    assert done
    assert {end for end in ends if not isinstance(end, tuple)} <= {errno.EBUSY}
    assert len(ends) == len(keys)
    assert all(opens(target, key) for key in done)
    assert len(chatseal.slots(target)) == 1 + len(done)


# --- what is no file to change ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_what_is_no_regular_file_is_refused_at_once(way: Callable[..., object], tmp_path: Path) -> None:
    pipe, loop = tmp_path / "pipe", tmp_path / "loop"
    os.mkfifo(pipe)
    loop.symlink_to(loop)
    with pytest.raises(OSError, match="not a regular file"):
        way(pipe)
    with pytest.raises(IsADirectoryError):
        way(tmp_path)
    with pytest.raises(FileNotFoundError):
        way(tmp_path / "gone")
    with pytest.raises(OSError) as caught:
        way(loop)
    assert caught.value.errno == errno.ELOOP
    with pytest.raises(OSError, match="not a regular file"):
        way(Path("/dev/null"))


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root may become somebody else")
@pytest.mark.parametrize("way", WAYS)
def test_a_folder_that_may_not_be_written_to_leaves_the_file_as_it_is(way: Callable[..., object], folder_of_all: Path) -> None:
    path = folder_of_all / "chat.seal"
    chatseal.seal(PLAIN, path, KEY)
    path.chmod(0o666)
    folder_of_all.chmod(0o555)
    before = path.read_bytes()
    os.seteuid(NOBODY)
    try:
        with pytest.raises(PermissionError) as caught:
            way(path)
    finally:
        os.seteuid(0)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == before


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root may mount a small file system")
@pytest.mark.parametrize("way", WAYS)
def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(way: Callable[..., object], tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=480k", "tmpfs", disk], capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        path = disk / "chat.seal"
        chatseal.seal(PLAIN, path, KEY)
        before = path.read_bytes()
        with pytest.raises(OSError, match="No space") as caught:
            way(path)
        assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
        assert path.read_bytes() == before
        assert [left.name for left in disk.iterdir()] == [path.name]
    finally:
        subprocess.run(["umount", disk], check=True)
