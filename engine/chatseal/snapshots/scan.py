"""Scan: read units of images on several threads, and find out which are not what they were."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chatseal import _pages
from chatseal.capture.entry import Entry
from chatseal.capture.image import Image
from chatseal.errors import ChatsealError
from chatseal.keys.secret import Secret
from chatseal.snapshots.page_table import Units

BATCH = 1 << 20  # bytes that one thread reads and compares at once; a multiple of every unit
AHEAD_MAX = 34  # batches in memory at most


@dataclass(slots=True)
class Work:
    """An image to be compared with `units`, whose fingerprints become those of now; one of zeros is of a unit that is not known.

    `units` has as many units as the image, or grows with it if it is read in turn. `failed` stops the reading."""

    entry: Entry
    image: Image
    units: Units
    failed: bool = False


@dataclass(slots=True)
class Batch:
    """Some units in a row of one image, compared. `content` holds, from its beginning on, those `bytes` that are neither what they were
    nor zeros; it is reused when the next batch is asked for. With an `error` nothing was read."""

    work: Work
    first: int
    length: int
    marks: NDArray[np.uint8]  # of each unit: SAME, CHANGED or ZERO
    content: memoryview
    bytes: int
    last: bool
    error: Exception | None = None


class Scanner:
    """Threads that compare. A scan may run inside another; close waits for the threads."""

    def __init__(self, key: Secret, threads: int) -> None:
        self._key = key
        self._ahead = min(AHEAD_MAX, 2 * threads + 2)
        self._pool = ThreadPoolExecutor(threads, "chatseal-scan")
        self._of_thread = threading.local()
        self._buffers: list[bytearray] = []

    def close(self) -> None:
        """Finish what is being read, and let the threads go."""
        self._pool.shutdown(cancel_futures=True)

    def scan(self, work: Iterable[Work]) -> Iterator[Batch]:
        """Compare images one after the other; threads go on to the next ones while this thread is at the first.

        Batches come in order. What an image raises comes as a batch's error, what is not about one image is raised."""
        waiting: deque[Future[Batch]] = deque()
        try:
            for item in work:
                if item.image.length is None:
                    while waiting:
                        yield from self._given(waiting.popleft().result())
                    yield from self._in_turn(item)
                    continue
                for offset in range(0, max(item.image.length, 1), BATCH):
                    waiting.append(self._pool.submit(self._compare, item, offset, item.image.length))
                    if len(waiting) >= self._ahead:
                        yield from self._given(waiting.popleft().result())
            while waiting:
                yield from self._given(waiting.popleft().result())
        finally:
            for future in waiting:
                future.cancel()
            for future in waiting:
                if not future.cancelled():
                    future.exception()  # wait: it writes into what the caller is about to throw away

    def _in_turn(self, work: Work) -> Iterator[Batch]:
        offset, last = 0, False
        while not last:
            work.units.grow((offset + BATCH) // work.units.unit)
            batch = self._compare(work, offset, None)
            offset, last = offset + batch.length, batch.last
            yield from self._given(batch)

    def _given(self, batch: Batch) -> Iterator[Batch]:
        yield batch
        content = batch.content.obj
        batch.content.release()
        assert isinstance(content, bytearray)
        self._buffers.append(content)

    def _compare(self, work: Work, offset: int, length: int | None) -> Batch:
        try:
            content = self._buffers.pop()
        except IndexError:
            content = bytearray(BATCH)
        view, units = memoryview(content), work.units
        wanted = BATCH if length is None else min(BATCH, length - offset)
        last = length is not None and offset + wanted == length
        first = offset // units.unit
        try:
            got = work.image.read_into(offset, view[:wanted]) if not work.failed else 0
        except (ChatsealError, OSError) as error:
            return Batch(work, first, 0, np.empty(0, np.uint8), view, 0, last or length is None, error)
        if work.failed:
            return Batch(work, first, 0, np.empty(0, np.uint8), view, 0, last or length is None)
        if length is not None and got != wanted:
            raise AssertionError("an image is as long as it says")
        count = -(-got // units.unit)
        marks = np.empty(count, np.uint8)
        kept = 0
        if count:
            prints = units.prints[first : first + count].reshape(-1)
            changed = self._fingerprinter().compare(view[:got], units.unit, count, prints.data, marks.data)
            kept = _pages.gather(content, got, units.unit, marks.data) if changed else 0
        return Batch(work, first, got, marks, view, kept, last or got < wanted)

    def _fingerprinter(self) -> _pages.Fingerprinter:
        found = getattr(self._of_thread, "fingerprinter", None)
        if found is None:
            found = self._of_thread.fingerprinter = _pages.Fingerprinter(self._key.view)
        assert isinstance(found, _pages.Fingerprinter)
        return found
