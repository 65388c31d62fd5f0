"""Seal: plaintext in, sealed file out."""

import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatseal import _core
from chatseal.errors import LimitError
from chatseal.events import Report, Reporter, Summary
from chatseal.format import metadata, padding
from chatseal.format.header import Header
from chatseal.format.labels import SEALED
from chatseal.format.payload import PREFIX_LEN, RECORD_SEALED, SALT_LEN, PayloadKey, derive
from chatseal.format.seek_table import ALWAYS_THERE, FRAMES_MAX, length_of
from chatseal.keys.secret import Secret
from chatseal.keys.signing_key import SigningKey
from chatseal.keys.slots import FileKeySlots, Holder, holders_of, wrap
from chatseal.sealing import authorship
from chatseal.sealing.budget import FRAME_SIZE, LEVEL, Budget, check_frame_size, check_level
from chatseal.sealing.crew import run
from chatseal.sealing.faults import codec_errors, sealing_error
from chatseal.sealing.source import PathLike, Readable, Source, chunk_source, open_source
from chatseal.sealing.target import ORDINARY, FileTarget, Writable, is_special, open_special, write_all

if TYPE_CHECKING:
    from typing_extensions import Buffer


@dataclass(frozen=True, slots=True)
class SealOptions:
    """How to seal, checked once for however many files."""

    level: int = LEVEL
    frame_size: int = FRAME_SIZE
    sign: SigningKey | None = None
    padded: bool = False

    def __post_init__(self) -> None:
        check_level(self.level)
        check_frame_size(self.frame_size)
        if self.sign is not None and not isinstance(self.sign, SigningKey):
            raise TypeError(f"a file is signed with a SigningKey, not with {type(self.sign).__name__}")


class Seal:
    """One payload in the making: fresh keys, the header for its holders, the native pipeline. Used once."""

    def __init__(
        self,
        holders: Sequence[Holder] | FileKeySlots,
        options: SealOptions,
        budget: Budget,
        *,
        size: int | None = None,
        kind: str = SEALED,
    ) -> None:
        if not isinstance(holders, FileKeySlots):
            holders = FileKeySlots(file_key := Secret.random(32), wrap(file_key, holders, kind))
        self._file_key, self._slots, self._kind = holders.file_key, holders.slots, kind
        self.payload: PayloadKey = derive(self._file_key.view, secrets.token_bytes(SALT_LEN), kind)
        self._options = options
        self.threads, self._slot_count = budget.for_sealing(options.level, options.frame_size, size)
        self.header_length = Header(None, self._slots, kind).length
        self._began = time.perf_counter()

    def header(self, payload_length: int | None) -> bytes:
        """The encoded header; with a size line if the payload's length is known."""
        return Header(payload_length, self._slots, self._kind).encode(self._file_key.view, self.payload.prefix)

    def begin(
        self,
        positioned: "Buffer | tuple[int, int, int] | None",
        target: tuple[int, int] | None,
        *,
        name: str | None = None,
        mtime_ns: int | None = None,
        pipe: _core.SealPipeline | None = None,
        grow_at: tuple[int, int] | None = None,
    ) -> _core.SealPipeline:
        """A pipeline that has begun this payload: *pipe*, or a new one."""
        pipe = pipe or _core.SealPipeline(self._slot_count)
        head = metadata.head_frame("stream" if name is None else "file", name, mtime_ns)
        options = self._options
        with codec_errors():
            pipe.begin(
                self.payload.key,
                self.payload.nonce,
                options.level,
                options.frame_size,
                head,
                positioned,
                target,
                digest_prefix=authorship.PREFIX if options.sign is not None else None,
                grow_at=grow_at,
            )
        return pipe

    def finish(self, pipe: _core.SealPipeline) -> Iterator[bytes]:
        """The last records of a payload whose *pipe* is done, piece by piece: padding can be long."""
        sign = self._options.sign
        with codec_errors():
            tail = metadata.tail_frame(pipe.content_taken, authorship.sign(sign, pipe.digest()) if sign is not None else None)
            frames = pipe.frames + ALWAYS_THERE
            pad = padding.padding_of(pipe.stream_length + len(tail) + length_of(frames)) if self._options.padded else []
            if frames + len(pad) > FRAMES_MAX:
                raise _too_large()
            pipe.finish(tail, pad)
            while piece := pipe.last_records():
                yield piece

    def finish_into(self, pipe: _core.SealPipeline, target: FileTarget) -> int:
        """Write what the workers could not: the last records, then the header. The bytes of the whole file."""
        records_at = self.header_length + PREFIX_LEN
        end = records_at + pipe.records * RECORD_SEALED
        for piece in self.finish(pipe):
            target.write_at(end, piece)
            end += len(piece)
        target.write_at(0, self.header(end - self.header_length) + self.payload.prefix)
        return end

    def summary(self, pipe: _core.SealPipeline, sealed_bytes: int) -> Summary:
        sign = self._options.sign
        signer = sign.verifying_key.text if sign is not None else None
        seconds = time.perf_counter() - self._began
        return Summary(pipe.content_taken, sealed_bytes, pipe.frames, seconds, self.threads, pipe.order_ns / 1e9, signer)


