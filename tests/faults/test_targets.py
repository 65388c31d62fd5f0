"""Targets that are full, taken, gone, or wanted by two: one clear error, one winner, nothing left."""

import errno
import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import chatseal
from chatseal import Progress, Summary, TargetExistsError
from chatseal.errors import EXIT_FAILED, EXIT_NO_SPACE, EXIT_OK, exit_code
from corpus import MIB, noise
from faults import command, shims
from faults.work import FRAME, KEY, PLAIN

THREADS = [1, 2]
FULL = Path("/dev/full")


@pytest.fixture
def source(folder: Path) -> Path:
    path = folder / "source"
    path.write_bytes(PLAIN)
    return path


@pytest.fixture
def sealed(folder: Path) -> Path:
    path = folder / "sealed"
    chatseal.seal(PLAIN, path, KEY, frame_size=FRAME)
    return path


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
@pytest.mark.parametrize("threads", THREADS)
def test_a_device_that_is_full_says_so_and_is_not_replaced(threads: int, source: Path, sealed: Path) -> None:
    for work, what in ((chatseal.seal, source), (chatseal.unseal, sealed)):
        with pytest.raises(OSError, match="No space") as caught:
            work(what, FULL, KEY, threads=threads)
        assert caught.value.errno == errno.ENOSPC
        assert exit_code(caught.value) == EXIT_NO_SPACE
    assert FULL.is_char_device()


@pytest.fixture
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    disk = folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"mounting is not allowed here: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("threads", THREADS)
def test_a_disk_that_fills_up_leaves_nothing_and_has_room_again(threads: int, small_disk: Path, folder: Path) -> None:
    plain, sealed = noise(5 * MIB), folder / "large.seal"
    chatseal.seal(plain, sealed, KEY)

    def write() -> None:
        with chatseal.open(small_disk / "target", "xb", key=KEY, frame_size=FRAME, threads=threads) as writer:
            writer.write(plain)

    works: list[Callable[[], object]] = [
        lambda: chatseal.seal(plain, small_disk / "target", KEY, frame_size=FRAME, threads=threads),
        lambda: chatseal.unseal(sealed, small_disk / "target", KEY, threads=threads),
        write,
    ]
    for work in works:
        with pytest.raises(OSError, match="No space") as caught:
            work()
        assert exit_code(caught.value) == EXIT_NO_SPACE
        assert not list(small_disk.iterdir())
    chatseal.seal(plain[:MIB], small_disk / "target", KEY, threads=threads)
    assert chatseal.unseal_bytes((small_disk / "target").read_bytes(), KEY) == plain[:MIB]


@pytest.mark.parametrize("threads", THREADS)
def test_a_disk_that_fills_up_with_padding_leaves_nothing(threads: int, small_disk: Path) -> None:
    """Without padding there is room for it."""
    plain = noise(2 * MIB - 24_000)

    def write() -> None:
        with chatseal.open(small_disk / "target", "xb", key=KEY, frame_size=FRAME, threads=threads, padded=True) as writer:
            writer.write(plain)

    works: list[Callable[[], object]] = [
        lambda: chatseal.seal(plain, small_disk / "target", KEY, frame_size=FRAME, threads=threads, padded=True),
        write,
    ]
    for work in works:
        with pytest.raises(OSError, match="No space") as caught:
            work()
        assert exit_code(caught.value) == EXIT_NO_SPACE
        assert not list(small_disk.iterdir())
    chatseal.seal(plain, small_disk / "target", KEY, frame_size=FRAME, threads=threads)
    assert chatseal.unseal_bytes((small_disk / "target").read_bytes(), KEY) == plain


def test_the_command_tells_a_full_disk_by_its_code(small_disk: Path, folder: Path) -> None:
    source = folder / "source"
    source.write_bytes(noise(5 * MIB))
    code, said = command.end_of(command.start(command.words("seal", source, small_disk / "target", command.write_key(folder))))
    assert code == EXIT_NO_SPACE, said
    assert not list(small_disk.iterdir())


def test_an_existing_target_is_refused_before_any_work_and_kept(source: Path, sealed: Path, folder: Path) -> None:
    target = folder / "target"
    for older in (b"older", b""):
        target.write_bytes(older)
        for work, what in ((chatseal.seal, source), (chatseal.unseal, sealed)):
            with pytest.raises(TargetExistsError, match="target"):
                work(what, target, KEY, progress=never)
        assert target.read_bytes() == older


