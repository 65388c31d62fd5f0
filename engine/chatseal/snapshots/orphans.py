"""Orphans: packs that were sent by a run that did not come to its end. What is in them is not sent again.

A journal on this machine: for each pack that the store has acknowledged a small sealed map of what lies in it. The next run takes what it
says for known, if the content is still the same and the store still has the pack."""

import io
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np

from chatseal.capture.entry import Entry
from chatseal.errors import ChatsealError
from chatseal.format import object_names
from chatseal.format.labels import object_kind
from chatseal.format.strict_json import damaged
from chatseal.snapshots import envelope, places
from chatseal.snapshots.pack_writer import PackContent, Part
from chatseal.snapshots.page_map import (
    EntryHead,
    MapHead,
    MapReader,
    PackPlace,
    Segment,
    encode_segment,
    units_of,
)
from chatseal.snapshots.page_table import PageTable, Units, runs
from chatseal.snapshots.sealed_store import SealedStore

_KIND = "orphan"
_LONGEST = 64 << 20
LIFE = 14 * 24 * 3600  # seconds; by then whoever prunes has removed the pack


@dataclass(frozen=True, slots=True)
class Fragment:
    """Some units of one entry in one pack. `unit` and `units` are the entry's: they count only where it is divided the same way."""

    place: PackPlace
    unit: int
    segments: tuple[Segment, ...]


class Journal:
    """What was sent and is in no snapshot yet. `record` may be called from any thread."""

    def __init__(self, store: SealedStore) -> None:
        self._store = store
        self._folder = places.state_folder() / "sent" / store.config.store_id

    def record(self, content: PackContent) -> None:
        """Remember *content*, which the store has acknowledged."""
        name = content.place.name
        data = b"".join(envelope.seal([self._store.key(name)], self._kind(name), [b"".join(_encode(content))]))
        places.write_whole(self._path(name), data)

    def fragments(self) -> dict[str, list[Fragment]]:
        """What earlier runs left, by path, the later one after the earlier one where both sent the same unit.

        A record that cannot be read is dropped: its pack is sent again."""
        found: dict[str, list[Fragment]] = {}
        for name in self.names():
            try:
                for path, fragment in self._read(name):
                    found.setdefault(path, []).append(fragment)
            except (ChatsealError, OSError):
                self.remove([name])
        return found

    def names(self) -> list[str]:
        """The packs that are remembered, oldest first. What is too old, or was left by a run that was killed, is removed."""
        found = []
        with suppress(FileNotFoundError), os.scandir(self._folder) as scan:
            for entry in scan:
                with suppress(OSError):
                    about = entry.stat(follow_symlinks=False)
                    name = object_names.PACKS + entry.name
                    is_record = object_names.is_name(name)
                    if places.is_old(about, LIFE if is_record else places.LIFE):
                        os.unlink(entry)
                    elif is_record:
                        found.append((about.st_mtime_ns, name))
        return [name for _, name in sorted(found)]

    def remove(self, names: Iterable[str]) -> None:
        """Forget packs: they are in a snapshot now, or in the store no more."""
        for name in names:
            with suppress(OSError):
                self._path(name).unlink()

    def remove_earlier_epochs(self) -> None:
        """Know nothing more of what was sent for epochs before the newest: an epoch does not lean on another."""
        newest = self._store.config.epoch.number
        self.remove(name for name in self.names() if object_names.epoch_of(name) != newest)

    def _read(self, name: str) -> Iterator[tuple[str, Fragment]]:
        with open(self._path(name), "rb") as file:
            data = file.read(_LONGEST)
        plain = envelope.unseal(data, [self._store.key(name)], self._kind(name), _LONGEST, name)
        reader = MapReader(io.BufferedReader(io.BytesIO(plain)))
        if reader.head.full or [place.name for place in reader.head.packs] != [name]:
            raise damaged()
        for head in reader.entries():
            yield head.entry.path, Fragment(reader.head.packs[0], head.unit, tuple(reader.segments(head)))

    def _kind(self, name: str) -> str:
        return object_kind(_KIND, self._store.config.store_id, name)

    def _path(self, name: str) -> Path:
        return self._folder / name.removeprefix(object_names.PACKS)


def _encode(content: PackContent) -> Iterator[bytes]:
    stretches: list[tuple[Entry, int, list[Part]]] = []  # entry, its units, and parts in ascending order
    for units, parts in groupby(content.parts, lambda part: part.units):
        entry, count = units.entry, len(units)  # once: who captures it may change them at any time
        if units_of(entry.size, units.unit) != count:  # a stream's length is not known yet
            entry = replace(entry, size=count * units.unit)
        end = 0
        for part in parts:
            if int(part.numbers[-1]) >= count:  # it became shorter since
                continue
            if not end or int(part.numbers[0]) < end:  # an image that was read twice is in the pack twice: the second is what counts
                stretches.append((entry, count, []))
            stretches[-1][2].append(part)
            end = int(part.numbers[-1]) + 1
    yield from MapHead(False, (content.place,), len(stretches)).encode()
    for entry, count, ascending in stretches:
        yield EntryHead(entry, ascending[0].units.unit, count, len(ascending)).encode()
        for part in ascending:
            columns = runs(part.numbers.astype(np.int64), np.zeros(len(part.numbers), np.uint32), part.at, part.units.unit)
            for piece in encode_segment(Segment(*columns, part.prints)):
                yield bytes(piece)


def adopt(table: PageTable, units: Units, fragments: list[Fragment]) -> None:
    """Take for known in *units* what *fragments* say of their entry: if the content is the same, it is not sent again."""
    for fragment in fragments:
        if fragment.unit != units.unit:
            continue
        pack = np.array([table.packs.add(fragment.place)], np.uint32)
        for segment in fragment.segments:
            inside = segment.first.astype(np.int64) + segment.count <= len(units)
            if np.all(inside):
                units.put(segment, pack)
                for first, count in zip(segment.first.tolist(), segment.count.tolist(), strict=True):
                    units.differs[first : first + count] = True
