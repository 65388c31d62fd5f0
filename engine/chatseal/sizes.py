"""Sizes: numbers of bytes as people write them."""

import re
from fractions import Fraction

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([KMGT])(i?B)?|B)?", re.IGNORECASE)
_POWERS = "KMGT"


def parse_size(text: str) -> int:
    """Bytes in a size: 4096, 64K, 1M, 1.5G, 1GiB (powers of 1024), 1GB (of 1000). ValueError if it is none."""
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} is not a size; write 4096, 64K, 1M, 1GiB or 1GB")
    number, letter, unit = found.groups()
    base = 1000 if unit and unit.upper() == "B" else 1024
    return int(Fraction(number) * base ** (_POWERS.index(letter.upper()) + 1 if letter else 0))
