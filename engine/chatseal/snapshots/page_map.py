"""Page map: for every entry of a snapshot, in which pack and where in it each of its units lies, and the unit's fingerprint.

A stream of lines and columns, written and read segment by segment in constant memory (docs/format.md, section 10)."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chatseal.capture.entry import Entry
from chatseal.format import object_names, strict_json
from chatseal.format.strict_json import damaged

if TYPE_CHECKING:
    from typing_extensions import Buffer

VERSION = 1
PRINT_LEN = 16
ZEROS = 0xFFFFFFFF  # in the column of packs: units of zeros, which lie nowhere
LINE_MAX = 1 << 20
PATH_MAX = 65536
PACKS_MAX = 1 << 24
ENTRIES_MAX = 1 << 32
UNITS_MAX = (1 << 32) - 1
UNIT_MIN, UNIT_MAX = 4096, 65536
PACK_PLAIN_MAX, PACK_MAX = 1 << 27, 1 << 28  # bytes of its plaintext, of the object
SEGMENT_UNITS = 65536
_TYPES = ("file", "database", "folder", "link", "stream")
_COLUMN = np.dtype("<u4")

Column = NDArray[np.uint32]
Prints = NDArray[np.uint8]  # (units, 16)


class PackPlace(NamedTuple):
    """A pack that a map refers to: its name, its length as an object, and that of its plaintext."""

    name: str
    length: int
    plain: int


@dataclass(frozen=True, slots=True)
class Segment:
    """Some runs of one entry, in ascending order: `count` units from `first` on lie in a row from byte `at` of the plaintext of `pack` on.

    `pack` counts the map's packs, or is ZEROS. `prints` are the fingerprints of all these units, run after run."""

    first: Column
    count: Column
    pack: Column
    at: Column
    prints: Prints

    @property
    def columns(self) -> tuple[Column, Column, Column, Column]:
        """The four columns in the order in which they are written."""
        return self.first, self.count, self.pack, self.at


@dataclass(frozen=True, slots=True)
class MapHead:
    """What stands before the entries. A map that is not `full` holds what is other than in the map before it in its chain."""

    full: bool
    packs: tuple[PackPlace, ...]
    entries: int

    def encode(self) -> Iterator[bytes]:
        """The first lines of the map."""
        yield strict_json.encode({"version": VERSION, "full": self.full, "packs": len(self.packs), "entries": self.entries}) + b"\n"
        for pack in self.packs:
            yield strict_json.encode(pack) + b"\n"


@dataclass(frozen=True, slots=True)
class EntryHead:
    """The line before the segments of an entry. `gone`: the entry of this path is in the map before, and no more."""

    entry: Entry
    unit: int = UNIT_MIN
    units: int = 0
    segments: int = 0
    gone: bool = False

    def encode(self) -> bytes:
        """The line. Raises DamagedError if a reader would not take it."""
        if self.gone:
            return strict_json.encode({"path": self.entry.path, "gone": True}) + b"\n"
        members: dict[str, Any] = {"path": self.entry.path, "type": self.entry.type, "mode": self.entry.mode}
        for item in fields(Entry):
            value = getattr(self.entry, item.name)
            if value != item.default and item.name not in members:
                members[item.name] = value
        if self.units:
            members |= {"unit": self.unit, "units": self.units, "segments": self.segments}
        line = strict_json.encode(members) + b"\n"
        if len(line) > LINE_MAX:
            raise damaged()
        return line


