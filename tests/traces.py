"""Traces: every way in which the bytes of a key could be written down somewhere, to be searched for."""

import base64
from collections.abc import Iterator

from slow_writer import expand


def _spellings(part: bytes) -> Iterator[tuple[str, bytes]]:
    """*part* in every encoding, by name."""
    yield "raw", part
    yield "raw, backwards", part[::-1]
    for size in (4, 8):
        words = [part[at : at + size] for at in range(0, len(part), size)]
        yield f"raw, words of {size} bytes reversed", b"".join(word[::-1] for word in words)
        yield f"hexadecimal, words of {size} bytes reversed", b"".join(word[::-1] for word in words).hex().encode()
    for digits in (part.hex(), part.hex().upper()):
        case = "lower" if digits.islower() else "upper"
        yield f"hexadecimal, {case} case", digits.encode()
        yield f"hexadecimal, {case} case, UTF-16", digits.encode("utf-16-le")
        yield f"hexadecimal, {case} case, UTF-32", digits.encode("utf-32-le")
        for width, between in ((4, " "), (4, "-"), (2, " "), (2, ":"), (2, "\\x"), (2, ", 0x")):
            yield (
                f"hexadecimal, {case} case, {between!r} every {width}",
                between.join(digits[at : at + width] for at in range(0, len(digits), width)).encode(),
            )
    for shift in range(3):
        whole = base64.b64encode(bytes(shift) + part)
        text = whole[-(-8 * shift // 6) : 8 * (shift + len(part)) // 6]  # without characters that hold bits of the neighbours
        yield f"base64, {shift} bytes in", text
        yield f"base64 for URLs, {shift} bytes in", text.translate(bytes.maketrans(b"+/", b"-_"))
    for between in (", ", ",", " "):
        yield f"decimal, {between!r} between", between.join(map(str, part)).encode()
    yield "repr of bytes", repr(part)[2:-1].encode()
    yield "an integer", str(int.from_bytes(part, "big")).encode()
    yield "an integer, little-endian", str(int.from_bytes(part, "little")).encode()


PART = 8  # bytes; a line of a key file shows as many


def spellings(secret: bytes) -> Iterator[tuple[str, bytes]]:
    """What to search for: each part of *secret* in every encoding, so that what shows some of it is found, too."""
    for at in range(0, len(secret), PART):
        for how, text in _spellings(secret[at : at + PART]):
            yield f"bytes {at} to {at + PART}, {how}", text


def found_in(data: bytes, *secrets: bytes) -> list[str]:
    """How *secrets* are written in *data*: nothing, if it shows none of them."""
    return [how for secret in secrets for how, text in spellings(secret) if text in data]


def is_shown_in(data: bytes, secret: bytes) -> bool:
    """Whether any part of *secret* is in *data*; for large data, where it stops at the first."""
    return any(text in data for _, text in spellings(secret))


def keys_below(backup_key: bytes, file_key: bytes, salt: bytes) -> list[bytes]:
    """Every secret that follows from a backup key for one file: it, its KEK, the file key, and the key of the payload's records."""
    from cryptography.hazmat.primitives.hashes import SHA512
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    kek = HKDF(SHA512(), 32, None, b"chatseal/v1 slot key").derive(backup_key)
    payload = expand(file_key, b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + salt + b"chatseal/v1\0sealed", 76)
    return [backup_key, kek, file_key, payload[:32]]
