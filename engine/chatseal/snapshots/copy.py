"""Copy: the snapshots of a store, in another place. Objects are sent as they are, sealed; packs are not opened.

A copy is a writer of the other place, where others may back up and prune: it announces what it will need, looks whether that is there to
stay, and only then has a snapshot appear (docs/design/prune.md). It differs from a backup in one thing: its objects have their names
already. What is condemned under such a name cannot be sent anew under another, so the snapshots that need it wait."""

import time
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from chatseal.copied import Copied
from chatseal.errors import (
    DamagedError,
    IntegrityError,
    NoStoreError,
    ObjectMissingError,
    StoreChangedError,
    StoreExistsError,
    StoreFailedError,
    WrongKeyError,
)
from chatseal.events import Report, Reporter
from chatseal.format import object_names
from chatseal.format.manifest import LENGTH_MAX
from chatseal.format.object_names import CONFIG_NAME
from chatseal.keys.slots import Opener
from chatseal.objects.object_store import ObjectStore
from chatseal.objects.read_back import ReadBack
from chatseal.objects.uploads import Uploads
from chatseal.snapshots import catalogue, config, map_chain, move, name_list, pins, references
from chatseal.snapshots.catalogue import Record
from chatseal.snapshots.config import Config
from chatseal.snapshots.config_object import ConfigObject
from chatseal.snapshots.sealed_store import SealedStore

ROUND: Final = 16  # snapshots that are announced together
ATTEMPTS: Final = 5  # until a place that loses objects is given up
AT_ONCE: Final = 4  # objects fetched, and as many sent
MEMORY: Final = 64 << 20  # bytes fetched and not yet sent
# Longest plaintext of what is opened.
_OPENED: Final = {object_names.MAPS: map_chain.PART_MAX, object_names.MOVES: move.LONGEST, object_names.SNAPSHOTS: LENGTH_MAX}

Needs = dict[str, int]  # names of objects, and their lengths; 0 where nothing but the object tells it


@dataclass(frozen=True, slots=True)
class CopyOptions:
    """How to copy. *limit_upload* is bytes a second; *read_back* fetches all that was sent, and compares."""

    limit_upload: int | None = None
    read_back: bool = False


def meet(source: ObjectStore, target: ObjectStore, openers: Sequence[Opener]) -> tuple[Config, tuple[str, ...]]:
    """Have the same config at both places, the newer one; it, and warnings. Raises StoreChangedError if they are of two stores,
    StoreExistsError if other things lie at *target*, NoStoreError if a store that this machine knows there is gone, WrongKeyError."""
    data = source.get(CONFIG_NAME, config.LENGTH_MAX)
    here = there = ConfigObject.parse(data, openers)
    try:
        there = ConfigObject.parse(target.get(CONFIG_NAME, config.LENGTH_MAX), openers)
    except ObjectMissingError:
        _check_empty(target)
        target.put(CONFIG_NAME, data)
    except WrongKeyError as error:
        raise WrongKeyError(f"wrong key: it does not open the store at {target.url}").with_remedy(
            "If the keys have been changed since the last copy, name one that opened the store then, beside one that opens it now."
        ) from error
    own, theirs = here.config, there.config
    if theirs.store_id != own.store_id:
        raise StoreChangedError(f"the store at {target.url} is not a copy of that at {source.url}").with_remedy(
            "Copy to an empty place, or to where this store was copied before."
        )
    pins.check(target.url, there)
    warnings = []
    if theirs.generation == own.generation and [epoch.number for epoch in theirs.epochs] != [epoch.number for epoch in own.epochs]:
        raise StoreChangedError(f"the keys of {source.url} and of {target.url} were changed apart from each other").with_remedy(
            "Change keys at one place only, and copy from there. Of these two, one has to be copied to an empty place."
        )
    if theirs.generation < own.generation:
        target.put(CONFIG_NAME, data)
        there = here
    elif theirs.generation > own.generation:
        warnings.append(f"the config at {target.url} is newer than that at {source.url}, and stays: has an older state been put back here?")
    pins.keep(target.url, there)
    return there.config, tuple(warnings)


def _check_empty(target: ObjectStore) -> None:
    if pins.read(target.url) is not None:
        raise NoStoreError(f"there was a store at {target.url}, and now there is none").with_remedy(
            f"Is a disk not mounted? If you removed the store yourself, remove {pins.path_of(target.url)}, and copy again."
        )
    if next(iter(target.list("")), None) is not None:
        raise StoreExistsError(f"{target.url} is not empty, and what is there is no store").with_remedy("Copy to an empty or new place.")


