"""Hot journal: what a program that crashed in the middle of a transaction left to be rolled back, laid over the database for reading.

    journal:  | header, padded to a sector | records | header | records | ... | name of a super-journal |
    header:   magic 8 | records 4 | nonce 4 | pages before 4 | sector 4 | page size 4
    record:   page number 4 | the page as it was before | checksum 4

A record that fails its checksum ends the journal: it was not written to its end, so the page in the file was not touched."""

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field

from chatseal import _pages
from chatseal.errors import CaptureError

MAGIC = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
HEADER_LEN = 28
SECTOR_MIN, SECTOR_MAX = 32, 65536
SUPER_NAME_MAX = 4096
LOCK_BYTE = 0x40000000
UP_TO_THE_END = 0xFFFFFFFF  # as many records as the file has


@dataclass
class Journal:
    """Where the earlier version of each page is. `pages` is how many the database had before. 16 bytes for each record."""

    page_length: int
    pages: int
    numbers: "array[int]" = field(default_factory=lambda: array("Q"))  # page << 32 | record, sorted
    offsets: "array[int]" = field(default_factory=lambda: array("Q"))  # in the journal, by record

    @classmethod
    def read(cls, file: _pages.File, page_length: int, name: str) -> "Journal | None":
        """The records of the journal *file*; None if it holds none that count. Raises CaptureError for a super-journal, OSError."""
        size = file.stat().size
        if _super_journal(file, size):
            raise CaptureError(f"{name} was left in the middle of a transaction over several databases").with_remedy(
                "Open all of them with the application once, so that it rolls back, and try again."
            )
        found: Journal | None = None
        at, sector = 0, 1
        while (header := _read(file, at, HEADER_LEN)) and header.startswith(MAGIC) and len(header) == HEADER_LEN:
            records, nonce, pages, its_sector, its_page = (int.from_bytes(header[i : i + 4], "big") for i in range(8, HEADER_LEN, 4))
            if found is None:
                if not (SECTOR_MIN <= its_sector <= SECTOR_MAX and its_sector & (its_sector - 1) == 0):
                    return None
                if (its_page or page_length) != page_length:
                    raise CaptureError(f"{name} is damaged: its journal has pages of another size")
                found, sector = cls(page_length, pages), its_sector
            at += sector
            if records == UP_TO_THE_END:
                records = max(0, size - at) // (page_length + 8)
            for _ in range(min(records, max(0, size - at) // (page_length + 8))):
                record = _read(file, at, page_length + 8)
                number = int.from_bytes(record[:4], "big")
                page = record[4:-4]
                if number in (0, LOCK_BYTE // page_length + 1) or _checksum(nonce, page) != int.from_bytes(record[-4:], "big"):
                    return found._sorted()
                if number <= found.pages:
                    found.numbers.append(number << 32 | len(found.offsets))
                    found.offsets.append(at + 4)
                at += len(record)
            at = -(-at // sector) * sector
        return found._sorted() if found else None

    def _sorted(self) -> "Journal":
        self.numbers = array("Q", sorted(self.numbers))
        return self


class JournalOverlay:
    """A database as it was before the transaction that *journal* rolls back."""

    def __init__(self, main: _pages.File, file: _pages.File, journal: Journal) -> None:
        self.length = journal.pages * journal.page_length
        self._file, self._journal = file, journal
        self._main = _pages.Overlay(main, None, journal.page_length, self.length)

    def read_into(self, offset: int, buffer: memoryview) -> int:
        done = self._main.read_into(offset, buffer)
        journal, end = self._journal, offset + done
        first = offset // journal.page_length + 1
        for i in range(bisect_left(journal.numbers, first << 32), len(journal.numbers)):
            number, record = journal.numbers[i] >> 32, journal.numbers[i] & 0xFFFFFFFF
            at = (number - 1) * journal.page_length
            if at >= end:
                break
            begin, stop = max(at, offset), min(at + journal.page_length, end)
            part = buffer[begin - offset : stop - offset]
            if self._file.read_into(journal.offsets[record] + begin - at, part) < len(part):
                raise OSError("the journal became shorter")
        return done


def _read(file: _pages.File, offset: int, length: int) -> bytes:
    data = bytearray(length)
    return bytes(data[: file.read_into(offset, data)])


def _checksum(nonce: int, page: bytes) -> int:
    return (nonce + sum(page[len(page) - 200 : 0 : -200])) & 0xFFFFFFFF


def _super_journal(file: _pages.File, size: int) -> bool:
    """Whether the journal ends with the name of a super-journal: name, its length, its sum of bytes, magic."""
    if size < 16:
        return False
    end = _read(file, size - 16, 16)
    length = int.from_bytes(end[:4], "big")
    if end[8:] != MAGIC or not 0 < length <= min(SUPER_NAME_MAX, size - 16):
        return False
    name = _read(file, size - 16 - length, length)
    return sum(name) & 0xFFFFFFFF == int.from_bytes(end[4:8], "big") and not name.startswith(b"\0")
