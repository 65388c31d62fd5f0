"""Pack writer: units that changed, gathered into packs, compressed and encrypted on all cores, and handed over to be sent."""

from collections.abc import Callable
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
FRAME_SIZE = 256 << 10  # docs/design/packs.md


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


class PackWriter:
    """Takes batches in order; every pack that is full goes to *finished*, with its object in pieces. For one thread."""

    def __init__(self, store: SealedStore, table: PageTable, finished: Finished, *, level: int, budget: Budget) -> None:
        self._store, self._table, self._finished = store, table, finished
        self._options, self._budget = SealOptions(level, FRAME_SIZE, padded=True), budget
        self._pipe = _core.SealPipeline(budget.for_sealing(level, FRAME_SIZE, PLAIN)[1])
        self._writer: SealedWriter | None = None
        self._pieces: list[bytes] = []
        self._content: PackContent | None = None
        self._number = 0

    def add(self, units: Units, batch: Batch) -> None:
        """Store what changed in *batch*, and say in *units* where it lies."""
        zero = batch.first + np.flatnonzero(batch.marks == _pages.ZERO)
        if len(zero):
            units.packs[zero], units.at[zero], units.differs[zero] = ZEROS, 0, True
        if not batch.bytes:
            return
        changed = batch.first + np.flatnonzero(batch.marks == _pages.CHANGED)
        writer = self._writer or self._begin(units.prints[changed[0]].tobytes())
        assert self._content is not None
        at = (writer.tell() + units.unit * np.arange(len(changed))).astype(np.uint32)
        writer.write(batch.content[: batch.bytes])
        units.packs[changed], units.at[changed], units.differs[changed] = self._number, at, True
        self._content.parts.append(Part(units, changed.astype(np.uint32), at, units.prints[changed]))
        if writer.tell() >= PLAIN:
            self.flush()

    def _begin(self, hint: bytes) -> SealedWriter:
        name = self._store.new_name(object_names.PACKS, hint)
        self._pieces = []
        writer = SealedWriter(
            self._pieces,
            self._store.key(name),
            self._options,
            self._budget,
            overwrite=False,
            kind=self._store.kind(name),
            pipe=self._pipe,
        )
        self._content = PackContent(PackPlace(name, 0, 0))
        self._number = self._table.add_pack(self._content.place)
        self._writer = writer
        return writer

    def flush(self) -> None:
        """Close the pack that is being filled, if there is one."""
        if self._writer is None:
            return
        writer, content, pieces = self._writer, self._content, self._pieces
        assert content is not None
        self._writer, self._content, self._pieces = None, None, []
        plain = writer.tell()
        writer.close()
        content.place = PackPlace(content.place.name, sum(map(len, pieces)), plain)
        self._table.packs[self._number] = content.place
        self._finished(content, pieces)

    def discard(self) -> None:
        """Give up the pack that is being filled."""
        if self._writer is not None:
            self._writer.discard()
            self._writer = None