def never(progress: Progress) -> None:
    raise AssertionError("work was done")


def test_a_dangling_link_counts_as_an_existing_target(source: Path, folder: Path) -> None:
    link = folder / "target"
    link.symlink_to(folder / "nowhere")
    with pytest.raises(TargetExistsError):
        chatseal.seal(source, link, KEY)
    assert link.is_symlink()
    assert not (folder / "nowhere").exists()


def write_bytes(path: Path, data: bytes, progress: Progress) -> None:
    path.write_bytes(data)


def test_a_target_that_appears_meanwhile_is_kept(source: Path, sealed: Path, folder: Path) -> None:
    for work, what in ((chatseal.seal, source), (chatseal.unseal, sealed)):
        target = folder / work.__name__
        with pytest.raises(TargetExistsError) as caught:
            work(what, target, KEY, threads=2, progress=functools.partial(write_bytes, target, b"faster"))
        assert exit_code(caught.value) == EXIT_FAILED
        assert target.read_bytes() == b"faster"
    assert not list(folder.glob(".*"))


def test_of_many_processes_with_one_target_exactly_one_wins(folder: Path) -> None:
    sources = []
    for number in range(6):
        source = folder / f"source{number}"
        source.write_bytes(PLAIN + bytes([number]))
        sources.append(source)
    target, key = folder / "target", command.write_key(folder)
    ended = [command.end_of(each) for each in [command.start(command.words("seal", source, target, key)) for source in sources]]
    assert sorted(code for code, _ in ended) == [EXIT_OK] + [EXIT_FAILED] * 5
    assert all("exists" in said for code, said in ended if code)
    winner = [code for code, _ in ended].index(EXIT_OK)
    assert chatseal.unseal_bytes(target.read_bytes(), KEY) == sources[winner].read_bytes()
    assert not list(folder.glob(".*"))


def test_of_two_seals_that_have_both_begun_exactly_one_wins(source: Path, folder: Path) -> None:
    """The second begins while the first is at work, and ends before it."""
    target = folder / "target"
    begun: list[Summary] = []

    def begin_another(progress: Progress) -> None:
        if not begun:
            begun.append(chatseal.seal(b"the second", target, KEY))

    with pytest.raises(TargetExistsError):
        chatseal.seal(source, target, KEY, threads=2, progress=begin_another)
    assert chatseal.unseal_bytes(target.read_bytes(), KEY) == b"the second"
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_that_vanishes_is_an_error_of_its_own(overwrite: bool, source: Path, sealed: Path, folder: Path) -> None:
    out = folder / "out"
    for work, what in ((chatseal.seal, source), (chatseal.unseal, sealed)):
        out.mkdir()
        with pytest.raises(FileNotFoundError):
            work(
                what, out / "target", KEY, threads=2, overwrite=overwrite, progress=lambda progress: shutil.rmtree(out, ignore_errors=True)
            )
        assert not out.exists()
        with pytest.raises(FileNotFoundError):
            work(what, out / "target", KEY)
        assert not out.exists()


def test_a_folder_is_no_target(source: Path, folder: Path) -> None:
    out = folder / "out"
    out.mkdir()
    with pytest.raises(TargetExistsError):
        chatseal.seal(source, out, KEY)
    with pytest.raises(IsADirectoryError):
        chatseal.seal(source, out, KEY, overwrite=True)
    assert not list(out.iterdir())
    assert sorted(path.name for path in folder.iterdir()) == ["out", "source"]


def test_what_is_unsealed_is_its_owners_alone_from_the_first_byte(sealed: Path, folder: Path) -> None:
    modes: list[int] = []

    def look(progress: Progress) -> None:
        modes.extend(path.stat().st_mode & 0o777 for path in folder.glob(".*.part"))

    chatseal.unseal(sealed, folder / "target", KEY, progress=look)
    assert modes
    assert set(modes) | {(folder / "target").stat().st_mode & 0o777} == {0o600}


def test_a_full_disk_for_standard_output_is_told_by_the_command(source: Path, folder: Path) -> None:
    if not FULL.exists():
        pytest.skip("no /dev/full")
    line = command.words("seal", source, "-", command.write_key(folder))
    with open(FULL, "wb") as full:
        ended = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, env=shims.environment(), timeout=command.PATIENCE, check=False)
    assert ended.returncode == EXIT_NO_SPACE, ended.stderr
