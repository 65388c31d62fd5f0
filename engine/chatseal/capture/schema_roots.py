"""Schema roots: where the b-trees of a SQLite database begin, which only its schema says."""

from collections.abc import Callable, Iterator

PAGES_MAX = 20_000  # of the schema's own b-tree
PREFIX_MAX = 1 << 16  # bytes of a row before its root page: kind and names

_LEAF, _INTERIOR = 13, 5
_ROOT_COLUMN = 3  # type, name, tbl_name, rootpage, sql
_INTEGER_BYTES = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 8: 0, 9: 0}  # by serial type

ReadPage = Callable[[int], bytes]  # the usable bytes of a page


class SchemaDamagedError(Exception):
    """The schema contradicts itself, or is larger than any."""


def root_pages(read_page: ReadPage, pages: int) -> Iterator[int]:
    """The root pages of all tables and indexes of a database of so many *pages*, without that of the schema. Raises SchemaDamagedError."""
    waiting, seen = [1], {1}
    while waiting:
        number = waiting.pop()
        page = read_page(number)
        start = 100 if number == 1 else 0
        kind, cells = page[start], _uint(page, start + 3, 2)
        if kind not in (_LEAF, _INTERIOR):
            raise SchemaDamagedError
        array = start + (12 if kind == _INTERIOR else 8)
        places = [_uint(page, array + 2 * i, 2) for i in range(cells)]
        if kind == _LEAF:
            for at in places:
                if root := _root(read_page, page, at, pages):
                    yield root
            continue
        for child in [_uint(page, at, 4) for at in places] + [_uint(page, start + 8, 4)]:
            if not 2 <= child <= pages or child in seen or len(seen) == PAGES_MAX:
                raise SchemaDamagedError
            seen.add(child)
            waiting.append(child)


def _root(read_page: ReadPage, page: bytes, at: int, pages: int) -> int:
    """The root page in the row whose cell begins at *at*; 0 for a view, a trigger or a virtual table."""
    length, at = _varint(page, at)
    _, at = _varint(page, at)
    row = _Row(read_page, page, at, length, pages)
    header, place = _varint(row.until(9), 0)
    row.until(header)
    sizes: list[int] = []
    while len(sizes) <= _ROOT_COLUMN:
        if place >= header:
            raise SchemaDamagedError
        serial, place = _varint(row.data, place)
        if len(sizes) == _ROOT_COLUMN:
            break
        size = (serial - 12) // 2 if serial >= 12 else _INTEGER_BYTES.get(serial)
        if size is None:
            raise SchemaDamagedError
        sizes.append(size)
    width = _INTEGER_BYTES.get(serial)
    if width is None or place > header:
        raise SchemaDamagedError
    if serial in (8, 9):
        return serial - 8
    start = header + sum(sizes)
    value = int.from_bytes(row.until(start + width)[start : start + width], "big", signed=True)
    if not 0 <= value <= pages:
        raise SchemaDamagedError
    return value


class _Row:
    """The beginning of a row, as much of it as is asked for."""

    def __init__(self, read_page: ReadPage, page: bytes, at: int, length: int, pages: int) -> None:
        self._read_page, self._length, self._pages = read_page, length, pages
        usable = len(page)
        most, least = usable - 35, (usable - 12) * 32 // 255 - 23
        local = length
        if length > most:
            fit = least + (length - least) % (usable - 4)
            local = fit if fit <= most else least
        self.data = page[at : at + local]
        if len(self.data) < local:
            raise SchemaDamagedError
        self._next = _uint(page, at + local, 4) if local < length else 0

    def until(self, end: int) -> bytes:
        """The row with at least its first *end* bytes, all of it if it has fewer; a row that is asked for more than that is damaged."""
        if end > PREFIX_MAX:
            raise SchemaDamagedError
        while len(self.data) < min(end, self._length):
            if not 2 <= self._next <= self._pages:
                raise SchemaDamagedError
            page = self._read_page(self._next)
            self._next = _uint(page, 0, 4)
            self.data += page[4 : 4 + self._length - len(self.data)]
        return self.data


def _uint(data: bytes, at: int, length: int) -> int:
    if at + length > len(data):
        raise SchemaDamagedError
    return int.from_bytes(data[at : at + length], "big")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number of 1 to 9 bytes at *at*, and where it ends."""
    value = 0
    for i in range(9):
        if at + i >= len(data):
            raise SchemaDamagedError
        byte = data[at + i]
        if i == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + i + 1
    raise AssertionError
