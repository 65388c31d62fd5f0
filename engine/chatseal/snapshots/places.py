"""Places: where this machine remembers stores. What is lost there is made again, but for what guards against an exchanged store."""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from chatseal.sealing.target import PRIVATE, FileTarget

if os.name == "posix":
    import fcntl

LIFE = 24 * 3600  # seconds
STATE, CACHE = "CHATSEAL_STATE_DIR", "CHATSEAL_CACHE_DIR"


def state_folder() -> Path:
    """What must not be lost lightly: which store lies where, what has been sent by runs that were cut off."""
    if named := os.environ.get(STATE):
        return Path(named)
    import platformdirs

    return platformdirs.user_state_path("chatseal", appauthor=False)


def cache_folder() -> Path:
    """What can be fetched again: page maps and manifests, sealed as they are in the store."""
    if named := os.environ.get(CACHE):
        return Path(named)
    import platformdirs

    return platformdirs.user_cache_path("chatseal", appauthor=False)


def make_private(folder: Path) -> Path:
    """Make *folder* and what is missing above it, for this user alone."""
    if not folder.is_dir():
        make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def is_old(about: os.stat_result, life: float = LIFE) -> bool:
    """Whether a file was written more than *life* seconds ago; a day: no run that made it is still at work."""
    return time.time() - about.st_mtime > life


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """As long as the block lasts no other process of this machine is in it; waits for one that is."""
    make_private(path.parent)
    with open(path, "ab", opener=lambda p, flags: os.open(p, flags, 0o600)) as file:
        if os.name == "posix":
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_whole(path: Path, data: bytes) -> None:
    """Write a private file whole or not at all, over one that may be there, on stable storage."""
    make_private(path.parent)
    with FileTarget(path, overwrite=True, mode=PRIVATE) as target:
        target.write_at(0, data)
        target.commit()


def writer_id() -> str:
    """A name for this installation, made by chance at the first backup."""
    path = state_folder() / "writer"
    with suppress(FileNotFoundError):
        text = path.read_text("ascii", "replace").strip()
        if len(text) == 16 and text.isalnum():
            return text
    text = secrets.token_hex(8)
    write_whole(path, text.encode() + b"\n")
    return text
