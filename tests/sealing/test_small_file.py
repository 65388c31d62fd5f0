"""A small file, whole: every bit of it that is flipped and every byte that is cut off is noticed, in every way of reading."""

import io
from functools import lru_cache
from pathlib import Path

import pytest

import chatseal
from chatseal import BackupKey, PrivateKey
from corpus import KEY_BYTES, KIB, PAIR_BYTES, RECORD, chat, noise
from oracle import take_apart
from sealing import ways
from sealing.ways import Outcome

KEY, PAIR = BackupKey(KEY_BYTES), PrivateKey(PAIR_BYTES)
PLAIN = chat(400)
HEADER = 4096


@lru_cache
def small(size_line: bool) -> bytes:
    """A file of one record."""
    return chatseal.seal_bytes(PLAIN, KEY) if size_line else b"".join(chatseal.seal_chunks([PLAIN], KEY))


@lru_cache
def longer() -> bytes:
    """A file of several frames and records, without a size line, whose last record is short."""
    return b"".join(chatseal.seal_chunks([noise(150_001)], KEY, frame_size=64 * KIB))


def end_of_a_flip(file: bytes, at: int) -> str:
    """What section 5 says of a changed byte of *file*, whose payload is one record."""
    if at < len("chatseal/v1 sealed\n"):
        return "not a sealed file"
    if at < HEADER:
        return "header damaged"
    if at < HEADER + 56:
        return "header altered"
    return "damaged" if file.startswith(b"chatseal/v1 sealed\nsize ") else "truncated"


def is_true_prefix(outcome: Outcome, plain: bytes) -> bool:
    return outcome.released is None or plain.startswith(outcome.released)


@pytest.mark.parametrize("size_line", [True, False])
@pytest.mark.parametrize("way", [ways.stream_to_stream, ways.random_access], ids=lambda way: way.__name__)
def test_every_byte_that_changes_is_noticed_and_named_right(way: ways.Way, size_line: bool, tmp_path: Path) -> None:
    file = small(size_line)
    for at in range(len(file)):
        changed = bytearray(file)
        changed[at] ^= 1 << at % 8
        outcome = way(bytes(changed), KEY, tmp_path)
        assert outcome.released == b""
        # A byte of the MAC can become another letter of base64 and be right in form; one of the pad can only be wrong.
        expected = {"header damaged", "header altered"} if HEADER - 44 <= at < HEADER - 1 else {end_of_a_flip(file, at)}
        assert outcome.end in expected, f"byte {at}"


@pytest.mark.soak
@pytest.mark.parametrize("bit", range(8))
@pytest.mark.parametrize("way", [*ways.FORWARD, ways.random_access], ids=lambda way: way.__name__)
def test_every_bit_that_changes_is_noticed_in_every_way_of_reading(way: ways.Way, bit: int, tmp_path: Path) -> None:
    for file in (small(True), small(False)):
        pad = range(file.index(b"\npad ") + 10, file.index(b"\nend ") - 10)
        for at in range(len(file)):
            if at in pad and at % 61:
                continue  # thousands of dots, one like the other
            changed = bytearray(file)
            changed[at] ^= 1 << bit
            outcome = way(bytes(changed), KEY, tmp_path)
            assert outcome.end != "ok", f"byte {at}"
            assert is_true_prefix(outcome, b"")


