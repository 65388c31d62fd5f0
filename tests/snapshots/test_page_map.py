"""The page map: what is written is read, deltas add up, and what a stranger writes is damage or a table without a hole in it."""

import io
import json
import tracemalloc
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatseal import DamagedError
from chatseal.capture.entry import Entry
from chatseal.snapshots.page_map import (
    PACK_MAX,
    PACK_PLAIN_MAX,
    SEGMENT_UNITS,
    ZEROS,
    EntryHead,
    MapHead,
    PackPlace,
    Segment,
    encode_segment,
    units_of,
)
from chatseal.snapshots.page_table import PageTable, Units

UNIT = 4096
PACKS = tuple(PackPlace(f"packs/1-{n:032x}", 5000 + n, 64 * UNIT) for n in range(3))


def read(*maps: bytes) -> PageTable:
    """The table that a chain of maps gives."""
    table = PageTable()
    for number, data in enumerate(maps):
        table.apply(io.BufferedReader(io.BytesIO(data)), full=number == 0)
    return table


def written(table: PageTable, **words: Any) -> bytes:
    return b"".join(bytes(piece) for piece in table.write(**words))


def content(table: PageTable) -> dict[str, tuple[Any, ...]]:
    """All that a table says, without regard to the order of its packs."""
    found = {}
    for path, units in table.entries.items():
        assert units.is_whole()
        places = [table.packs[pack] if pack != ZEROS else None for pack in units.packs.tolist()]
        found[path] = (units.entry, units.unit if len(units) else 0, places, units.at.tolist(), units.prints.tolist())
    return found


def check_places(table: PageTable) -> None:
    """Every unit lies within its pack."""
    for units in table.entries.values():
        assert len(units) == units_of(units.entry.size, units.unit)
        for number, (pack, at) in enumerate(zip(units.packs.tolist(), units.at.tolist(), strict=True)):
            if pack != ZEROS:
                assert at + units.length_of(number) <= table.packs[pack].plain


# --- round trips ---

PATHS = ["a", "b/c", "b/\u2603", "b/\udce9", "d"]


@st.composite
def changes(draw: st.DrawFn) -> list[tuple[str, int, int, list[int]]]:
    """What happens to entries in one day: path, unit, size, and which of its units are written anew."""
    found = []
    for path in draw(st.lists(st.sampled_from(PATHS), unique=True)):
        unit = draw(st.sampled_from([4096, 8192, 65536]))
        size = draw(st.sampled_from([0, 1, unit - 1, unit, unit + 1, 3 * unit, 7 * unit + 5]))
        anew = draw(st.lists(st.integers(0, 8), unique=True))
        found.append((path, unit, size, anew))
    return found


def happen(table: PageTable, day: int, path: str, unit: int, size: int, anew: Iterable[int]) -> None:
    units = table.entries.get(path)
    if units is None or units.unit != unit:
        units = table.entries[path] = Units(Entry(path, "file"), unit, 0)
    before, count = units.entry.size, units_of(size, unit)
    lengths = [units.length_of(number) for number in range(len(units))]
    units.resize(count)
    units.entry = replace(units.entry, size=size, mtime_ns=day - 5)
    for number in range(count):
        same_length = number < len(lengths) and lengths[number] == units.length_of(number)
        if number in anew or not same_length or before == 0:
            zero = (number + day) % 5 == 0
            units.packs[number] = ZEROS if zero else table.packs.add(PackPlace(f"packs/2-{day % 3:032x}", 900, PACK_PLAIN_MAX))
            units.at[number] = 0 if zero else (number * 70000 + day) % (PACK_PLAIN_MAX - 70000)
            units.prints[number] = np.frombuffer(bytes([day, number]) * 8, np.uint8)
            units.differs[number] = True


@given(days=st.lists(changes(), min_size=1, max_size=5), leaves=st.lists(st.sampled_from(PATHS), max_size=3))
def test_a_full_map_and_its_deltas_add_up_to_the_table(days: list[Any], leaves: list[str]) -> None:
    table, maps = PageTable(), list[bytes]()
    for day, happens in enumerate(days):
        earlier = {path: units.entry for path, units in table.entries.items()}
        for units in table.entries.values():
            units.differs[:] = False
        for change in happens:
            happen(table, day, *change)
        for path in leaves[day : day + 1]:
            table.entries.pop(path, None)

        def changed(units: Units, earlier: dict[str, Entry] = earlier) -> bool:
            return earlier.get(units.entry.path) != units.entry or bool(units.differs.any())

        gone = set(earlier) - set(table.entries)
        maps.append(written(table, full=day == 0, gone=sorted(gone), changed=changed))
        found = read(*maps)
        assert content(found) == content(table)
        check_places(found)
        assert content(read(written(found, full=True))) == content(table)


