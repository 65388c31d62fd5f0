"""Filling: content comes back the same however it lies in packs, and no frame is fetched twice for it."""

import io
import os
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from chatseal.format.object_names import PACKS
from chatseal.sealing.budget import Budget
from chatseal.snapshots import catalogue, filling, pack_writer, restore
from chatseal.snapshots.filling import Filler
from chatseal.snapshots.pack_reader import PackReader
from chatseal.snapshots.page_map import ZEROS
from chatseal.snapshots.restore import restore_stream
from snapshots.scene import noise
from snapshots.wrapped_store import Bench

UNIT, UNITS = 65536, 40
BUDGET = Budget.of(2, None)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A store in memory, in which eight units or a batch more make a pack and two a frame."""
    monkeypatch.setattr(pack_writer, "PLAIN", 8 * UNIT)
    for module in (pack_writer, filling):
        monkeypatch.setattr(module, "FRAME_SIZE", 2 * UNIT)
    return Bench()


@pytest.fixture
def content(bench: Bench, source: Path) -> bytes:
    """What is in a file that changed on many days: its units lie in all packs, a few in each frame."""
    chance = random.Random(5)
    units = [noise(UNIT, number) for number in range(UNITS)]
    for day in range(12):
        for number in chance.sample(range(UNITS), 6):
            units[number] = noise(UNIT, 1000 * day + number) if chance.random() < 0.8 else bytes(UNIT)
        (source / "changing").write_bytes(b"".join(units) + b"the end")
        bench.backup(source)
    return (source / "changing").read_bytes()


@pytest.mark.parametrize(
    ("window", "whole_from"), [(UNIT, 0.0), (UNIT, 2.0), (3 * UNIT, 0.0), (3 * UNIT, 0.25), (3 * UNIT, 2.0), (64 * UNIT, 0.6)]
)
def test_a_stream_is_the_content_whatever_is_fetched_at_once(
    bench: Bench, content: bytes, window: int, whole_from: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(restore, "WINDOW", window)
    monkeypatch.setattr(filling, "WHOLE_FROM", whole_from)
    out = io.BytesIO()
    record = catalogue.read(bench.store).find(catalogue.LATEST)
    assert restore_stream(bench.store, record, "source/changing", out, BUDGET) == len(content)
    assert out.getvalue() == content
    bench.restore(tmp_path / "out")
    assert (tmp_path / "out" / "source" / "changing").read_bytes() == content


def test_a_pack_of_whose_frames_enough_are_needed_is_fetched_whole_and_once(
    bench: Bench, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "WHOLE_FROM", 0.05)
    bench.objects.calls.clear()
    bench.restore(tmp_path / "out")
    gets = Counter(name for call, name in bench.objects.calls if call == "get" and name.startswith(PACKS))
    assert len(gets) > 12
    assert set(gets.values()) == {1}


def test_of_ranges_no_frame_is_fetched_twice(bench: Bench, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "WHOLE_FROM", 2.0)
    bench.objects.calls.clear()
    bench.restore(tmp_path / "out")
    gets = Counter(name for call, name in bench.objects.calls if call == "get" and name.startswith(PACKS))
    assert max(gets.values()) <= 2 + 4, "head and tail of a pack, and its four frames"


class File:
    """A file that is open, as one that is restored is."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def write_at(self, offset: int, data: memoryview) -> None:
        os.pwrite(self.descriptor, data, offset)


@pytest.mark.parametrize("whole_from", [0.0, 2.0])
def test_units_that_lie_in_one_place_come_back_both(
    bench: Bench, content: bytes, whole_from: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No writer of ours lets them, but the format does."""
    monkeypatch.setattr(filling, "WHOLE_FROM", whole_from)
    table = bench.table()
    units = table.entries["source/changing"]
    first, *others = [number for number in range(UNITS) if units.packs[number] == np.bincount(units.packs[units.packs != ZEROS]).argmax()]
    units.at[others] = units.at[first]
    expected = bytearray(content)
    for number in others:
        expected[number * UNIT : (number + 1) * UNIT] = content[first * UNIT : (first + 1) * UNIT]
    file = File(tmp_path / "out")
    try:
        with PackReader(bench.store, BUDGET) as packs:
            filler = Filler(table, packs)
            filler.expect(units)
            filler.fill(units, file, tick=lambda _: None)
    finally:
        os.close(file.descriptor)
    assert others
    assert (tmp_path / "out").read_bytes() == expected
