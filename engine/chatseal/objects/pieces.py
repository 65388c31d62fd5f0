"""Pieces: the data of one object as buffers that follow each other, without a copy."""

import contextlib
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, cast

if TYPE_CHECKING:
    from typing_extensions import Buffer

    _List = list[Buffer]
else:
    _List = list


class Pace(Protocol):
    """What slows uploads down."""

    rate: int  # bytes a second
    slice_bytes: int  # how much is let through at once

    def take(self, amount: int) -> None:
        """Return when *amount* more bytes may be sent. Raises to stop the upload."""


class PacedBuffers(_List):
    """Buffers that are to be sent no faster than a pace. A store that knows nothing of that takes them as a list."""

    def __init__(self, data: "Buffer | Sequence[Buffer]", pace: Pace) -> None:
        super().__init__(data if isinstance(data, (list, tuple)) else [cast("Buffer", data)])
        self.pace = pace


class Pieces:
    """What `put` was given, as flat views that are released when the block ends. `length` is their sum in bytes.

    Of paced buffers the views are short, and who iterates waits before each: a store that sends while it iterates sends smoothly."""

    def __init__(self, data: "Buffer | Sequence[Buffer]") -> None:
        self.pace = data.pace if isinstance(data, PacedBuffers) else None
        self._views: list[memoryview] = []
        try:
            for piece in data if isinstance(data, (list, tuple)) else (data,):
                with memoryview(piece) as view:
                    self._views.append(view.cast("B"))
        except BaseException:
            self._release()
            raise
        self.length = sum(len(view) for view in self._views)

    def __iter__(self) -> Iterator[memoryview]:
        for view in self._views:
            step = self.pace.slice_bytes if self.pace else max(1, len(view))
            for start in range(0, len(view), step):
                piece = view[start : start + step]
                if self.pace:
                    self.pace.take(len(piece))
                yield piece

    def joined(self) -> bytes:
        """One copy of it all, after all the waiting that the pace asks for."""
        return b"".join(self.views())

    def views(self) -> list[memoryview]:
        """All of it without a copy, after all the waiting that the pace asks for. Valid until the block ends."""
        if self.pace:
            for _ in self:
                pass
        return self._views

    def buffers(self) -> list[memoryview]:
        """All of it without a copy or a wait, for who keeps the pace in another way. Valid until the block ends."""
        return self._views

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._release()

    def _release(self) -> None:
        for view in self._views:
            with contextlib.suppress(BufferError):  # a library that sent it lets go of it in a moment
                view.release()
