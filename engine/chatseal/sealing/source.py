"""Source: where bytes come from. A path of a regular file and a buffer are read in parallel where they lie; anything else in turn."""

import io
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Protocol, runtime_checkable

from chatseal.errors import SourceChangedError

if TYPE_CHECKING:
    from typing_extensions import Buffer

PathLike = str | os.PathLike[str]


@runtime_checkable
class Readable(Protocol):
    """A binary file object, as far as it is needed."""

    def read(self, size: int = -1, /) -> bytes | None: ...


class Source:
    """An open source. `positioned` is what a pipeline takes for it, None if it has to be read in turn."""

    def __init__(
        self,
        *,
        name: str | None = None,
        positioned: "Buffer | tuple[int, int, int] | None" = None,
        length: int | None = None,
        file: Readable | None = None,
        descriptor: int | None = None,
    ) -> None:
        self.name, self.positioned, self.length = name, positioned, length
        self._file, self._descriptor = file, descriptor
        self._stat = os.fstat(descriptor) if descriptor is not None else None

    @property
    def mtime_ns(self) -> int | None:
        """Last modification of a file with a path."""
        return self._stat.st_mtime_ns if self._stat else None

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to *length* bytes at *offset*; fewer only at the end. Positioned sources only."""
        if isinstance(self.positioned, tuple):
            return _pread(self.positioned[0], length, offset)
        assert self.positioned is not None
        return bytes(memoryview(self.positioned)[offset : offset + length])

    def read_into(self, view: memoryview) -> int:
        """Fill *view* in turn; fewer bytes than it holds only at the end."""
        done = 0
        while done < len(view):
            n = self._read_some(view[done:])
            if n == 0:
                break
            done += n
        return done

    def _read_some(self, view: memoryview) -> int:
        assert self._file is not None
        readinto = getattr(self._file, "readinto", None)
        if readinto is not None:
            n = readinto(view)
            if n is None:
                raise BlockingIOError("the source is in non-blocking mode")
            if not 0 <= n <= len(view):
                raise ValueError("the source's readinto returned an impossible length")
            return int(n)
        data = self._file.read(len(view))
        if data is None:
            raise BlockingIOError("the source is in non-blocking mode")
        if len(data) > len(view):
            raise ValueError("the source's read returned more than was asked for")
        view[: len(data)] = data
        return len(data)

    def check_unchanged(self) -> None:
        """Raise SourceChangedError if the file was written to since it was opened."""
        if self._descriptor is None or self._stat is None:
            return
        now = os.fstat(self._descriptor)
        if now.st_size != self._stat.st_size:
            word = "grew" if now.st_size > self._stat.st_size else "shrank"
            raise SourceChangedError(f"{self.name} {word} from {self._stat.st_size} to {now.st_size} bytes while it was read")
        if now.st_mtime_ns != self._stat.st_mtime_ns:
            raise SourceChangedError(f"{self.name} was written to while it was read")


def _pread(descriptor: int, length: int, offset: int) -> bytes:
    if hasattr(os, "pread"):
        pieces = []
        while length > 0 and (piece := os.pread(descriptor, length, offset)):
            pieces.append(piece)
            length -= len(piece)
            offset += len(piece)
        return b"".join(pieces)
    os.lseek(descriptor, offset, os.SEEK_SET)
    return os.read(descriptor, length)


class _Chunks(io.RawIOBase):
    """An iterable of buffers, read like a file."""

    def __init__(self, chunks: "Iterable[Buffer]") -> None:
        super().__init__()
        self._chunks, self._left = iter(chunks), memoryview(b"")

    def readinto(self, buffer: "Buffer", /) -> int:
        view = memoryview(buffer)
        while not len(self._left):
            try:
                self._left = flat(next(self._chunks))
            except StopIteration:
                return 0
        n = min(len(view), len(self._left))
        view[:n] = self._left[:n]
        self._left = self._left[n:]
        return n


def chunk_source(chunks: "Iterable[Buffer]") -> Source:
    """Read buffers of any size in turn."""
    return Source(file=_Chunks(chunks))


@contextmanager
def open_source(source: "PathLike | Readable | Buffer") -> Iterator[Source]:
    """Open a path, wrap a file object (read from where it stands, left open), or borrow a buffer."""
    if isinstance(source, (str, os.PathLike)):
        with _open_path(source) as opened:
            yield opened
    elif (view := buffer_of(source)) is not None:
        with view:
            yield Source(positioned=view, length=view.nbytes)
    elif isinstance(source, Readable):
        yield Source(file=source)
    else:
        raise TypeError(f"a source is a path, a binary file or a buffer, not {type(source).__name__}")


def flat(thing: "Buffer") -> memoryview:
    """*thing* as bytes where they lie. Raises TypeError if it is no buffer, BufferError if it is one with gaps."""
    view = memoryview(thing)
    if not view.c_contiguous:
        raise BufferError("the buffer is not contiguous")
    # An empty view with a shape cannot be cast.
    return view.cast("B") if view.nbytes else memoryview(b"" if view.readonly else bytearray())


def buffer_of(thing: object) -> memoryview | None:
    """*thing* as bytes where they lie, None if it is no buffer. Raises BufferError if it is one with gaps."""
    try:
        return flat(thing)  # type: ignore[arg-type]
    except TypeError:
        return None


@contextmanager
def _open_path(path: PathLike) -> Iterator[Source]:
    file: IO[bytes]
    with open(path, "rb", buffering=0) as file:
        descriptor = file.fileno()
        about = os.fstat(descriptor)
        name = os.path.basename(os.fspath(path))
        if not stat.S_ISREG(about.st_mode):
            yield Source(name=name, file=file)
            return
        if about.st_size == 0:
            # Files of /proc and some network file systems say so of what has content: find out by reading.
            yield Source(name=name, file=file, descriptor=descriptor)
            return
        if hasattr(os, "posix_fadvise"):
            with suppress(OSError):
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        yield Source(name=name, positioned=(descriptor, 0, about.st_size), length=about.st_size, descriptor=descriptor)
