"""Plan: what is to happen by itself, as `chatseal.toml` says it (docs/automatic.md has an example of all of it).

[job.NAME]              what to back up, and where to
[job.NAME.retention]    which snapshots of it to keep
[retention]             the same, for jobs that say nothing of it
[schedule]              when
[notify]                whom to tell
[metrics]               a file for Prometheus
"""

import re
import shlex
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from chatseal.automatic import configuration
from chatseal.automatic.configuration import KeyChoice
from chatseal.automatic.hooks import Hook, parse_hook
from chatseal.automatic.table import Table
from chatseal.automatic.timing import DAY, TimeOfDay, parse_interval
from chatseal.capture.options import MAX_HOLD
from chatseal.objects.addresses import folder_of, is_url
from chatseal.sealing.budget import LEVEL, LEVEL_MAX, LEVEL_MIN
from chatseal.sizes import parse_size
from chatseal.snapshots.retention import UNLIMITED, RetentionPolicy, Span

if TYPE_CHECKING:
    from chatseal.snapshots.backup import BackupOptions

JOBS_MAX = 100
PERIODS = ("last", "hourly", "daily", "weekly", "monthly", "yearly")
NIGHT = TimeOfDay(3, 15)
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,3})?)%")


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often jobs are done: None is never. `drill_share` is what part of a snapshot's files a drill tries; `asks_for_prune` whether
    anybody said how often to prune."""

    at: TimeOfDay = NIGHT
    backup: timedelta | None = DAY
    prune: timedelta | None = 7 * DAY
    drill: timedelta | None = 30 * DAY
    drill_share: float = 1.0
    asks_for_prune: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to back up: paths, and what a command writes, as a file `stream`, to the store at the address `store`, which is copied to
    `mirrors`."""

    name: str
    store: str
    sources: tuple[str, ...]
    mirrors: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    stream: str = ""
    tags: tuple[str, ...] = ()
    level: int = LEVEL
    limit_upload: int | None = None
    scrub: bool = False
    exclude: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude_caches: bool = False
    one_file_system: bool = False
    allow_network: bool = False
    max_hold: float = MAX_HOLD
    schedule: Schedule = field(default_factory=Schedule)
    retention: RetentionPolicy | None = None

    def options(self) -> "BackupOptions":
        """How to back it up. Raises PatternError."""
        from chatseal.capture.options import CaptureOptions
        from chatseal.capture.patterns import Patterns
        from chatseal.snapshots.backup import BackupOptions

        capture = CaptureOptions(
            patterns=Patterns(self.exclude, self.include),
            one_file_system=self.one_file_system,
            exclude_caches=self.exclude_caches,
            leave_out=tuple(folder for url in self.mirrors if (folder := folder_of(url)) is not None),
            max_hold=self.max_hold,
            allow_network=self.allow_network,
        )
        return BackupOptions(self.tags, self.level, None, self.limit_upload, self.scrub, capture)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the file says. `where` is the file, `textfile` the one for Prometheus, or empty."""

    where: Path
    key: KeyChoice | None
    jobs: tuple[Job, ...]
    at: TimeOfDay
    on_success: tuple[Hook, ...] = ()
    on_failure: tuple[Hook, ...] = ()
    textfile: str = ""


def read(file: Path | None = None) -> Plan:
    """What *file* says, or the usual one. Raises ConfigurationError, which names what is wrong, or OSError."""
    where = file or configuration.path()
    root = Table(where, "", configuration.document(where))
    root.table("key")  # which `configuration` reads
    schedule, retention = _schedule(root.table("schedule"), Schedule()), _retention(root.table("retention"))
    tables = root.tables("job")
    if len(tables) > JOBS_MAX:
        raise root.wrong("job", f"these are more than {JOBS_MAX} jobs")
    jobs = tuple(_job(name, table, schedule, retention) for name, table in tables.items())
    notify, metrics = root.table("notify"), root.table("metrics")
    on_success, on_failure = _notify(notify) if notify is not None else ((), ())
    textfile = _metrics(metrics) if metrics is not None else ""
    root.finish()
    return Plan(where, configuration.read(where).key, jobs, schedule.at, on_success, on_failure, textfile)


def _job(name: str, table: Table, schedule: Schedule, retention: RetentionPolicy | None) -> Job:
    if not _NAME.fullmatch(name):
        raise table.wrong("", "a job's name is at most 64 of a-z, 0-9, - and _")
    table.needed(["store"])
    command = table.read("command", _words, tuple[str, ...]())
    stream = table.text("name", "stdin")
    sources = tuple(table.whole_path("sources", source) for source in table.texts("sources"))
    if not sources and not command:
        raise table.wrong("sources", "nothing to back up is named: sources, or command")
    if stream in (".", "..") or "/" in stream:
        raise table.wrong("name", "it is one name, not a path")
    retention = _retention(table.table("retention")) or retention
    schedule = _schedule(table.table("schedule"), schedule)
    if retention is None and not schedule.asks_for_prune:  # nothing goes, and the machine may have no right to delete
        schedule = replace(schedule, prune=None)
    stores = _stores(table)
    job = Job(
        name,
        stores[0],
        sources,
        stores[1:],
        command,
        stream if command else "",
        tags=table.texts("tags"),
        level=table.whole("level", LEVEL_MIN, LEVEL_MAX, LEVEL),
        limit_upload=table.read("limit-upload", _size, None),
        scrub=table.flag("scrub"),
        exclude=table.texts("exclude"),
        include=table.texts("include"),
        exclude_caches=table.flag("exclude-caches"),
        one_file_system=table.flag("one-file-system"),
        allow_network=table.flag("allow-network-fs"),
        max_hold=table.number("max-hold", 0.0, 86400.0, MAX_HOLD),
        schedule=schedule,
        retention=retention,
    )
    table.finish()
    return job


def _stores(table: Table) -> tuple[str, ...]:
    found = tuple(_store(table, text) for text in table.texts("store"))
    if not found or len(set(found)) < len(found):
        raise table.wrong("store", "it is one address, or a list of several, each once")
    return found


def _store(table: Table, text: str) -> str:
    if not is_url(text):
        return table.whole_path("store", text)
    if any(sign in text for sign in "@?#"):  # it is not repeated: it may hold a credential
        raise table.wrong("store", "an address has no user, no password, no ? and no #; credentials come from the cloud's own files")
    return text


def _schedule(table: Table | None, usual: Schedule) -> Schedule:
    if table is None:
        return usual
    found = replace(
        usual,
        asks_for_prune=usual.asks_for_prune or table.has("prune"),
        at=table.read("at", TimeOfDay.parse, usual.at),
        backup=table.read("backup", parse_interval, usual.backup),
        prune=table.read("prune", parse_interval, usual.prune),
        drill=table.read("drill", parse_interval, usual.drill),
        drill_share=table.read("drill-sample", _share, usual.drill_share),
    )
    table.finish()
    return found


def _retention(table: Table | None) -> RetentionPolicy | None:
    if table is None:
        return None
    periods = {word: table.whole(f"keep-{word}", UNLIMITED, 100_000, 0) for word in PERIODS}
    tags = tuple(frozenset(text.split(",")) for text in table.texts("keep-tag"))
    within = table.read("keep-within", Span.parse, None)
    try:
        policy = RetentionPolicy(**periods, tags=tags, within=within)
    except ValueError as error:
        raise table.wrong("", str(error)) from None
    table.finish()
    return policy


def _notify(table: Table) -> tuple[tuple[Hook, ...], tuple[Hook, ...]]:
    def hooks(key: str) -> tuple[Hook, ...]:
        try:
            return tuple(parse_hook(text) for text in table.texts(key))
        except ValueError as error:
            raise table.wrong(key, str(error)) from None

    found = hooks("on-success"), hooks("on-failure")
    table.finish()
    return found


def _metrics(table: Table) -> str:
    table.needed(["textfile"])
    textfile = table.path("textfile")
    if not textfile.endswith(".prom"):
        raise table.wrong("textfile", "node_exporter reads files whose names end in .prom")
    table.finish()
    return textfile


def _words(line: str) -> tuple[str, ...]:
    try:
        words = shlex.split(line)
    except ValueError:
        raise ValueError("a quotation mark is not closed") from None
    if not words:
        raise ValueError("it has no words")
    return tuple(words)


def _size(text: str) -> int | None:
    size = parse_size(text) if len(text) < 32 else 0
    if not size:
        raise ValueError("it is a size, such as 2M")
    return size


def _share(text: str) -> float:
    found = _SHARE.fullmatch(text)
    share = float(found[1]) / 100 if found else 0.0
    if not 0 < share <= 1:
        raise ValueError("it is a share, such as 10%")
    return share
