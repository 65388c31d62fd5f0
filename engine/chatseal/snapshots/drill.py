"""Drill: a snapshot is restored to nowhere, so that it is known, not hoped, that it can be."""

import errno
import math
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chatseal import _pages
from chatseal.drilled import Drilled, DrilledDatabase
from chatseal.errors import ChatsealError, DamagedError, StoreFailedError, StoreRefusedError
from chatseal.events import Report, Reporter
from chatseal.keys.secret import Secret
from chatseal.sealing.budget import Budget
from chatseal.snapshots import entry_path, map_chain, proofs
from chatseal.snapshots.catalogue import Record
from chatseal.snapshots.filling import Filler, ordered
from chatseal.snapshots.pack_reader import PackReader
from chatseal.snapshots.page_map import ZEROS
from chatseal.snapshots.page_table import PageTable, Units
from chatseal.snapshots.sealed_store import SealedStore
from chatseal.snapshots.trial_database import TrialDatabase

if TYPE_CHECKING:
    from typing_extensions import Buffer


@dataclass(frozen=True, slots=True)
class DrillOptions:
    """What to try: *share* of the entries that have content, 0.0 to 1.0, chosen by chance; *threads* is all cores if None."""

    share: float = 1.0
    threads: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError("a share is above 0.0 and at most 1.0")
        Budget.of(self.threads, None)


def drill(store: SealedStore, record: Record, options: DrillOptions, *, progress: Report | None = None) -> Drilled:
    """Read, decrypt and compare every byte of a snapshot, or of a part of its entries; ask SQLite about each database.

    What cannot be restored is in the result's `failed`; if nothing is, this machine remembers the proof. No plaintext gets a name (see
    TrialDatabase). Nothing on this machine stands in for what is in the store.

    Raises IntegrityError if the maps are damaged, what stores raise, and OSError if there is no room."""
    fresh = SealedStore(store.objects, store.config, copies=False)
    table = map_chain.load(fresh, record.manifest.maps)
    with PackReader(fresh, Budget.of(options.threads, None)) as packs:
        found = _Drill(fresh, table, packs, progress).run(record, options.share)
    with suppress(OSError):  # who only reads can do so without a place to remember things
        proofs.keep(store.config.store_id, record.manifest, found)
    return found


class Nowhere:
    """A place for units that compares them with their fingerprints and keeps nothing, but in a *trial* database if there is one."""

    descriptor = -1  # there is no file

    def __init__(self, units: Units, key: Secret, trial: TrialDatabase | None = None) -> None:
        self._units, self._trial = units, trial
        self._fingerprinter = _pages.Fingerprinter(key.view)
        self._come = 0

    def write_at(self, offset: int, data: "Buffer") -> None:
        """Take whole units. Raises DamagedError if one is not what the map says."""
        with memoryview(data) as view:
            unit = self._units.unit
            first, count = offset // unit, -(-view.nbytes // unit)
            prints = self._units.prints[first : first + count].copy().reshape(-1)
            if offset % unit or self._fingerprinter.compare(view, unit, count, prints.data, np.empty(count, np.uint8).data):
                raise DamagedError("a pack does not hold what the map says")
            self._come += count
            if self._trial is not None:
                self._trial.write_at(offset, view)

    def finish(self) -> None:
        """Raise DamagedError unless every unit that lies in a pack has come; the others are zeros."""
        if self._come != int(np.count_nonzero(self._units.packs != ZEROS)):
            raise DamagedError("a part of it never came")


class _Drill:
    def __init__(self, store: SealedStore, table: PageTable, packs: PackReader, progress: Report | None) -> None:
        self._store, self._table, self._filler, self._progress = store, table, Filler(table, packs), progress
        self._began = time.perf_counter()
        self._done = 0
        self._reporter = Reporter(None, None)
        self._failed: list[tuple[str, str]] = []
        self._warnings: list[str] = []
        self._databases: list[DrilledDatabase] = []

    def run(self, record: Record, share: float) -> Drilled:
        entries = ordered(list(self._table.entries.values()))
        with_content = [units for units in entries if units.entry.type in ("file", "database", "stream") and not units.entry.same_as]
        tried = _sample(with_content, share)
        self._reporter = Reporter(self._progress, sum(units.entry.size for units in tried))
        for units in tried:
            self._filler.expect(units)
        wanted = {id(units) for units in tried}
        for units in entries:
            try:
                self._look_at(units)
                if id(units) in wanted:
                    self._content(units)
            except (OSError, ChatsealError) as error:
                if self._is_of_all(error):
                    raise
                self._failed.append((units.entry.path, str(error)))
        self._reporter.finish(self._done)
        return Drilled(
            record.id,
            len(with_content),
            len(tried),
            sum(units.entry.size for units in tried),
            share,
            time.perf_counter() - self._began,
            tuple(self._databases),
            tuple(self._failed),
            tuple(self._warnings),
        )

    def _is_of_all(self, error: ChatsealError | OSError) -> bool:
        """Whether the other entries will fare no better: there is no room, or the store does not answer."""
        if isinstance(error, OSError):
            return error.errno in (errno.ENOSPC, errno.EDQUOT)
        return isinstance(error, (StoreFailedError, StoreRefusedError)) and not self._store.is_reachable()

    def _look_at(self, units: Units) -> None:
        """Whether a restore would take the entry's names. Raises UnsafePathError, DamagedError."""
        entry = units.entry
        entry_path.parts_of(entry.path)
        if entry.type == "link":
            entry_path.link_target(entry.target)
        if entry.same_as and entry.same_as not in self._table.entries:
            raise DamagedError(f"it is another name of {entry.same_as}, which is not there")

    def _content(self, units: Units) -> None:
        key = self._store.config.fingerprint_key
        if units.entry.type != "database":
            nowhere = Nowhere(units, key)
            self._filler.fill(units, nowhere, tick=self._tick)
            nowhere.finish()
            return
        with TrialDatabase(units.entry.size) as trial:
            nowhere = Nowhere(units, key, trial)
            self._filler.fill(units, nowhere, tick=self._tick)
            nowhere.finish()
            verdict = trial.judge(units.entry.size)
        path = units.entry.path
        self._databases.append(DrilledDatabase(path, not verdict.problems, verdict.tables))
        self._warnings += [f"{path}: {reason}" for reason in verdict.unchecked]
        if verdict.problems:
            said = "; ".join(verdict.problems)
            self._failed.append((path, f"it comes back as it was backed up, but SQLite says: {said}"))

    def _tick(self, n: int) -> None:
        self._done += n
        self._reporter.tick(self._done)


def _sample(entries: Sequence[Units], share: float) -> list[Units]:
    """*share* of *entries*, in their order, at least one if there is one; by chance that nobody can foresee."""
    if share >= 1:
        return list(entries)
    chosen = set(secrets.SystemRandom().sample(range(len(entries)), math.ceil(share * len(entries))))
    return [units for number, units in enumerate(entries) if number in chosen]
