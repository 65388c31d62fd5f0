"""Repack: what is still needed of packs is gathered in new packs, and a move tells where it lies now. What the newest snapshots need comes
first and in their order, so that they are restored as fast as from a store that has nothing else.

The old packs are left to who prunes: as long as anybody may rely on them, they are needed."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from types import TracebackType
from typing import Final, NamedTuple, Self

import numpy as np

from chatseal.errors import ObjectMissingError
from chatseal.format import object_names
from chatseal.objects.uploads import Uploads
from chatseal.sealing.budget import LEVEL, Budget
from chatseal.sealing.seal import SealOptions
from chatseal.sealing.writer import SealedWriter
from chatseal.snapshots import pack_writer
from chatseal.snapshots.choice import Candidate
from chatseal.snapshots.filling import is_better_whole, read, read_whole
from chatseal.snapshots.move import RUNS_MAX, Move
from chatseal.snapshots.moves import Numbers, Stretches, place_key
from chatseal.snapshots.pack_list import PackList
from chatseal.snapshots.pack_reader import PackReader
from chatseal.snapshots.page_map import UNIT_MAX, PackPlace
from chatseal.snapshots.range_reader import RangeReader
from chatseal.snapshots.runs import Runs
from chatseal.snapshots.sealed_store import SealedStore
from chatseal.snapshots.usage import Keys, Needed, keys_of, stretches_at
from chatseal.snapshots.window import Window

STRETCHES: Final = 1 << 19  # that are gathered for one move at most: each takes 100 bytes meanwhile
IN_FLIGHT, MEMORY = 2, 32 << 20
FETCHERS: Final = 8

_Work = tuple[Numbers, Callable[[], None]]  # what it reads, by number, and what does it


class Repacked(NamedTuple):
    """What was gathered: how many packs in how many, and the bytes of the new ones."""

    packs_before: int = 0
    packs: int = 0
    bytes: int = 0


def repack(store: SealedStore, needed: Needed, packs: PackList, chosen: Sequence[Candidate], budget: Budget) -> Repacked:
    """Gather what is *needed* of those of *packs* that are *chosen*, for each epoch by itself, and put the moves. Raises IntegrityError,
    and what stores raise.

    Killed at any moment it leaves packs that nobody needs, or a move that is as good as done."""
    count, moved = 0, list[Move]()
    for epoch, group in groupby(sorted(chosen, key=_epoch), key=_epoch):
        for some in _batches(needed.stretches, group):
            gathering = _Gathering(store, epoch, packs, *_in_order(needed, some), budget)
            gathering.run()
            if (move := gathering.move(needed)) is not None:
                name = store.new_name(object_names.MOVES, move.targets[0].name.encode(), epoch=epoch)
                sealed = store.seal(name, move.encode())
                store.keep(name, sealed)
                store.objects.put(name, sealed)
                count += len(some)
                moved.append(move)
    targets = [place for move in moved for place in move.targets]
    return Repacked(count, len(targets), sum(place.length for place in targets))


def _epoch(one: Candidate) -> int:
    return object_names.epoch_of(one.place.name)


def _here(stretches: Stretches, number: int) -> slice:
    """Where the stretches of a pack are among all."""
    return slice(*np.searchsorted(stretches.pack, [number, number + 1]).tolist())


def _batches(stretches: Stretches, chosen: Iterable[Candidate]) -> Iterator[list[int]]:
    """As many packs as one move is to tell of, by their numbers."""
    batch: list[int] = []
    count = 0
    for one in chosen:
        here = _here(stretches, one.number)
        if batch and count + here.stop - here.start > STRETCHES:
            yield batch
            batch, count = [], 0
        batch.append(one.number)
        count += here.stop - here.start
    if batch:
        yield batch


def _in_order(needed: Needed, numbers: list[int]) -> tuple[Stretches, Stretches]:
    """What is needed of the packs of these *numbers*: what the newest snapshots need, in their order, and the rest pack by pack.

    Nothing of a pack in which units lie over one another: no writer of ours does that."""
    found = []
    for number in numbers:
        at, length = (column[_here(needed.stretches, number)] for column in needed.stretches[1:])
        if np.all(at[1:] >= at[:-1] + length[:-1]):
            found.append(Stretches(np.full(len(at), number), at, length))
    rest = Stretches(*(np.concatenate(columns) for columns in zip(*found, strict=True))) if found else needed.stretches.some(slice(0))
    first = needed.newest.some(np.isin(keys_of(needed.newest), keys_of(rest)))
    return first, rest.some(~np.isin(keys_of(rest), keys_of(first)))


class _Gathering:
    """New packs under way, and the move that will tell of them."""

    def __init__(self, store: SealedStore, epoch: int, packs: PackList, first: Stretches, rest: Stretches, budget: Budget) -> None:
        """What they are to hold, from *packs*: *first* and *rest* are never in one, or the pack they share were fragmented again."""
        self._store, self._epoch, self._packs, self._budget = store, epoch, packs, budget
        self._order = order = Stretches(*(np.concatenate(columns) for columns in zip(first, rest, strict=True)))
        self._borders = sorted({len(first.pack), len(order.pack)})
        self._options = SealOptions(LEVEL, pack_writer.FRAME_SIZE, padded=True)
        self._targets: list[PackPlace] = []
        self._target = np.zeros(len(order.pack), np.int64)
        self._to = np.zeros(len(order.pack), np.int64)
        self._is_lost = np.zeros(len(order.pack), np.bool_)  # what somebody has removed since: nobody needs it, or it was moved already

    def run(self) -> None:
        """Gather everything and send it."""
        window = Window(pack_writer.PLAIN + UNIT_MAX)
        with (
            Uploads(self._store.objects, objects=IN_FLIGHT, memory=MEMORY) as uploads,
            PackReader(self._store, self._budget) as packs,
            _Fetchers(self._store, self._budget) as fetchers,
        ):
            for here in self._packfuls():
                length = self._order.length[here]
                ends = np.cumsum(length)
                self._to[here], self._target[here] = ends - length, len(self._targets)
                window.move(0, int(ends[-1]))
                self._fill(window, here, packs, fetchers)
                if not self._is_lost[here].all():
                    self._send(window, uploads)
            uploads.finish()

    def _packfuls(self) -> Iterator[slice]:
        """What goes into one pack each."""
        ends = np.cumsum(self._order.length)
        begin = 0
        for border in self._borders:
            while begin < border:
                before = int(ends[begin - 1]) if begin else 0
                end = min(int(np.searchsorted(ends, before + pack_writer.PLAIN)) + 1, border)
                yield slice(begin, end)
                begin = end

    def _fill(self, window: Window, here: slice, packs: PackReader, fetchers: "_Fetchers") -> None:
        """Read into *window* what it is to hold. Every source is read once, whole ones in the order in which they come first: the last is
        often the next window's first."""
        pack, at, length = self._order.some(here)
        numbers, firsts = np.unique(pack, return_index=True)
        whole, coming = list[_Work](), list[_Work]()
        for number in numbers[np.argsort(firsts)].tolist():
            some = np.flatnonzero(pack == number)
            place, runs = self._packs[number], Runs.joined(self._to[here][some], at[some], length[some])
            if is_better_whole(place, runs):
                whole.append((some, partial(read_whole, packs, place, runs, window)))
            else:
                coming.append((some, fetchers.read(place, runs, window)))
        for some, done in (*whole, *coming):
            try:
                done()
            except ObjectMissingError:
                self._is_lost[here.start + some] = True

    def _send(self, window: Window, uploads: Uploads) -> None:
        """Seal what the window holds as a pack."""
        name = self._store.new_name(object_names.PACKS, hashlib.sha256(window.content).digest(), epoch=self._epoch)
        sealed: list[bytes] = []
        key, kind = self._store.key(name), self._store.kind(name)
        writer = SealedWriter(sealed, key, self._options, self._budget, overwrite=False, kind=kind)
        writer.write(window.content)
        writer.close()
        self._targets.append(PackPlace(name, sum(map(len, sealed)), window.length))
        uploads.submit(name, sealed)

    def move(self, needed: Needed) -> Move | None:
        """What tells where everything lies now, also from all places from which one was led to where it lay, so that no way gets longer
        and the moves that told those can go: unless that is more than a move can tell. None if there is nothing."""
        found = np.flatnonzero(~self._is_lost)
        if not len(found):
            return None
        keys = keys_of(self._order.some(found))
        former, which = needed.former(keys)
        move = self._telling(np.append(keys, former), np.append(found, found[which]))
        return move if len(move.source) <= RUNS_MAX else self._telling(keys, found)

    def _telling(self, keys: Keys, found: Numbers) -> Move:
        """The move from the stretches of these *keys* to where the stretches *found* lie now."""
        pack, at, length = stretches_at(keys)
        numbers, source = np.unique(pack, return_inverse=True)
        chosen = _apart(source, at, length)
        columns = [column[chosen] for column in (source, at, self._target[found], self._to[found], length)]
        sources = tuple(self._packs[number] for number in numbers.tolist())
        return Move(sources, tuple(self._targets), *(column.astype(np.uint32) for column in _joined(*columns)))


