"""Move: where parts of packs lie now that were gathered in other packs, which lets the old ones be removed.

Snapshots are never written again: their maps go on to tell the old place, and whoever follows them looks here
(docs/format.md, section 10)."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chatseal.format import strict_json
from chatseal.format.strict_json import damaged
from chatseal.snapshots.page_map import LINE_MAX, PACKS_MAX, Column, PackPlace, pack_place

if TYPE_CHECKING:
    from typing_extensions import Buffer

VERSION = 1
RUNS_MAX = 1 << 22
LONGEST = 128 << 20  # bytes
_COLUMN = np.dtype("<u4")


@dataclass(frozen=True, slots=True)
class Move:
    """`length` bytes from byte `at` of the plaintext of one of `sources` lie from byte `to` of one of `targets` on, run by run.

    `source` and `target` count these packs. Runs are in ascending order of source and byte, and no byte is in two."""

    sources: tuple[PackPlace, ...]
    targets: tuple[PackPlace, ...]
    source: Column
    at: Column
    target: Column
    to: Column
    length: Column

    @property
    def columns(self) -> tuple[Column, Column, Column, Column, Column]:
        """The five columns in the order in which they are written."""
        return self.source, self.at, self.target, self.to, self.length

    def encode(self) -> "Iterator[Buffer]":
        """Head line, pack lines, columns."""
        head = {"version": VERSION, "sources": len(self.sources), "targets": len(self.targets), "runs": len(self.source)}
        for line in (head, *self.sources, *self.targets):
            yield strict_json.encode(line) + b"\n"
        for column in self.columns:
            yield np.ascontiguousarray(column, _COLUMN).data


def parse(data: bytes) -> Move:
    """Read a move; everything is checked before it is given out. Raises DamagedError."""
    stream = io.BytesIO(data)
    members = strict_json.parse_object(_line(stream))
    strict_json.version(members, VERSION)
    counts = [strict_json.number(members, name, 1, PACKS_MAX) for name in ("sources", "targets")]
    runs = strict_json.number(members, "runs", 1, RUNS_MAX)
    sources, targets = (tuple(pack_place(_line(stream)) for _ in range(count)) for count in counts)
    if len({place.name for place in (*sources, *targets)}) != sum(counts):
        raise damaged()
    columns = data[stream.tell() :]
    if len(columns) != 5 * runs * _COLUMN.itemsize:
        raise damaged()
    move = Move(sources, targets, *np.frombuffer(columns, _COLUMN).reshape(5, runs))
    _check(move)
    return move


def _check(move: Move) -> None:
    source, at, target, to, length = (column.astype(np.int64) for column in move.columns)
    if source.max() >= len(move.sources) or target.max() >= len(move.targets) or length.min() < 1:
        raise damaged()
    is_within = (at + length <= _plain(move.sources)[source]) & (to + length <= _plain(move.targets)[target])
    follows = (source[1:] > source[:-1]) | ((source[1:] == source[:-1]) & (at[1:] >= at[:-1] + length[:-1]))
    if not (is_within.all() and follows.all()):
        raise damaged()


def _plain(places: tuple[PackPlace, ...]) -> NDArray[np.int64]:
    return np.array([place.plain for place in places], np.int64)


def _line(stream: io.BytesIO) -> bytes:
    line = stream.readline(LINE_MAX)
    if not line.endswith(b"\n"):
        raise damaged()
    return line
