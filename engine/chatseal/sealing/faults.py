"""Faults: the native core's codes as errors with words. One place, so that the same fault always reads the same."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from chatseal import _core
from chatseal.errors import CodecError, DamagedError, IntegrityError, LimitError, SourceChangedError, TrailingBytesError, TruncatedError
from chatseal.format.payload import PREFIX_LEN, RECORD_SEALED

Fault = tuple[int, int, int, int]  # code, errno, where, place: _core.SealPipeline.fault


@contextmanager
def codec_errors() -> Iterator[None]:
    """Gives the core's LibraryFailed words."""
    try:
        yield
    except _core.LibraryFailed:
        raise CodecError("libzstd or libcrypto failed") from None


def _common(fault: Fault, source: str, target: str) -> Exception | None:
    code, os_error = fault[:2]
    match code:
        case _core.NO_MEMORY:
            return MemoryError("not enough memory for a frame; fewer threads or --memory need less")
        case _core.LIBRARY:
            return CodecError("libzstd or libcrypto failed")
        case _core.READ_FAILED:
            return OSError(os_error, os.strerror(os_error), source)
        case _core.WRITE_FAILED:
            return OSError(os_error, os.strerror(os_error), target)
    return None


def sealing_error(fault: Fault, source: str, target: str) -> Exception:
    """The error for a fault of a SealPipeline."""
    if fault[0] == _core.SOURCE_SHRANK:
        return SourceChangedError(f"{source} shrank to {fault[3]} bytes while it was read")
    if fault[0] == _core.TOO_MANY_FRAMES:
        return LimitError("the source has more frames than a sealed file can hold; use a larger frame size")
    return _common(fault, source, target) or CodecError(f"unknown fault {fault[0]}")


def unsealing_error(
    fault: Fault, source: str, target: str, *, header_length: int, size: int | None, payload_length: int | None
) -> Exception:
    """The error for a fault of an UnsealPipeline: docs/format.md, section 5, in the order given there.

    *size* is what the header's size line says, *payload_length* what is there; either may be unknown."""
    code, _os_error, where, place = fault
    if code == _core.SOURCE_SHRANK:
        return SourceChangedError(f"{source} shrank while it was read")
    if code == _core.TARGET_FULL:
        return ValueError("the target buffer is smaller than the plaintext")
    if code == _core.TOO_MANY_FRAMES:
        return DamagedError(f"{source} is damaged: it has more frames than a sealed file can have")
    if code not in (_core.DAMAGED, _core.CUT_OFF):
        return _common(fault, source, target) or CodecError(f"unknown fault {code}")
    if by_length := length_error(source, size, payload_length):
        return by_length
    begin = header_length + PREFIX_LEN + place
    if where == _core.PLAINTEXT:
        return DamagedError(f"{source} is damaged: what it says of itself does not agree, at byte {place} of the plaintext")
    if where == _core.RECORD:
        return DamagedError(f"{source} is damaged between bytes {begin} and {begin + RECORD_SEALED}")
    if size is None:
        return TruncatedError(f"{source} is cut off, or damaged in its last record, at byte {begin}")
    return DamagedError(f"{source} is damaged in its last record, from byte {begin} on")


def length_error(source: str, size: int | None, payload_length: int | None) -> IntegrityError | None:
    """What the size line and the length that is there say together."""
    if size is None or payload_length is None or size == payload_length:
        return None
    if payload_length < size:
        return TruncatedError(f"{source} is truncated: {size - payload_length} of {size} bytes of payload are missing")
    return TrailingBytesError(f"{source} goes on after its end, from byte {size} of the payload on")
