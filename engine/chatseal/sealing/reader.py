"""Reader: a sealed file as a seekable file object. One frame is decompressed for a read, and kept for the next."""

import io
import os
import threading
from collections.abc import Callable, Sequence
from typing import IO, TYPE_CHECKING, Any

from chatseal import _core
from chatseal.errors import DamagedError, IntegrityError, TruncatedError
from chatseal.format import metadata
from chatseal.format.labels import SEALED
from chatseal.format.padding import MAGIC_PADDING
from chatseal.format.payload import RECORD_PLAIN, RECORD_SEALED, stream_length
from chatseal.format.seek_table import FOOTER_LEN, SKIPPABLE_HEADER_LEN, FramePlace, SeekTable, table_length
from chatseal.keys.signing_key import VerifyingKey
from chatseal.keys.slots import Opener, openers_of
from chatseal.sealing.faults import codec_errors, length_error
from chatseal.sealing.opening import open_header, read_header
from chatseal.sealing.source import flat

if TYPE_CHECKING:
    from typing_extensions import Buffer

_KEPT_MAX = 2  # records: the end of a stream, where one thing after another is read, or all of a small one


class _Ranges:
    """Ranges of a file: by pread where there is a descriptor, else by seek and read under a lock."""

    def __init__(self, source: "str | os.PathLike[str] | IO[bytes]") -> None:
        self._owned: IO[bytes] | None = None
        self._file: IO[bytes]
        self._descriptor: int | None
        if isinstance(source, (str, os.PathLike)):
            self._owned = open(source, "rb", buffering=0)  # noqa: SIM115
            self._file, self._descriptor = self._owned, self._owned.fileno() if hasattr(os, "pread") else None
            self.name = os.path.basename(os.fspath(source))
        else:
            self._file, self._descriptor = source, None
            self.name = "the sealed file"
        self._lock = threading.Lock()
        self.length = self._file.seek(0, os.SEEK_END)

    def read(self, offset: int, length: int) -> bytes:
        """Exactly *length* bytes; TruncatedError if the file has become shorter."""
        pieces = []
        left = length
        with self._lock:
            if self._descriptor is None:
                self._file.seek(offset)
            while left > 0:
                piece = self._file.read(left) if self._descriptor is None else os.pread(self._descriptor, left, offset)
                if not piece:
                    raise TruncatedError(f"{self.name} shrank while it was read")
                pieces.append(piece)
                offset += len(piece)
                left -= len(piece)
        return b"".join(pieces)

    def close(self) -> None:
        if self._owned is not None:
            self._owned.close()


