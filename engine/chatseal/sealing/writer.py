"""Writer: a sealed file as a file object to write plaintext into, of any length, sealed on all cores meanwhile."""

import io
import os
from collections.abc import Sequence
from concurrent.futures import Executor
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn

from chatseal import _core
from chatseal.events import Summary
from chatseal.format.labels import SEALED
from chatseal.format.payload import PREFIX_LEN, RECORD_SEALED
from chatseal.keys.slots import FileKeySlots, Holder, holders_of
from chatseal.sealing.budget import Budget
from chatseal.sealing.crew import Crew
from chatseal.sealing.faults import sealing_error
from chatseal.sealing.seal import Seal, SealOptions
from chatseal.sealing.source import flat
from chatseal.sealing.target import ORDINARY, FileTarget, Writable, write_all

if TYPE_CHECKING:
    from typing_extensions import Buffer


class SealedWriter(io.BufferedIOBase):
    """write, then close: only close makes the file appear. Leaving a `with` block by an exception, or losing the last reference,
    leaves nothing under a path, and a file object without the end that would make it a sealed file. For one thread at a time."""

    def __init__(
        self,
        target: "str | os.PathLike[str] | Writable | list[bytes]",
        key: Holder | Sequence[Holder] | FileKeySlots,
        options: SealOptions,
        budget: Budget,
        *,
        overwrite: bool,
        kind: str = SEALED,
        pipe: _core.SealPipeline | None = None,
        hands: Executor | None = None,
    ) -> None:
        """A list gets the whole file at close, in pieces, the header with its size first. *pipe* and *hands*, threads, save new ones."""
        super().__init__()
        holders = key if isinstance(key, FileKeySlots) else holders_of(key)
        self._file: FileTarget | None = None
        self._writable: Writable | None = None
        self._pieces: list[bytes] | None = None
        self._error: BaseException | None = None
        self._frame: memoryview | None = None
        self._filled = 0
        self._position = 0
        self._sealed = 0
        self.summary: Summary | None = None  # after close
        self._seal = Seal(holders, options, budget, kind=kind)
        if isinstance(target, (str, os.PathLike)):
            self._file = FileTarget(target, overwrite=overwrite, mode=ORDINARY)
        elif isinstance(target, list):
            self._pieces = target
        else:
            self._writable = target
        try:
            positioned = (self._file.descriptor, self._seal.header_length + PREFIX_LEN) if self._file else None
            self._pipe = self._seal.begin(None, positioned, pipe=pipe)
            self._crew = Crew(self._pipe, self._seal.threads, hands)
            self._crew.__enter__()
            if self._writable is not None:
                write_all(self._writable, self._seal.header(None) + self._seal.payload.prefix)
        except BaseException:
            self._abandon()
            raise

    def write(self, data: "Buffer", /) -> int:
        """Take all of *data*; blocks while the window is full. An error fails this and every later call."""
        self._check_usable()
        try:
            with flat(data) as view:
                done = 0
                while done < len(view):
                    frame = self._room()
                    n = min(len(frame) - self._filled, len(view) - done)
                    frame[self._filled : self._filled + n] = view[done : done + n]
                    self._filled += n
                    done += n
                    if self._filled == len(frame):
                        self._commit()
        except BaseException as error:
            self._fail(error)
        self._position += done
        return done

    def _room(self) -> memoryview:
        if self._frame is None:
            self._serve(_core.FEED)
            self._frame = memoryview(self._pipe.reserve())
            self._filled = 0
        return self._frame

    def _commit(self) -> None:
        assert self._frame is not None
        self._frame.release()
        self._frame = None
        if self._filled:
            self._pipe.commit(self._filled)

    def _serve(self, until: int) -> None:
        """Drain until the pipeline says *until*."""
        while True:
            what = self._pipe.poll(self._crew.wait_ms)
            if what & _core.FAILED:
                raise sealing_error(self._pipe.fault(), "the data", str(self._file.path) if self._file else "the target")
            if what & _core.DRAIN:
                with memoryview(self._pipe.output()) as piece:
                    self._put(piece)
                self._pipe.release()
            elif what & until:
                return
            elif not self._crew.wait_ms:
                self._pipe.step()

    def _put(self, piece: "Buffer") -> None:
        if self._pieces is not None:
            self._pieces.append(bytes(piece))
        elif self._writable is not None:
            write_all(self._writable, piece)

    def close(self) -> None:
        """Seal what is left and make the file appear. A second call does nothing; after an error, the first call raises it again."""
        if self.closed:
            return
        try:
            if self._error is not None:
                raise self._error
            self._finish()
        except BaseException as error:
            self._error = error
            raise
        finally:
            self._abandon()
            super().close()

    def _finish(self) -> None:
        if self._frame is not None:
            self._commit()
        self._pipe.end()
        self._serve(_core.DONE)
        self._crew.dismiss()
        if self._file is not None:
            sealed_bytes = self._seal.finish_into(self._pipe, self._file)
            self._file.commit()
        else:
            sealed_bytes = self._seal.header_length + PREFIX_LEN + self._pipe.records * RECORD_SEALED
            for piece in self._seal.finish(self._pipe):
                self._put(piece)
                sealed_bytes += len(piece)
            if self._pieces is not None:
                self._pieces.insert(0, self._seal.header(sealed_bytes - self._seal.header_length) + self._seal.payload.prefix)
        self.summary = self._seal.summary(self._pipe, sealed_bytes)

    def discard(self) -> None:
        """Give up: no file appears."""
        if not self.closed:
            self._abandon()
            super().close()

    def _abandon(self) -> None:
        if self._frame is not None:
            self._frame.release()
            self._frame = None
        if hasattr(self, "_crew"):
            self._crew.dismiss()
            self._pipe.close()
        if self._file is not None:
            self._file.discard()

    def _fail(self, error: BaseException) -> NoReturn:
        self._error = error
        self._abandon()
        raise error

    def _check_usable(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        if self._error is not None:
            raise self._error

    def tell(self) -> int:
        """Bytes of plaintext written so far."""
        self._check_usable()
        return self._position

    def flush(self) -> None:
        """Nothing: bytes leave when a frame is full."""

    def writable(self) -> bool:
        return True

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def __del__(self) -> None:
        # IOBase would close, which would publish half a file.
        if hasattr(self, "_file"):
            self.discard()
