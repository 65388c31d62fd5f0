"""Padmé and the frames that bring a stream to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import slow_writer
from chatseal.format.padding import CONTENT_MAX, COST, FRAMES_MAX, padding_of, padme

LENGTH = st.integers(1, 2**47)
LONGEST = 2**22 * (16_842_752 + 8)  # of a stream, and more


@pytest.mark.parametrize(
    ("length", "padded"),
    [(1, 1), (2, 2), (7, 7), (8, 8), (9, 10), (15, 16), (16, 16), (17, 18), (100, 104), (1000, 1024), (10_000, 10_240), (14_099, 14_336)],
)
def test_small_lengths_are_padded_as_the_paper_says(length: int, padded: int) -> None:
    assert padme(length) == padded


@given(length=st.integers(2, 2**40))
def test_padme_is_that_of_the_paper(length: int) -> None:
    assert padme(length) == slow_writer.padme(length)


@given(length=LENGTH)
def test_padme_is_never_shorter_costs_an_eighth_at_most_and_is_the_same_again(length: int) -> None:
    padded = padme(length)
    assert length <= padded <= length + length // 8
    assert padme(padded) == padded
    for least, share in ((256, 16), (65536, 32), (2**32, 64)):
        assert length < least or padded <= length + length // share


@given(length=LENGTH, more=st.integers(0, 10_000))
def test_a_longer_stream_is_never_padded_to_less(length: int, more: int) -> None:
    assert padme(length) <= padme(length + more)


@given(length=st.integers(60, LONGEST))
def test_padding_brings_every_stream_to_its_padded_length(length: int) -> None:
    pad = padding_of(length)
    whole = length + sum(pad) + COST * len(pad)
    assert whole == padme(whole) == padme(length + COST * len(pad))
    assert 1 <= len(pad) <= FRAMES_MAX
    assert max(pad) <= CONTENT_MAX


@given(length=st.integers(60, 10**7), content_max=st.integers(1, 3000))
def test_more_frames_are_taken_only_where_fewer_cannot_hold_it(length: int, content_max: int) -> None:
    try:
        pad = padding_of(length, content_max=content_max)
    except ValueError:
        least = length + FRAMES_MAX * COST
        assert padme(least) - least > FRAMES_MAX * content_max
        return
    whole = length + sum(pad) + COST * len(pad)
    assert whole == padme(whole)
    assert max(pad) <= content_max
    fewer = length + COST * (len(pad) - 1)
    assert len(pad) == 1 or padme(fewer) - fewer > content_max * (len(pad) - 1)


def test_the_longest_stream_can_be_padded() -> None:
    pad = padding_of(2**46 + 1)
    assert len(pad) == FRAMES_MAX
    assert sum(pad) == 2**40 - 1 - COST * FRAMES_MAX
    with pytest.raises(ValueError, match="no stream"):
        padding_of(2**47 + 1)


def test_the_number_of_different_lengths_grows_with_the_logarithm_of_the_logarithm() -> None:
    lengths = {padme(length) for length in range(2**20 + 1, 2**21, 1000)}
    assert len(lengths) == 2**5