def feeder(pipe: _core.SealPipeline, source: Source) -> Callable[[], None]:
    """A function that moves one frame from *source*, read in turn, into *pipe*."""

    def feed() -> None:
        with memoryview(pipe.reserve()) as frame:
            n = source.read_into(frame)
            if n:
                pipe.commit(n)
            if n < len(frame):
                pipe.end()

    return feed


def check_fits(source: Source, options: SealOptions) -> None:
    """Raise LimitError before the work rather than after it."""
    others = ALWAYS_THERE + (padding.FRAMES_MAX if options.padded else 0)
    most = options.frame_size * 2**20 + (4 << 20) * 2**20 + (16 << 20) * (FRAMES_MAX - 2**21 - others)
    if source.length is not None and source.length > most:
        raise _too_large()


def _too_large() -> LimitError:
    return LimitError("the source is larger than a sealed file can be with this frame size")


def pieces(
    source: Source,
    holders: Sequence[Holder],
    options: SealOptions,
    budget: Budget,
    *,
    progress: Report | None = None,
    done: Callable[[Summary], None] | None = None,
) -> Iterator["Buffer"]:
    """The sealed file in order, piece by piece; each is valid until the next is asked for. *done* gets the summary at the end."""
    check_fits(source, options)
    work = Seal(holders, options, budget, size=source.length)
    pipe = work.begin(source.positioned, None, name=source.name, mtime_ns=source.mtime_ns)
    reporter = Reporter(progress, source.length)
    yield work.header(None) + work.payload.prefix
    yield from run(
        pipe,
        work.threads,
        feed=None if source.positioned is not None else feeder(pipe, source),
        tick=lambda: reporter.tick(pipe.content_done),
        failed=lambda: sealing_error(pipe.fault(), source.name or "the source", "the target"),
    )
    source.check_unchanged()
    sealed_bytes = work.header_length + PREFIX_LEN + pipe.records * RECORD_SEALED
    for piece in work.finish(pipe):
        sealed_bytes += len(piece)
        yield piece
    reporter.finish(pipe.content_done)
    if done is not None:
        done(work.summary(pipe, sealed_bytes))


def seal_into_file(
    source: Source,
    target: FileTarget,
    holders: Sequence[Holder],
    options: SealOptions,
    budget: Budget,
    *,
    progress: Report | None = None,
    pipe: _core.SealPipeline | None = None,
) -> Summary:
    """Seal *source* into *target*, whose workers write in parallel, and commit it."""
    check_fits(source, options)
    work = Seal(holders, options, budget, size=source.length)
    records_at = work.header_length + PREFIX_LEN
    pipe = work.begin(source.positioned, (target.descriptor, records_at), name=source.name, mtime_ns=source.mtime_ns, pipe=pipe)
    reporter = Reporter(progress, source.length)
    for _ in run(
        pipe,
        work.threads,
        feed=None if source.positioned is not None else feeder(pipe, source),
        tick=lambda: reporter.tick(pipe.content_done),
        failed=lambda: sealing_error(pipe.fault(), source.name or "the source", str(target.path)),
    ):
        raise AssertionError("a positioned target has no pieces")
    source.check_unchanged()
    sealed_bytes = work.finish_into(pipe, target)
    target.commit()
    reporter.finish(pipe.content_done)
    return work.summary(pipe, sealed_bytes)


