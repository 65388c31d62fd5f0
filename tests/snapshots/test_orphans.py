"""The journal of orphans: what a run sent that did not come to its end is known to the next, also what it read twice."""

from collections.abc import Sequence

import numpy as np

from chatseal import Store
from chatseal.capture.entry import Entry
from chatseal.format import object_names
from chatseal.snapshots.orphans import Journal, adopt
from chatseal.snapshots.pack_writer import PackContent, Part
from chatseal.snapshots.page_map import PackPlace, units_of
from chatseal.snapshots.page_table import MISSING, PageTable, Units

UNIT = 4096


def units_named(path: str, size: int) -> Units:
    return Units(Entry(path, "database", size), UNIT, units_of(size, UNIT))


def part(units: Units, numbers: Sequence[int], at: int, mark: int) -> Part:
    """Units that a pack got, with fingerprints of *mark*."""
    column = np.array(numbers, np.uint32)
    return Part(units, column, (at + UNIT * np.arange(len(numbers))).astype(np.uint32), np.full((len(numbers), 16), mark, np.uint8))


def remembered(store: Store, *parts: Part) -> tuple[Journal, str]:
    """What an earlier run left behind: one pack with *parts*."""
    name = store.sealed.new_name(object_names.PACKS)
    journal = Journal(store.sealed)
    journal.record(PackContent(PackPlace(name, 9999, 40 * UNIT), list(parts)))
    return journal, name


def adopted(journal: Journal, path: str, size: int) -> Units:
    """An entry of that name in the next run, with all that is known of it."""
    units = units_named(path, size)
    adopt(PageTable(), units, journal.fragments().get(path, []))
    return units


def test_what_was_sent_is_known_to_the_next_run(store: Store) -> None:
    one, other = units_named("one", 10 * UNIT), units_named("other", 3 * UNIT + 5)
    journal, name = remembered(store, part(one, [0, 1, 5], 0, 7), part(one, [8], 3 * UNIT, 8), part(other, [3], 4 * UNIT, 9))
    found = adopted(journal, "one", 10 * UNIT)
    assert np.flatnonzero(found.packs != MISSING).tolist() == [0, 1, 5, 8]
    assert found.at[[0, 1, 5, 8]].tolist() == [0, UNIT, 2 * UNIT, 3 * UNIT]
    assert found.prints[[0, 8], 0].tolist() == [7, 8]
    assert found.differs.sum() == 4
    assert adopted(journal, "other", 3 * UNIT + 5).at[3] == 4 * UNIT
    journal.remove([name])
    assert journal.fragments() == {}


def test_an_image_that_was_read_twice_is_known_as_it_was_the_second_time(store: Store) -> None:
    """A database that was written to meanwhile: its second reading lies behind the first in the same pack."""
    units = units_named("a", 4 * UNIT)
    journal, _ = remembered(store, part(units, [0, 1, 2, 3], 0, 1), part(units, [1, 3], 4 * UNIT, 2))
    found = adopted(journal, "a", 4 * UNIT)
    assert found.at.tolist() == [0, 4 * UNIT, 2 * UNIT, 5 * UNIT]
    assert found.prints[:, 0].tolist() == [1, 2, 1, 2]


def test_what_lies_behind_the_end_of_an_image_that_became_shorter_is_left_out(store: Store) -> None:
    units = units_named("a", 4 * UNIT)
    parts = part(units, [0, 1], 0, 1), part(units, [2, 3], 2 * UNIT, 1)
    units.resize(2)
    units.entry = Entry("a", "database", 2 * UNIT)
    journal, _ = remembered(store, *parts)
    assert adopted(journal, "a", 2 * UNIT).at.tolist() == [0, UNIT]


def test_a_record_that_was_exchanged_or_damaged_is_dropped(store: Store) -> None:
    journal, name = remembered(store, part(units_named("a", UNIT), [0], 0, 1))
    _, other = remembered(store, part(units_named("b", UNIT), [0], 0, 1))
    path, second = journal._path(name), journal._path(other)
    second.write_bytes(path.read_bytes())  # sealed for the same store, but for another pack
    assert set(journal.fragments()) == {"a"}
    assert journal.names() == [name]
    path.write_bytes(path.read_bytes()[:-1])
    assert journal.fragments() == {}
    assert journal.names() == []