class _Fetchers:
    """Threads that read ranges of packs, of several at a time, because a store far away makes each wait. As a block they go at its end."""

    def __init__(self, store: SealedStore, budget: Budget) -> None:
        self._store = store
        self._pool = ThreadPoolExecutor(FETCHERS, "chatseal-fetch") if budget.threads > 1 else None

    def read(self, place: PackPlace, runs: Runs, window: Window) -> Callable[[], None]:
        """Begin to read *runs* of a pack into *window*; what it gives waits for the end, and raises what reading raises."""
        work = partial(self._read, place, runs, window)
        return self._pool.submit(work).result if self._pool is not None else work

    def _read(self, place: PackPlace, runs: Runs, window: Window) -> None:
        with RangeReader(self._store) as reader:
            read(reader, place, runs, window)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _apart(source: Numbers, at: Numbers, length: Numbers) -> Numbers:
    """The numbers of stretches that do not lie over one another, ascending by source and place; the first of several at one place."""
    order = np.lexsort((at, source))
    begins = place_key(source[order], at[order])
    ends = np.maximum.accumulate(begins + length[order])
    return order[np.flatnonzero(np.append(True, begins[1:] >= ends[:-1]))]


def _joined(source: Numbers, at: Numbers, target: Numbers, to: Numbers, length: Numbers) -> tuple[Numbers, ...]:
    """The columns of a move, with what follows one another on both sides as one run."""
    is_same = (source[1:] == source[:-1]) & (target[1:] == target[:-1])
    follows = is_same & (at[1:] == at[:-1] + length[:-1]) & (to[1:] == to[:-1] + length[:-1])
    begins = np.flatnonzero(np.append(True, ~follows))
    return source[begins], at[begins], target[begins], to[begins], np.add.reduceat(length, begins)
