"""Crew: the threads that run a native pipeline, and the loop that serves it.

The workers are Python threads that enter the core once and stay there without the GIL until the work is over
(docs/design/threads.md). This thread feeds, drains, reports progress and takes Ctrl-C."""

import contextlib
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Executor, Future, wait
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
    """*threads* workers of *pipe*, gone when the block ends; with one thread, this thread does the work in steps.

    Of *hands*, if given, that many threads are borrowed: for one pipeline after another, as starting two takes a millisecond."""

    def __init__(self, pipe: Pipeline, threads: int, hands: Executor | None = None) -> None:
        self._pipe, self._hands = pipe, hands
        self._count = threads if threads > 1 else 0
        self._workers: list[threading.Thread | Future[None]] = []

    @property
    def wait_ms(self) -> int:
        return POLL_MS if self._workers else 0

    def __enter__(self) -> Self:
        try:
            for number in range(self._count):
                if self._hands is not None:
                    self._workers.append(self._hands.submit(self._pipe.work))
                else:
                    worker = threading.Thread(target=self._pipe.work, name=f"chatseal-{number}", daemon=True)
                    self._workers.append(worker)
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
            while not _is_over(worker):
                try:
                    wait([worker]) if isinstance(worker, Future) else worker.join()
                except KeyboardInterrupt as error:
                    interrupted = error
        self._workers = []
        if interrupted is not None:
            raise interrupted


def _is_over(worker: threading.Thread | Future[None]) -> bool:
    return worker.done() if isinstance(worker, Future) else not worker.is_alive()


def run(
    pipe: Pipeline,
    threads: int,
    *,
    feed: Callable[[], None] | None = None,
    tick: Callable[[], None] | None = None,
    failed: Callable[[], Exception],
    hands: Executor | None = None,
) -> Generator[memoryview]:
    """Serve *pipe* until its work is done, yielding what it has for the target; each piece is valid until the next is asked for.

    *feed* is called when the pipeline takes input, *tick* often; *failed* makes the error to raise when the pipeline has failed."""
    with contextlib.closing(pipe), Crew(pipe, threads, hands) as crew:
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
