"""Many pieces of work in one process leave it as it was: memory, descriptors, threads."""

import io
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import chatseal
from chatseal import BackupKey, ChatsealError, TargetExistsError, TruncatedError, WrongKeyError
from corpus import KIB, mixed
from faults.work import KEY

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")

TIMES = 300
WARM_UP = 60  # the allocator's pools and caches have their size by then
BOUND = 3 << 20
PLAIN = mixed(400 * KIB)
FRAME = 64 * KIB
OTHER_KEY = BackupKey(bytes(32))


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def state() -> tuple[int, int]:
    return len(os.listdir("/proc/self/fd")), threading.active_count()


def check_no_growth(work: Callable[[], object]) -> None:
    for _ in range(WARM_UP):
        work()
    before, memory = state(), resident()
    for _ in range(TIMES):
        work()
    assert resident() - memory < BOUND
    assert state() == before


@pytest.fixture
def sealed(folder: Path) -> Path:
    path = folder / "sealed"
    chatseal.seal(PLAIN, path, KEY, frame_size=FRAME)
    return path


def test_seal_and_unseal_leave_nothing_in_memory(folder: Path) -> None:
    sealed, plain = folder / "a.seal", folder / "a"

    def work() -> None:
        chatseal.seal(PLAIN, sealed, KEY, frame_size=FRAME, threads=2, overwrite=True)
        chatseal.unseal(sealed, plain, KEY, threads=2, overwrite=True)
        with chatseal.open(sealed, key=KEY) as reader:
            reader.seek(200_000)
            reader.read(100)

    check_no_growth(work)


def test_failures_leave_nothing_in_memory(sealed: Path, folder: Path) -> None:
    whole = sealed.read_bytes()
    damaged = bytearray(whole)
    damaged[len(damaged) // 2] ^= 1
    target = folder / "target"

    def fails(with_: type[ChatsealError], work: Callable[[], object]) -> None:
        with pytest.raises(with_):
            work()

    def work() -> None:
        fails(WrongKeyError, lambda: chatseal.unseal(sealed, target, OTHER_KEY))
        fails(TruncatedError, lambda: chatseal.unseal(io.BytesIO(whole[:-100]), target, KEY, threads=2))
        fails(ChatsealError, lambda: chatseal.unseal(bytes(damaged), target, KEY, threads=2))
        fails(TargetExistsError, lambda: chatseal.seal(PLAIN, sealed, KEY))

    check_no_growth(work)


def test_work_that_is_given_up_leaves_nothing_in_memory(sealed: Path, folder: Path) -> None:
    """Iterators dropped early, a writer discarded, a reader dropped, a sink and a progress report that raise."""

    class Sink:
        def write(self, data: object) -> int:
            raise ZeroDivisionError

    def refuse(progress: object) -> None:
        raise ZeroDivisionError

    def work() -> None:
        # An iterator that nobody holds any more is closed.
        next(chatseal.seal_chunks([PLAIN], KEY, frame_size=FRAME, threads=2))
        next(chatseal.unseal_chunks([sealed.read_bytes()], KEY, threads=2))
        writer = chatseal.open(folder / "never", "wb", key=KEY, frame_size=FRAME, threads=2)
        writer.write(PLAIN)
        writer.discard()
        chatseal.open(sealed, key=KEY).close()
        with pytest.raises(ZeroDivisionError):
            chatseal.seal(PLAIN, Sink(), KEY, threads=2)
        with pytest.raises(ZeroDivisionError):
            chatseal.unseal(sealed, folder / "never", KEY, threads=2, progress=refuse)

    check_no_growth(work)
    assert not (folder / "never").exists()
