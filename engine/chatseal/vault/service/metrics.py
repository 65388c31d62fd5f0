"""Metrics: what Prometheus may read: numbers by operation and outcome, of nobody."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


class Metrics:
    """Counters of one service."""

    media_type = CONTENT_TYPE_LATEST

    def __init__(self, open_attempts: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self._answers = Counter("chatseal_vault_answers", "Requests by outcome.", ("operation", "outcome"), registry=self._registry)
        self._seconds = Histogram("chatseal_vault_seconds", "Time to answer.", ("operation",), buckets=_BUCKETS, registry=self._registry)
        attempts = Gauge("chatseal_vault_open_attempts", "Guesses that wait for their third message.", registry=self._registry)
        attempts.set_function(open_attempts)
        self._swept = Counter("chatseal_vault_swept", "Accounts whose attempts expired.", registry=self._registry)
        self._notices = Counter("chatseal_vault_notices", "Notices by outcome.", ("outcome",), registry=self._registry)

    def count(self, operation: str, outcome: str) -> None:
        """One more answer."""
        self._answers.labels(operation, outcome).inc()

    def timed(self, operation: str) -> AbstractContextManager[object]:
        """Time what happens inside."""
        return self._seconds.labels(operation).time()

    def swept(self, accounts: int) -> None:
        """So many accounts more had attempts that expired."""
        self._swept.inc(accounts)

    def notice(self, outcome: str) -> None:
        """One more notice."""
        self._notices.labels(outcome).inc()

    def text(self) -> bytes:
        """All numbers, as Prometheus reads them."""
        return generate_latest(self._registry)
