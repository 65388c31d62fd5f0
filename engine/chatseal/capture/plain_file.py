"""Plain file: the content of a file that has no way to say when it lies still, and a comparison afterwards that shows whether it did."""

import os
import stat
import time
from contextlib import suppress

from chatseal.capture.image import UNIT_OF_FILES
from chatseal.errors import SourceChangedError

TICK = 0.02  # seconds: two writes nearer to each other may leave the same modification time
COARSE_TICK = 2.0  # the same, where times are whole seconds
_PAGE = 4096
_ZEROS = memoryview(bytes(1 << 18))


class PlainFile:
    """An open regular file as an Image. Holes of a sparse file are zeros without a look at the disk.

    Some files, as those of /proc, have content and say they are empty: their length is None, and they are read in turn."""

    unit = UNIT_OF_FILES
    length: int | None

    def __init__(self, descriptor: int, name: str) -> None:
        """Owns *descriptor*, even if this raises: SourceChangedError if it is no regular file (any more), OSError."""
        self.name, self._descriptor = name, descriptor
        self.bytes_read = 0  # of a file that is read in turn
        self._is_second_time = False
        try:
            self._look()
            if self.about.st_size == 0 and os.pread(descriptor, 1, 0):
                self.length = None
        except BaseException:
            self.close()
            raise
        if hasattr(os, "posix_fadvise") and self.about.st_size > UNIT_OF_FILES:
            with suppress(OSError):
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)

    def _look(self) -> None:
        """Remember what the file is before any of it is read."""
        about = os.fstat(self._descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise SourceChangedError(f"{self.name} is not a file any more")
        if _wait_for_tick(about):
            about = os.fstat(self._descriptor)
        self.about = about
        self.length = about.st_size
        self._has_holes = about.st_blocks * 512 < about.st_size and hasattr(os, "SEEK_DATA")

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """As Image.read_into. Raises SourceChangedError if the file has become shorter."""
        if self.length is None:
            if offset != self.bytes_read:
                raise ValueError("a file that does not know its length is read in turn")
            done = self._fill(offset, buffer)
            self.bytes_read += done
            return done
        wanted = max(0, min(len(buffer), self.length - offset))
        done = self._fill_with_holes(offset, buffer[:wanted]) if self._has_holes else self._fill(offset, buffer[:wanted])
        if done < wanted:
            raise SourceChangedError(f"{self.name} became shorter while it was read")
        return done

    def _fill(self, offset: int, buffer: memoryview) -> int:
        done = 0
        while done < len(buffer) and (n := os.preadv(self._descriptor, [buffer[done:]], offset + done)):
            done += n
        return done

    def _fill_with_holes(self, offset: int, buffer: memoryview) -> int:
        done = 0
        while done < len(buffer):
            data, hole = self._next_data(offset + done)
            zeros = min(len(buffer), data - offset) - done
            for at in range(done, done + zeros, len(_ZEROS)):
                n = min(len(_ZEROS), done + zeros - at)
                buffer[at : at + n] = _ZEROS[:n]
            done += zeros
            if done == len(buffer):
                break
            part = buffer[done : min(len(buffer), hole - offset)]
            n = self._fill(offset + done, part)
            done += n
            if n < len(part):
                break
        return done

    def _next_data(self, offset: int) -> tuple[int, int]:
        """Where the next data from *offset* on begins, and where the hole after it does."""
        assert self.length is not None
        try:
            # neither call looks at the position that it leaves, so that threads may make them side by side
            data = os.lseek(self._descriptor, offset, os.SEEK_DATA)
            hole = os.lseek(self._descriptor, data, os.SEEK_HOLE)
        except OSError:
            now = os.fstat(self._descriptor).st_size
            if now < self.length:
                raise SourceChangedError(f"{self.name} became shorter while it was read") from None
            return self.length, self.length  # no data from here to the end
        return data, max(hole, data + 1)

    def settle(self) -> bool:
        """True if the file was not written to while it was read; False the first time that it was: read it once more.

        Nothing keeps writers away then: SourceChangedError is raised if it was written to the second time as well. What another process
        writes through a map of the file into memory can stay unseen."""
        now, before = os.fstat(self._descriptor), self.about
        if self.length is None:
            return True  # nothing says when such a file changes
        if (now.st_size, now.st_mtime_ns, now.st_ctime_ns) == (before.st_size, before.st_mtime_ns, before.st_ctime_ns):
            return True
        if not self._is_second_time:
            self._is_second_time = True
            self._look()
            return False
        if now.st_size != before.st_size:
            word = "grew" if now.st_size > before.st_size else "shrank"
            raise SourceChangedError(f"{self.name} {word} from {before.st_size} to {now.st_size} bytes while it was read")
        raise SourceChangedError(f"{self.name} was written to while it was read")

    def warnings(self) -> list[str]:
        if self.length is None:
            return [f"{self.name} says that it is empty and is not: whether it changed while it was read cannot be told"]
        return []

    @property
    def held_seconds(self) -> float:
        return 0.0

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def _wait_for_tick(about: os.stat_result) -> bool:
    """Wait until a write after this moment gets a later modification time than *about* has. Returns whether it waited."""
    last = max(about.st_mtime_ns, about.st_ctime_ns)
    tick = COARSE_TICK if last % 1_000_000_000 == 0 else TICK
    age = (time.time_ns() - last) / 1e9
    if not 0 <= age < tick:
        return False
    time.sleep(tick - age)
    return True
