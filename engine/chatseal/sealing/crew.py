"""Crew: the threads that run a native pipeline, and the loop that serves it.

The workers are Python threads that enter the core once and stay there without the GIL until the work is over
(docs/design/threads.md). This thread feeds, drains, reports progress and takes Ctrl-C."""

import contextlib
import threading
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Protocol, Self

from chatseal import _core

POLL_MS = 100


class Pipeline(Protocol):
    """What a SealPipeline and an UnsealPipeline have in common."""

    def work(self) -> None: ...
    def step(self) -> bool: ...
    def poll(self, milliseconds: int) -> int: ...
    def output(self) -> _core.Span: ...
    def release(self) -> None: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...


class Crew:
    """*threads* workers of *pipe*, gone when the block ends; with one thread, this thread does the work in steps."""

    def __init__(self, pipe: Pipeline, threads: int) -> None:
        self._pipe = pipe
        self._workers = [
            threading.Thread(target=pipe.work, name=f"chatseal-{i}", daemon=True) for i in range(threads if threads > 1 else 0)
        ]

    @property
    def wait_ms(self) -> int:
        return POLL_MS if self._workers else 0

    def __enter__(self) -> Self:
        try:
            for worker in self._workers:
                worker.start()
        except BaseException:
            self.dismiss()  # also of one whose start was interrupted
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.dismiss()

    def dismiss(self) -> None:
        """Stop and join. A second Ctrl-C while workers finish their frame does not leave them behind."""
        self._pipe.stop()
        interrupted: KeyboardInterrupt | None = None
        for worker in self._workers:
            while worker.is_alive():
                try:
                    worker.join()
                except KeyboardInterrupt as error:
                    interrupted = error
        self._workers = []
        if interrupted is not None:
            raise interrupted


def run(
    pipe: Pipeline,
    threads: int,
    *,
    feed: Callable[[], None] | None = None,
    tick: Callable[[], None] | None = None,
    failed: Callable[[], Exception],
) -> Generator[memoryview]:
    """Serve *pipe* until its work is done, yielding what it has for the target; each piece is valid until the next is asked for.

    *feed* is called when the pipeline takes input, *tick* often; *failed* makes the error to raise when the pipeline has failed."""
    with contextlib.closing(pipe), Crew(pipe, threads) as crew:
        while True:
            what = pipe.poll(crew.wait_ms)
            if tick is not None:
                tick()
            if what & _core.FAILED:
                raise failed()
            if what & _core.DRAIN:
                with memoryview(pipe.output()) as piece:
                    yield piece
                pipe.release()
            elif what & _core.FEED and feed is not None:
                feed()
            elif what & _core.DONE:
                return
            elif not crew.wait_ms:
                pipe.step()
