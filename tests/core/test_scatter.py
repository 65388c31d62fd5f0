"""Scatter: pieces of a buffer are written where they belong in a file, in one call."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatseal import _pages


def scatter(descriptor: int, data: bytes, pieces: list[tuple[int, int, int]]) -> None:
    columns = np.array(pieces, np.int64).reshape(-1, 3).T
    _pages.scatter(descriptor, data, *(np.ascontiguousarray(column).data for column in columns))


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT, 0o600)
    yield descriptor
    os.close(descriptor)


@given(
    data=st.binary(min_size=1, max_size=200),
    pieces=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 199), st.integers(1, 200)), max_size=8),
)
def test_every_piece_is_where_it_belongs(data: bytes, pieces: list[tuple[int, int, int]]) -> None:
    apart = [(200 * number + gap, at, min(length, len(data) - at)) for number, (gap, at, length) in enumerate(pieces) if at < len(data)]
    apart = [(offset, at, min(length, 200 - offset % 200)) for offset, at, length in apart]
    expected = bytearray(max((offset + length for offset, _, length in apart), default=0))
    for offset, at, length in apart:
        expected[offset : offset + length] = data[at : at + length]
    descriptor = os.memfd_create("scattered") if hasattr(os, "memfd_create") else pytest.skip("there are no files in memory")
    try:
        scatter(descriptor, data, apart)
        assert os.pread(descriptor, 2000, 0) == expected
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("piece", [(0, -1, 1), (-1, 0, 1), (0, 0, 0), (0, 0, 11), (0, 10, 1), (0, 11, 1), (0, 1, 2**63 - 1), (0, 5, -1)])
def test_a_piece_that_is_not_in_the_data_is_refused_before_anything_is_written(file: int, piece: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="not in the data"):
        scatter(file, bytes(10), [(0, 0, 10), piece])
    assert os.fstat(file).st_size == 0
    with pytest.raises(ValueError, match="one length"):
        _pages.scatter(file, bytes(10), np.zeros(2, np.int64).data, np.zeros(2, np.int64).data, np.ones(1, np.int64).data)


def test_what_the_system_says_is_raised(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"untouched")
    descriptor = os.open(tmp_path / "there", os.O_RDONLY)
    try:
        with pytest.raises(OSError, match="Bad file descriptor"):
            scatter(descriptor, b"content", [(0, 0, 7)])
    finally:
        os.close(descriptor)
    assert (tmp_path / "there").read_bytes() == b"untouched"
