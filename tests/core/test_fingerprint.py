"""Fingerprints: HMAC-SHA-256 of each unit, cut to 16 bytes, against the standard library's."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatseal import _pages

KEY = bytes(range(32))


def reference(data: bytes, unit: int) -> list[bytes]:
    return [hmac.digest(KEY, data[at : at + unit], hashlib.sha256)[:16] for at in range(0, len(data), unit)]


@given(data=st.binary(max_size=300), unit=st.integers(1, 70), changes=st.sets(st.integers(0, 299)), cut=st.integers(0, 300))
def test_the_units_that_changed_are_found_and_gathered(data: bytes, unit: int, changes: set[int], cut: int) -> None:
    earlier = bytearray(data[:cut])
    for place in changes:
        if place < len(earlier):
            earlier[place] ^= 1
    before, now = reference(bytes(earlier), unit), reference(data, unit)
    prints = bytearray(b"".join(before).ljust(16 * len(now), b"\xff"))
    marks = bytearray(len(now))
    known = min(len(before), len(now))
    changed = _pages.Fingerprinter(KEY).compare(data, unit, known, prints, marks)
    assert [bytes(prints[i : i + 16]) for i in range(0, 16 * len(now), 16)] == now
    pieces = [data[at : at + unit] for at in range(0, len(data), unit)]
    same = [i < known and before[i] == now[i] for i in range(len(now))]
    assert list(marks) == [_pages.SAME if same[i] else _pages.CHANGED if any(piece) else _pages.ZERO for i, piece in enumerate(pieces)]
    assert changed == same.count(False)
    buffer = bytearray(data)
    length = _pages.gather(buffer, len(data), unit, marks)
    assert buffer[:length] == b"".join(piece for piece, mark in zip(pieces, marks, strict=True) if mark == _pages.CHANGED)


def test_too_little_room_is_refused_before_anything_is_written() -> None:
    printer = _pages.Fingerprinter(KEY)
    for prints, marks in [(31, 2), (32, 1)]:
        with pytest.raises(ValueError):
            printer.compare(bytes(20), 10, 0, bytearray(prints), bytearray(marks))
    with pytest.raises(ValueError):
        printer.compare(bytes(20), 0, 0, bytearray(32), bytearray(2))
    with pytest.raises(ValueError):
        _pages.Fingerprinter(bytes(31))
    for length, unit, marks in [(21, 10, 3), (20, 10, 1), (20, 0, 2)]:
        with pytest.raises(ValueError):
            _pages.gather(bytearray(20), length, unit, bytearray(marks))
