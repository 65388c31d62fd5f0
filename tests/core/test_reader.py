"""Files that are read by threads with descriptors of their own."""

import errno
import gc
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chatseal import _pages


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 1000)
    return path


def test_a_file_is_read_at_any_place_by_many_threads_at_once(path: Path) -> None:
    whole, file = path.read_bytes(), _pages.File(bytes(path))

    def read(offset: int) -> bool:
        buffer = bytearray(3000)
        done = file.read_into(offset, buffer)
        return bytes(buffer[:done]) == whole[offset : offset + 3000]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, [*range(0, len(whole) + 5000, 777), 1 << 40]))
    assert file.read_into(0, bytearray()) == 0


def test_what_is_known_of_it_is_what_the_system_says(path: Path) -> None:
    found, said = path.stat(), _pages.File(bytes(path)).stat()
    assert said == (
        found.st_dev,
        found.st_ino,
        found.st_mode,
        found.st_uid,
        found.st_gid,
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
    )


def test_links_are_refused_and_pipes_do_not_block(tmp_path: Path, path: Path) -> None:
    (tmp_path / "link").symlink_to(path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError) as caught:
        _pages.File(bytes(tmp_path / "link"))
    assert caught.value.errno == errno.ELOOP
    with pytest.raises(OSError):
        _pages.File(bytes(tmp_path / "pipe")).read_into(0, bytearray(1))
    with pytest.raises(FileNotFoundError):
        _pages.File(bytes(tmp_path / "nothing"))
    with pytest.raises(ValueError):
        _pages.File(b"a\0b")


def test_a_closed_file_says_so_and_can_be_closed_again(path: Path) -> None:
    file = _pages.File(bytes(path))
    file.close()
    file.close()
    with pytest.raises(OSError) as caught:
        file.read_into(0, bytearray(1))
    assert caught.value.errno == errno.EBADF
    with pytest.raises(OSError):
        file.stat()


def test_closing_while_others_read_disturbs_nobody(path: Path) -> None:
    whole = path.read_bytes()
    for _ in range(30):
        file = _pages.File(bytes(path))
        wrong: list[object] = []

        def read(file: _pages.File = file, wrong: list[object] = wrong) -> None:
            buffer = bytearray(len(whole))
            try:
                while file.read_into(0, buffer) == len(whole):
                    if buffer != whole:
                        wrong.append(buffer)
            except OSError as error:
                if error.errno != errno.EBADF:
                    wrong.append(error)

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        file.close()
        for thread in threads:
            thread.join()
        assert not wrong


def native_threads() -> int:
    return len(os.listdir("/proc/self/task"))


def ends_with(threads: int) -> bool:
    """Whether there are that many threads soon: one that was joined is seen for a moment longer."""
    for _ in range(500):
        if native_threads() == threads:
            return True
        time.sleep(0.01)
    return False


def test_threads_are_there_only_while_files_are_open_and_no_descriptor_is_seen(path: Path) -> None:
    gc.collect()
    time.sleep(0.05)
    threads, descriptors = native_threads(), os.listdir("/proc/self/fd")
    files = [_pages.File(bytes(path)) for _ in range(100)]
    assert threads < native_threads() <= threads + 8
    assert os.listdir("/proc/self/fd") == descriptors
    del files
    assert ends_with(threads)
    with pytest.raises(OSError):
        _pages.File(b"/nothing/there")
    assert ends_with(threads)


def test_a_pipe_that_the_program_closes_is_not_kept_open_by_the_reader(path: Path) -> None:
    ours, theirs = os.pipe()
    file = _pages.File(bytes(path))
    os.close(theirs)
    assert os.read(ours, 1) == b""
    os.close(ours)
    file.close()


FORK = """
import os, sys
from chatseal import _pages
path = os.fsencode(sys.argv[1])
file = _pages.File(path)
child = os.fork()
if child == 0:
    try:
        file.read_into(0, bytearray(10))
    except OSError:
        again = _pages.File(path)
        fine = again.read_into(0, bytearray(10)) == 10
        file.close()
        os._exit(0 if fine else 1)
    os._exit(2)
assert os.waitpid(child, 0)[1] == 0
assert file.read_into(0, bytearray(10)) == 10
"""


def test_after_a_fork_the_parent_goes_on_and_the_child_opens_anew(path: Path) -> None:
    options = os.environ.get("TSAN_OPTIONS", "") + ":die_after_fork=0"  # a thread sanitizer refuses what the child does here
    subprocess.run([sys.executable, "-c", FORK, path], check=True, timeout=60, env={**os.environ, "TSAN_OPTIONS": options})


def test_where_threads_cannot_have_descriptors_of_their_own_files_are_read_too(path: Path) -> None:
    file = _pages.File(bytes(path))
    with pytest.raises(OSError):
        _pages.keep_descriptors(True)
    file.close()
    _pages.keep_descriptors(True)
    try:
        file = _pages.File(bytes(path))
        buffer = bytearray(256)
        assert file.read_into(256, buffer) == 256
        assert buffer == bytes(range(256))
        with pytest.raises(OSError):
            file.clone(bytes(path.parent))
        file.close()
        with pytest.raises(OSError):
            file.read_into(0, buffer)
    finally:
        _pages.keep_descriptors(False)
