"""Stats: what a store holds and how it grows, by sums that are done another way, and by growth that is known."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from chatseal import Store
from chatseal.cli import bars
from chatseal.format.manifest import Manifest
from chatseal.format.object_names import CONFIG_NAME
from chatseal.snapshots import backup as backups
from chatseal.snapshots import catalogue, stats
from chatseal.snapshots.catalogue import Record
from snapshots.scene import backed_up, noise, objects

START = datetime(2026, 1, 5, 3, tzinfo=UTC)
MAPS = (("maps/1-" + "0" * 32,),)


def record(day: float, added: int, number: int, *, sources: tuple[str, ...] = ("/chat.db",), epoch: int = 1, host: str = "anna") -> Record:
    time = START + timedelta(days=day)
    manifest = Manifest(time, host, "me", "w" * 16, number, sources, MAPS, size=1000, bytes_read=2 * added, bytes_added=added)
    return Record(f"snapshots/{epoch}-{number:032x}", manifest, time, time)


def daily(days: int, added: int = 100) -> list[Record]:
    """A first backup of 10 000 bytes, and *added* more each day."""
    return [record(day, added if day else 10_000, day + 1) for day in range(days)]


@pytest.fixture
def years(store: Store, source: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with eight snapshots, twenty days apart, each of 20 kB more that do not compress."""
    moment = [START]

    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return moment[0]

    monkeypatch.setattr(backups, "datetime", Clock)
    for number in range(8):
        (source / f"{number}").write_bytes(noise(20_000, number))
        backed_up(store, source)
        moment[0] += timedelta(days=20)
    return store


def test_what_is_stored_is_told_by_kind_and_by_month_and_by_source(years: Store, source: Path) -> None:
    found = years.stats()
    there = objects(Path(years.url))
    assert found.objects["packs"] == sum(len(data) for name, data in there.items() if name.startswith("packs/"))
    assert found.stored == sum(map(len, there.values()))
    assert found.objects["config"] == len(there[CONFIG_NAME])
    assert (found.snapshots, found.content) == (8, sum(20_000 * (n + 1) for n in range(8)))
    assert found.bytes_read == 8 * 20_000, "what is known to be the same is not read again"
    assert abs(found.bytes_added - (found.stored - len(there[CONFIG_NAME]))) < 8 * 6000, "all but the snapshots' own objects"
    (one,) = found.sources
    assert (one.sources, one.snapshots, one.size) == ((str(source),), 8, 160_000)
    assert one.last - one.first == timedelta(days=140)
    assert [(month.year, month.month) for month in found.months] == [(2026, number) for number in range(1, 6)]
    assert sum(month.snapshots for month in found.months) == 8
    assert sum(month.bytes_added for month in found.months) == found.bytes_added


def test_what_a_policy_would_free_is_what_forget_and_prune_free(years: Store) -> None:
    known = catalogue.read(years.sealed)
    for gone in ([], [0], [3, 4], [7], [0, 1, 2, 3, 4, 5, 6]):
        promised = stats.freed(years.sealed, known, [known.records[number] for number in gone])
        assert (promised > 0) == bool(gone)
    before = years.stats().stored
    years.forget(years.snapshots()[:7])
    years.prune(exclusive=True)
    now = years.stats()
    records = now.objects.pop("forgets")
    assert before - (now.stored) == promised
    assert records > 0


def test_steady_growth_is_foreseen_exactly_and_the_first_backup_is_not_part_of_it() -> None:
    month, year = stats.forecast(daily(200))
    assert (month.days, month.periods) == (30, 6)
    assert month.bytes == month.low == month.high == 3000
    assert year.bytes == pytest.approx(100 * 365)


def test_too_little_history_foresees_nothing() -> None:
    assert stats.forecast([]) == []
    assert stats.forecast(daily(90)) == []
    assert stats.forecast(daily(91))[0].periods == 3


def test_only_the_last_year_counts() -> None:
    records = daily(800)
    changed = [record(0, 10_000, 1), *(record(day, 100 if day > 400 else 9000, day + 1) for day in range(1, 800))]
    assert stats.forecast(changed) == stats.forecast(records)


def test_a_new_source_and_a_new_epoch_bring_everything_and_are_no_growth() -> None:
    others = [record(70.5 + day, 50_000 if not day else 0, 1000 + day, sources=("/media",)) for day in range(3)]
    epoch = [record(90.25, 60_000, 2000, epoch=2)]
    records = sorted([*daily(200), *others, *epoch], key=lambda one: one.time)
    assert stats.forecast(records)[0].bytes == 3000


@pytest.mark.parametrize("ahead", [30, 365])
def test_the_interval_has_the_true_number_in_about_nine_of_ten_cases(ahead: int) -> None:
    chance = random.Random(7)
    hits = tries = 0
    for _ in range(300):
        sums = [chance.gauss(10_000, 2000) for _ in range(6 + 13)]
        records = [record(0, 10**6, 1), *(record(30 * n + 15, int(size), n + 2) for n, size in enumerate(sums[:6])), record(180, 0, 99)]
        (found,) = stats.forecast(records, [ahead])
        whole, rest = divmod(ahead / 30, 1)
        true = sum(sums[6 : 6 + int(whole)]) + rest * sums[6 + int(whole)]
        tries += 1
        hits += found.low <= true <= found.high
    assert 0.85 <= hits / tries <= 0.95


def test_bars_are_as_long_as_their_amounts_and_none_that_is_not_zero_is_empty() -> None:
    given = [("a", 0), ("b", 1), ("c", 500_000), ("d", 1_000_000)]
    assert [len(line) for line in bars.lines(given, blocks=False)] == [0, 1, 16, 32]
    blocks = bars.lines(given, blocks=True)
    assert [len(line) for line in blocks] == [0, 1, 16, 32]
    assert blocks[1] == "▏"
    assert bars.lines([], blocks=True) == []


def test_the_picture_is_an_svg_with_a_bar_for_each_month_and_no_name_gets_out_of_its_text() -> None:
    given = [("2026-01", 1000), ("2026-02", 2000), ("<evil/>", 0)]
    root = ET.fromstring(bars.svg(given, "a & b <script>"))
    space = "{http://www.w3.org/2000/svg}"
    heights = [float(one.attrib["height"]) for one in root.findall(f"{space}rect")[1:]]
    assert heights[1] == pytest.approx(2 * heights[0])
    texts = [one.text for one in root.findall(f"{space}text")]
    assert {"a & b <script>", "2026-01", "1.0 kB", "<evil/>"} <= set(texts)
    assert {one.tag.removeprefix(space) for one in root.iter()} == {"svg", "rect", "text", "line"}
