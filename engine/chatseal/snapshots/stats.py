"""Stats: what a store holds, of which sources, since when, what a retention policy would free, and how it grows.

Bytes of snapshots are what their manifests say that the store got for them; bytes of the store are those of the objects that are there."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chatseal.format import object_names
from chatseal.snapshots import map_chain, moves
from chatseal.snapshots.catalogue import Catalogue, Record
from chatseal.snapshots.retention import groups
from chatseal.snapshots.sealed_store import SealedStore

PERIOD = timedelta(days=30)
PERIODS_MIN, PERIODS_MAX = 3, 12
# The 0.95 quantile of Student's t distribution by degrees of freedom, 1 to 11: 90 of 100 such intervals have the true value in them.
_T = (6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812, 1.796)


@dataclass(frozen=True, slots=True)
class SourceStats:
    """The snapshots of one machine's sources: bytes of the newest, bytes read for all of them, and bytes that the store got."""

    host: str
    sources: tuple[str, ...]
    snapshots: int
    first: datetime
    last: datetime
    size: int
    bytes_read: int
    bytes_added: int


@dataclass(frozen=True, slots=True)
class MonthStats:
    """The snapshots of one month, by local time."""

    year: int
    month: int
    snapshots: int
    bytes_added: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """Bytes that will be added in `days` days if it goes on as in the last `periods` periods of 30 days and nothing is forgotten: the
    expected number, and the ends of an interval that has the true one in 90 of 100 cases, if periods are alike and do not depend on each
    other. First backups of sources, which bring everything, are not counted."""

    days: int
    periods: int
    bytes: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Stats:
    """`objects` are bytes of the store's objects by folder (the config's under its name), `content` bytes of all content of all snapshots.

    `growth` is empty if there is too little history."""

    snapshots: int
    objects: dict[str, int]
    content: int
    bytes_read: int
    bytes_added: int
    sources: tuple[SourceStats, ...]
    months: tuple[MonthStats, ...]
    growth: tuple[Forecast, ...]

    @property
    def stored(self) -> int:
        """Bytes of all objects."""
        return sum(self.objects.values())


def stats(store: SealedStore, known: Catalogue) -> Stats:
    """What *store* holds. Raises what stores raise."""
    objects: dict[str, int] = {}
    for info in store.objects.list(""):
        if info.name == object_names.CONFIG_NAME or object_names.is_name(info.name):
            folder = info.name.partition("/")[0]
            objects[folder] = objects.get(folder, 0) + info.size
    records = known.records
    return Stats(
        len(records),
        objects,
        sum(record.manifest.size for record in records),
        sum(record.manifest.bytes_read for record in records),
        sum(record.manifest.bytes_added for record in records),
        tuple(map(_of_group, groups(records))),
        tuple(_months(records)),
        tuple(forecast(records)),
    )


def _of_group(group: Sequence[Record]) -> SourceStats:
    newest = group[-1]
    return SourceStats(
        newest.manifest.host,
        newest.manifest.sources,
        len(group),
        group[0].time,
        newest.time,
        newest.manifest.size,
        sum(record.manifest.bytes_read for record in group),
        sum(record.manifest.bytes_added for record in group),
    )


def _months(records: Sequence[Record]) -> list[MonthStats]:
    """All months from the first snapshot's to the last one's, also those without any."""
    found: dict[int, list[int]] = {}
    for record in records:
        local = record.time.astimezone()
        found.setdefault(local.year * 12 + local.month - 1, []).append(record.manifest.bytes_added)
    span = range(min(found), max(found) + 1) if found else range(0)
    return [MonthStats(n // 12, n % 12 + 1, len(found.get(n, ())), sum(found.get(n, ()))) for n in span]


def forecast(records: Sequence[Record], days: Sequence[int] = (30, 365)) -> list[Forecast]:
    """How many bytes will be added within so many *days*, from whole periods of 30 days before the newest snapshot; nothing if there are
    less than three of them."""
    if not records:
        return []
    end = records[-1].time
    periods = min(PERIODS_MAX, (end - records[0].time) // PERIOD)
    if periods < PERIODS_MIN:
        return []
    beginnings = {record.name for group in groups(records) for record in _firsts(group)}
    sums = [0] * periods
    for record in records:
        number = (end - record.time) // PERIOD
        if number < periods and record.name not in beginnings:
            sums[number] += record.manifest.bytes_added
    mean, deviation = statistics.fmean(sums), statistics.stdev(sums)
    found = []
    for ahead in days:
        n = ahead / (PERIOD / timedelta(days=1))
        spread = _T[periods - 2] * deviation * math.sqrt(n + n * n / periods)  # of n periods to come, and of the mean itself
        found.append(Forecast(ahead, periods, mean * n, max(0.0, mean * n - spread), mean * n + spread))
    return found


def _firsts(group: Sequence[Record]) -> list[Record]:
    """The first of a group in each epoch: it brings everything."""
    found: dict[int, Record] = {}
    for record in group:
        found.setdefault(object_names.epoch_of(record.name), record)
    return list(found.values())


def freed(store: SealedStore, known: Catalogue, gone: Sequence[Record]) -> int:
    """Bytes that a prune will remove if *gone* are forgotten: of objects that no other snapshot needs.

    Raises IntegrityError, ObjectMissingError if a map cannot be read, and what stores raise."""
    sizes = {info.name: info.size for info in store.listed(object_names.PACKS, object_names.MAPS, object_names.SNAPSHOTS)}
    reader = map_chain.ChainReader(store, prints=False)
    moved = moves.usable(store, reader.packs)
    of_chain: dict[map_chain.Chain, set[str]] = {}
    for chain in sorted({record.manifest.maps for record in known.records}):
        table = reader.table(chain)
        moved.follow(table)
        of_chain[chain] = table.referred() | {part for parts in chain for part in parts}

    def needs(records: Sequence[Record]) -> set[str]:
        return {record.name for record in records}.union(*(of_chain[record.manifest.maps] for record in records))

    names = {record.name for record in gone}
    spare = needs(gone) - needs([record for record in known.records if record.name not in names])
    return sum(sizes.get(name, 0) for name in spare)
