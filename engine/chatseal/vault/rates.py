"""Rates: how many requests an account or an address may make, asked before anything is counted or computed for it."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

MOST = 50_000  # who is remembered at once; some 200 bytes each


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests a minute for long, and so many at once."""

    minute: int
    burst: int

    def __post_init__(self) -> None:
        if self.minute < 1 or self.burst < 1:
            raise ValueError("a limit is at least 1")


class Rates:
    """Token buckets, one for each key. Memory is bounded: whoever asked longest ago is forgotten first. Any thread may use it."""

    def __init__(self, limit: Limit, most: int = MOST, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._most, self._clock = limit, most, clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[bytes, tuple[float, float]] = OrderedDict()  # key: requests that are left, as of a time

    def wait(self, key: bytes) -> int:
        """0, and the request is counted; or the seconds until one is taken again."""
        with self._lock:
            now, pace = self._clock(), self._limit.minute / 60
            left, then = self._buckets.pop(key, (float(self._limit.burst), now))
            left = min(self._limit.burst, left + max(0.0, now - then) * pace)
            is_taken = left >= 1
            self._buckets[key] = (left - is_taken, now)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
            return 0 if is_taken else ceil((1 - left) / pace)

    def __len__(self) -> int:
        return len(self._buckets)
