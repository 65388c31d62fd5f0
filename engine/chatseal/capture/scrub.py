"""Scrub: a database as its readers see it, without what was deleted from it and lies in its pages still."""

from chatseal._scrub import NotScrubbable, Scrubber
from chatseal.capture.image import Image
from chatseal.capture.schema_roots import SchemaDamagedError, root_pages

STEP = 1 << 20  # bytes that are looked through in one go
_HEADER = 100


class ScrubbedImage:
    """An image of a SQLite database with zeros in place of what nothing in it refers to.

    Free pages, the space between the cells of a page, what follows the end of a long value: whatever a deletion left there does not travel.
    Every row, index and count stays as it is. A full-text index may keep words of deleted rows until it is optimised: that is content.

    It reads the database twice, first to account for each page. If anything in it contradicts, or it is none that SQLite can read, it comes
    as it is, and a warning says so. Memory: 9 bytes a page. Threads as of the image that it is put around, which it closes."""

    def __init__(self, image: Image) -> None:
        """Looks through all of *image*. Raises what reading and settling it do; *image* stays the caller's then."""
        self._image = image
        self.unit = image.unit
        self.length = image.length
        self._scrubber: Scrubber | None = None
        self._reason = ""
        self._look()
        if self._scrubber is None and not image.settle():
            # What seemed to contradict may have been written in between. From now on it lies still.
            self._look()

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """As Image.read_into. *offset* has to be a multiple of the page length, as it is one of the unit."""
        n = self._image.read_into(offset, buffer)
        if self._scrubber is None:
            return n
        page = self._scrubber.page_length
        first, inside = divmod(offset, page)
        if inside:
            raise ValueError("a scrubbed database is read from the beginning of a page on")
        whole = n // page * page
        self._scrubber.scrub(first + 1, buffer[:whole])
        if whole < n:
            buffer[whole:n] = self._scrubbed_page(first + 1 + whole // page)[: n - whole]
        return n

    def settle(self) -> bool:
        """As Image.settle; if it is False this looks through the database again, which lies still then, so that writers wait longer."""
        settled = self._image.settle()
        if not settled:
            self._look()
        return settled

    def warnings(self) -> list[str]:
        found = self._image.warnings()
        if self._scrubber is None:
            found.append(f"the database is not scrubbed: {self._reason}; what was deleted from it may be in the backup")
        return found

    @property
    def held_seconds(self) -> float:
        return self._image.held_seconds

    def close(self) -> None:
        self._image.close()

    def _look(self) -> None:
        """Account for every page of the image as it is now."""
        self.length = self._image.length
        self._scrubber, self._reason = None, "something in it contradicts itself"
        buffer = memoryview(bytearray(max(STEP, self.unit)))
        try:
            scrubber = Scrubber(buffer[: self._read(0, buffer)], self.length or 0)
            pages = _Pages(self._image, scrubber)
            trunk = scrubber.first_trunk
            while trunk and trunk <= scrubber.pages:
                trunk = scrubber.trunk(trunk, pages.whole(trunk))
            for root in root_pages(pages.usable, scrubber.pages):
                scrubber.root(root)
        except NotScrubbable as error:
            self._reason = str(error)
            return
        except SchemaDamagedError:
            return
        for at in range(0, scrubber.pages * scrubber.page_length, len(buffer)):
            n = self._read(at, buffer)
            if n < min(len(buffer), scrubber.pages * scrubber.page_length - at):
                return  # it became shorter
            scrubber.scan(buffer[:n])
        if scrubber.finish():
            self._scrubber = scrubber

    def _read(self, offset: int, buffer: memoryview) -> int:
        return self._image.read_into(offset, buffer)

    def _scrubbed_page(self, number: int) -> bytes:
        assert self._scrubber is not None
        page = bytearray(_Pages(self._image, self._scrubber).whole(number))
        self._scrubber.scrub(number, page)
        return bytes(page)


class _Pages:
    """Single pages of an image, which is read in units."""

    def __init__(self, image: Image, scrubber: Scrubber) -> None:
        self._image, self._length, self._usable = image, scrubber.page_length, scrubber.usable
        self._stretch = max(image.unit, self._length)  # one is a multiple of the other

    def whole(self, number: int) -> bytes:
        """Page *number*; zeros where the image ends before it does."""
        stretch, inside = divmod((number - 1) * self._length, self._stretch)
        data = bytearray(self._stretch)
        self._image.read_into(stretch * self._stretch, memoryview(data))
        return bytes(data[inside : inside + self._length])

    def usable(self, number: int) -> bytes:
        return self.whole(number)[: self._usable]
