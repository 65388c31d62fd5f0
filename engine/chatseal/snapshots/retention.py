"""Retention: which snapshots a policy keeps, and why. The words and their meanings are those of restic."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from chatseal.snapshots.catalogue import Record

UNLIMITED = -1
DAYS_MIN = 3  # days on which something is kept, whatever the policy says
_WITHIN = re.compile(r"(?:(\d{1,4})y)?(?:(\d{1,4})m)?(?:(\d{1,5})d)?(?:(\d{1,6})h)?")
_PERIODS: dict[str, Callable[[datetime], object]] = {
    "last": lambda time: object(),  # every snapshot is a period of its own
    "hourly": lambda time: (time.date(), time.hour),
    "daily": lambda time: time.date(),
    "weekly": lambda time: time.isocalendar()[:2],
    "monthly": lambda time: (time.year, time.month),
    "yearly": lambda time: time.year,
}


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """What to keep. Of the `hourly` last hours in which there are snapshots the newest one each, and so on with days, ISO weeks, months and
    years, by local time; the `last` newest; all with one of `tags`, each of which is one or several tags that a snapshot must have
    together; all that are at most `within` older than the newest. UNLIMITED is all hours, days...

    A policy that keeps nothing is refused (ValueError)."""

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    tags: tuple[frozenset[str], ...] = ()
    within: "Span | None" = None

    def __post_init__(self) -> None:
        numbers = [getattr(self, word) for word in _PERIODS]
        if any(number < UNLIMITED for number in numbers):
            raise ValueError("a number of snapshots to keep is not negative")
        if not any(getattr(self, item.name) for item in fields(self)):
            raise ValueError("a policy that keeps nothing")


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time by the calendar: a month ago is the same day of the month before, or its last one."""

    years: int = 0
    months: int = 0
    days: int = 0
    hours: int = 0

    @classmethod
    def parse(cls, text: str) -> "Span":
        """As 1y6m, 30d or 2d12h. Raises ValueError."""
        found = _WITHIN.fullmatch(text.strip().lower())
        if found is None or not any(found.groups()):
            raise ValueError("a span is years, months, days and hours, such as 1y6m, 30d or 2d12h")
        return cls(*(int(number or 0) for number in found.groups()))

    def before(self, time: datetime) -> datetime:
        """So long before *time*."""
        year, month = divmod(time.year * 12 + time.month - 1 - self.years * 12 - self.months, 12)
        if year < 1:
            return datetime.min.replace(tzinfo=time.tzinfo)
        following = datetime(year + month // 11, (month + 1) % 12 + 1, 1)
        day = min(time.day, (following - timedelta(days=1)).day)
        return time.replace(year=year, month=month + 1, day=day) - timedelta(days=self.days, hours=self.hours)


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one snapshot; it is forgotten if there is no reason to keep it."""

    record: Record
    reasons: tuple[str, ...]


def decide(policy: RetentionPolicy, records: Iterable[Record], *, days: int = DAYS_MIN, trusting: bool = False) -> list[Decision]:
    """Apply *policy* to *records*, one group, and give what becomes of each, newest first.

    On at least *days* different days, the last ones by the store's clock on which there are snapshots, the newest one stays whatever the
    policy says: whoever can only add snapshots cannot push out all others in a day. *trusting* takes the writers' clocks for that, too."""

    def day(record: Record) -> datetime:
        return (record.time if trusting else record.stored).astimezone()

    newest_first = sorted(records, key=lambda record: (record.time, record.manifest.sequence, record.name), reverse=True)
    reasons: dict[str, list[str]] = {record.name: [] for record in newest_first}
    for word, period in _PERIODS.items():
        for record, reason in _newest_of_each(newest_first, getattr(policy, word), period, word):
            reasons[record.name].append(reason)
    for record in newest_first:
        if any(wanted <= set(record.manifest.tags) for wanted in policy.tags):
            reasons[record.name].append("tag")
        if policy.within is not None and record.time >= policy.within.before(newest_first[0].time):
            reasons[record.name].append("within")
    kept = {day(record).date() for record in newest_first if reasons[record.name]}
    for record in sorted(newest_first, key=day, reverse=True):
        if len(kept) < days and day(record).date() not in kept:
            kept.add(day(record).date())
            reasons[record.name].append(f"{days} days")
    return [Decision(record, tuple(reasons[record.name])) for record in newest_first]


def _newest_of_each(
    newest_first: Sequence[Record], count: int, period: Callable[[datetime], object], word: str
) -> Iterable[tuple[Record, str]]:
    """The newest of each of the last *count* periods; if those are fewer, the oldest of all as well, so that history has its beginning."""
    before: object = None
    for number, record in enumerate(newest_first):
        now = period(record.time.astimezone())
        if count and now != before:
            yield record, word
            count -= count > 0
        elif count and number == len(newest_first) - 1:
            yield record, f"oldest {word}"
        before = now


def groups(records: Iterable[Record]) -> list[list[Record]]:
    """Records by machine and sources: a policy counts each group by itself."""
    found: dict[tuple[str, tuple[str, ...]], list[Record]] = {}
    for record in records:
        found.setdefault((record.manifest.host, record.manifest.sources), []).append(record)
    return list(found.values())
