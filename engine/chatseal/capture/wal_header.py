"""The shared-memory header of a write-ahead log: how far the log goes that readers of this moment see."""

import struct
from dataclasses import dataclass

VERSION = 3007000
HEADER_LEN = 48
# version, unused, change, initialised, big-endian checksums, page size, frames, pages, frame checksum, salts, checksum: native words
_HEADER = struct.Struct("=IIIBBHII2I8s2I")
_BACKFILLED = struct.Struct("=I")


@dataclass(frozen=True, slots=True)
class WalHeader:
    """What a read transaction sees. `backfilled`: that many frames are in the main file already. Without frames the lengths may be 0."""

    page_length: int
    frames: int
    pages: int
    sums: tuple[int, int]
    salts: bytes
    backfilled: int

    @property
    def main_is_all(self) -> bool:
        """Whether no reader of this moment looks into the log; it may even begin anew meanwhile."""
        return self.backfilled == self.frames

    @classmethod
    def parse(cls, shm: bytes) -> "WalHeader | None":
        """The header in *shm*, the first 136 bytes of the shared-memory file; None unless both copies say the same and are whole."""
        header = shm[:HEADER_LEN]
        if len(shm) < 2 * HEADER_LEN + _BACKFILLED.size or header != shm[HEADER_LEN : 2 * HEADER_LEN]:
            return None
        version, _, _, initialised, _, size, frames, pages, sum1, sum2, salts, check1, check2 = _HEADER.unpack(header)
        page_length = 65536 if size == 1 else size
        if version != VERSION or initialised != 1 or _sums(header[:40]) != (check1, check2):
            return None
        if frames and (page_length < 512 or page_length & (page_length - 1) or not pages):
            return None
        backfilled = _BACKFILLED.unpack_from(shm, 2 * HEADER_LEN)[0]
        return cls(page_length, frames, pages, (sum1, sum2), salts, backfilled)


def _sums(data: bytes) -> tuple[int, int]:
    a = b = 0
    for first, second in struct.iter_unpack("=II", data):
        a = (a + first + b) & 0xFFFFFFFF
        b = (b + second + a) & 0xFFFFFFFF
    return a, b