def copy(source: SealedStore, target: SealedStore, options: CopyOptions, *, progress: Report | None = None) -> Copied:
    """Send what *target* lacks of the snapshots and forget records of *source*. Snapshots that *target* has a forget record of are not
    brought back; nothing is removed there. *progress* gets the bytes sent.

    Killed at any moment it leaves whole snapshots, and the next run sends nothing again that had arrived. Raises what stores raise; of
    either place what is wrong with one snapshot is in the result's `skipped`."""
    return _Copy(source, target, options, progress).run()


class _Copy:
    def __init__(self, source: SealedStore, target: SealedStore, options: CopyOptions, progress: Report | None) -> None:
        self._source, self._target, self._options = source, target, options
        self._to: ObjectStore = ReadBack(target.objects) if options.read_back else target.objects
        self._reporter = Reporter(progress, None)
        self._began = time.perf_counter()
        self._sizes: dict[str, int] = {}  # of objects at the source
        self._lost: dict[str, str] = {}  # objects that the source does not give, and why
        self._copied: list[str] = []
        self._skipped: list[tuple[str, str]] = []
        self._objects = self._bytes = 0

    def run(self) -> Copied:
        known = catalogue.read(self._source)
        self._skipped += [(name.rpartition("-")[2], str(error)) for name, error in known.damaged]
        self._sizes = _sizes(self._source, *name_list.REFERRED, object_names.FORGETS)
        there = _sizes(self._target, object_names.SNAPSHOTS)
        passed = there.keys() | self._forgotten_there()
        self._send_forgets()
        wanted = [record for record in known.records if record.name not in passed and not self._is_dropped_there(record.name)]
        for at in range(0, len(wanted), ROUND):
            self._copy(wanted[at : at + ROUND])
        self._reporter.finish(self._bytes)
        return Copied(
            len(self._copied),
            len(known.records) - len(wanted),
            self._objects,
            self._bytes,
            time.perf_counter() - self._began,
            tuple(self._skipped),
        )

    def _forgotten_there(self) -> set[str]:
        """What the target has forgotten by itself. A record that the source has, too, is no reason: what it names and the source still has
        was not to go, or could not be removed there."""
        found: set[str] = set()
        for name in _sizes(self._target, object_names.FORGETS).keys() - self._sizes.keys():
            with suppress(ObjectMissingError):
                found |= name_list.parse(self._target.read_kept(name, name_list.LONGEST), name_list.FORGOTTEN)
        return found

    def _is_dropped_there(self, name: str) -> bool:
        """Whether nobody could read it there: the epoch was dropped at the target, and its source is older."""
        return self._target.config.has_dropped(object_names.epoch_of(name))

    def _send_forgets(self) -> None:
        """Records of what was forgotten: whoever misses a snapshot finds out why."""
        there = _sizes(self._target, object_names.FORGETS)
        self._send({name: 0 for name, size in self._sizes.items() if name.startswith(object_names.FORGETS) and there.get(name) != size})

    # --- one round ---

    def _copy(self, records: Sequence[Record]) -> None:
        """Have *records*, oldest first, appear at the target, after all that they need."""
        needs = self._needs(records)
        pending = references.announce(self._target, self._target.new_name(object_names.SNAPSHOTS), _names(needs))
        for _ in range(ATTEMPTS):
            condemned, there = self._look()
            self._leave_out(needs, condemned, f"{self._to.url} is about to remove what it needs: copy again after the next prune there")
            missing = {name: length for need in needs.values() for name, length in need.items() if not self._is_there(name, length, there)}
            if not missing:
                break
            self._send(missing)
            for record in [record for record, need in needs.items() if need.keys() & self._lost.keys()]:
                self._skip(record, "; ".join(self._lost[name] for name in sorted(needs.pop(record)) if name in self._lost))
        else:
            raise StoreFailedError(f"{self._to.url} loses objects, or somebody removes them, faster than they can be sent")
        self._put(needs, pending)
        references.withdraw(self._target, pending)

    def _needs(self, records: Sequence[Record]) -> dict[Record, Needs]:
        """What each needs, unless its maps do not tell."""
        found: dict[Record, Needs] = {}
        for record in records:
            try:
                table = map_chain.load(self._source, record.manifest.maps, prints=False)
            except (IntegrityError, ObjectMissingError) as error:
                self._skip(record, str(error))
                continue
            lengths = {place.name: place.length for place in table.packs}
            maps = {part: 0 for parts in record.manifest.maps for part in parts}
            found[record] = maps | {name: lengths.get(name, 0) for name in table.referred()}
        return found

    def _look(self) -> tuple[set[str], dict[str, int]]:
        """What is condemned at the target, and then what is there, with its length: the order is part of the protocol."""
        condemned: set[str] = set()
        for name in _sizes(self._target, object_names.CONDEMNED):
            with suppress(ObjectMissingError):  # its run has ended: what it removed is missed below
                condemned |= references.condemned(self._target, name)
        return condemned, _sizes(self._target, *name_list.REFERRED)

    def _is_there(self, name: str, length: int, there: dict[str, int]) -> bool:
        """Whether an object is there as it was sent; one of another length is put over."""
        return name in there and there[name] == (length or self._sizes.get(name, there[name]))

    def _put(self, needs: dict[Record, Needs], pending: str) -> None:
        """The snapshots. If somebody took us for dead and removed what was announced, they are there now to be looked at instead."""
        put: dict[Record, Needs] = {}
        for record, need in needs.items():
            with suppress(ObjectMissingError):  # forgotten since
                try:
                    data = self._fetch(record.name, 0)
                except IntegrityError as error:
                    self._skip(record, str(error))
                    continue
                if not references.is_there(self._target, record.name):  # else another copy was faster
                    self._to.put(record.name, data)
                    self._sent(len(data))
                    put[record] = need
        if not references.is_there(self._target, pending):
            condemned, there = self._look()
            gone = condemned | (_names(put) - there.keys())
            for record in [record for record, need in put.items() if need.keys() & gone]:
                self._target.objects.delete(record.name)
            self._leave_out(put, gone, f"somebody has removed from {self._to.url} what it needs: copy again")
        self._copied += [record.name for record in put]

    def _leave_out(self, needs: dict[Record, Needs], names: Collection[str], reason: str) -> None:
        for record in [record for record, need in needs.items() if not need.keys().isdisjoint(names)]:
            del needs[record]
            self._skip(record, reason)

    def _skip(self, record: Record, reason: str) -> None:
        self._skipped.append((record.id, reason))

    # --- objects ---

    def _send(self, names: Needs) -> None:
        """Packs, and when they are there the rest. What the source does not give is in `_lost`."""
        packs = sorted(name for name in names if name.startswith(object_names.PACKS))
        with (
            ThreadPoolExecutor(AT_ONCE, "chatseal-copy") as pool,
            Uploads(self._to, objects=AT_ONCE, memory=MEMORY, limit=self._options.limit_upload) as uploads,
        ):
            for some in (packs, sorted(names.keys() - set(packs))):
                for name, data in self._fetched(some, names, pool):
                    uploads.submit(name, data, partial(self._sent, len(data)))
                uploads.wait()

    def _sent(self, length: int) -> None:
        self._objects += 1
        self._bytes += length
        self._reporter.tick(self._bytes)

    def _fetched(self, names: Sequence[str], lengths: Needs, pool: ThreadPoolExecutor) -> Iterator[tuple[str, bytes]]:
        """Each object that the source gives, several fetched at once, MEMORY of them or one."""
        under_way: deque[tuple[str, int, Future[bytes]]] = deque()
        ahead = 0

        def first() -> Iterator[tuple[str, bytes]]:
            nonlocal ahead
            name, size, future = under_way.popleft()
            ahead -= size
            try:
                yield name, future.result()
            except (IntegrityError, ObjectMissingError) as error:
                self._lost[name] = str(error)

        try:
            for name in names:
                size = lengths[name] or self._sizes.get(name, 0)
                while under_way and (len(under_way) >= AT_ONCE or ahead + size > MEMORY):
                    yield from first()
                under_way.append((name, size, pool.submit(self._fetch, name, lengths[name])))
                ahead += size
            while under_way:
                yield from first()
        finally:
            for _, _, future in under_way:
                future.cancel()

    def _fetch(self, name: str, length: int) -> bytes:
        """An object of the source. Maps, manifests and records are opened before they are sent: damage does not spread. A pack has to have
        the *length* that a map tells. Raises IntegrityError, ObjectMissingError, and what stores raise."""
        if length:
            size = self._sizes.get(name, length)
            data = self._source.objects.get(name, length) if size == length else b""
            if len(data) != length:
                raise DamagedError(f"{name} has {len(data) or size} bytes instead of {length}")
            return data
        return self._source.read_sealed(name, _OPENED.get(name[: name.index("/") + 1], name_list.LONGEST))


def _names(needs: dict[Record, Needs]) -> set[str]:
    return {name for need in needs.values() for name in need}


def _sizes(store: SealedStore, *folders: str) -> dict[str, int]:
    """Lengths of the objects in *folders* that have names of ours, without those of dropped epochs."""
    return {info.name: info.size for info in store.listed(*folders)}
