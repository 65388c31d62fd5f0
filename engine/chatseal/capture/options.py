"""Options: what is captured, and what that may cost others."""

from dataclasses import dataclass

from chatseal.capture.patterns import Patterns

MAX_HOLD = 10.0


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """How sources are found and databases read. The fields up to `leave_out` are those of walk.walk."""

    patterns: Patterns | None = None
    one_file_system: bool = False
    exclude_caches: bool = False
    leave_out: tuple[str, ...] = ()  # paths: where the store and the cache are
    max_hold: float | None = MAX_HOLD  # seconds that the writers of one database may have to wait; None: as long as it takes
    allow_network: bool = False  # read databases on network file systems, whose locks may not reach the other hosts
    allow_rollback: bool = False  # let SQLite roll back in the source what a crash left half done