def test_an_entry_comes_back_with_all_that_is_known_of_it() -> None:
    entries = [
        Entry("folder", "folder", 0, 0o7777, 2**32 - 1, 2**32 - 1, -(2**63), 2**63 - 1, 2**64 - 1, 2**64 - 1),
        Entry("link", "link", target="../\udcff"),
        Entry("name", "file", same_as="other"),
        Entry("database", "database", mode=0),
        Entry("stream", "stream"),
    ]
    table = PageTable()
    table.entries = {entry.path: Units(entry, UNIT, 0) for entry in entries}
    assert [units.entry for units in read(written(table, full=True)).entries.values()] == entries


# --- what a stranger writes ---


class Bad:
    """A map with parts that can be made wrong: an entry of three units, the second of zeros, in pack 0 of two."""

    def __init__(self) -> None:
        self.head: Any = {"version": 1, "full": True, "packs": 2, "entries": 1}
        self.packs: list[Any] = [list(PACKS[0]), list(PACKS[1])]
        self.entry: Any = {"path": "a", "type": "file", "size": 2 * UNIT + 10, "mode": 0o644, "unit": UNIT, "units": 3, "segments": 1}
        self.counts = [3, 3]
        self.first, self.count, self.pack, self.at = [0, 1, 2], [1, 1, 1], [0, ZEROS, 0], [0, 0, UNIT]
        self.prints = bytes(16 * 3)
        self.after = b""

    def encode(self) -> bytes:
        lines = b"".join(json.dumps(line).encode() + b"\n" for line in (self.head, *self.packs, self.entry))
        columns = [*self.counts, *self.first, *self.count, *self.pack, *self.at]
        return lines + np.array(columns, "<u4").tobytes() + self.prints + self.after


def test_a_map_that_is_right_is_read() -> None:
    table = read(Bad().encode())
    assert list(table.packs) == list(PACKS[:2])
    assert table.entries["a"].packs.tolist() == [0, ZEROS, 0]


def changing(name: str, **members: Any) -> Callable[[Bad], object]:
    """Change members of the line *name*; Ellipsis takes one away."""

    def change(bad: Bad) -> None:
        line = getattr(bad, name) | members
        setattr(bad, name, {key: value for key, value in line.items() if value is not ...})

    return change


def setting(name: str, value: Any) -> Callable[[Bad], object]:
    return lambda bad: setattr(bad, name, value)


def pack(**members: Any) -> Callable[[Bad], object]:
    def change(bad: Bad) -> None:
        bad.packs[1] = list(PACKS[1]._replace(**members))

    return change


@pytest.mark.parametrize(
    "change",
    [
        changing("entry", size=2 * UNIT + 1),
        changing("entry", size=3 * UNIT),
        changing("entry", later=1),
        changing("head", later=1),
        pack(plain=1),
        pack(plain=PACK_PLAIN_MAX, length=PACK_MAX),
        pack(name="packs/999999999-" + "0" * 32),
        changing("entry", type="database"),
        changing("entry", type="stream", mode=0),
        setting("at", [62 * UNIT, 0, 63 * UNIT]),
        lambda bad: (changing("entry", size=3 * UNIT)(bad), setting("at", [63 * UNIT, 0, 63 * UNIT])(bad)),
    ],
)
def test_the_limits_themselves_are_read(change: Callable[[Bad], object]) -> None:
    bad = Bad()
    change(bad)
    check_places(read(bad.encode()))


def two_segments(bad: Bad) -> None:
    changing("entry", segments=2)(bad)
    bad.after = np.array([1, 1, 2, 1, 0, 0], "<u4").tobytes() + bytes(16)


