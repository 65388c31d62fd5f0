"""Fragmentation: what the newest snapshot needs is gathered in its order when it has come to lie in a few pages of many frames."""

from pathlib import Path

import numpy as np
import pytest

from chatseal.format.object_names import PACKS
from chatseal.snapshots import choice, filling, pack_writer
from chatseal.snapshots.allowance import UNLIMITED, Allowance
from chatseal.snapshots.choice import choose
from chatseal.snapshots.moves import Stretches
from chatseal.snapshots.pack_list import PackList
from chatseal.snapshots.page_map import ZEROS, PackPlace
from chatseal.snapshots.usage import Needed
from snapshots.test_prune import needed, referred
from snapshots.test_repack import UNIT, UNITS, Days, repacked
from snapshots.wrapped_store import Bench

FRAME = 2 * UNIT


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A store in memory, in which six units make a pack and two a frame."""
    monkeypatch.setattr(pack_writer, "PLAIN", 6 * UNIT)
    for module in (pack_writer, filling, choice):
        monkeypatch.setattr(module, "FRAME_SIZE", FRAME)
    return Bench()


@pytest.fixture
def days(bench: Bench, source: Path) -> Days:
    return Days(bench, source)


def unsealed(bench: Bench) -> int:
    """How many bytes a restore of the newest snapshot has to unseal."""
    table = bench.table()
    frames: dict[int, set[int]] = {}
    for units in table.entries.values():
        for pack, at in zip(units.packs.tolist(), units.at.tolist(), strict=True):
            if pack != ZEROS:
                frames.setdefault(pack, set()).add(at // FRAME)
    return sum(min(len(found) * FRAME, table.packs[pack].plain) for pack, found in frames.items())


def places(bench: Bench) -> list[tuple[str, int]]:
    """Where the units of the newest snapshot lie, in their order."""
    table = bench.table()
    units = table.entries["source/changing"]
    return [(table.packs[pack].name, at) for pack, at in zip(units.packs.tolist(), units.at.tolist(), strict=True) if pack != ZEROS]


def test_the_newest_snapshot_lies_in_its_order_after_a_prune_and_all_others_come_back(days: Days, tmp_path: Path) -> None:
    for _ in range(12):
        days.next(4)
    scattered = unsealed(days.bench)
    assert repacked(days.bench, "unlimited", "unlimited").repacked == 0
    assert repacked(days.bench, "unlimited", "0%").repacked > 0
    assert unsealed(days.bench) <= (UNITS + 1) * UNIT < scattered
    names = [name for name, _ in places(days.bench)]
    gathered = [place for place in places(days.bench) if names.count(place[0]) > 4]
    assert len(gathered) > UNITS // 2
    for name in {name for name, _ in gathered}:
        ats = [at for pack, at in gathered if pack == name]
        assert ats == sorted(ats)
    assert referred(days.bench) == needed(days.bench)
    assert days.all_come_back(tmp_path)
    assert repacked(days.bench, "unlimited", "0%").repacked == 0, "there is nothing more to gain"


def test_a_limit_leaves_what_it_allows(days: Days, tmp_path: Path) -> None:
    for _ in range(12):
        days.next(4)
    counts = [repacked(days.bench, "unlimited", limit, dry_run=True).repacked for limit in ("1000%", "60%", "30%", "0%")]
    assert counts[0] == 0
    assert counts == sorted(counts)
    assert counts[1] < counts[3]
    repacked(days.bench, "unlimited", "30%")
    assert unsealed(days.bench) <= 1.3 * (UNITS + 1) * UNIT
    assert days.all_come_back(tmp_path)


def test_the_newest_of_every_source_counts(days: Days, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "still").write_bytes(bytes(range(256)) * 1024)
    days.bench.backup(other)
    for _ in range(12):
        days.next(4)
    assert repacked(days.bench, "unlimited", "0%").repacked > 0
    assert days.all_come_back(tmp_path / "out")
    assert repacked(days.bench, "unlimited", "0%").repacked == 0


def test_forty_days_with_a_prune_every_other_day_stay_in_order(days: Days, tmp_path: Path) -> None:
    for day in range(40):
        days.next(days.random.randint(0, 5))
        if day % 2 and len(days.kept) > 5:
            days.forget(*days.random.sample(list(days.kept)[:-1], len(days.kept) - 5))
            repacked(days.bench, "5%", "20%")
            assert unsealed(days.bench) <= 1.2 * (UNITS + 1) * UNIT
            assert referred(days.bench) == needed(days.bench)
            assert days.bench.check().broken == ()
    assert days.all_come_back(tmp_path)
    different = {content[at : at + UNIT] for content in days.kept.values() for at in range(0, len(content), UNIT)} - {bytes(UNIT)}
    assert sum(days.bench.size(name) for name in days.bench.names(PACKS)) <= 1.15 * sum(map(len, different)) + 30_000


def test_while_others_are_at_work_nothing_is_lost(days: Days, tmp_path: Path) -> None:
    for _ in range(6):
        days.next(4)
    days.bench.objects.before = lambda call, name: days.bench.check() if call == "put" and name.startswith("moves/") else None
    repacked(days.bench, "unlimited", "0%", exclusive=False)
    days.bench.calm()
    assert days.all_come_back(tmp_path)


# --- the choice ---


def a_need(*packs: tuple[list[int], list[int]]) -> tuple[Needed, PackList]:
    """Of each pack the units that are needed, and those of them that the newest snapshot needs."""
    there = PackList()
    columns: list[list[tuple[int, int]]] = [[], []]
    for number, pair in enumerate(packs):
        there.add(PackPlace(f"packs/1-{number:032x}", 8 * UNIT, 8 * UNIT))
        for column, units in zip(columns, pair, strict=True):
            column += [(number, unit * UNIT) for unit in units]
    stretches, newest = (
        Stretches(*np.array([(pack, at, UNIT) for pack, at in column], np.int64).reshape(-1, 3).T.copy()) for column in columns
    )
    none = np.empty(0, np.int64)
    return Needed(stretches, newest, frozenset(), frozenset(), (none, none)), there


ALL = list(range(8))


@pytest.mark.parametrize(
    ("share", "chosen"),
    [(10.0, set()), (0.7, {1}), (0.2, {1, 2}), (0.0, {1, 2, 3})],
    ids=lambda value: str(value),
)
def test_packs_with_the_most_excess_for_what_is_needed_come_first(bench: Bench, share: float, chosen: set[int]) -> None:
    need = a_need((ALL, ALL), (ALL, [0, 2, 4, 6]), (ALL, [0, 2, 4, 5, 6, 7]), (ALL, [0, 1, 2, 3, 4, 5, 6]), (ALL, []))
    excess = {0: 0, 1: 4, 2: 2, 3: 1, 4: 0}
    found = choose(*need, (), max_unused=UNLIMITED, max_fragmentation=Allowance(share * sum(excess.values()) / 25))
    assert {one.number for one in found} == chosen
    assert all(one.excess == excess[one.number] * UNIT for one in found)


def test_what_is_chosen_for_one_reason_is_not_chosen_for_the_other(bench: Bench) -> None:
    need = a_need(([0], [0]), ([0, 2], []))
    both = choose(*need, (), max_unused=Allowance(), max_fragmentation=Allowance())
    assert [one.number for one in both] == [0, 1]
    assert choose(*need, {"packs/1-" + "0" * 32}, max_unused=Allowance(), max_fragmentation=Allowance()) == both[1:]
