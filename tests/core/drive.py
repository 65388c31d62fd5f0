"""Driving the two pipelines by hand: the smallest loops that serve them, with nothing of chatseal's Python in between."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from cryptography.cobblestone import Cobblestone256Decryptor
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from typing_extensions import Buffer

import slow_writer
from chatseal import _core
from corpus import RECORD
from slow_writer import HEAD_MAGIC, PAYLOAD_CONTEXT, TAIL_MAGIC, Frame, framed, message_keys, metadata_frame, record_nonce

FILE_KEY, SALT = bytes(range(32)), bytes(range(24))
KEY, NONCE, COMMITMENT = message_keys(FILE_KEY, PAYLOAD_CONTEXT, SALT)
PREFIX = SALT + COMMITMENT
HEAD = metadata_frame(HEAD_MAGIC, {"kind": "stream"}).wire

PATIENCE_MS = 60_000

Pipe = _core.SealPipeline | _core.UnsealPipeline
Fault = tuple[int, int, int, int]


@dataclass
class Window:
    """How much a pipeline may have under way."""

    threads: int = 1
    slots: int = 2
    runs: int = 2
    ring: int = 2


class InTurn:
    """Pieces of any size, poured into buffers of any other."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, bytearray()

    def fill(self, buffer: memoryview) -> int:
        """Fill *buffer*; fewer bytes than it holds only at the end."""
        while len(self._rest) < len(buffer) and (piece := next(self._pieces, b"")):
            self._rest += piece
        n = min(len(buffer), len(self._rest))
        buffer[:n] = self._rest[:n]
        del self._rest[:n]
        return n


@contextmanager
def crew(pipe: Pipe, threads: int) -> Iterator[int]:
    """*threads* workers, none if it is one; gives how long to poll, and lets nobody stay."""
    workers = [threading.Thread(target=pipe.work, name=f"chatseal-test-{i}") for i in range(threads if threads > 1 else 0)]
    for worker in workers:
        worker.start()
    try:
        yield PATIENCE_MS if workers else 0
    finally:
        pipe.stop()
        for worker in workers:
            worker.join()


def serve(pipe: Pipe, threads: int, feed: Callable[[], None], drain: Callable[[memoryview], object]) -> Fault | None:
    """Do what *pipe* asks for until its end. The fault it ended with, None if it is done.

    Nothing but the workers wakes this thread before its patience ends: a waking that they forget is noticed."""
    with crew(pipe, threads) as wait:
        while True:
            began = time.monotonic()
            what = pipe.poll(wait)
            assert not wait or time.monotonic() - began < wait / 1000, "the workers woke nobody"
            if what & _core.FAILED:
                return pipe.fault()
            if what & _core.DRAIN:
                with memoryview(pipe.output()) as piece:
                    drain(piece)
                pipe.release()
            elif what & _core.FEED:
                feed()
            elif what & _core.DONE:
                return None
            elif not wait:
                pipe.step()


def payload_of(stream: bytes) -> bytes:
    """A payload of any stream, by the library's AES-GCM."""
    aead = AESGCM(KEY)
    pieces = (stream[at : at + RECORD] for at in range(0, len(stream) // RECORD * RECORD + 1, RECORD))
    return PREFIX + b"".join(aead.encrypt(record_nonce(NONCE, number), piece, None) for number, piece in enumerate(pieces))


def frames_payload(data: Sequence[Frame]) -> bytes:
    return payload_of(slow_writer.stream_of(framed(data, {"kind": "stream"})))


def records_of(payload: bytes) -> bytes:
    return payload[len(PREFIX) :]


def stream_of(payload: bytes) -> bytes:
    """The stream, opened by the library, which also says that every record and the end are right."""
    decryptor = Cobblestone256Decryptor(FILE_KEY, PAYLOAD_CONTEXT)
    return decryptor.update(payload) + decryptor.finalize()


def tail(size: int) -> bytes:
    return metadata_frame(TAIL_MAGIC, {"size": size}).wire


def finish(pipe: _core.SealPipeline, padding: Sequence[int] = ()) -> Iterator[bytes]:
    """The last records."""
    pipe.finish(tail(pipe.content_taken), padding)
    while piece := pipe.last_records():
        yield piece


def seal_into(
    pipe: _core.SealPipeline,
    source: Buffer | tuple[int, int, int] | Iterator[bytes],
    target: tuple[int, int] | None,
    *,
    threads: int = 1,
    level: int = 1,
    frame_size: int = 1 << 20,
    head: bytes = HEAD,
    grow_at: tuple[int, int] | None = None,
    padding: Sequence[int] = (),
    digest_prefix: bytes | None = None,
) -> bytes | Fault:
    """What a target in turn gets, or what is left for the end of a file; or a fault. An iterator is fed in turn."""
    pieces: list[bytes] = []
    in_turn = InTurn(source if isinstance(source, Iterator) else iter(()))
    begun = None if isinstance(source, Iterator) else source
    pipe.begin(KEY, NONCE, level, frame_size, head, begun, target, grow_at=grow_at, digest_prefix=digest_prefix)

    def feed() -> None:
        with memoryview(pipe.reserve()) as frame:
            n = in_turn.fill(frame)
            if n:
                pipe.commit(n)
            if n < len(frame):
                pipe.end()

    try:
        if fault := serve(pipe, threads, feed, lambda piece: pieces.append(bytes(piece))):
            return fault
        return b"".join([*pieces, *finish(pipe, padding)])
    finally:
        pipe.close()


def seal(source: Buffer, window: Window, *, frame_size: int = 1 << 20, level: int = 1, grow_at: tuple[int, int] | None = None) -> bytes:
    """The payload of *source*, from memory."""
    pipe = _core.SealPipeline(window.slots)
    records = seal_into(pipe, source, None, threads=window.threads, frame_size=frame_size, level=level, grow_at=grow_at)
    assert isinstance(records, bytes), f"fault {records}"
    return PREFIX + records


def unseal_into(
    pipe: _core.UnsealPipeline,
    records: Buffer | tuple[int, int, int] | Iterator[bytes],
    target: Buffer | tuple[int, int | Buffer] | Literal[False] | None,
    *,
    threads: int = 1,
    ring: int = 2,
    digest_prefix: bytes | None = None,
) -> tuple[bytes, Fault | None]:
    """What a target in turn gets, and the fault it ended with. An iterator is fed in turn."""
    released: list[bytes] = []
    in_turn = InTurn(records if isinstance(records, Iterator) else iter(()))
    begun = None if isinstance(records, Iterator) else records
    pipe.begin(KEY, NONCE, ring * _core.RING_STEP, begun, target, digest_prefix=digest_prefix)

    def feed() -> None:
        with memoryview(pipe.reserve()) as run:
            n = in_turn.fill(run)
            pipe.commit(n, n < len(run))

    try:
        fault = serve(pipe, threads, feed, lambda piece: released.append(bytes(piece)))
        return b"".join(released), fault
    finally:
        pipe.close()


def unseal(payload: bytes, window: Window) -> tuple[bytes, Fault | None]:
    """The plaintext of a payload in memory and the fault it ended with."""
    pipe = _core.UnsealPipeline(window.runs, window.slots)
    return unseal_into(pipe, memoryview(payload)[len(PREFIX) :], None, threads=window.threads, ring=window.ring)
