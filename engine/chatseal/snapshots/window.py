"""Window: a stretch of a file in memory, filled out of packs in any order."""

import numpy as np


class Window:
    """The bytes of a file from `begin` on, `length` of them, zeros at first. `write_at` may be called from several threads for other bytes,
    the rest from one."""

    descriptor = -1  # there is no file

    def __init__(self, most: int) -> None:
        """Room for *most* bytes."""
        self._room = np.zeros(most, np.uint8)
        self.begin = self.length = 0

    def move(self, begin: int, length: int) -> None:
        """Show another stretch, of zeros. ValueError if it is longer than there is room."""
        if not 0 <= length <= len(self._room):
            raise ValueError("the window is too small")
        self.begin, self.length = begin, length
        self._room[:length] = 0

    @property
    def content(self) -> memoryview:
        """What was written, valid until it moves."""
        return self._room[: self.length].data

    def write_at(self, offset: int, data: memoryview) -> None:
        """Write all of *data* at *offset* of the file, all of it in the window."""
        at = offset - self.begin
        self.content[at : at + len(data)] = data