@pytest.mark.parametrize(
    "change",
    {
        "another version": changing("head", version=2),
        "a version that is true": changing("head", version=True),
        "a version with a fraction": changing("head", version=1.0),
        "no version": changing("head", version=...),
        "full is a number": changing("head", full=1),
        "a delta at the beginning of a chain": changing("head", full=False),
        "fewer packs than lines": changing("head", packs=1),
        "more packs than lines": changing("head", packs=3),
        "too many packs": changing("head", packs=(1 << 24) + 1),
        "fewer entries than lines": changing("head", entries=0),
        "more entries than lines": changing("head", entries=2),
        "too many entries": changing("head", entries=(1 << 32) + 1),
        "a head that is a list": setting("head", [1]),
        "one pack twice": pack(name=PACKS[0].name),
        "a pack of another folder": pack(name="maps/1-" + "0" * 32),
        "a pack that leads up": pack(name="packs/../1-" + "0" * 32),
        "a pack without a length": pack(length=0),
        "a pack that is too long": pack(length=PACK_MAX + 1),
        "a pack without plaintext": pack(plain=0),
        "a pack with too much plaintext": pack(plain=PACK_PLAIN_MAX + 1),
        "a length that is true": pack(length=True),
        "a pack of two parts": lambda bad: bad.packs[1].pop(),
        "a pack of four parts": lambda bad: bad.packs[1].append(1),
        "a pack that is an object": setting("packs", [list(PACKS[0]), dict(PACKS[1]._asdict())]),
        "no path": changing("entry", path=...),
        "an empty path": changing("entry", path=""),
        "a path that is too long": changing("entry", path="x" * 65537),
        "a path that is a number": changing("entry", path=1),
        "a type of its own": changing("entry", type="socket"),
        "no type": changing("entry", type=...),
        "no mode": changing("entry", mode=...),
        "a mode of a folder": changing("entry", mode=0o40755),
        "a negative size": changing("entry", size=-1),
        "a size that is true": changing("entry", size=True),
        "a user below zero": changing("entry", uid=-1),
        "a group too large": changing("entry", gid=2**32),
        "a time too large": changing("entry", mtime_ns=2**63),
        "a time too small": changing("entry", ctime_ns=-(2**63) - 1),
        "a device too large": changing("entry", device=2**64),
        "an inode with a fraction": changing("entry", inode=0.5),
        "a unit too small": changing("entry", unit=2048, units=5),
        "a unit too large": changing("entry", unit=131072, units=1),
        "a unit that is no power of two": changing("entry", unit=5000, units=2),
        "a unit too few": changing("entry", units=2),
        "a unit too many": changing("entry", units=4),
        "more bytes than units": changing("entry", size=3 * UNIT + 1),
        "a folder with content": changing("entry", type="folder"),
        "a folder with a size": changing("entry", type="folder", unit=..., units=..., segments=...),
        "a link with content": changing("entry", type="link", target="x"),
        "a link without a target": changing("entry", type="link", size=0, unit=..., units=..., segments=...),
        "a file with a target": changing("entry", target="x"),
        "another name with content": changing("entry", same_as="b"),
        "a folder that is another name": changing("entry", type="folder", size=0, unit=..., units=..., segments=..., same_as="b"),
        "more segments than units": changing("entry", segments=4),
        "no segments": changing("entry", segments=0),
        "an entry that is gone from a full map": setting("entry", {"path": "a", "gone": True}),
        "gone is a word": changing("entry", gone="yes"),
        "gone is false": changing("entry", gone=False),
        "an entry that is a list": setting("entry", ["a"]),
        "no runs": setting("counts", [0, 3]),
        "more runs than units": setting("counts", [3, 2]),
        "a sum that is not": setting("counts", [3, 4]),
        "more units than a segment holds": setting("counts", [1, SEGMENT_UNITS + 1]),
        "a run of no units": setting("count", [2, 0, 1]),
        "runs out of order": setting("first", [1, 0, 2]),
        "one unit twice": setting("first", [0, 0, 2]),
        "a run that overlaps": lambda bad: (setting("first", [0, 1, 2])(bad), setting("count", [2, 1, 0])(bad)),
        "a unit left out": setting("first", [0, 1, 3]),
        "a unit beyond the end": setting("first", [0, 1, 0xFFFFFFFF]),
        "a run that wraps around": setting("count", [1, 1, 0xFFFFFFFF]),
        "a pack that is not there": setting("pack", [0, ZEROS, 2]),
        "the number for what lies nowhere": setting("pack", [0, ZEROS, ZEROS - 1]),
        "zeros that lie somewhere": setting("at", [0, 1, UNIT]),
        "a unit beyond the pack's end": setting("at", [64 * UNIT - UNIT + 1, 0, 0]),
        "a last unit beyond the pack's end": setting("at", [0, 0, 64 * UNIT - 9]),
        "a place that wraps around": setting("at", [0xFFFFFFFF, 0, 0]),
        "a fingerprint cut short": setting("prints", bytes(16 * 3 - 1)),
        "a byte too many": setting("after", b"\0"),
        "a line too many": setting("after", b'{"path":"b","type":"file","mode":0}\n'),
        "a second segment that goes back": two_segments,
    }.values(),
)
def test_a_map_that_breaks_a_rule_is_damage(change: Callable[[Bad], object]) -> None:
    bad = Bad()
    change(bad)
    with pytest.raises(DamagedError):
        read(bad.encode())


