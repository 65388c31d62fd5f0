"""Range reader: ranges of packs' plaintext, of which no more is fetched than the frames in which they lie."""

from collections import OrderedDict
from types import TracebackType
from typing import Self

from chatseal.errors import DamagedError, IntegrityError
from chatseal.sealing.reader import SealedReader
from chatseal.snapshots import envelope
from chatseal.snapshots.page_map import PackPlace
from chatseal.snapshots.sealed_store import SealedStore

READERS_MAX = 8  # packs that are open at once


class RangeReader:
    """Reads packs of one store. For one thread at a time; as a block it lets go of what it holds: a frame of each of the last packs."""

    def __init__(self, store: SealedStore) -> None:
        self._store = store
        self._readers: OrderedDict[str, SealedReader] = OrderedDict()

    def read(self, place: PackPlace, at: int, length: int) -> bytes:
        """*length* bytes of a pack's plaintext. Raises IntegrityError and what stores raise."""
        reader = self._reader(place)
        try:
            reader.seek(at)
            data = reader.read(length)
        except IntegrityError as error:
            raise envelope.named(error, place.name) from None
        if len(data) != length:
            raise disagrees(place)
        return data

    def _reader(self, place: PackPlace) -> SealedReader:
        reader = self._readers.pop(place.name, None)
        if reader is None:
            reader = self._store.open(place.name, place.length)
            if reader.size != place.plain:
                raise disagrees(place)
        self._readers[place.name] = reader
        if len(self._readers) > READERS_MAX:
            self._readers.popitem(last=False)[1].close()
        return reader

    def close(self) -> None:
        """Let go of packs."""
        while self._readers:
            self._readers.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def disagrees(place: PackPlace) -> DamagedError:
    """The error for a pack that is another one than its map tells of."""
    return DamagedError(f"{place.name} is not what its map says")
