"""The native core (ext/core.pyx): two pipelines and four kernels. Every call that does work releases the GIL."""

from collections.abc import Iterable
from typing import Final, Literal, final

from typing_extensions import Buffer

FEED: Final[int]
DRAIN: Final[int]
DONE: Final[int]
FAILED: Final[int]

NO_MEMORY: Final[int]
LIBRARY: Final[int]
READ_FAILED: Final[int]
WRITE_FAILED: Final[int]
SOURCE_SHRANK: Final[int]
TOO_MANY_FRAMES: Final[int]
TARGET_FULL: Final[int]
DAMAGED: Final[int]
CUT_OFF: Final[int]

PLAINTEXT: Final[int]
RECORD: Final[int]
LAST_RECORD: Final[int]

RUN_LENGTH: Final[int]
RING_STEP: Final[int]

class Damaged(Exception):
    """A record does not authenticate, or a frame is not what its place says. Carries nothing."""

class LibraryFailed(Exception):
    """libzstd or libcrypto malfunctioned."""

def versions() -> dict[str, str]:
    """Versions of the libraries in use: {"zstd": "1.5.4", "openssl": "OpenSSL 3.0.19 ..."}."""

def frame_bound(length: int) -> int:
    """Most bytes that one frame of *length* bytes of content takes."""

@final
class FrameCompressor:
    """One worker's zstd state at one level. Not shared between threads."""

    def __init__(self, level: int) -> None: ...
    def compress_into(self, content: Buffer, out: Buffer) -> int:
        """Compress *content* as one frame into the start of *out* (frame_bound bytes); return the frame's length."""

@final
class FrameDecompressor:
    """One worker's zstd state. Not shared between threads."""

    def __init__(self) -> None: ...
    def decompress_into(self, frame: Buffer, out: Buffer) -> None:
        """Decompress exactly one data frame, all of *frame*, which must hold exactly len(out) bytes. Raises Damaged."""

@final
class RecordSealer:
    """One worker's cipher for one payload. Not shared between threads."""

    def __init__(self, key: bytes, nonce: bytes) -> None: ...
    def seal_into(self, first: int, plain: Buffer, out: Buffer, *, last: bool = False) -> int:
        """Encrypt *plain* as records from number *first* on into the start of *out*; return the bytes written.

        Without *last*, *plain* is whole records; with it, a short last record follows, which may be empty."""

@final
class RecordOpener:
    """One worker's cipher for one payload. Not shared between threads."""

    def __init__(self, key: bytes, nonce: bytes) -> None: ...
    def open_into(self, first: int, sealed: Buffer, out: Buffer) -> int:
        """Authenticate and decrypt records from number *first* on into the start of *out*; return the bytes of plaintext.

        All of *sealed* is whole records, but for a short one at its end. Raises Damaged; then *out* may hold the records before."""

@final
class Span(Buffer):
    """A stretch of a pipeline's memory, valid until it is committed or released; keeps the pipeline alive."""

    def __len__(self) -> int: ...

class _Pipeline:
    def work(self) -> None:
        """A worker's life, without the GIL; returns at the end, at a fault, or after stop."""

    def step(self) -> bool:
        """Run one ready piece in this thread; False if there was none."""

    def poll(self, milliseconds: int) -> int:
        """Wait until this thread can do something, or for so long; return a set of FEED, DRAIN, DONE, FAILED."""

    def reserve(self) -> Span:
        """The next buffer to be filled (after FEED)."""

    def output(self) -> Span:
        """The next bytes for the target (after DRAIN)."""

    def release(self) -> None:
        """The last output has been written."""

    def digest(self) -> bytes:
        """The digest of the frames (after DONE, once; only with a digest_prefix)."""

    def stop(self) -> None:
        """Make workers return within one frame."""

    def fault(self) -> tuple[int, int, int, int]:
        """(code, errno, where, place) of the first fault in order (after FAILED).

        The place is a byte of PLAINTEXT, or of a RECORD or the LAST_RECORD, counted after the payload's prefix."""

    def close(self) -> None:
        """Let go of the caller's buffers."""

    @property
    def content_done(self) -> int:
        """Bytes of plaintext that have gone out, sealed or unsealed."""

    @property
    def frames(self) -> int:
        """Frames with content so far."""

    @property
    def order_ns(self) -> int:
        """Nanoseconds spent in steps that one thread at a time can do."""

@final
class SealPipeline(_Pipeline):
    """Plaintext in, records out (ext/seal.h). One thread owns it; any number of threads may run `work`.

    Call begin; then, until poll says DONE, do what it says: FEED (reserve, commit, at last end), DRAIN (output, release),
    FAILED (fault). Without workers call step in between. At last finish, and close in every case, after all workers have returned."""

    def __init__(self, slots: int) -> None: ...
    def begin(
        self,
        key: bytes,
        nonce: bytes,
        level: int,
        frame_size: int,
        first: bytes,
        source: Buffer | tuple[int, int, int] | None,
        target: tuple[int, int] | None,
        *,
        digest_prefix: bytes | None = None,
        grow_at: tuple[int, int] | None = None,
    ) -> None:
        """Begin a payload. *first* is the head frame. With *digest_prefix* the frames are hashed for `digest`.

        *grow_at* moves the two frame numbers at which frames must grow, for tests.

        A source is a buffer, (descriptor, offset, length), or None: in turn. A target is (descriptor, offset) or None: in turn."""

    def commit(self, length: int) -> None:
        """The reserved buffer holds *length* bytes of plaintext, at least 1."""

    def end(self) -> None:
        """There is no more plaintext."""

    def finish(self, tail: bytes, padding: Iterable[int] = ()) -> None:
        """After DONE: begin the last records, of *tail* (the tail frame), a padding frame of each length in *padding*, and the table."""

    def last_records(self) -> bytes:
        """After finish: the next of the last records, the short one at the end; empty after it."""

    @property
    def content_taken(self) -> int:
        """Bytes of plaintext that have come in."""

    @property
    def stream_length(self) -> int:
        """Bytes of stream before what finish adds (before the first of the last records)."""

    @property
    def records(self) -> int:
        """Records before the ones that finish makes."""

@final
class UnsealPipeline(_Pipeline):
    """Records in, plaintext out (ext/unseal.h). Used like SealPipeline, but that commit says whether the source has ended."""

    def __init__(self, run_slots: int, frame_slots: int) -> None: ...
    def begin(
        self,
        key: bytes,
        nonce: bytes,
        ring: int,
        source: Buffer | tuple[int, int, int] | None,
        target: Buffer | tuple[int, int | Buffer] | Literal[False] | None,
        *,
        digest_prefix: bytes | None = None,
    ) -> None:
        """Begin a payload; the source begins at record 0. *ring* bytes, in whole RING_STEP: at least two unless the stream fits in one.

        With *digest_prefix* the frames are hashed for `digest`.

        A target is a writable buffer, (descriptor, offset), False: nowhere, or None: in turn. With rows of int64 instead of an offset
        only runs of the plaintext are written: (offset in the file, byte of the plaintext, length) each, ascending by the second and
        apart; ValueError if they are not."""

    def commit(self, length: int, last: bool) -> None:
        """The reserved buffer holds *length* bytes of records; *last*: the source has ended."""

    @property
    def head(self) -> bytes:
        """Content of the head frame, as far as it has come."""

    @property
    def tail(self) -> bytes:
        """Content of the tail frame (after DONE)."""