def seal(
    source: "PathLike | Readable | Buffer",
    target: PathLike | Writable,
    key: Holder | Sequence[Holder],
    *,
    level: int = LEVEL,
    frame_size: int = FRAME_SIZE,
    threads: int | None = None,
    memory: int | None = None,
    overwrite: bool = False,
    sign: SigningKey | None = None,
    padded: bool = False,
    progress: Report | None = None,
) -> Summary:
    """Compress and encrypt *source* into *target* for the holders of *key*, on all cores, in constant memory.

    *source* is a path, a binary file object (read from where it stands, in turn, left open) or any contiguous buffer (not copied).
    *target* is a path, where the file appears whole or not at all, or a binary file object, which gets bytes in order and is left open.
    *key* is a BackupKey, a PublicKey, or a list of them: each can open the file alone.

    *level* is zstd's, -7 to 22; *frame_size* is the plaintext in a frame, 64 KiB to 16 MiB, which is what a random read decompresses.
    *threads* is all cores if None; *memory* limits buffers in bytes. *progress* is called with a Progress in this thread.
    *sign* shows who sealed the file, to those who demand it. *padded* makes the length say little, for at most 12 % of it.

    Raises TargetExistsError, SourceChangedError, LimitError, OSError. May be called from several threads at once."""
    holders, options, budget = holders_of(key), SealOptions(level, frame_size, sign, padded), Budget.of(threads, memory)
    with open_source(source) as opened:
        if isinstance(target, (str, os.PathLike)) and not is_special(target):
            with FileTarget(target, overwrite=overwrite, mode=ORDINARY) as file:
                return seal_into_file(opened, file, holders, options, budget, progress=progress)
        summaries: list[Summary] = []
        with open_special(target) as writable:
            for piece in pieces(opened, holders, options, budget, progress=progress, done=summaries.append):
                write_all(writable, piece)
        return summaries[0]


def seal_bytes(
    data: "Buffer",
    key: Holder | Sequence[Holder],
    *,
    level: int = LEVEL,
    threads: int = 1,
    sign: SigningKey | None = None,
    padded: bool = False,
) -> bytes:
    """*data* as a sealed file in memory: for small messages. Any contiguous buffer, not copied."""
    holders, budget = holders_of(key), Budget.of(threads, None)
    with open_source(data) as source:
        work = Seal(holders, SealOptions(level, sign=sign, padded=padded), budget, size=source.length)
        pipe = work.begin(source.positioned, None)
        records = [bytes(piece) for piece in run(pipe, work.threads, failed=lambda: sealing_error(pipe.fault(), "the data", "memory"))]
        records += work.finish(pipe)
    payload = work.payload.prefix + b"".join(records)
    return work.header(len(payload)) + payload


def seal_chunks(
    chunks: "Iterable[Buffer]",
    key: Holder | Sequence[Holder],
    *,
    level: int = LEVEL,
    frame_size: int = FRAME_SIZE,
    threads: int | None = None,
    memory: int | None = None,
    sign: SigningKey | None = None,
    padded: bool = False,
) -> Iterator[bytes]:
    """The sealed file of the plaintext in *chunks*, buffers of any size, as bytes objects. Closing the iterator stops the work."""
    holders, options, budget = holders_of(key), SealOptions(level, frame_size, sign, padded), Budget.of(threads, memory)
    for piece in pieces(chunk_source(chunks), holders, options, budget):
        yield bytes(piece)
