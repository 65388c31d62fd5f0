"""Reseal: the records of a payload decrypted and encrypted anew under another key, the compressed stream left as it is."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from chatseal import _core
from chatseal.errors import SourceChangedError
from chatseal.format.payload import PREFIX_LEN, RECORD_PLAIN, RECORD_SEALED, PayloadKey
from chatseal.sealing.copying import Tick
from chatseal.sealing.faults import Fault, codec_errors
from chatseal.sealing.source import Source
from chatseal.sealing.target import FileTarget

STRETCH = 64  # records that one worker takes at a time
STRETCH_SEALED = STRETCH * RECORD_SEALED
WORKER_MEMORY = 8 << 20  # bytes: two stretches under way, as they came and as they go
WORKERS_MAX = 4  # what they make is written by one thread, which more of them would only wait for


class Reseal:
    """The records of *source* from *records_at* on: from the key *old* to the key *new*. Every one is authenticated."""

    def __init__(self, source: Source, records_at: int, old: PayloadKey, new: PayloadKey, failed: Callable[[Fault], Exception]) -> None:
        """*failed* makes the error for a record that does not authenticate."""
        assert source.length is not None
        self._source, self._at, self._failed = source, records_at, failed
        self._length = source.length - records_at
        self._old, self._new = old, new
        self._worker = threading.local()

    def write(self, target: FileTarget, at: int, threads: int, tick: Tick) -> None:
        """Write the new payload, its first 56 bytes too, into *target* at *at*. Raises DamagedError, TruncatedError, OSError."""
        target.write_at(at, self._new.prefix)
        at += PREFIX_LEN
        done = 0
        with codec_errors():
            for piece in _ordered(self._stretch, range(-(-self._length // STRETCH_SEALED)), threads):
                target.write_at(at + done, piece)
                done += len(piece)
                tick(PREFIX_LEN + done)

    def _stretch(self, number: int) -> bytearray:
        begin = number * STRETCH_SEALED
        length = min(STRETCH_SEALED, self._length - begin)
        sealed = self._source.read_at(self._at + begin, length)
        if len(sealed) < length:
            raise SourceChangedError(f"{self._source.name} shrank while it was read")
        mine = self._worker.__dict__
        if not mine:  # ciphers and buffers of this thread, kept from stretch to stretch
            mine["opener"] = _core.RecordOpener(self._old.key, self._old.nonce)
            mine["sealer"] = _core.RecordSealer(self._new.key, self._new.nonce)
            mine["stream"] = memoryview(bytearray(STRETCH * RECORD_PLAIN))
        first, stream = number * STRETCH, mine["stream"]
        try:
            n = mine["opener"].open_into(first, sealed, stream)
        except _core.Damaged:
            raise self._failed(self._fault(first, sealed, mine["opener"])) from None
        out = bytearray(length)
        mine["sealer"].seal_into(first, stream[:n], out, last=begin + length == self._length)
        return out

    def _fault(self, first: int, sealed: bytes, opener: _core.RecordOpener) -> Fault:
        """The first record in a bad stretch that does not authenticate."""
        out = bytearray(RECORD_PLAIN)
        for at in range(0, len(sealed), RECORD_SEALED):
            try:
                opener.open_into(first + at // RECORD_SEALED, sealed[at : at + RECORD_SEALED], out)
            except _core.Damaged:
                break
        place = first * RECORD_SEALED + at
        return _core.DAMAGED, 0, _core.LAST_RECORD if place + RECORD_SEALED > self._length else _core.RECORD, place


def _ordered(work: Callable[[int], bytearray], items: Iterable[int], threads: int) -> Iterator[bytearray]:
    """Yield work(item) in order, with at most two items in flight a thread. The first error, in order, is the one that is raised."""
    if threads == 1:
        yield from map(work, items)
        return
    from concurrent.futures import Future, ThreadPoolExecutor  # takes a hundredth of a second, for what is seldom done

    pool = ThreadPoolExecutor(threads, thread_name_prefix="chatseal-reseal")
    window: deque[Future[bytearray]] = deque()
    try:
        for item in items:
            if len(window) == 2 * threads:
                yield window.popleft().result()
            window.append(pool.submit(work, item))
        while window:
            yield window.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
