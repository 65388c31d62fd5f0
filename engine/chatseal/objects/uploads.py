"""Uploads: objects on their way to a store, several at a time, while the caller makes the next ones."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from chatseal.objects.object_store import ObjectStore
from chatseal.objects.pieces import PacedBuffers, Pieces
from chatseal.objects.throttle import Throttle

if TYPE_CHECKING:
    from typing_extensions import Buffer

OBJECTS: Final = 4
MEMORY: Final = 64 << 20
PATIENCE: Final = 5.0  # seconds that `cancel` waits for puts under way


@dataclass(frozen=True, slots=True)
class _Upload:
    name: str
    data: "Buffer | Sequence[Buffer]"
    length: int
    done: Callable[[], None] | None


class Uploads:
    """At most *objects* puts into *store* at a time, of *memory* bytes together (one larger object goes alone), *limit* bytes a second.

    `submit`, `wait`, `finish` and `cancel` are for one thread. The data of an upload belongs to this class until its *done* is called:
    it is not copied, so it must not change. The first error, of a put or of a *done*, stops all that has not begun; `submit`, `wait` and
    `finish` raise it. As a block it finishes, or cancels if the block was left by an error."""

    def __init__(self, store: ObjectStore, *, objects: int = OBJECTS, memory: int = MEMORY, limit: int | None = None) -> None:
        if objects < 1 or memory < 1:
            raise ValueError("at least one object and one byte are uploaded at a time")
        self._store = store
        self._objects, self._memory = objects, memory
        self._throttle = None if limit is None else Throttle(limit)
        # Queues and no condition: Ctrl-C may come at any moment in the caller's thread, and must not leave a lock behind.
        self._waiting: SimpleQueue[_Upload | None] = SimpleQueue()
        self._ended: SimpleQueue[tuple[int, BaseException | None]] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._telling = threading.Lock()
        self._is_stopped = False  # no put begins any more
        self._is_cancelled = False  # and no *done* is called
        self._is_closed = False
        # These are the caller's thread's alone.
        self._under_way = 0  # objects submitted and not known to be put
        self._bytes = 0  # of those
        self._error: BaseException | None = None

    def submit(self, name: str, data: "Buffer | Sequence[Buffer]", done: Callable[[], None] | None = None) -> None:
        """Upload *data*, one buffer or a list of them, as *name*. Returns when there is room for it, as a rule before it is put.

        *done* is called after the put, when the object is safe, in the thread that put it: one at a time, in the order in which puts
        end, which need not be that of `submit`. It must not call this object."""
        if self._is_closed:
            raise ValueError("the uploads are finished or cancelled")
        with Pieces(data) as pieces:
            length = pieces.length
        while not self._ended.empty():
            self._collect()
        self._raise_error()
        while self._under_way and (self._under_way >= self._objects or self._bytes + length > self._memory):
            self._collect()
            self._raise_error()
        if len(self._threads) <= self._under_way:
            self._start_thread()
        self._under_way += 1
        self._bytes += length
        self._waiting.put(_Upload(name, data, length, done))

    def wait(self) -> None:
        """Return when all that was submitted is put; more may be submitted afterwards. Raises the first error."""
        self._raise_error()
        while self._under_way:
            self._collect()
            self._raise_error()

    def finish(self) -> None:
        """`wait`, and let the threads go. Nothing may be submitted afterwards. A second call does nothing."""
        try:
            self.wait()
        except BaseException:
            self.cancel()
            raise
        self._dismiss(None)

    def cancel(self) -> None:
        """Begin no more puts, and wait up to 5 seconds for those under way, so that Ctrl-C on a slow line does not take minutes.

        What is not over then goes on in the background, as long as the process lives, and reads its data: leave the buffers alone.
        No *done* is called any more when this returns. A second call does nothing."""
        self._is_stopped = True
        if self._throttle is not None:
            self._throttle.stop()
        self._dismiss(PATIENCE)
        with self._telling:  # one that is being called comes to its end
            self._is_cancelled = True

    def _collect(self) -> None:
        """Take note of one put that has ended, waiting for it."""
        length, error = self._ended.get()
        self._under_way -= 1
        self._bytes -= length
        if error is not None and self._error is None:
            self._error = error

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._work, name=f"chatseal-upload-{len(self._threads)}", daemon=True)
        self._threads.append(thread)  # first: an interrupted start may have started it
        try:
            thread.start()
        except RuntimeError:  # the system gives no more; those that run will do
            self._threads.remove(thread)
            if not self._threads:
                raise

    def _dismiss(self, patience: float | None) -> None:
        self._is_closed = True
        for _ in self._threads:
            self._waiting.put(None)
        last = None if patience is None else time.monotonic() + patience
        for thread in self._threads:
            if thread.is_alive():
                thread.join(None if last is None else max(0.0, last - time.monotonic()))
        self._threads = []

    # --- in the threads -------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (upload := self._waiting.get()) is not None:
            length, error = upload.length, None
            try:
                self._put(upload)
            except BaseException as raised:
                error = raised
                self._is_stopped = True
            del upload  # who is idle keeps no data
            self._ended.put((length, error))
            del error

    def _put(self, upload: _Upload) -> None:
        if self._is_stopped:
            return
        self._store.put(upload.name, upload.data if self._throttle is None else PacedBuffers(upload.data, self._throttle))
        with self._telling:
            if upload.done is not None and not self._is_cancelled:
                upload.done()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self.finish()
        else:
            self.cancel()
