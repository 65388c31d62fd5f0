"""Pack reader: plaintext of packs, whole ones unsealed on all cores while the next is fetched, or ranges of them."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from chatseal import _core
from chatseal.errors import DamagedError, WrongKeyError
from chatseal.objects.object_store import FileObjects
from chatseal.sealing.budget import Budget
from chatseal.sealing.source import Source
from chatseal.sealing.unseal import Unseal, exhaust
from chatseal.snapshots import envelope
from chatseal.snapshots.page_map import PackPlace
from chatseal.snapshots.range_reader import RangeReader, disagrees
from chatseal.snapshots.runs import Runs
from chatseal.snapshots.sealed_store import SealedStore


class PackReader:
    """Reads packs of one store. For one thread at a time; as a block it lets go of what it holds."""

    def __init__(self, store: SealedStore, budget: Budget) -> None:
        self._store, self._budget = store, budget
        self._pool = ThreadPoolExecutor(1, "chatseal-fetch")
        self._hands = ThreadPoolExecutor(budget.threads, "chatseal-unseal")
        self._coming: dict[str, Future[bytes]] = {}
        self._ranges = RangeReader(store)
        self._buffer = bytearray()
        self._held = ""  # the pack whose plaintext the buffer holds
        _, runs, frames, _ = budget.for_unsealing(None)
        self._pipe = _core.UnsealPipeline(runs, frames)

    def whole(self, place: PackPlace, *, following: Sequence[PackPlace] = ()) -> memoryview:
        """All of a pack's plaintext, valid until the next call. The first of *following* is fetched meanwhile: it will be asked for soon.

        Raises IntegrityError and what stores raise."""
        if self._held != place.name:
            self._held = ""
            if len(self._buffer) < place.plain:
                self._buffer = bytearray(place.plain)
            self._unseal(place, memoryview(self._buffer)[: place.plain], following)
            self._held = place.name
        return memoryview(self._buffer)[: place.plain]

    def into(self, place: PackPlace, descriptor: int, runs: Runs, *, following: Sequence[PackPlace] = ()) -> None:
        """Write *runs* of a pack's plaintext, one at least and apart, into a file, on all cores. Raises the same, and OSError."""
        self._unseal(place, (descriptor, runs.rows()), following)

    def read(self, place: PackPlace, at: int, length: int) -> bytes:
        """*length* bytes of a pack's plaintext: from memory if it is there, else by ranges of the object. Raises the same."""
        if self._held == place.name:
            return bytes(memoryview(self._buffer)[at : at + length])
        return self._ranges.read(place, at, length)

    def _fetch(self, place: PackPlace) -> bytes:
        data = self._store.objects.get(place.name, place.length)
        if len(data) != place.length:
            raise disagrees(place)
        return data

    @contextmanager
    def _opened(self, place: PackPlace, following: Sequence[PackPlace]) -> Iterator[Source]:
        """The pack's object as a source: where it lies, if it is a file, else fetched."""
        objects = self._store.objects
        if isinstance(objects, FileObjects):
            with objects.open_file(place.name) as file:
                length = os.fstat(file.fileno()).st_size
                if length != place.length:
                    raise disagrees(place)
                yield Source(name=place.name, positioned=(file.fileno(), 0, length), length=length)
        else:
            data = memoryview(self._take(place, following))
            yield Source(name=place.name, positioned=data, length=len(data))

    def _take(self, place: PackPlace, following: Sequence[PackPlace]) -> bytes:
        coming = self._coming.pop(place.name, None)
        data = coming.result() if coming is not None else self._fetch(place)
        if following and not self._coming:
            self._coming[following[0].name] = self._pool.submit(self._fetch, following[0])
        return data

    def _unseal(self, place: PackPlace, target: "memoryview | tuple[int, memoryview]", following: Sequence[PackPlace]) -> None:
        name = place.name
        try:
            with self._opened(place, following) as source:
                work = Unseal(source, [self._store.key(name)], self._budget, "the target", kind=self._store.kind(name))
                work.check_length()
                exhaust(work.run(target, pipe=self._pipe, hands=self._hands))
                done = self._pipe.content_done
        except WrongKeyError as error:  # it is one of another store
            raise envelope.named(DamagedError(str(error)), name) from None
        except ValueError:  # it is more than there is room for
            raise disagrees(place) from None
        if done != place.plain:
            raise disagrees(place)

    def close(self) -> None:
        """Let go of connections and memory."""
        for future in self._coming.values():
            future.cancel()
        self._pool.shutdown()
        self._hands.shutdown()
        self._ranges.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
