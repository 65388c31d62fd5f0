"""Retention: a policy keeps what restic's words say, against a slow reading of them."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatseal import ChatsealError
from chatseal.format.manifest import Manifest
from chatseal.snapshots.catalogue import Record
from chatseal.snapshots.forget import decide as decide_all
from chatseal.snapshots.retention import UNLIMITED, RetentionPolicy, Span, decide, groups

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
MAPS = (("maps/1-" + "0" * 32,),)


def record(
    time: datetime, number: int = 1, *, stored: datetime | None = None, tags: Iterable[str] = (), sources: tuple[str, ...] = ("/chat.db",)
) -> Record:
    manifest = Manifest(time, "phone", "anna", "w", number, sources, MAPS, tags=tuple(tags))
    stored = stored or time
    return Record(f"snapshots/1-{number:032x}", manifest, min(time, stored), stored)


def every(step: timedelta, count: int) -> list[Record]:
    """Records at such intervals, the newest last."""
    return [record(START + step * number, number + 1) for number in range(count)]


def kept(policy: RetentionPolicy, records: Iterable[Record], *, days: int = 0) -> list[Record]:
    return [one.record for one in decide(policy, records, days=days) if one.reasons]


SLOW: dict[str, Callable[[datetime], str]] = {
    "hourly": lambda time: time.strftime("%Y-%m-%d %H"),
    "daily": lambda time: time.strftime("%Y-%m-%d"),
    "weekly": lambda time: time.strftime("%G-%V"),
    "monthly": lambda time: time.strftime("%Y-%m"),
    "yearly": lambda time: time.strftime("%Y"),
}


@given(
    hours=st.lists(st.integers(0, 24 * 800), min_size=1, max_size=60),
    counts=st.fixed_dictionaries({word: st.one_of(st.just(UNLIMITED), st.integers(0, 9)) for word in SLOW}),
)
def test_of_the_last_periods_the_newest_stays_and_of_too_few_the_oldest(hours: list[int], counts: dict[str, Any]) -> None:
    if not any(counts.values()):
        counts["daily"] = 1
    records = [record(START + timedelta(hours=hour), number + 1) for number, hour in enumerate(sorted(hours))]
    expected: set[str] = set()
    for word, spell in SLOW.items():
        newest = {spell(one.time.astimezone()): one.name for one in records}  # the later ones overwrite
        periods = sorted(newest, reverse=True)
        chosen = periods if counts[word] == UNLIMITED else periods[: counts[word]]
        expected |= {newest[period] for period in chosen}
        if counts[word] == UNLIMITED or len(periods) < counts[word]:
            expected.add(records[0].name)
    assert {one.name for one in kept(RetentionPolicy(**counts), records)} == expected


def test_the_last_ones_are_counted_whenever_they_were_made() -> None:
    records = every(timedelta(minutes=1), 9)
    assert kept(RetentionPolicy(last=3), records) == records[:-4:-1]


def test_within_counts_from_the_newest() -> None:
    records = every(timedelta(days=1), 50)
    assert kept(RetentionPolicy(within=Span.parse("1m2d")), records) == records[:-35:-1], "19 April back to 17 March"


@pytest.mark.parametrize(
    ("span", "time", "before"),
    [
        ("1m", (2026, 3, 31), (2026, 2, 28)),
        ("1y", (2028, 2, 29), (2027, 2, 28)),
        ("1y1m1d", (2026, 1, 1), (2024, 11, 30)),
        ("12m", (2026, 12, 31), (2025, 12, 31)),
        ("48h", (2026, 3, 1), (2026, 2, 27)),
        ("3000y", (2026, 3, 1), (1, 1, 1)),
    ],
)
def test_a_span_follows_the_calendar(span: str, time: tuple[int, int, int], before: tuple[int, int, int]) -> None:
    assert Span.parse(span).before(datetime(*time, tzinfo=UTC)) == datetime(*before, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "d", "1w", "-1d", "1d1y", "1", "99999y"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a span is"):
        Span.parse(text)


def test_a_tag_keeps_and_several_together_only_what_has_all() -> None:
    records = [record(START, 1, tags=["a"]), record(START, 2, tags=["a", "b"]), record(START, 3, tags=["b"]), record(START, 4)]
    policy = RetentionPolicy(tags=(frozenset({"a", "b"}),))
    assert [one.manifest.sequence for one in kept(policy, records)] == [2]
    policy = RetentionPolicy(tags=(frozenset({"a"}), frozenset({"b"})))
    assert [one.manifest.sequence for one in kept(policy, records)] == [3, 2, 1]


@pytest.mark.parametrize("numbers", [{}, {"last": 0}, {"daily": -2}])
def test_a_policy_that_keeps_nothing_is_refused(numbers: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="keep"):
        RetentionPolicy(**numbers)


def test_machines_and_sources_do_not_push_each_other_out() -> None:
    other = [record(START + timedelta(days=number), 100 + number, sources=("/media",)) for number in range(5)]
    assert sorted(map(len, groups([*every(timedelta(days=1), 4), *other]))) == [4, 5]


def test_who_adds_many_snapshots_in_a_day_pushes_out_no_more_than_that_day() -> None:
    """Whoever takes a machine over can add snapshots; a policy that counts them must not forget the good ones for it."""
    good = every(timedelta(days=1), 10)
    flood = [record(good[-1].time + timedelta(minutes=number), 100 + number) for number in range(1, 50)]
    left = kept(RetentionPolicy(last=7), [*good, *flood], days=3)
    assert {one.name for one in left} >= {good[-2].name, good[-3].name}
    assert len(left) == 9


def test_times_that_a_writer_makes_up_cannot_count_as_days() -> None:
    """All of one day to the store: they tell of different days, and are refused rather than counted."""
    good = every(timedelta(days=1), 10)
    made_up = [record(START - timedelta(days=number), 100 + number, stored=good[-1].stored) for number in range(20, 30)]
    with pytest.raises(ChatsealError, match="10 of 20 snapshots came to the store more than 14 days after"):
        decide_all(RetentionPolicy(daily=7), [*good, *made_up])
    (group,) = decide_all(RetentionPolicy(daily=7), [*good, *made_up], trusting=True)
    assert sum(bool(one.reasons) for one in group) == 7


def test_a_time_in_the_future_does_not_push_others_out() -> None:
    good = every(timedelta(days=1), 10)
    future = [record(START + timedelta(days=365 + number), 100 + number, stored=good[-1].stored) for number in range(9)]
    left = kept(RetentionPolicy(daily=5), [*good, *future])
    assert {one.name for one in left} >= {one.name for one in good[-5:-1]}
