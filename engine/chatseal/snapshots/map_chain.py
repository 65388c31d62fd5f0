"""Map chain: the maps of one snapshot, each in parts, from the store into a page table and back."""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from chatseal.format import object_names
from chatseal.snapshots import moves
from chatseal.snapshots.pack_list import PackList
from chatseal.snapshots.page_table import PageTable
from chatseal.snapshots.sealed_store import SealedStore

if TYPE_CHECKING:
    from typing_extensions import Buffer

PART = 4 << 20  # bytes of plaintext after which a part is closed
PART_MAX = 16 << 20  # that a reader takes
LONGEST = 32  # maps in a chain; the next snapshot begins a new one

Chain = tuple[tuple[str, ...], ...]


def load(store: SealedStore, chain: Chain, *, prints: bool = True) -> PageTable:
    """The table that *chain* describes, with fingerprints or without, and with all units where they lie now.

    Raises IntegrityError and what stores raise."""
    table = ChainReader(store, prints=prints).table(chain)
    moves.usable(store, table.packs).follow(table)
    return table


class ChainReader:
    """Reads chain after chain; what one has in common with that before it is read once, so ask for them in sorted order."""

    def __init__(self, store: SealedStore, *, packs: PackList | None = None, prints: bool = True) -> None:
        self.packs = PackList() if packs is None else packs
        self._store, self._prints = store, prints
        self._read: Chain = ()
        self._table = self._empty()

    def _empty(self) -> PageTable:
        return PageTable(prints=self._prints, packs=self.packs)

    def table(self, chain: Chain) -> PageTable:
        """The table that *chain* describes, units where its maps say; valid until the next call. Raises the same."""
        if self._read != chain[: len(self._read)]:
            self._read, self._table = (), self._empty()
        for parts in chain[len(self._read) :]:
            table, read = self._table, self._read
            self._read, self._table = (), self._empty()  # a map that breaks off leaves nothing
            with stream(self._store, parts) as opened:
                table.apply(opened, full=not read)
            self._read, self._table = (*read, parts), table
        return self._table


def stream(store: SealedStore, parts: Sequence[str]) -> io.BufferedReader:
    """One map, its parts fetched one by one."""
    return io.BufferedReader(_Parts(store, parts), 1 << 16)


def save(store: SealedStore, pieces: "Iterable[Buffer]", put: Callable[[str, list[bytes]], None]) -> tuple[str, ...]:
    """Seal a map in parts and hand them to *put*; their names. Copies stay on this machine."""
    names = []
    for plain in _parts(pieces):
        name = store.new_name(object_names.MAPS, plain[0][:64])
        sealed = store.seal(name, plain)
        store.keep(name, sealed)
        put(name, sealed)
        names.append(name)
    return tuple(names)


def _parts(pieces: "Iterable[Buffer]") -> Iterator[list[bytes]]:
    part: list[bytes] = []
    length = 0
    for piece in pieces:
        with memoryview(piece) as view:
            part.append(bytes(view))
            length += view.nbytes
        if length >= PART:
            yield part
            part, length = [], 0
    if part:
        yield part


class _Parts(io.RawIOBase):
    """The plaintext of several objects in a row."""

    def __init__(self, store: SealedStore, parts: Sequence[str]) -> None:
        super().__init__()
        self._store, self._names = store, iter(parts)
        self._part = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Buffer", /) -> int:
        view = memoryview(buffer).cast("B")
        while not self._part:
            name = next(self._names, None)
            if name is None:
                return 0
            self._part = memoryview(self._store.read_kept(name, PART_MAX))
        n = min(len(view), len(self._part))
        view[:n] = self._part[:n]
        self._part = self._part[n:]
        return n
