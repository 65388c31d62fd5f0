"""When something is due: every minute of a year, changes of the clock included, nothing is done too often or too rarely."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatseal.automatic.timing import DAY, HOUR, SLACK, TimeOfDay, due, parse_interval, retry

NIGHT = TimeOfDay(3, 15)
MOMENTS = st.integers(1_750_000_000, 1_790_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@pytest.fixture(params=["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"], autouse=True)
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@given(last=MOMENTS, minute=st.integers(0, 1439), days=st.integers(1, 40))
def test_what_is_due_in_days_is_due_at_its_minute_and_never_later_than_the_days_allow(last: datetime, minute: int, days: int) -> None:
    at = TimeOfDay(*divmod(minute, 60))
    found = due(last, days * DAY, at)
    assert found is not None
    assert timedelta(0) < found - last <= days * DAY + 2 * HOUR  # two: a clock that is put back, and a minute that does not exist
    assert found - last > (days - 1) * DAY - 2 * HOUR
    # it is that minute, but in a night that changes the clocks
    assert (found.hour, found.minute) == (at.hour, at.minute) or (found + 2 * HOUR).astimezone().utcoffset() != (
        found - 2 * HOUR
    ).astimezone().utcoffset()


def test_a_daily_backup_at_night_that_began_late_is_due_the_next_night() -> None:
    evening = datetime(2026, 11, 25, 20, 0).astimezone()
    assert due(evening, DAY, NIGHT) == datetime(2026, 11, 26, 3, 15).astimezone()
    just_done = datetime(2026, 11, 25, 3, 15, 4).astimezone()
    assert due(just_done, DAY, NIGHT) == datetime(2026, 11, 26, 3, 15).astimezone()


def test_what_is_due_in_hours_waits_for_no_minute() -> None:
    last = datetime(2026, 11, 25, 9, 15, 4).astimezone()
    found = due(last, 6 * HOUR, NIGHT)
    assert found is not None
    assert found <= datetime(2026, 11, 25, 15, 15).astimezone()
    assert found == last + 6 * HOUR - SLACK


def test_what_was_never_done_is_due_and_what_is_never_to_be_done_is_not() -> None:
    never = due(None, DAY, NIGHT)
    assert never is not None
    assert never.timestamp() == 0
    assert due(None, None, NIGHT) is None


def test_a_failure_is_tried_again_soon_then_more_rarely_and_at_least_as_often_as_ever() -> None:
    failed = datetime(2026, 11, 25, 3, 15, tzinfo=UTC)
    waits = [retry(failed, times, DAY) - failed + SLACK for times in (1, 2, 3, 4, 5, 6, 100)]
    assert waits == [HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 16 * HOUR, DAY, DAY]
    assert retry(failed, 5, 2 * HOUR) - failed + SLACK == 2 * HOUR


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("hourly", HOUR),
        ("daily", DAY),
        ("weekly", 7 * DAY),
        ("monthly", 30 * DAY),
        ("never", None),
        ("6h", 6 * HOUR),
        ("2d", 2 * DAY),
        ("1 w", 7 * DAY),
    ],
)
def test_words_and_numbers_say_how_often(text: str, span: timedelta | None) -> None:
    assert parse_interval(text) == span


@pytest.mark.parametrize("text", ["", "0h", "-1d", "1m", "1.5d", "often", "99999w", "1d1h", "٣d x"])
def test_what_says_not_how_often_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="how often"):
        parse_interval(text)


@pytest.mark.parametrize("text", ["3:15", "24:00", "03:60", "03:15:00", "", "noon"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="time of day"):
        TimeOfDay.parse(text)
    assert str(TimeOfDay.parse("03:05")) == "03:05"
