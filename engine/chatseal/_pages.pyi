"""What is done to many units of a source in one call (ext/pages.pyx). Every call releases the GIL."""

from typing import Final, final

from typing_extensions import Buffer

SAME: Final[int]
CHANGED: Final[int]
ZERO: Final[int]
PRINT_LENGTH: Final[int]

@final
class Fingerprinter:
    """One thread's keyed fingerprints: HMAC-SHA-256 of a unit, cut to 16 bytes. *key* is 32 bytes."""

    def __init__(self, key: Buffer) -> None: ...
    def compare(self, data: Buffer, unit: int, known: int, prints: Buffer, marks: Buffer) -> int:
        """Put the fingerprint of each unit of *data* over the one in *prints* (16 bytes each) and return how many changed.

        The first *known* of *prints* are those of the last time. *marks*, a byte for each unit, get SAME, CHANGED, or ZERO: changed, and
        all zeros. The last unit may be shorter."""

def gather(data: Buffer, length: int, unit: int, marks: Buffer) -> int:
    """Move those units of the first *length* bytes of *data* that are marked CHANGED to its beginning, in order; return their bytes."""
