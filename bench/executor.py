"""Executor: the rejected way to use all cores, kept to be measured: Python orchestrates the kernels frame by frame.

Both ways below do what the native pipeline does (compress in parallel, fix the order, encrypt runs of whole records in parallel,
hand over in order), with the core's own kernels, which release the GIL, into buffers that are used again:

- *futures*: a ThreadPoolExecutor, two futures a frame, at most a window of them under way
- *loops*: threads that take the next piece under one lock, the native pipeline's algorithm in Python

`python bench/executor.py [--size 256M] [--rounds 5] [--json FILE]` prints the table of the document."""

import argparse
import json
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import inputs
import limit
import machine
import subjects
from chatseal import _core
from rounds import Run, take_turns, timed

RECORD_PLAIN, RECORD_SEALED = 16384, 16400
LEVELS, FRAME_SIZES, THREADS = (1, 3, -5), (64 << 10, 1 << 20), (1, 2)


class Slot:
    """Buffers of one frame on its way. The compressed frame stands behind room for what the frame before left over."""

    def __init__(self, frame_size: int) -> None:
        bound = _core.frame_bound(frame_size)
        self.packed = memoryview(bytearray(RECORD_PLAIN + bound))
        self.sealed = memoryview(bytearray((bound // RECORD_PLAIN + 2) * RECORD_SEALED))
        self.frame_length = 0
        self.run = self.packed[:0]
        self.first_record = 0


class Order:
    """The step in order: gives a run its records and takes along what fills none."""

    def __init__(self) -> None:
        self._carry, self._records = b"", 0

    def fix(self, slot: Slot) -> None:
        begin = RECORD_PLAIN - len(self._carry)
        slot.packed[begin:RECORD_PLAIN] = self._carry
        end = RECORD_PLAIN + slot.frame_length
        whole = (end - begin) // RECORD_PLAIN * RECORD_PLAIN
        slot.run, slot.first_record = slot.packed[begin : begin + whole], self._records
        self._carry = bytes(slot.packed[begin + whole : end])
        self._records += whole // RECORD_PLAIN


class Kernels(threading.local):
    """One thread's contexts."""

    def __init__(self, level: int) -> None:
        self.compressor = _core.FrameCompressor(level)
        self.sealer = _core.RecordSealer(limit.KEY, limit.NONCE)

    def pack(self, content: memoryview, slot: Slot) -> Slot:
        slot.frame_length = self.compressor.compress_into(content, slot.packed[RECORD_PLAIN:])
        return slot

    def seal(self, slot: Slot) -> memoryview:
        return slot.sealed[: self.sealer.seal_into(slot.first_record, slot.run, slot.sealed)]


def futures(data: bytearray, sink: subjects.Sink, level: int, frame_size: int, threads: int) -> None:
    """An executor and a window of futures; this thread fixes the order and drains."""
    kernels, order, view = Kernels(level), Order(), memoryview(data)
    free = [Slot(frame_size) for _ in range(2 * threads + 2)]
    packing: deque[tuple[Slot, Future[Slot]]] = deque()
    sealing: deque[tuple[Slot, Future[memoryview]]] = deque()
    places: Iterator[int] = iter(range(0, len(data), frame_size))
    at = next(places, None)
    with ThreadPoolExecutor(threads) as pool:
        while at is not None or packing or sealing:
            while at is not None and free:
                slot = free.pop()
                packing.append((slot, pool.submit(kernels.pack, view[at : at + frame_size], slot)))
                at = next(places, None)
            if packing and (packing[0][1].done() or not sealing):
                slot, packed = packing.popleft()
                packed.result()
                order.fix(slot)
                sealing.append((slot, pool.submit(kernels.seal, slot)))
            elif sealing:
                slot, sealed = sealing.popleft()
                sink.write(sealed.result())
                free.append(slot)


class Loops:
    """The native pipeline's algorithm in Python: any thread does any ready piece, under one lock."""

    def __init__(self, data: bytearray, sink: subjects.Sink, level: int, frame_size: int, threads: int) -> None:
        self._view, self._sink, self._frame_size = memoryview(data), sink, frame_size
        self._kernels, self._order, self._lock = Kernels(level), Order(), threading.Condition()
        self._count = -(-len(data) // frame_size)
        self._slots = [Slot(frame_size) for _ in range(2 * threads + 2)]
        self._packed: dict[int, Slot] = {}
        self._sealed: dict[int, memoryview] = {}
        self._taken = self._fixed = self._sealing = self._drained = 0
        limit.on_threads([self._work] * threads)

    def _slot(self, frame: int) -> Slot:
        return self._slots[frame % len(self._slots)]

    def _work(self) -> None:
        with self._lock:
            while self._sealing < self._count:
                if self._sealing < self._fixed:
                    frame = self._sealing
                    self._sealing += 1
                    self._lock.release()
                    sealed = self._kernels.seal(self._slot(frame))
                    self._lock.acquire()
                    self._sealed[frame] = sealed
                    while (piece := self._sealed.pop(self._drained, None)) is not None:
                        self._sink.write(piece)
                        self._drained += 1
                elif self._taken < min(self._count, self._drained + len(self._slots)):
                    frame = self._taken
                    self._taken += 1
                    self._lock.release()
                    at = frame * self._frame_size
                    slot = self._kernels.pack(self._view[at : at + self._frame_size], self._slot(frame))
                    self._lock.acquire()
                    self._packed[frame] = slot
                    while (ready := self._packed.pop(self._fixed, None)) is not None:
                        self._order.fix(ready)
                        self._fixed += 1
                else:
                    self._lock.wait()
                    continue
                self._lock.notify_all()


def ways(data: bytearray, level: int, frame_size: int, threads: int) -> dict[str, Run]:
    """The native pipeline, both rejected ways and the limit, from memory to a sink in memory."""
    return {
        "native": subjects.seal_to_sink(data, level, threads=threads, frame_size=frame_size),
        "futures": partial(timed, partial(futures, data, subjects.Sink(), level, frame_size, threads)),
        "loops": partial(timed, partial(Loops, data, subjects.Sink(), level, frame_size, threads)),
        "libzstd alone": limit.Compression([data], level, frame_size, threads).run,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=inputs.size, default="256M")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    data = inputs.load(inputs.chat(given.size))
    print(machine.describe() + f"\n\nMB/s of {len(data) / 1e6:.0f} MB in memory, medians of {given.rounds} rounds in turn\n")
    print("| level | frame | threads | native | futures | loops | libzstd alone | futures / native | loops / native |")
    print("|---|---|---|---|---|---|---|---|---|")
    found = []
    for level in LEVELS:
        for frame_size in FRAME_SIZES:
            for threads in THREADS:
                times = take_turns(ways(data, level, frame_size, threads), given.rounds)
                rates = {name: len(data) / times.median(name) / 1e6 for name in times.seconds}
                shares = [times.share(name, "native") for name in ("futures", "loops")]
                cells = [f"{rate:.0f}" for rate in rates.values()] + [f"{share:.2f}" for share in shares]
                print(f"| {level} | {frame_size >> 10} KiB | {threads} | {' | '.join(cells)} |", flush=True)
                found.append({"level": level, "frame_size": frame_size, "threads": threads, **rates})
    if given.json:
        given.json.write_text(json.dumps({"machine": machine.facts(), "rates": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
