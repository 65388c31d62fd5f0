"""Throttle: a token bucket, so that uploads leave room for others on a thin line."""

import threading
import time
from collections.abc import Callable
from typing import Final

BURST: Final = 0.25  # seconds of the rate that may go at once after a rest
_SLICE_MIN, _SLICE_MAX = 1 << 10, 64 << 10


class ThrottleStoppedError(Exception):
    """Raised out of a wait when there is nothing left to wait for."""


class Throttle:
    """*rate* bytes a second, shared by all threads that take from it; who comes first is served first.

    `stop` ends all waits, now and later, by ThrottleStoppedError. *clock* and *sleep* are for tests."""

    def __init__(self, rate: int, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] | None = None) -> None:
        if rate <= 0:
            raise ValueError("a rate is at least one byte a second")
        self.rate = rate
        self.slice_bytes = min(_SLICE_MAX, max(_SLICE_MIN, rate // 16))
        self._clock = clock
        self._stopped = threading.Event()
        self._sleep = sleep or self._stopped.wait
        self._lock = threading.Lock()
        self._paid = clock() - BURST  # the moment until which the rate has been used up

    def take(self, amount: int) -> None:
        """Return when *amount* more bytes may be sent."""
        with self._lock:
            now = self._clock()
            self._paid = max(self._paid, now - BURST) + amount / self.rate
            wait = self._paid - now
        if wait > 0:
            self._sleep(wait)
        if self._stopped.is_set():
            raise ThrottleStoppedError("the upload was stopped")

    def stop(self) -> None:
        self._stopped.set()
