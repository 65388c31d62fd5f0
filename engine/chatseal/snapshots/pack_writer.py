"""Pack writer: units that changed, gathered into packs, compressed and encrypted on all cores, and handed over to be sent."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from chatseal import _core, _pages
from chatseal.format import object_names
from chatseal.sealing.budget import Budget
from chatseal.sealing.seal import SealOptions
from chatseal.sealing.writer import SealedWriter
from chatseal.snapshots.page_map import ZEROS, Column, PackPlace, Prints
from chatseal.snapshots.page_table import PageTable, Units
from chatseal.snapshots.scan import Batch
from chatseal.snapshots.sealed_store import SealedStore

PLAIN = 32 << 20  # bytes of plaintext after which a pack is closed
FRAME_SIZE = 512 << 10  # docs/design/packs.md


class Part(NamedTuple):
    """A stretch of units that a pack got: whose they are, their numbers, the bytes of its plaintext where they lie, their fingerprints."""

    units: Units
    numbers: Column
    at: Column
    prints: Prints


@dataclass(slots=True)
class PackContent:
    """What a pack holds."""

    place: PackPlace
    parts: list[Part] = field(default_factory=list)


Finished = Callable[[PackContent, list[bytes]], None]


@dataclass(slots=True)
class _Pack:
    """A pack under way: its number in the table, what makes its object, and that object's pieces so far."""

    number: int
    content: PackContent
    writer: SealedWriter
    pipe: _core.SealPipeline
    pieces: list[bytes]


class PackWriter:
    """Takes batches in order; every pack that is full goes to *finished*, with its object in pieces. For one thread.

    The last frames of a pack are sealed while the next pack is filled, so that no core waits at the border."""

    def __init__(self, store: SealedStore, table: PageTable, finished: Finished, *, level: int, budget: Budget) -> None:
        self._store, self._table, self._finished = store, table, finished
        self._options, self._budget = SealOptions(level, FRAME_SIZE, padded=True), budget
        self._slots = budget.for_sealing(level, FRAME_SIZE, PLAIN)[1]
        self._idle: list[_core.SealPipeline] = []  # packs take turns with two
        self._closer = ThreadPoolExecutor(1, "chatseal-pack")
        self._hands = ThreadPoolExecutor(2 * budget.threads, "chatseal-seal")
        self._filled: _Pack | None = None  # the one that takes units
        self._ending: tuple[_Pack, Future[None]] | None = None

    def add(self, units: Units, batch: Batch) -> None:
        """Store what changed in *batch*, and say in *units* where it lies."""
        if self._ending is not None and self._ending[1].done():
            self._hand_over()
        zero = batch.first + np.flatnonzero(batch.marks == _pages.ZERO)
        if len(zero):
            units.packs[zero], units.at[zero], units.differs[zero] = ZEROS, 0, True
        if not batch.bytes:
            return
        changed = batch.first + np.flatnonzero(batch.marks == _pages.CHANGED)
        pack = self._filled = self._filled or self._begin(units.prints[changed[0]].tobytes())
        at = (pack.writer.tell() + units.unit * np.arange(len(changed))).astype(np.uint32)
        pack.writer.write(batch.content[: batch.bytes])
        units.packs[changed], units.at[changed], units.differs[changed] = pack.number, at, True
        pack.content.parts.append(Part(units, changed.astype(np.uint32), at, units.prints[changed]))
        if pack.writer.tell() >= PLAIN:
            self._end(pack)

    def _begin(self, hint: bytes) -> _Pack:
        name = self._store.new_name(object_names.PACKS, hint)
        pieces: list[bytes] = []
        pipe = self._idle.pop() if self._idle else _core.SealPipeline(self._slots)
        key, kind = self._store.key(name), self._store.kind(name)
        writer = SealedWriter(pieces, key, self._options, self._budget, overwrite=False, kind=kind, pipe=pipe, hands=self._hands)
        content = PackContent(PackPlace(name, 0, 0))
        return _Pack(self._table.packs.add(content.place), content, writer, pipe, pieces)

    def _end(self, pack: _Pack) -> None:
        """Have *pack*, which is being filled, come to its end, once the one before it is handed over."""
        self._hand_over()
        pack.content.place = PackPlace(pack.content.place.name, 0, pack.writer.tell())
        self._filled, self._ending = None, (pack, self._closer.submit(pack.writer.close))

    def _hand_over(self) -> None:
        """Wait for the pack that is coming to its end, if there is one, and hand it over."""
        if self._ending is None:
            return
        pack, closed = self._ending
        closed.result()
        self._ending = None
        self._idle.append(pack.pipe)
        pack.content.place = pack.content.place._replace(length=sum(map(len, pack.pieces)))
        self._table.packs[pack.number] = pack.content.place
        self._finished(pack.content, pack.pieces)

    def flush(self) -> None:
        """Close the pack that is being filled, if there is one, and hand over what is left."""
        if self._filled is not None:
            self._end(self._filled)
        self._hand_over()

    def close(self) -> None:
        """Give up what is not handed over, and let the threads go."""
        try:
            self._closer.shutdown()
        finally:  # also if Ctrl-C cuts the waiting short: workers that nobody stops would keep the process from ending
            if self._filled is not None:
                self._filled.writer.discard()
            self._hands.shutdown()
            self._filled = self._ending = None
