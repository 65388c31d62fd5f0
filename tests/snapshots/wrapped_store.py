"""A store in memory with a wrapper around it: tests look at every call, and let something happen before or after it."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from typing_extensions import Buffer

from chatseal.capture.stream import Readable
from chatseal.events import Backup, Checked, Restored
from chatseal.objects.memory_store import MemoryStore
from chatseal.objects.object_store import ObjectInfo, ObjectStore
from chatseal.snapshots import catalogue, map_chain, moves, places
from chatseal.snapshots.backup import BackupOptions, backup
from chatseal.snapshots.check import CheckOptions, check
from chatseal.snapshots.config import Config
from chatseal.snapshots.page_map import ZEROS
from chatseal.snapshots.page_table import PageTable
from chatseal.snapshots.restore import RestoreOptions, restore
from chatseal.snapshots.sealed_store import SealedStore

Happening = Callable[[str, str], object]  # gets the call's name and the object's, or the prefix that is listed


def nothing(call: str, name: str) -> None:
    """Nothing happens."""


class Wrapped:
    """An ObjectStore in front of another one. What `before` raises keeps the call from being made, what `after` raises its answer."""

    def __init__(self, inner: ObjectStore) -> None:
        self.inner, self.url = inner, inner.url
        self.before: Happening = nothing
        self.after: Happening = nothing
        self.calls: list[tuple[str, str]] = []
        self.acknowledged: list[str] = []  # names, in the order of their puts

    def _around(self, call: str, name: str) -> None:
        self.calls.append((call, name))
        self.before(call, name)

    def put(self, name: str, data: "Buffer | Sequence[Buffer]", *, absent: bool = False) -> None:
        self._around("put", name)
        self.inner.put(name, data, absent=absent)
        self.after("put", name)
        self.acknowledged.append(name)

    def get(self, name: str, limit: int) -> bytes:
        self._around("get", name)
        return self.inner.get(name, limit)

    def get_range(self, name: str, offset: int, length: int) -> bytes:
        self._around("get", name)
        return self.inner.get_range(name, offset, length)

    def info(self, name: str) -> ObjectInfo:
        self._around("info", name)
        return self.inner.info(name)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        self._around("list", prefix)
        return self.inner.list(prefix)

    def delete(self, name: str) -> None:
        self._around("delete", name)
        self.inner.delete(name)

    def can_put_absent(self) -> bool:
        return self.inner.can_put_absent()

    def close(self) -> None:
        self.inner.close()


class Bench:
    """A sealed store, in memory unless another is given, and what one does with it."""

    def __init__(self, inner: ObjectStore | None = None) -> None:
        self._memory = MemoryStore()
        self.objects = Wrapped(inner or self._memory)
        self.store = SealedStore(self.objects, Config.new(puts_absent=True))

    def backup(self, *sources: Path, streams: "dict[str, Readable | Sequence[str]] | None" = None) -> Backup:
        return backup(self.store, [str(source) for source in sources], streams or {}, BackupOptions(threads=2))

    def check(self) -> Checked:
        """Every byte of every snapshot."""
        return check(self.store, CheckOptions(1.0, 2))

    def table(self, snapshot: str = catalogue.LATEST) -> PageTable:
        return map_chain.load(self.store, catalogue.read(self.store).find(snapshot).manifest.maps)

    def restore(self, folder: Path, snapshot: str = catalogue.LATEST) -> Restored:
        done = restore(self.store, catalogue.read(self.store).find(snapshot), folder, (), RestoreOptions(threads=2))
        assert done.failed == ()
        return done

    def names(self, folder: str = "") -> set[str]:
        return {info.name for info in self.objects.inner.list(folder)}

    def size(self, name: str) -> int:
        return self.objects.inner.info(name).size

    def calm(self) -> None:
        """Nothing happens any more, and all calls are forgotten."""
        self.objects.before = self.objects.after = nothing
        self.objects.calls.clear()
        self.objects.acknowledged.clear()

    def forget_copies(self) -> None:
        """Of objects on this machine."""
        shutil.rmtree(places.cache_folder(), ignore_errors=True)

    def saved(self) -> dict[str, tuple[bytes, float]]:
        """All objects."""
        return dict(self._memory._objects)

    def bring_back(self, saved: dict[str, tuple[bytes, float]]) -> None:
        """The store is as it was, and calm."""
        self._memory._objects = dict(saved)
        self.calm()


def needs(store: SealedStore, chain: map_chain.Chain) -> set[str]:
    """All that a snapshot with these maps refers to, unit by unit and run by run, by whichever moves one follows that no later one makes
    needless."""
    found = {part for parts in chain for part in parts}
    table = map_chain.ChainReader(store).table(chain)
    all_moves = {name: moves.read(store, name) for name in moves.listed(store)}

    def led(pack: str, at: int, length: int) -> dict[str, tuple[str, int]]:
        """Where moves lead from there, by their names."""
        return {
            name: (move.targets[target].name, to + at - begin)
            for name, move in all_moves.items()
            for source, begin, target, to, size in zip(*(column.tolist() for column in move.columns), strict=True)
            if move.sources[source].name == pack and begin <= at and at + length <= begin + size
        }

    def follow(pack: str, at: int, length: int) -> None:
        ways = led(pack, at, length)
        for name, place in ways.items():
            if not (ways.keys() - {name}) & led(*place, length).keys():
                found.add(name)
                follow(*place, length)
        if not ways:
            found.add(pack)

    for units in table.entries.values():
        for number, (pack, at) in enumerate(zip(units.packs.tolist(), units.at.tolist(), strict=True)):
            if pack != ZEROS:
                follow(table.packs[pack].name, at, units.length_of(number))
    return found
