"""Content: one file of a snapshot as a seekable file object, read by ranges straight from the store."""

import io
import os
from typing import TYPE_CHECKING

import numpy as np

from chatseal.errors import IntegrityError
from chatseal.snapshots.pack_reader import PackReader
from chatseal.snapshots.page_map import ZEROS
from chatseal.snapshots.page_table import PageTable, Units

if TYPE_CHECKING:
    from typing_extensions import Buffer

_LOOK = 256  # units that are looked at for one that does not follow


class Content(io.RawIOBase):
    """read, readinto, seek, tell, for one thread at a time. What it returns is authenticated; after an IntegrityError every read fails.

    Wrap it in io.BufferedReader for many small reads."""

    def __init__(self, table: PageTable, units: Units, packs: PackReader) -> None:
        """*packs* is closed with it."""
        super().__init__()
        self._table, self._units, self._packs = table, units, packs
        self._position = 0
        self._error: IntegrityError | None = None

    @property
    def size(self) -> int:
        """Bytes of content."""
        return self._units.entry.size

    def readinto(self, buffer: "Buffer", /) -> int:
        if self._error is not None:
            raise self._error
        view = memoryview(buffer).cast("B")
        wanted, done = min(len(view), max(0, self.size - self._position)), 0
        try:
            while done < wanted:
                done += self._piece(view[done:wanted])
        except IntegrityError as error:
            self._error = error
            raise
        return done

    def _piece(self, view: memoryview) -> int:
        """The bytes at the position that lie in a row in one pack."""
        units, unit = self._units, self._units.unit
        number, within = divmod(self._position, unit)
        pack = int(units.packs[number])
        here = slice(number, number + min(_LOOK, -(-(within + len(view)) // unit)))
        step = 0 if pack == ZEROS else unit
        at = units.at[here].astype(np.int64)
        follows = (units.packs[here] == pack) & (at == at[0] + step * np.arange(len(at)))
        count = len(follows) if follows.all() else int(np.argmin(follows))
        length = min(len(view), count * unit - within)
        if pack == ZEROS:
            view[:length] = bytes(length)
        else:
            view[:length] = self._packs.read(self._table.packs[pack], int(at[0]) + within, length)
        self._position += length
        return length

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}.get(whence)
        if base is None:
            raise ValueError(f"invalid whence: {whence}")
        if base + offset < 0:
            raise ValueError("negative seek position")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            self._packs.close()
        super().close()
