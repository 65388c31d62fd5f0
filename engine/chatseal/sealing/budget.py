"""Budget: how many threads and how much memory one piece of work may use."""

import os
from dataclasses import dataclass

from chatseal import _core

MIB = 1 << 20
FRAME_SIZE = MIB
FRAME_SIZE_MIN = 64 << 10
FRAME_SIZE_MAX = 16 * MIB
SMALL_FRAMES = 8  # so many of the smallest frames stand in a window where one of 1 MiB would: they go to and fro in bundles
LEVEL = 3
LEVEL_MIN, LEVEL_MAX = -7, 22
THREADS_MAX = 1024


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _compressor_memory(level: int, frame_size: int) -> int:
    """About what one zstd compressor takes: its tables grow with level and window, never far beyond the frame."""
    per_byte = 3 if level <= 4 else 6 if level <= 12 else 16
    return MIB + min(frame_size, 8 * MIB) * per_byte


@dataclass(frozen=True, slots=True)
class Budget:
    """Threads and, if not None, bytes of memory for buffers and compressors. The interpreter is not counted."""

    threads: int
    memory: int | None = None

    @classmethod
    def of(cls, threads: int | None, memory: int | None) -> "Budget":
        """Checks what a caller asked for. Raises ValueError."""
        if threads is None:
            threads = cores()
        if not 1 <= threads <= THREADS_MAX:
            raise ValueError(f"threads is 1 to {THREADS_MAX}")
        if memory is not None and memory < 1:
            raise ValueError("memory is a number of bytes above 0")
        return cls(threads, memory)

    def for_sealing(self, level: int, frame_size: int, size: int | None) -> tuple[int, int]:
        """(threads, slots) of a pipeline. Fewer threads when memory is scarce or the source small; never fewer than 1 and 2."""
        slot = 2 * (_core.frame_bound(frame_size) + 3 * 16384)
        threads = self.threads
        if size is not None:
            threads = max(1, min(threads, -(-size // frame_size)))
        if self.memory is not None:
            threads = max(1, min(threads, self.memory // (2 * slot + _compressor_memory(level, frame_size))))
        slots = (2 * threads + 2) * max(1, SMALL_FRAMES * FRAME_SIZE_MIN // frame_size) if threads > 1 else 2
        if self.memory is not None:
            left = self.memory - threads * _compressor_memory(level, frame_size)
            slots = max(2, threads, min(slots, left // slot))
        return threads, slots

    def for_unsealing(self, records_length: int | None) -> tuple[int, int, int, int]:
        """(threads, run slots, frame slots, ring bytes) of a pipeline for so many bytes of records, None if nobody knows."""
        threads = self.threads
        if self.memory is not None:
            # a worker: its runs, its share of the ring, frames under way, a decompressor
            threads = max(1, min(threads, self.memory // (6 * MIB)))
        if records_length is not None:
            runs = records_length // _core.RUN_LENGTH + 1
            threads = max(1, min(threads, runs))
            if runs == 1:
                return 1, 2, 2, _core.RING_STEP
        if threads == 1:
            return 1, 2, 2, 4 * _core.RING_STEP
        return threads, threads + 2, 2 * threads + 2, (2 * threads + 4) * _core.RING_STEP


def check_level(level: int) -> None:
    if not LEVEL_MIN <= level <= LEVEL_MAX:
        raise ValueError(f"level is {LEVEL_MIN} to {LEVEL_MAX}")


def check_frame_size(frame_size: int) -> None:
    if not FRAME_SIZE_MIN <= frame_size <= FRAME_SIZE_MAX:
        raise ValueError("frame_size is 64 KiB to 16 MiB")