def units_of(length: int, unit: int) -> int:
    """How many units so many bytes are."""
    return -(-length // unit)


def encode_segment(segment: Segment) -> "Iterator[Buffer]":
    """The segment's bytes: two counts, four columns, the fingerprints."""
    yield np.array([len(segment.first), int(segment.count.sum())], _COLUMN).tobytes()
    for column in segment.columns:
        yield np.ascontiguousarray(column, _COLUMN).data
    yield np.ascontiguousarray(segment.prints).data


class MapReader:
    """Reads a map from a stream, in turn. Everything is checked before it is given out; every failure is a DamagedError."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        members = strict_json.parse_object(self._line())
        strict_json.version(members, VERSION)
        full = strict_json.boolean(members, "full")
        count = strict_json.number(members, "packs", 0, PACKS_MAX)
        entries = strict_json.number(members, "entries", 0, ENTRIES_MAX)
        self.head = MapHead(full, tuple(pack_place(self._line()) for _ in range(count)), entries)
        if len({pack.name for pack in self.head.packs}) != count:
            raise damaged()
        self._plain = np.array([pack.plain for pack in self.head.packs], np.int64)
        self._left = 0  # segments of the entry before

    def entries(self) -> Iterator[EntryHead]:
        """Every entry; between two of them all its `segments` must be taken."""
        for _ in range(self.head.entries):
            head = _entry_head(strict_json.parse_object(self._line()))
            if head.gone and self.head.full:
                raise damaged()
            self._left = head.segments
            yield head
            if self._left:
                raise AssertionError("an entry's segments were not read")
        if self._stream.read(1):
            raise damaged()

    def segments(self, head: EntryHead) -> Iterator[Segment]:
        """The segments of the entry that was given out last."""
        end = 0  # of the runs so far, in units
        while self._left:
            self._left -= 1
            runs, covered = (int(n) for n in np.frombuffer(self._exactly(8), _COLUMN))
            if not 1 <= runs <= covered <= SEGMENT_UNITS:
                raise damaged()
            first, count, pack, at = np.frombuffer(self._exactly(16 * runs), _COLUMN).reshape(4, runs)
            prints = np.frombuffer(self._exactly(PRINT_LEN * covered), np.uint8).reshape(covered, PRINT_LEN)
            segment = Segment(first, count, pack, at, prints)
            end = self._check(segment, head, covered, end)
            yield segment

    def _check(self, segment: Segment, head: EntryHead, covered: int, end: int) -> int:
        first, count, pack, at = (column.astype(np.int64) for column in segment.columns)
        ends = first + count
        in_order = first[0] >= end and np.all(first[1:] >= ends[:-1]) and np.all(count >= 1) and count.sum() == covered
        if not in_order or ends[-1] > head.units:
            raise damaged()
        stored = pack != ZEROS
        if np.any(pack[stored] >= len(self._plain)) or np.any(at[~stored]):
            raise damaged()
        length = count * head.unit
        if ends[-1] == head.units:
            length[-1] -= head.units * head.unit - head.entry.size
        if np.any(at[stored] + length[stored] > self._plain[pack[stored]]):
            raise damaged()
        return int(ends[-1])

    def _line(self) -> bytes:
        line = self._stream.readline(LINE_MAX)
        if not line.endswith(b"\n"):
            raise damaged()
        return line

    def _exactly(self, length: int) -> bytes:
        data = self._stream.read(length)
        if len(data) != length:
            raise damaged()
        return data


def pack_place(line: bytes) -> PackPlace:
    """What the line of a pack tells. Raises DamagedError."""
    value = strict_json.parse(line)
    if not isinstance(value, list) or len(value) != 3:
        raise damaged()
    members = {"name": value[0], "length": value[1], "plain": value[2]}
    name = strict_json.text(members, "name", 128)
    if not object_names.is_name(name, object_names.PACKS):
        raise damaged()
    number = strict_json.number
    return PackPlace(name, number(members, "length", 1, PACK_MAX), number(members, "plain", 1, PACK_PLAIN_MAX))


def _entry_head(members: dict[str, Any]) -> EntryHead:
    path = strict_json.text(members, "path", PATH_MAX)
    if not path:
        raise damaged()
    if "gone" in members:
        if members["gone"] is not True:
            raise damaged()
        return EntryHead(Entry(path, "file"), gone=True)
    if members.get("type") not in _TYPES:
        raise damaged()
    number = strict_json.number
    entry = Entry(
        path,
        members["type"],
        number(members, "size", default=0),
        number(members, "mode", 0, 0o7777),
        number(members, "uid", 0, 2**32 - 1, 0),
        number(members, "gid", 0, 2**32 - 1, 0),
        number(members, "mtime_ns", -(2**63), default=0),
        number(members, "ctime_ns", -(2**63), default=0),
        number(members, "device", 0, 2**64 - 1, 0),
        number(members, "inode", 0, 2**64 - 1, 0),
        strict_json.text(members, "target", PATH_MAX, ""),
        strict_json.text(members, "same_as", PATH_MAX, ""),
    )
    unit = number(members, "unit", UNIT_MIN, UNIT_MAX, UNIT_MIN)
    units = number(members, "units", 0, UNITS_MAX, 0)
    has_content = entry.type in ("file", "database", "stream") and not entry.same_as
    if unit & (unit - 1) or units != units_of(entry.size, unit) or (units and not has_content):
        raise damaged()
    if (entry.type == "link") != bool(entry.target) or (entry.same_as and entry.type not in ("file", "database")):
        raise damaged()
    return EntryHead(entry, unit, units, number(members, "segments", 0, units, 0))