def test_a_map_cut_at_any_byte_is_damage() -> None:
    data = Bad().encode()
    for length in range(len(data)):
        with pytest.raises(DamagedError):
            read(data[:length])


def test_any_changed_byte_is_damage_or_a_table_without_a_hole() -> None:
    data = Bad().encode()
    for at in range(len(data)):
        for byte in {data[at] ^ 1, 0x30, 0x0A} - {data[at]}:
            try:
                table = read(data[:at] + bytes([byte]) + data[at + 1 :])
            except DamagedError:
                continue
            check_places(table)
            assert content(read(written(table, full=True))) == content(table)


@given(data=st.binary(max_size=100))
def test_noise_is_damage(data: bytes) -> None:
    for start in (b"", Bad().encode()[:-80], b'{"version":1,"full":true,"packs":0,"entries":1}\n'):
        with pytest.raises(DamagedError):
            read(start + data + b"\n!")


# --- chains ---


def table_of(size: int, at: int = 0, *, place: PackPlace = PACKS[0], unit: int = UNIT) -> PageTable:
    """One entry, all of whose units lie in a row in one pack."""
    table = PageTable()
    units = table.entries["a"] = Units(Entry("a", "file", size), unit, units_of(size, unit))
    units.packs[:] = table.packs.add(place)
    units.at[:] = at + unit * np.arange(len(units))
    units.differs[:] = True
    return table


def delta(
    size: int, segments: list[tuple[int, int]], *, places: tuple[PackPlace, ...] = PACKS[1:2], unit: int = UNIT, at: int = 0
) -> bytes:
    """A delta of the entry `a`; each segment is one run of units, from where on and how many."""
    head = EntryHead(Entry("a", "file", size), unit, units_of(size, unit), len(segments))
    pieces = [*MapHead(False, places, 1).encode(), head.encode()]
    for first, count in segments:
        columns = [np.array([value], np.uint32) for value in (first, count, 0, at)]
        pieces += [
            bytes(piece)
            for piece in encode_segment(Segment(columns[0], columns[1], columns[2], columns[3], np.ones((count, 16), np.uint8)))
        ]
    return b"".join(pieces)


def test_a_delta_takes_over_what_it_does_not_name() -> None:
    table = read(written(table_of(3 * UNIT), full=True), delta(3 * UNIT, [(1, 1)]))
    assert table.entries["a"].packs.tolist() == [0, 1, 0]
    assert table.entries["a"].at.tolist() == [0, 0, 2 * UNIT]


@pytest.mark.parametrize(
    ("before", "after", "segments"),
    [
        (2 * UNIT, 3 * UNIT, [(2, 1)]),
        (2 * UNIT + 1, 3 * UNIT, [(2, 1)]),
        (2 * UNIT + 1, 2 * UNIT, []),
        (3 * UNIT, UNIT, []),
        (3 * UNIT, UNIT + 1, [(1, 1)]),
        (UNIT, 0, []),
        (0, UNIT, [(0, 1)]),
        (2 * UNIT + 1, 2 * UNIT + 2, [(2, 1)]),
        (UNIT + 1, 5 * UNIT, [(0, 1), (1, 4)]),
    ],
)
def test_an_entry_may_grow_and_shrink(before: int, after: int, segments: list[tuple[int, int]]) -> None:
    table = read(written(table_of(before), full=True), delta(after, segments))
    assert table.entries["a"].entry.size == after
    check_places(table)


@pytest.mark.parametrize(
    ("before", "after", "segments"),
    [
        (2 * UNIT, 3 * UNIT, []),
        (2 * UNIT, 4 * UNIT, [(3, 1)]),
        (UNIT + 1, 2 * UNIT, []),  # its second unit is longer now
        (UNIT + 1, UNIT + 2, []),
        (UNIT + 2, UNIT + 1, []),
        (2 * UNIT, UNIT + 1, []),
        (UNIT + 1, 3 * UNIT, [(2, 1)]),
        (UNIT, 0xFFFFFFFF * UNIT, [(0xFFFFFFFE, 1)]),
    ],
)
def test_a_unit_whose_length_changes_must_be_named(before: int, after: int, segments: list[tuple[int, int]]) -> None:
    """Else its bytes would be whatever lies behind the old ones in the pack, or behind the pack's end."""
    with pytest.raises(DamagedError):
        read(written(table_of(before), full=True), delta(after, segments))


