"""Budgets: never fewer than one thread and two slots, never more than was given."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chatseal
from chatseal import BackupKey, DamagedError, LimitError, _core
from chatseal.errors import exit_code
from chatseal.sealing import faults
from chatseal.sealing.budget import Budget, cores
from chatseal.sealing.seal import SealOptions, check_fits
from chatseal.sealing.source import Source
from corpus import KEY_BYTES, KIB, MIB

FRAME_SIZES = st.sampled_from([64 * KIB, MIB, 16 * MIB])


@given(
    threads=st.integers(1, 1024),
    memory=st.none() | st.integers(1, 10**10),
    level=st.integers(-7, 22),
    frame_size=FRAME_SIZES,
    size=st.none() | st.integers(0, 10**12),
)
def test_a_sealing_budget_is_kept(threads: int, memory: int | None, level: int, frame_size: int, size: int | None) -> None:
    given_, slots = Budget.of(threads, memory).for_sealing(level, frame_size, size)
    assert 1 <= given_ <= threads
    assert slots >= max(2, min(given_, 2))
    _core.SealPipeline(slots)
    if size is not None:
        assert given_ <= max(1, -(-size // frame_size)), "more threads than frames would idle"
    if memory is not None and given_ > 1:
        assert 2 * slots * frame_size <= 2 * memory


@given(threads=st.integers(1, 1024), memory=st.none() | st.integers(1, 10**10), length=st.none() | st.integers(0, 10**12))
def test_an_unsealing_budget_is_kept(threads: int, memory: int | None, length: int | None) -> None:
    given_, runs, frames, ring = Budget.of(threads, memory).for_unsealing(length)
    assert 1 <= given_ <= threads
    assert ring % _core.RING_STEP == 0
    assert ring >= (2 if length is None or length > _core.RUN_LENGTH else 1) * _core.RING_STEP
    _core.UnsealPipeline(runs, frames)
    if memory is not None and given_ > 1:
        assert runs * _core.RUN_LENGTH + ring <= memory


def test_the_default_is_every_core() -> None:
    assert Budget.of(None, None).threads == cores() >= 1


@pytest.mark.parametrize(("threads", "memory"), [(0, None), (-1, None), (1025, None), (1, 0), (1, -5)])
def test_budgets_that_cannot_be_are_refused(threads: int, memory: int | None) -> None:
    with pytest.raises(ValueError, match=r"threads is 1 to 1024|memory is"):
        Budget.of(threads, memory)


def test_a_source_that_no_sealed_file_can_hold_is_refused_before_the_work() -> None:
    check_fits(Source(length=2**45), SealOptions())
    check_fits(Source(), SealOptions())
    with pytest.raises(LimitError):
        check_fits(Source(length=2**46), SealOptions(frame_size=64 * KIB))
    with pytest.raises(LimitError):
        check_fits(Source(length=2**46 + 1), SealOptions(frame_size=16 * MIB))


# --- Codes of the core as errors --------------------------------------------------------------------------------------

COMMON = [
    (_core.NO_MEMORY, MemoryError, 1),
    (_core.LIBRARY, chatseal.CodecError, 1),
    (_core.READ_FAILED, OSError, 15),
    (_core.WRITE_FAILED, OSError, 15),
    (_core.SOURCE_SHRANK, chatseal.SourceChangedError, 1),
    (99, chatseal.CodecError, 1),
]


@pytest.mark.parametrize(("code", "kind", "exits"), COMMON)
def test_every_code_of_the_core_is_an_error_with_words(code: int, kind: type[Exception], exits: int) -> None:
    fault = (code, 28, _core.PLAINTEXT, 7)
    errors = [
        faults.sealing_error(fault, "source", "target"),
        faults.unsealing_error(fault, "source", "target", header_length=4096, size=None, payload_length=None),
    ]
    for error in errors:
        assert type(error) is kind
        assert str(error)
        assert exit_code(error) == exits
    if kind is OSError:
        name = "source" if code == _core.READ_FAILED else "target"
        assert {(error.errno, error.filename) for error in errors if isinstance(error, OSError)} == {(28, name)}


def test_more_frames_than_there_may_be_are_a_limit_to_a_writer() -> None:
    assert type(faults.sealing_error((_core.TOO_MANY_FRAMES, 0, _core.PLAINTEXT, 7), "source", "target")) is LimitError


def test_more_frames_than_there_may_be_are_damage_to_a_reader() -> None:
    fault = (_core.TOO_MANY_FRAMES, 0, _core.PLAINTEXT, 7)
    error = faults.unsealing_error(fault, "source", "target", header_length=4096, size=None, payload_length=None)
    assert type(error) is DamagedError


def test_a_target_that_is_full_is_the_callers_error() -> None:
    error = faults.unsealing_error((_core.TARGET_FULL, 0, 0, 0), "source", "target", header_length=4096, size=None, payload_length=None)
    assert type(error) is ValueError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (chatseal.KeyFormatError("x"), 2),
        (chatseal.WrongKeyError("x"), 12),
        (chatseal.NotSealedError("x"), 13),
        (chatseal.HeaderDamagedError("x"), 13),
        (chatseal.HeaderAlteredError("x"), 13),
        (chatseal.DamagedError("x"), 13),
        (chatseal.TrailingBytesError("x"), 13),
        (chatseal.TruncatedError("x"), 14),
        (chatseal.TargetExistsError("x"), 1),
        (KeyboardInterrupt(), 130),
        (FileNotFoundError(2, "x"), 10),
        (OSError(28, "x"), 15),
        (OSError(122, "x"), 15),
        (OSError(16, "x"), 11),
        (PermissionError(13, "x"), 1),
        (ValueError("x"), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_every_error_has_its_exit_code(error: BaseException, code: int) -> None:
    assert exit_code(error) == code


def test_errors_of_damage_name_a_place_and_a_remedy_and_nothing_of_the_content() -> None:
    plain = b"the secret of the message " * 10_000
    sealed = bytearray(chatseal.seal_bytes(plain, BackupKey(KEY_BYTES)))
    sealed[-30] ^= 1
    with pytest.raises(chatseal.DamagedError, match="byte") as raised:
        chatseal.unseal_bytes(sealed, BackupKey(KEY_BYTES))
    assert raised.value.remedy
    assert "secret" not in str(raised.value)