class SealedReader(io.BufferedIOBase):
    """The plaintext of a sealed file: read, readinto, seek, tell, for one thread at a time.

    Memory is one frame, the seek table and two records. Each read authenticates what it returns; that the rest is whole is for `verify`.
    Pickled by path and by the key's file, at the same position. After an IntegrityError every read fails the same way."""

    def __init__(self, source: "str | os.PathLike[str] | IO[bytes]", key: Opener | Sequence[Opener], *, kind: str = SEALED) -> None:
        """Open a path, or a seekable binary file that is left open. Raises what unseal raises of headers and tables, and OSError."""
        super().__init__()
        self._source, self._key = source, key
        self._position = 0
        self._error: IntegrityError | None = None
        self._ranges = _Ranges(source)
        try:
            with codec_errors():
                self._open(openers_of(key), kind)
        except BaseException:
            self._ranges.close()
            raise
        self._frame: FramePlace | None = None
        self._content = bytearray()

    def _open(self, openers: Sequence[Opener], kind: str) -> None:
        ranges, at = self._ranges, 0

        def take(n: int) -> bytes:
            nonlocal at
            data = ranges.read(at, min(n, ranges.length - at))
            at += len(data)
            return data

        found = read_header(take, ranges.name, kind)
        payload_length = ranges.length - len(found.raw)
        key = open_header(found, openers, ranges.name, payload_length)
        self._records_at = found.records_at
        if error := length_error(ranges.name, found.header.size, payload_length):
            raise error
        length = stream_length(payload_length)
        if length is None:
            failure = TruncatedError if found.header.size is None else DamagedError
            raise failure(f"{ranges.name} ends where no payload can end, after {ranges.length} bytes")
        self._stream_length = length
        self._opener = _core.RecordOpener(key.key, key.nonce)
        self._kept: tuple[int, bytearray] = 0, bytearray()  # the number of a record, and the plaintext from there on
        self._decompressor = _core.FrameDecompressor()
        end = min(FOOTER_LEN, length)
        try:
            footer = self._stream(length - end, end)
        except DamagedError:
            if found.header.size is None:
                raise TruncatedError(f"{ranges.name} is cut off, or damaged in its last record") from None
            raise
        whole = table_length(footer)
        if whole > length:
            raise self._disagrees()
        self._table = SeekTable(self._stream(length - whole, whole), length)
        self.metadata = metadata.parse_head(self._skippable(self._table.place(0), metadata.MAGIC_HEAD))
        tail = metadata.parse_tail(self._skippable(self._table.tail, metadata.MAGIC_TAIL), self._table.plain_length)
        signature = metadata.signature_in(tail)
        self._signer = VerifyingKey(signature.signer) if signature is not None else None
        for place in self._table.padding:
            self._check_padding(place)

    def _disagrees(self) -> DamagedError:
        return DamagedError(f"{self._ranges.name} is damaged: what it says of itself does not agree")

    def _skippable(self, place: FramePlace, magic: int) -> bytes:
        if not SKIPPABLE_HEADER_LEN <= place.length <= SKIPPABLE_HEADER_LEN + metadata.CONTENT_MAX:
            raise self._disagrees()
        frame = self._stream(place.at, place.length)
        content = frame[SKIPPABLE_HEADER_LEN:]
        if frame != metadata.skippable_frame(magic, content):
            raise self._disagrees()
        return content

    def _check_padding(self, place: FramePlace) -> None:
        """That nothing hides between tail and table from a reader that skips; that it is all zeros is for `verify`."""
        content = (place.length - SKIPPABLE_HEADER_LEN).to_bytes(4, "little")
        if self._stream(place.at, SKIPPABLE_HEADER_LEN) != MAGIC_PADDING.to_bytes(4, "little") + content:
            raise self._disagrees()

    def _stream(self, at: int, length: int) -> bytes:
        """*length* authenticated bytes of the stream at *at*: one range of the file, or of what is kept."""
        first, last = at // RECORD_PLAIN, (at + length - 1) // RECORD_PLAIN
        # The record after a stream of whole records is empty; whoever reads the end has it checked too.
        final = self._stream_length // RECORD_PLAIN
        if at + length == self._stream_length:
            last = final
        begin, plain = self._kept
        if not begin <= first <= last < begin + len(plain) // RECORD_PLAIN:
            begin, plain = first, self._records(first, last)
            if last - first < _KEPT_MAX:
                self._kept = begin, plain
        skip = at - begin * RECORD_PLAIN
        return bytes(memoryview(plain)[skip : skip + length])

    def _records(self, first: int, last: int) -> bytearray:
        """The authenticated plaintext of the records from *first* to *last*."""
        begin = self._records_at + first * RECORD_SEALED
        end = min(self._records_at + (last + 1) * RECORD_SEALED, self._ranges.length)
        sealed = self._ranges.read(begin, end - begin)
        plain = bytearray((last - first + 1) * RECORD_PLAIN)
        try:
            self._opener.open_into(first, sealed, plain)
        except _core.Damaged:
            raise DamagedError(f"{self._ranges.name} is damaged between bytes {begin} and {begin + len(sealed)}") from None
        return plain

    def _load(self, place: FramePlace) -> None:
        frame = self._stream(place.at, place.length)
        if len(self._content) != place.content_length:
            self._content = bytearray(place.content_length)
        self._frame = None
        try:
            self._decompressor.decompress_into(frame, self._content)
        except _core.Damaged:
            raise self._disagrees() from None
        self._frame = place

    @property
    def size(self) -> int:
        """Bytes of plaintext."""
        return self._table.plain_length

    @property
    def frames(self) -> int:
        """Frames with content."""
        return self._table.data_frames

    @property
    def padding(self) -> int:
        """Bytes of stream that are there for the length alone."""
        return sum(place.length for place in self._table.padding)

    @property
    def signer(self) -> VerifyingKey | None:
        """Who signed the file, as it says itself: only `verify` and `unseal` check that, of an author who is demanded."""
        return self._signer

    def readinto(self, buffer: "Buffer") -> int:
        """Fill *buffer* from the position on; fewer bytes than it holds only at the end."""
        with flat(buffer) as view:
            self._check_usable()
            done = 0
            while done < len(view) and self._position < self.size:
                piece = self._piece(len(view) - done)
                view[done : done + len(piece)] = piece
                done += len(piece)
                self._position += len(piece)
            return done

    def readinto1(self, buffer: "Buffer") -> int:
        """The same as readinto: a read costs a frame either way."""
        return self.readinto(buffer)

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to *size* bytes, all that are left if negative or None."""
        self._check_usable()
        left = max(0, self.size - self._position)
        data = bytearray(left if size is None or size < 0 else min(size, left))
        self.readinto(data)
        return bytes(data)

    def read1(self, size: int = -1, /) -> bytes:
        """Up to *size* bytes from the frame at the position."""
        self._check_usable()
        if self._position >= self.size:
            return b""
        piece = bytes(self._piece(size if size >= 0 else self.size))
        self._position += len(piece)
        return piece

    def _piece(self, length: int) -> memoryview:
        frame = self._frame
        if frame is None or not frame.offset <= self._position < frame.offset + frame.content_length:
            frame = self._table.find(self._position)
            try:
                with codec_errors():
                    self._load(frame)
            except IntegrityError as error:
                self._error = error
                raise
        begin = self._position - frame.offset
        return memoryview(self._content)[begin : begin + length]

    def _check_usable(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        if self._error is not None:
            raise self._error

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        self._check_usable()
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}.get(whence)
        if base is None:
            raise ValueError(f"invalid whence: {whence}")
        if base + offset < 0:
            raise ValueError("negative seek position")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        self._check_usable()
        return self._position

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed and hasattr(self, "_ranges"):
            self._ranges.close()
        super().close()

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        if not isinstance(self._source, (str, os.PathLike)):
            raise TypeError("a sealed file is pickled by its path, and this one has none")
        return _reopen, (os.path.abspath(self._source), self._key, self._position)


def _reopen(path: str, key: Opener | Sequence[Opener], position: int) -> SealedReader:
    reader = SealedReader(path, key)
    reader.seek(position)
    return reader