def test_every_record_that_changes_is_noticed_and_what_came_before_is_a_true_prefix(tmp_path: Path) -> None:
    file, plain = longer(), noise(150_001)
    parts = take_apart(file, KEY)
    for number in range(parts.records):
        span = parts.record(number)
        for at in {span.start, (span.start + min(span.stop, len(file))) // 2, min(span.stop, len(file)) - 1}:
            changed = bytearray(file)
            changed[at] ^= 128
            outcomes = [way(bytes(changed), KEY, tmp_path) for way in ways.FORWARD]
            assert {outcome.end for outcome in outcomes} == {"truncated" if number == parts.records - 1 else "damaged"}
            for outcome in outcomes:
                if outcome.released is not None:
                    assert outcome.released == plain[: parts.released_before(number)]


@pytest.mark.parametrize("size_line", [True, False])
@pytest.mark.parametrize("way", [ways.stream_to_stream, ways.random_access, ways.in_memory], ids=lambda way: way.__name__)
def test_a_cut_at_every_byte_is_truncation(way: ways.Way, size_line: bool, tmp_path: Path) -> None:
    file = small(size_line)
    for length in range(len(file)):
        outcome = way(file[:length], KEY, tmp_path)
        assert outcome.end == "truncated", f"cut at {length}"
        assert is_true_prefix(outcome, b"")


def test_a_cut_at_any_byte_of_a_longer_file_is_truncation_in_every_way_of_reading(tmp_path: Path) -> None:
    file, plain = longer(), noise(150_001)
    parts = take_apart(file, KEY)
    cuts = {parts.record(number).start + off for number in range(parts.records) for off in (0, 1, 15, 16, 17, RECORD - 1, RECORD + 15)}
    for length in sorted(cut for cut in cuts if cut < len(file)):
        outcomes = [way(file[:length], KEY, tmp_path) for way in (*ways.FORWARD, ways.random_access)]
        assert {outcome.end for outcome in outcomes} == {"truncated"}, f"cut at {length}"
        assert all(is_true_prefix(outcome, plain) for outcome in outcomes)


@pytest.mark.parametrize("size_line", [True, False])
@pytest.mark.parametrize("extra", [1, 15, 16, 17, RECORD - 1, RECORD + 16, 100_000])
def test_bytes_after_the_end_are_noticed(extra: int, size_line: bool, tmp_path: Path) -> None:
    file = small(size_line) + noise(extra)
    outcomes = {way.__name__: way(file, KEY, tmp_path) for way in ways.FORWARD}
    # Without a size line the bytes belong to a record, and that record fails: a full one is damaged, a short one looks cut off.
    full = len(small(size_line)) - HEADER - 56 + extra >= RECORD + 16
    assert {outcome.end for outcome in outcomes.values()} == {"trailing bytes" if size_line else "damaged" if full else "truncated"}
    assert all(is_true_prefix(outcome, PLAIN) for outcome in outcomes.values())
    assert ways.random_access(file, KEY, tmp_path).end in ({"trailing bytes"} if size_line else {"damaged", "truncated"})


def test_every_byte_of_a_public_key_slot_that_changes_is_noticed(tmp_path: Path) -> None:
    file = chatseal.seal_bytes(PLAIN, PAIR.public_key)
    for at in range(0, 1700, 7):
        changed = bytearray(file)
        changed[at] ^= 2
        outcome = ways.stream_to_stream(bytes(changed), PAIR, tmp_path)
        assert outcome == Outcome("not a sealed file" if at < 19 else "header damaged", b"")


def test_an_interrupted_copy_of_any_length_over_old_bytes_is_noticed(tmp_path: Path) -> None:
    """A copy that stopped leaves the old file's end behind the new file's beginning."""
    old, new = (b"".join(chatseal.seal_chunks([noise(100_000, seed)], KEY)) for seed in (1, 2))
    assert len(old) == len(new)
    for length in (100, 4095, 4096, 4100, 4152, 4153, 20_000, 4152 + RECORD + 16, 90_000):
        outcome = ways.stream_to_stream(new[:length] + old[length:], KEY, tmp_path)
        assert outcome.end in ("header altered", "damaged", "header damaged")
        assert is_true_prefix(outcome, noise(100_000, 2))


def test_an_empty_source_is_truncated_and_says_so(tmp_path: Path) -> None:
    for way in (*ways.FORWARD, ways.random_access):
        assert way(b"", KEY, tmp_path).end == "truncated"
    with pytest.raises(chatseal.TruncatedError, match="inside its header, after 0 bytes"):
        chatseal.unseal(io.BytesIO(b""), io.BytesIO(), KEY)
