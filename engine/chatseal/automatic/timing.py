"""Timing: how often something is due, and when next. Time comes from whoever asks."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MOST = timedelta(days=3660)
SLACK = timedelta(minutes=10)  # a timer may come a little early
RETRY = HOUR  # after the first failure; twice as long after each further one
_WORDS = {"hourly": HOUR, "daily": DAY, "weekly": 7 * DAY, "monthly": 30 * DAY}
_SPAN = re.compile(r"(\d{1,5})\s*([hdw])")
_UNITS = {"h": HOUR, "d": DAY, "w": 7 * DAY}
_AT = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """A minute of every day, by local time."""

    hour: int
    minute: int

    @classmethod
    def parse(cls, text: str) -> "TimeOfDay":
        """As 03:15. Raises ValueError."""
        found = _AT.fullmatch(text)
        if found is None:
            raise ValueError("it is a time of day, such as 03:15")
        return cls(int(found[1]), int(found[2]))

    def after(self, moment: datetime, days: int = 0) -> datetime:
        """The first such minute after *moment*, or that of so many *days* later."""
        local = moment.astimezone()
        naive = local.replace(hour=self.hour, minute=self.minute, second=0, microsecond=0, tzinfo=None)
        if naive.astimezone() <= local:
            days += 1
        return (naive + days * DAY).astimezone()  # not by adding hours: a day may have 23 or 25

    def __str__(self) -> str:
        return f"{self.hour:02}:{self.minute:02}"


def parse_interval(text: str) -> timedelta | None:
    """How often: hourly, daily, weekly, monthly, 6h, 2d, 1w; None is never. Raises ValueError."""
    if text == "never":
        return None
    if text in _WORDS:
        return _WORDS[text]
    found = _SPAN.fullmatch(text)
    span = int(found[1]) * _UNITS[found[2]] if found else timedelta(0)
    if not timedelta(0) < span <= MOST:
        raise ValueError("it is how often: hourly, daily, weekly, monthly, never, or 6h, 2d, 1w")
    return span


def due(last: datetime | None, interval: timedelta | None, at: TimeOfDay) -> datetime | None:
    """When something is due that was done at *last*: None if never, the beginning of time if it never was.

    What is due every so many days is due *at* a minute: the first one after *last*, and days later if there are days between."""
    if interval is None:
        return None
    if last is None:
        return datetime.fromtimestamp(0).astimezone()
    if interval % DAY:
        return last + interval - SLACK
    return at.after(last, interval // DAY - 1)


def retry(failed: datetime, failures: int, interval: timedelta) -> datetime:
    """When to try again what has failed *failures* times in a row, last at *failed*: soon, then more rarely, at last as often as ever."""
    wait: timedelta = RETRY * (1 << min(failures - 1, 16))
    return failed + min(wait, interval) - SLACK
