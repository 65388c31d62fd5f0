"""Stage: one way in which a database is read. What the first stage read may be torn; then a second one makes it lie still."""

from collections.abc import Callable
from typing import Protocol


class Stage(Protocol):
    """An Image, but for what settling means."""

    unit: int
    length: int | None

    def read_into(self, offset: int, buffer: memoryview) -> int: ...

    def settle(self) -> "Stage | None":
        """None: what was read is the content at one moment. Else the stage to read everything from once more.

        Raises SourceChangedError, SourceBusyError, CaptureError, OSError."""

    def warnings(self) -> list[str]: ...

    @property
    def held_seconds(self) -> float: ...

    def close(self) -> None: ...


Again = Callable[[], Stage]  # looks at the database anew
