"""Scratch: a private folder that is gone afterwards, where there is room, and the medium that it is on."""

import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from chatseal.compare.pipeline import uninterrupted
from chatseal.errors import EXIT_NO_SPACE, ChatsealError

MEMORY = Path("/dev/shm")
PREFIX = "chatseal-compare-"
COPIES = 3  # of the largest file: what a tool stores of it, once and the next day, and what comes back
MARGIN = 64 << 20  # bytes: indexes, caches, keys
LEFT_FREE = 1 << 30  # bytes of memory that stay free for the tools themselves if the scratch folder is in memory
_PATIENCE = 5.0  # seconds
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MEMINFO, _MOUNTS = Path("/proc/meminfo"), Path("/proc/self/mounts")


class NoRoomError(ChatsealError):
    """There is less space than a comparison needs. Nothing was started."""

    exit_code = EXIT_NO_SPACE
    remedy = "Free some space, choose another place with --scratch DIR, or compare a smaller file."


def needed(*sizes: int) -> int:
    """Bytes that a comparison of files of these sizes may have stored at the same time."""
    return COPIES * max(sizes) + MARGIN


def choose(chosen: str | None, need: int) -> Path:
    """The folder *chosen*, or else memory if *need* bytes fit there, or else the temporary folder. Raises NoRoomError, OSError."""
    if chosen is None and os.access(MEMORY, os.W_OK) and _in_memory(need):
        return MEMORY
    place = Path(chosen or tempfile.gettempdir()).resolve(strict=True)
    free = shutil.disk_usage(place).free
    if free < need:
        raise NoRoomError(
            f"comparing needs about {need / 1e6:.0f} MB in {place}, {COPIES} times the file, and {free / 1e6:.0f} MB are free there"
        )
    return place


def _in_memory(need: int) -> bool:
    try:
        found = re.search(r"^MemAvailable:\s*(\d+) kB", _MEMINFO.read_text(), re.MULTILINE)
    except OSError:
        return False
    return found is not None and int(found[1]) * 1024 >= need + LEFT_FREE and shutil.disk_usage(MEMORY).free >= need


@contextmanager
def folder(place: Path) -> Iterator[Path]:
    """An empty folder in *place* for its owner alone, gone at the end of the block, whatever ends it but SIGKILL.

    What such an end has left there of a folder of the same user is removed first: it may have a plaintext in it, in memory."""
    _remove_ownerless(place)
    path, held = None, -1
    try:
        with uninterrupted():
            path = Path(tempfile.mkdtemp(prefix=f".{PREFIX}", dir=place))
            held = os.open(path, _FOLDER)
            _take(held)
            path = path.rename(path.with_name(path.name[1:]))  # only now others may look for its owner
        yield path
    finally:
        if path is not None:
            remove(path)
        if held >= 0:
            os.close(held)


def _take(descriptor: int) -> bool:
    """Lock a folder for as long as the descriptor is open; whether that went."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # it has an owner, or locks are unknown here, and then nobody's folder is removed
        return False
    return True


def _remove_ownerless(place: Path) -> None:
    for path in place.glob(f"{PREFIX}*"):
        with suppress(OSError):  # somebody else's, or gone meanwhile
            descriptor = os.open(path, _FOLDER)
            try:
                if os.fstat(descriptor).st_uid == os.geteuid() and _take(descriptor):
                    remove(path)
            finally:
                os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a folder and all in it, though a restored folder may be read-only, and a process just killed may still write."""
    with uninterrupted():
        ends = time.monotonic() + _PATIENCE
        while True:
            try:
                for name, below, _ in os.walk(path):
                    for folder in (os.path.join(name, one) for one in below):
                        if not os.path.islink(folder):
                            os.chmod(folder, 0o700)
                shutil.rmtree(path)
                return
            except FileNotFoundError:
                if not path.exists():
                    return
            except OSError:
                if time.monotonic() > ends:
                    raise
            time.sleep(0.02)


def medium(path: Path) -> str:
    """The kind of file system that *path* is on, as the kernel calls it; empty where it does not say."""
    try:
        lines = _MOUNTS.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    best, kind = -1, ""
    for _, point, name, *_ in (line.split(" ") for line in lines):
        mounted = Path(point.encode().decode("unicode_escape"))
        if path.is_relative_to(mounted) and len(mounted.parts) >= best:  # the last one mounted over another is the one seen
            best, kind = len(mounted.parts), name
    return kind
