"""Drilled: what a drill of a snapshot found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DrilledDatabase:
    """A database that a drill had SQLite look at: whether it is `whole`, and how many rows each table has, as (name, rows)."""

    path: str
    whole: bool
    tables: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Drilled:
    """What one drill of a snapshot found. `entries` are those with content, `tried` those of them that were read, of `size` bytes.

    `failed` are names that cannot be restored, and why: empty if it is proven that the snapshot, or the `share` of it, comes back.
    `warnings` name what SQLite could not look at, for lack of an extension that the database's application has."""

    snapshot: str
    entries: int
    tried: int
    size: int
    share: float
    seconds: float
    databases: tuple[DrilledDatabase, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def rate(self) -> float:
        """Bytes of content a second."""
        return self.size / self.seconds if self.seconds > 0 else 0.0
