"""Unseal: sealed file in, plaintext out, or nowhere (verify)."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import closing
from typing import TYPE_CHECKING, Literal

from chatseal import _core
from chatseal.events import Report, Reporter, Summary
from chatseal.format import metadata
from chatseal.format.labels import SEALED
from chatseal.format.payload import PREFIX_LEN
from chatseal.keys.signing_key import VerifyingKey
from chatseal.keys.slots import Opener, openers_of
from chatseal.sealing import authorship
from chatseal.sealing.budget import Budget
from chatseal.sealing.crew import run
from chatseal.sealing.faults import codec_errors, length_error, unsealing_error
from chatseal.sealing.opening import RawHeader, open_header, read_header, taker
from chatseal.sealing.source import PathLike, Readable, Source, buffer_of, chunk_source, open_source
from chatseal.sealing.target import PRIVATE, FileTarget, Writable, is_special, open_special, write_all

if TYPE_CHECKING:
    from typing_extensions import Buffer

_DISCARD = 1 << 16


class Unseal:
    """One sealed file being opened: header read, key found, native pipeline ready. Used once."""

    def __init__(
        self,
        source: Source,
        openers: Sequence[Opener],
        budget: Budget,
        target_name: str,
        author: VerifyingKey | None = None,
        kind: str = SEALED,
    ) -> None:
        """Raises everything that can be wrong with a header. With *author*, `run` demands their signature."""
        if author is not None and not isinstance(author, VerifyingKey):
            raise TypeError(f"an author is shown by a VerifyingKey, not by {type(author).__name__}")
        self._began = time.perf_counter()
        self._author = author
        self._signer: VerifyingKey | None = None  # that the tail names
        self._source, self._target_name = source, target_name
        self._name = source.name or "the sealed data"
        self._found: RawHeader = read_header(taker(source), self._name, kind)
        self._records_read = 0  # of a source in turn
        key = open_header(self._found, openers, self._name, self._payload_length(ended=False))
        records = self.records_length
        self.threads, runs, frames, self._ring = budget.for_unsealing(records)
        self._key, self._slots = key, (runs, frames)
        self.pipe: _core.UnsealPipeline | None = None

    @property
    def records_length(self) -> int | None:
        """Bytes of records, None for a source in turn."""
        if self._source.length is None:
            return None
        there = self._source.length - self._found.records_at
        return there if self._records_expected is None else min(there, self._records_expected)

    @property
    def _records_expected(self) -> int | None:
        """What the size line promises, which ends the payload where more follows."""
        size = self._found.header.size
        return None if size is None else size - PREFIX_LEN

    def _payload_length(self, *, ended: bool) -> int | None:
        if self._source.length is not None:
            return self._source.length - len(self._found.raw)
        return PREFIX_LEN + self._records_read if ended else None

    def check_length(self) -> None:
        """Raise TruncatedError or TrailingBytesError now if the lengths tell already."""
        if error := length_error(self._name, self._found.header.size, self._payload_length(ended=False)):
            raise error

    def _positioned_records(self) -> "Buffer | tuple[int, int, int] | None":
        positioned, length = self._source.positioned, self.records_length
        if positioned is None or length is None:
            return None
        if isinstance(positioned, tuple):
            return positioned[0], self._found.records_at, length
        return memoryview(positioned)[self._found.records_at : self._found.records_at + length]

    def run(
        self,
        target: "Buffer | tuple[int, int | Buffer] | Literal[False] | None",
        *,
        progress: Report | None = None,
        pipe: _core.UnsealPipeline | None = None,
        hands: Executor | None = None,
    ) -> Iterator[memoryview]:
        """Authenticated plaintext in order, for a target in turn; a positioned target is written by the workers. *pipe* and *hands*,
        threads, save new ones.

        Raises IntegrityError after everything before the fault has been yielded or written."""
        self.pipe = pipe = pipe or _core.UnsealPipeline(*self._slots)
        records = self._positioned_records()
        prefix = authorship.PREFIX if self._author is not None else None
        with codec_errors():
            pipe.begin(self._key.key, self._key.nonce, self._ring, records, target, digest_prefix=prefix)
        reporter = Reporter(progress, None)
        pieces = run(
            pipe,
            self.threads,
            feed=None if records is not None else self._feeder(pipe),
            tick=lambda: reporter.tick(pipe.content_done),
            failed=lambda: self._error(pipe),
            hands=hands,
        )
        with closing(pieces):
            for number, piece in enumerate(pieces):
                if number == 0:
                    metadata.parse_head(pipe.head)  # before the first byte goes out
                yield piece
        self._source.check_unchanged()
        if error := length_error(self._name, self._found.header.size, self._payload_length(ended=True)):
            raise error
        metadata.parse_head(pipe.head)
        signature = metadata.signature_in(metadata.parse_tail(pipe.tail, pipe.content_done))
        if self._author is not None:
            with codec_errors():
                digest = pipe.digest()
            authorship.check_author(self._name, self._author, signature, digest)
        self._signer = VerifyingKey(signature.signer) if signature is not None else None
        reporter.finish(pipe.content_done)

    def _feeder(self, pipe: _core.UnsealPipeline) -> Callable[[], None]:
        expected = self._records_expected

        def feed() -> None:
            with memoryview(pipe.reserve()) as span:
                want = len(span) if expected is None else min(len(span), expected - self._records_read)
                n = self._source.read_into(span[:want])
                self._records_read += n
                last = n < len(span) or self._records_read == expected
                if last and n == want:
                    self._count_the_rest()
                pipe.commit(n, last)

        return feed

    def _error(self, pipe: _core.UnsealPipeline) -> Exception:
        fault = pipe.fault()
        if self._source.length is None and fault[0] in (_core.DAMAGED, _core.CUT_OFF):
            self._count_the_rest()
        return unsealing_error(
            fault,
            self._name,
            self._target_name,
            header_length=len(self._found.raw),
            size=self._found.header.size,
            payload_length=self._payload_length(ended=True),
        )

    def _count_the_rest(self) -> None:
        """Read a source in turn to its end, or one piece beyond where it should end: its length tells truncation from damage."""
        buffer = memoryview(bytearray(_DISCARD))
        expected = self._records_expected
        while expected is not None and self._records_read <= expected and (n := self._source.read_into(buffer)):
            self._records_read += n

    @property
    def mtime_ns(self) -> int | None:
        """Last modification that the head frame tells, after run."""
        mtime = metadata.parse_head(self.pipe.head).get("mtime") if self.pipe else None
        return mtime if isinstance(mtime, int) else None

    def summary(self) -> Summary:
        assert self.pipe is not None
        length = self._payload_length(ended=True) or 0
        seconds = time.perf_counter() - self._began
        return Summary(
            self.pipe.content_done,
            len(self._found.raw) + length,
            self.pipe.frames,
            seconds,
            self.threads,
            self.pipe.order_ns / 1e9,
            self._signer.text if self._signer is not None else None,
        )


def exhaust(pieces: Iterator[memoryview]) -> None:
    """Run a positioned pipeline, which has no pieces, to its end."""
    for _ in pieces:
        raise AssertionError("a positioned target has no pieces")


def unseal_into_file(
    source: Source,
    target: FileTarget,
    openers: Sequence[Opener],
    budget: Budget,
    *,
    author: VerifyingKey | None = None,
    progress: Report | None = None,
) -> Summary:
    """Unseal into *target*, which the workers write, and commit it with the time of modification it was sealed with."""
    work = Unseal(source, openers, budget, str(target.path), author)
    work.check_length()
    exhaust(work.run((target.descriptor, 0), progress=progress))
    target.commit(work.mtime_ns)
    return work.summary()


def unseal(
    source: "PathLike | Readable | Buffer",
    target: "PathLike | Writable | Buffer",
    key: Opener | Sequence[Opener],
    *,
    threads: int | None = None,
    memory: int | None = None,
    overwrite: bool = False,
    author: VerifyingKey | None = None,
    progress: Report | None = None,
) -> Summary:
    """Authenticate, decrypt and decompress a sealed file into *target*.

    *source* is a path, a binary file object (read in turn, no seek, left open) or a contiguous buffer (not copied).
    *target* is a path, where the plaintext appears whole or not at all, readable by its owner alone; a binary file object, which gets
    authenticated bytes in order; or a writable buffer at least as long as the plaintext, filled where it lies.
    *key* is a BackupKey, a PrivateKey, or a list of them. *threads*, *memory* and *progress* as for seal.
    *author* demands that the holder of this key's signing key signed the file. Without it no signature is checked.

    Raises WrongKeyError, IntegrityError (with its kinds), TargetExistsError, OSError. What a file object or buffer got before is a
    true prefix of what was sealed; who sealed it shows at the end only."""
    openers, budget = openers_of(key), Budget.of(threads, memory)
    with open_source(source) as opened:
        if isinstance(target, (str, os.PathLike)) and not is_special(target):
            with FileTarget(target, overwrite=overwrite, mode=PRIVATE) as file:
                return unseal_into_file(opened, file, openers, budget, author=author, progress=progress)
        work = Unseal(opened, openers, budget, "the target", author)
        if not isinstance(target, (str, os.PathLike)) and (buffer := buffer_of(target)) is not None:
            exhaust(work.run(buffer, progress=progress))
        else:
            with open_special(target) as writable:  # type: ignore[arg-type]
                for piece in work.run(None, progress=progress):
                    write_all(writable, piece)
        return work.summary()


def verify(
    source: "PathLike | Readable | Buffer",
    key: Opener | Sequence[Opener],
    *,
    threads: int | None = None,
    memory: int | None = None,
    author: VerifyingKey | None = None,
    progress: Report | None = None,
) -> Summary:
    """Do everything that unseal does but write: every record authenticated, every frame decompressed, every boundary walked.

    Raises what unseal raises."""
    openers, budget = openers_of(key), Budget.of(threads, memory)
    with open_source(source) as opened:
        work = Unseal(opened, openers, budget, "nowhere", author)
        work.check_length()
        exhaust(work.run(False, progress=progress))
        return work.summary()


def unseal_bytes(data: "Buffer", key: Opener | Sequence[Opener], *, author: VerifyingKey | None = None) -> bytes:
    """The plaintext of a sealed file in memory: for small messages. Any contiguous buffer, not copied."""
    with open_source(data) as source:
        work = Unseal(source, openers_of(key), Budget.of(1, None), "memory", author)
        work.check_length()
        return b"".join([bytes(piece) for piece in work.run(None)])


def unseal_chunks(
    chunks: "Iterable[Buffer]",
    key: Opener | Sequence[Opener],
    *,
    threads: int | None = None,
    memory: int | None = None,
    author: VerifyingKey | None = None,
) -> Iterator[bytes]:
    """The plaintext of the sealed file in *chunks*, buffers of any size, as bytes objects of one frame each.

    What was yielded before an IntegrityError is a true prefix of what was sealed; who sealed it shows at the end only.
    Closing the iterator stops the work."""
    openers, budget = openers_of(key), Budget.of(threads, memory)
    for piece in Unseal(chunk_source(chunks), openers, budget, "the caller", author).run(None):
        yield bytes(piece)
