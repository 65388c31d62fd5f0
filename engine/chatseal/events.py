"""What can be reported while work goes on and when it is done."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """How far work has come, in bytes of the source. `total` is None when nobody knows it."""

    done: int
    total: int | None


Report = Callable[[Progress], object]
INTERVAL = 0.1  # seconds between two reports


class Reporter:
    """Calls *report* at most every INTERVAL, and once at the end. Errors it raises stop the work."""

    def __init__(self, report: Report | None, total: int | None) -> None:
        self._report, self._total, self._next = report, total, 0.0

    def tick(self, done: int) -> None:
        if self._report is not None and (now := time.monotonic()) >= self._next:
            self._next = now + INTERVAL
            self._report(Progress(done, self._total))

    def finish(self, done: int) -> None:
        if self._report is not None:
            self._report(Progress(done, done))


@dataclass(frozen=True, slots=True)
class Summary:
    """What one finished seal, unseal or verify did. Sizes in bytes, time in seconds of wall clock; frames are those with content.

    `serial_seconds` is the part of the pipeline's time that only one thread at a time could use. `signer` is the verifying key, as its
    file holds it, of who signed the file, or is said to have: it was checked only if the author was demanded."""

    plain_bytes: int
    sealed_bytes: int
    frames: int
    seconds: float
    threads: int
    serial_seconds: float
    signer: str | None = None

    @property
    def ratio(self) -> float:
        """Plaintext bytes for each sealed byte."""
        return self.plain_bytes / self.sealed_bytes

    @property
    def rate(self) -> float:
        """Plaintext bytes a second."""
        return self.plain_bytes / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file of many: either a summary or the error that stopped this file alone."""

    source: str
    target: str
    summary: Summary | None
    error: Exception | None


@dataclass(frozen=True, slots=True)
class SlotReport:
    """One slot of a sealed file. `number` counts from 1; `arguments` are the words between its type and its body.

    `opened_by` are the places, from 0 on, of those of the keys given that open it."""

    number: int
    type: str
    arguments: tuple[str, ...]
    opened_by: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class HolderChange:
    """What became of a file whose holders were changed: `added` are numbers of slots in the new header, `removed` in the old one.

    `slots` is how many there are now. `resealed`: the payload has a fresh file key. `other_names` is how many hard links there were that
    lead to the old file. `owner_kept` is False if the new file belongs to another user or group than the old one."""

    added: tuple[int, ...]
    removed: tuple[int, ...]
    slots: int
    resealed: bool
    other_names: int
    owner_kept: bool

    @property
    def changed(self) -> bool:
        """Whether there was anything to do."""
        return bool(self.added or self.removed)


@dataclass(frozen=True, slots=True)
class Backup:
    """What one backup did. Sizes in bytes, time in seconds of wall clock.

    `size` is that of all content in the snapshot, `bytes_read` what was read of the sources (more than once where a second look was needed,
    not what was known to be unchanged), `bytes_added` what the store got for good. `skipped` are names that could not be read, and why.
    `held_seconds` is how long writers of databases had to wait. `parent` is the snapshot it was compared with, or empty."""

    snapshot: str
    size: int
    entries: int
    bytes_read: int
    bytes_added: int
    packs: int
    seconds: float
    held_seconds: float
    parent: str
    skipped: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def rate(self) -> float:
        """Bytes of content a second."""
        return self.size / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Restored:
    """What one restore did. `size` is bytes of content now there, `bytes_written` those that had to be written.

    `failed` are names that could not be restored, and why."""

    snapshot: str
    entries: int
    size: int
    bytes_written: int
    seconds: float
    failed: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def rate(self) -> float:
        """Bytes of content a second."""
        return self.size / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Checked:
    """What one check found. `packs` are those that snapshots need, `packs_read` those that were read and compared, of `bytes_read` bytes
    of plaintext. `store_bytes` is the size of all packs, `unreferred` how many no snapshot needs.

    `broken` are objects and what is wrong with them, `hurt` the snapshots that need one of them."""

    snapshots: int
    packs: int
    packs_read: int
    bytes_read: int
    store_bytes: int
    unreferred: int
    seconds: float
    broken: tuple[tuple[str, str], ...] = ()
    hurt: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pruned:
    """What one prune did. Objects are packs and parts of maps: `removed`, `condemned` and to be removed later, `young` or needed by
    nobody for too short a time. `condemned_now` are new among the condemned. Bytes are theirs, and of what is needed. What was needed of
    `repacked` packs was gathered in new ones of `repacked_bytes`."""

    removed: int
    removed_bytes: int
    condemned: int
    condemned_bytes: int
    young: int
    young_bytes: int
    needed_bytes: int
    condemned_now: int
    repacked: int
    repacked_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class TableDifference:
    """One table of a database in two snapshots: rows that came, went and changed; `redefined` if its columns are others."""

    name: str
    added: int
    removed: int
    changed: int
    redefined: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """One entry in two snapshots. `change` is `added`, `removed`, `changed` or `attributes`; `bytes_changed` counts whole pages.

    `tables` are those of a database that differ, if that was asked for."""

    path: str
    change: str
    type: str
    size_before: int
    size_after: int
    bytes_changed: int
    tables: tuple[TableDifference, ...] = ()
