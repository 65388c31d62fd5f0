"""Arena: the memory that key material lives in. Pages of its own, kept out of swap and of core files where the system allows it.

    pages     | slot | slot | slot | ...        128 bytes a slot; what is longer gets pages of its own

A slot is wiped and free again when its last view is gone, slices included: no view turns to zeros under somebody's hands, and none ever
shows the secret that comes after (docs/design/memory.md)."""

import ctypes
import mmap
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress

SLOT_LEN = 128  # the longest key is a private one, 96 bytes
PAGES_LEN = 16384  # a page or a few of every system

_free: deque[tuple[mmap.mmap, int]] = deque()  # appended to and popped from by any thread, and by __del__: without a lock
_pages: list[mmap.mmap] = []  # with slots; they are never given back
_refused: list[bool] = []  # one entry for each time that the system refused to lock pages
_libc = ctypes.CDLL(None) if os.name == "posix" else None


class _Slot(ctypes.Array[ctypes.c_ubyte]):
    """What the views of a slot refer to, so that it goes with the last of them."""

    _type_ = ctypes.c_ubyte
    _length_ = SLOT_LEN
    place: tuple[mmap.mmap, int] | None = None

    def __del__(self, wipe: Callable[..., object] = ctypes.memset, free: deque[tuple[mmap.mmap, int]] = _free) -> None:
        wipe(self, 0, len(self))
        if self.place is not None:
            free.append(self.place)


def take(length: int) -> memoryview:
    """*length* bytes of zeros to write to, which are nobody else's as long as there is a view of them."""
    if length > SLOT_LEN:
        return memoryview(_new_pages(length))[:length]
    place = None
    while place is None:
        try:
            place = _free.popleft()
        except IndexError:
            pages = _new_pages(PAGES_LEN)
            _pages.append(pages)
            _free.extend((pages, at) for at in range(0, PAGES_LEN, SLOT_LEN))
    slot = _Slot.from_buffer(*place)
    slot.place = place
    return memoryview(slot).cast("B")[:length]


def is_locked() -> bool:
    """Whether the system has locked all pages that it was asked to lock. A page is asked for if there was none."""
    take(1)
    return _libc is not None and not _refused


def fill_with_chance(view: memoryview) -> None:
    """Bytes of the operating system's random generator, written where they belong: no copy is left elsewhere, if the system allows it."""
    with suppress(AttributeError):  # not on this system
        if len(view) <= 256 and _libc is not None and _libc.getentropy(_address(view), ctypes.c_size_t(len(view))) == 0:
            return
    view[:] = os.urandom(len(view))


def _new_pages(length: int) -> mmap.mmap:
    # Private: a child that is forked gets its own, and wiping there does not wipe here.
    pages = mmap.mmap(-1, length, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) if hasattr(mmap, "MAP_PRIVATE") else mmap.mmap(-1, length)
    if hasattr(mmap, "MADV_DONTDUMP"):
        with suppress(OSError):
            pages.madvise(mmap.MADV_DONTDUMP)
    _lock(pages)
    return pages


def _lock(pages: mmap.mmap) -> None:
    """Keep *pages* out of swap, where RLIMIT_MEMLOCK permits it: a key that may be swapped out is better than no backup."""
    if _libc is not None and _libc.mlock(_address(memoryview(pages)), ctypes.c_size_t(len(pages))) != 0:
        _refused.append(True)


def _address(view: memoryview) -> ctypes.c_void_p:
    return ctypes.c_void_p(ctypes.addressof(ctypes.c_ubyte.from_buffer(view)))


def _lock_again() -> None:
    for pages in _pages:
        _lock(pages)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_lock_again)  # locks are not inherited, what is in the pages is
