"""Attempts: logins whose guess is claimed and whose third message is still to come. They live in this process alone; one that is lost stays
spent."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from chatseal.vault.budgets import ATTEMPT_MS
from chatseal.vault.pake import ServerLogin

SECONDS = ATTEMPT_MS / 1000
MOST = 10_000  # at once; each is some hundred bytes, and costs its account a guess


class Attempts:
    """The open logins by the ids of their attempts. Bounded: the oldest gives way. Any thread may use it."""

    def __init__(self, most: int = MOST, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._lock = threading.Lock()
        self._open: OrderedDict[bytes, tuple[float, bytes, ServerLogin]] = OrderedDict()  # in the order of their end

    def put(self, attempt: bytes, account: bytes, login: ServerLogin) -> None:
        """Keep a login until it is taken, or had its time."""
        with self._lock:
            self._drop()
            if len(self._open) >= self._most:
                self._open.popitem(last=False)
            self._open[attempt] = self._clock() + SECONDS, account, login

    def take(self, attempt: bytes, account: bytes) -> ServerLogin | None:
        """The login of this attempt, once, and for its account alone; None if there is none."""
        with self._lock:
            self._drop()
            found = self._open.get(attempt)
            if found is None or found[1] != account:
                return None
            del self._open[attempt]
            return found[2]

    def drop(self) -> None:
        """Forget those that had their time."""
        with self._lock:
            self._drop()

    def __len__(self) -> int:
        return len(self._open)

    def _drop(self) -> None:
        now = self._clock()
        while self._open and next(iter(self._open.values()))[0] <= now:
            self._open.popitem(last=False)
