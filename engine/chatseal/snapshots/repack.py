"""Repack: what is still needed of packs that hold much else is gathered in new packs, and a move tells where it lies now.

The old packs are left to who prunes: as long as anybody may rely on them, they are needed."""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, NamedTuple, Self

import numpy as np

from chatseal.errors import ObjectMissingError
from chatseal.format import object_names
from chatseal.objects.uploads import Uploads
from chatseal.sealing.budget import LEVEL, Budget
from chatseal.sealing.seal import SealOptions
from chatseal.sealing.writer import SealedWriter
from chatseal.sizes import parse_size
from chatseal.snapshots import pack_writer
from chatseal.snapshots.move import Move
from chatseal.snapshots.moves import Numbers, Stretches
from chatseal.snapshots.pack_list import PackList
from chatseal.snapshots.pack_reader import PackReader
from chatseal.snapshots.page_map import PackPlace
from chatseal.snapshots.sealed_store import SealedStore
from chatseal.snapshots.usage import Needed

PIECE: Final = 4 << 20  # bytes that are read at once
WHOLE_FROM: Final = 0.25  # of a pack that is needed: then all of it is read, else ranges of it
RUNS: Final = 1 << 18  # that one move tells of at most; a run under way takes 200 bytes
IN_FLIGHT, MEMORY = 2, 64 << 20


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many bytes of packs may be needed by nobody: a *share* of what is needed, or an *amount*; None is any."""

    share: float = 0.0
    amount: int | None = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """`5%`, `200M` or `unlimited`. Raises ValueError."""
        if text == "unlimited":
            return cls(amount=None)
        if text.endswith("%"):
            share = float(text[:-1])
            if not 0 <= share <= 100:
                raise ValueError("a share is 0% to 100%")
            return cls(share / 100)
        return cls(amount=parse_size(text))

    def bytes_of(self, needed: int) -> float:
        """The limit in a store of which so many bytes are needed."""
        return float("inf") if self.amount is None else max(self.share * needed, self.amount)


class Candidate(NamedTuple):
    """A pack of which something is needed: its number, and how many bytes of the object, in proportion, are not."""

    number: int
    place: PackPlace
    unused: float


def choose(needed: Needed, packs: PackList, allowance: Allowance, spared: Container[str], dropped: Container[str] = ()) -> list[Candidate]:
    """Packs to be gathered anew: those that are *dropped* and still needed, and so many that of those left no more is unused than
    *allowance* has, those with the greatest share of it first.

    None of *spared*, of which nobody knows what part is needed, or which may be removed soon."""
    used = np.zeros(len(packs), np.int64)
    np.add.at(used, needed.stretches.pack, needed.stretches.length)
    found = [
        Candidate(number, packs[number], packs[number].length * max(0.0, 1 - used[number] / packs[number].plain))
        for number in np.flatnonzero(used).tolist()
    ]
    limit = allowance.bytes_of(sum(one.place.length for one in found))
    chosen = [one for one in found if one.place.name in dropped and one.place.name not in spared]
    unused = sum(one.unused for one in found) - sum(one.unused for one in chosen)
    for one in sorted(found, key=lambda one: one.unused / one.place.length, reverse=True):
        if unused <= limit:
            break
        if one.unused and one.place.name not in spared and one not in chosen:
            chosen.append(one)
            unused -= one.unused
    return chosen


class Repacked(NamedTuple):
    """What was gathered: how many packs in how many, and the bytes of the new ones."""

    packs_before: int = 0
    packs: int = 0
    bytes: int = 0


def repack(store: SealedStore, needed: Needed, chosen: Sequence[Candidate], budget: Budget) -> Repacked:
    """Gather what is *needed* of the packs *chosen*, for each epoch by itself, and put the moves. Raises IntegrityError, and what stores
    raise.

    Killed at any moment it leaves packs that nobody needs, or a move that is as good as done."""
    moved: list[Move] = []
    for epoch, group in groupby(sorted(chosen, key=_epoch), key=_epoch):
        for some in _batches(needed.stretches, group):
            move = _gather(store, epoch, needed.stretches, some, budget)
            if move is not None:
                name = store.new_name(object_names.MOVES, move.targets[0].name.encode(), epoch=epoch)
                sealed = store.seal(name, move.encode())
                store.keep(name, sealed)
                store.objects.put(name, sealed)
                moved.append(move)
    targets = [place for move in moved for place in move.targets]
    return Repacked(sum(len(move.sources) for move in moved), len(targets), sum(place.length for place in targets))


def _epoch(one: Candidate) -> int:
    return object_names.epoch_of(one.place.name)


def _here(stretches: Stretches, one: Candidate) -> slice:
    """Where the stretches of a pack are among all."""
    return slice(*np.searchsorted(stretches.pack, [one.number, one.number + 1]).tolist())


def _batches(stretches: Stretches, chosen: Iterable[Candidate]) -> Iterator[list[Candidate]]:
    """As many packs as one move is to tell of."""
    batch: list[Candidate] = []
    runs = 0
    for one in chosen:
        here = _here(stretches, one)
        if batch and runs + here.stop - here.start > RUNS:
            yield batch
            batch, runs = [], 0
        batch.append(one)
        runs += here.stop - here.start
    if batch:
        yield batch


def _gather(store: SealedStore, epoch: int, stretches: Stretches, chosen: Sequence[Candidate], budget: Budget) -> Move | None:
    gathering = _Gathering(store, epoch, budget)
    with Uploads(store.objects, objects=IN_FLIGHT, memory=MEMORY) as uploads, PackReader(store, budget) as reader:
        for one in chosen:
            here = _here(stretches, one)
            gathering.take(one.place, _pieces(stretches.at[here], stretches.length[here]), reader, uploads)
        gathering.end(uploads)
        uploads.finish()
    return gathering.move()


def _pieces(at: Numbers, length: Numbers) -> Numbers:
    """(at, length) of what is needed of a pack, ascending, in pieces. None if units lie over one another: no writer of ours does that."""
    if np.any(at[1:] < at[:-1] + length[:-1]):
        return np.empty((0, 2), np.int64)
    begins = np.flatnonzero(np.append(True, (at[1:] != at[:-1] + length[:-1]) | (at[1:] // PIECE != at[:-1] // PIECE)))
    return np.stack((at[begins], np.add.reduceat(length, begins)), axis=1)


class _Gathering:
    """New packs under way, and the runs of the move that will tell of them."""

    def __init__(self, store: SealedStore, epoch: int, budget: Budget) -> None:
        self._store, self._epoch, self._budget = store, epoch, budget
        self._options = SealOptions(LEVEL, pack_writer.FRAME_SIZE, padded=True)
        self._sources: list[PackPlace] = []
        self._targets: list[PackPlace] = []
        self._runs: list[tuple[int, int, int, int, int]] = []
        self._name, self._sealed = "", list[bytes]()
        self._writer: SealedWriter | None = None

    def take(self, place: PackPlace, pieces: Numbers, reader: PackReader, uploads: Uploads) -> None:
        """Copy *pieces* of a pack, unless somebody has removed it since: then nobody needs it any more, or it was moved already."""
        source = len(self._sources)
        self._sources.append(place)
        whole = int(pieces[:, 1].sum()) >= WHOLE_FROM * place.plain
        for at, length in pieces.tolist():
            try:
                data = reader.whole(place)[at : at + length] if whole else reader.read(place, at, length)
            except ObjectMissingError:
                return
            writer = self._writer or self._begin(place)
            self._add(source, at, writer.tell(), length)
            writer.write(data)
            if writer.tell() >= pack_writer.PLAIN:
                self.end(uploads)

    def _add(self, source: int, at: int, to: int, length: int) -> None:
        """A run, or more of the run before if it follows there on both sides."""
        target = len(self._targets)
        if self._runs:
            *place, last = self._runs[-1]
            if place == [source, at - last, target, to - last]:
                self._runs[-1] = (source, at - last, target, to - last, last + length)
                return
        self._runs.append((source, at, target, to, length))

    def _begin(self, hint: PackPlace) -> SealedWriter:
        self._name, self._sealed = self._store.new_name(object_names.PACKS, hint.name.encode(), epoch=self._epoch), []
        key, kind = self._store.key(self._name), self._store.kind(self._name)
        self._writer = SealedWriter(self._sealed, key, self._options, self._budget, overwrite=False, kind=kind)
        return self._writer

    def end(self, uploads: Uploads) -> None:
        """Close the pack that is being filled, if there is one, and send it."""
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        plain = writer.tell()
        writer.close()
        self._targets.append(PackPlace(self._name, sum(map(len, self._sealed)), plain))
        uploads.submit(self._name, self._sealed)

    def move(self) -> Move | None:
        """What tells where everything lies now; None if nothing was taken."""
        if not self._runs:
            return None
        order = sorted(self._runs)
        columns = np.array(order, np.uint32).T
        return Move(tuple(self._sources), tuple(self._targets), *columns)