def test_a_delta_with_another_unit_must_name_everything() -> None:
    full = written(table_of(2 * UNIT), full=True)
    assert read(full, delta(2 * UNIT, [(0, 1)], unit=2 * UNIT)).entries["a"].unit == 2 * UNIT
    with pytest.raises(DamagedError):
        read(full, delta(2 * UNIT, [], unit=2 * UNIT))


@pytest.mark.parametrize("place", [PACKS[0]._replace(plain=64 * UNIT - 1), PACKS[0]._replace(plain=65 * UNIT), PACKS[0]._replace(length=1)])
def test_two_maps_that_disagree_about_a_pack_are_damage(place: PackPlace) -> None:
    """One would be checked against what the other says of it."""
    with pytest.raises(DamagedError):
        read(written(table_of(UNIT), full=True), delta(UNIT, [(0, 1)], places=(place,)))


def test_a_full_map_in_the_middle_of_a_chain_and_a_delta_at_its_beginning_are_damage() -> None:
    full = written(table_of(UNIT), full=True)
    for chain in ((full, full), (delta(UNIT, [(0, 1)]),), (full, delta(UNIT, [(0, 1)]), full)):
        with pytest.raises(DamagedError):
            read(*chain)


def of_lines(*lines: Any, full: bool = False) -> bytes:
    """A map of entries without content."""
    return b"".join(json.dumps(line).encode() + b"\n" for line in ({"version": 1, "full": full, "packs": 0, "entries": len(lines)}, *lines))


def test_an_entry_goes_and_comes_back() -> None:
    gone, folder = {"path": "a", "gone": True}, {"path": "a", "type": "folder", "mode": 0o755}
    full = written(table_of(UNIT), full=True)
    assert not read(full, of_lines(gone)).entries
    assert read(full, of_lines(gone), of_lines(folder)).entries["a"].entry.type == "folder"
    assert len(read(full, of_lines(folder)).entries["a"]) == 0
    for lines in ((gone, gone), (folder, gone), (gone, folder), (folder, folder), ({"path": "b", "gone": True},)):
        with pytest.raises(DamagedError):
            read(full, of_lines(*lines))
    with pytest.raises(DamagedError):
        read(of_lines(folder, folder, full=True))


# --- counts that lie ---


@pytest.mark.parametrize(
    "data",
    [
        of_lines(full=True).replace(b'"packs": 0', b'"packs": 16777216'),
        of_lines(full=True).replace(b'"entries": 0', b'"entries": 4294967296'),
        b"x" * (1 << 20),
        b'{"version":1,' + b" " * (4 << 20),
        Bad().encode()[:-120] + np.array([1, SEGMENT_UNITS], "<u4").tobytes(),
        Bad().encode()[:-120] + np.array([SEGMENT_UNITS, SEGMENT_UNITS], "<u4").tobytes(),
        delta(0xFFFFFFFF * UNIT, [(0xFFFFFFFE, 1)]).replace(b'"full":false', b'"full":true'),
        delta(0xFFFFFFFF * 65536, [(1 << 31, 1)], unit=65536).replace(b'"full":false', b'"full":true'),
        delta(0xFFFFFFFF * UNIT, [(0, 1), (1 << 30, 1)]).replace(b'"full":false', b'"full":true'),
    ],
)
def test_nothing_is_allocated_for_a_count_that_lies(data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(DamagedError):
            read(data)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_a_line_may_be_a_mebibyte_long_and_no_more() -> None:
    entry = Entry("x" * 65536, "link", target="\u2603" * 65536)
    assert read(b"".join([*MapHead(True, (), 1).encode(), EntryHead(entry).encode()])).entries[entry.path].entry == entry
    line = EntryHead(entry).encode().rstrip(b"}\n")
    for spare, right in ((0, True), (1, False)):
        longer = line + b" " * ((1 << 20) - len(line) - 2 + spare) + b"}\n"
        if right:
            read(b"".join([*MapHead(True, (), 1).encode(), longer]))
        else:
            with pytest.raises(DamagedError):
                read(b"".join([*MapHead(True, (), 1).encode(), longer]))
    with pytest.raises(DamagedError):
        EntryHead(replace(entry, target="\U0001f600" * 65536, path="\u2603" * 65536)).encode()
