"""Copied: what a copy of a store did."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Copied:
    """What one copy did. `snapshots` were copied, `there` were at the other place, or forgotten there. `objects` of `bytes` were sent.

    `skipped` are ids of snapshots that could not be copied, and why."""

    snapshots: int
    there: int
    objects: int
    bytes: int
    seconds: float
    skipped: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()

    def __add__(self, other: "Copied") -> "Copied":
        """Both copies as one, to two places."""
        return Copied(
            self.snapshots + other.snapshots,
            self.there + other.there,
            self.objects + other.objects,
            self.bytes + other.bytes,
            self.seconds + other.seconds,
            self.skipped + other.skipped,
            self.warnings + other.warnings,
        )

    @property
    def rate(self) -> float:
        """Bytes sent a second."""
        return self.bytes / self.seconds if self.seconds > 0 else 0.0
