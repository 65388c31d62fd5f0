"""Object store: the little that a place for backups must be able to do, and what it promises."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from typing_extensions import Buffer


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a store says of one object. `modified` is seconds since 1970 by the store's own clock: compare it with nothing else."""

    name: str
    size: int
    modified: float


class ObjectStore(Protocol):
    """A place for objects: names (`[a-z0-9][a-z0-9/.-]{0,127}`, no part empty or of dots alone) to bytes, never trusted.

    An object is put whole or not at all: who lists or reads it while it is being put finds nothing or all of it, and after `put` has
    returned it survives a crash of this machine (of the store's, as far as the store promises that). After a put, get and list find
    it; after a delete they do not. Objects are never changed, only put, put over, and deleted.

    Every call may be made from several threads at once, blocks until it is done, and tries again by itself what is worth trying again.
    Raises ObjectMissingError, ObjectExistsError, StoreRefusedError (credentials, rights), StoreFailedError (network, server, limits),
    OSError (a local disk). No text of an error, log or repr holds a credential."""

    url: str  # as a person would write it, without credentials

    def put(self, name: str, data: "Buffer | Sequence[Buffer]", *, absent: bool = False) -> None:
        """Put an object: one contiguous buffer, or a list of several that follow each other. They stay the caller's and are not changed.

        With *absent* only if there is no object of that name: ObjectExistsError if there is one. Only where `can_put_absent`. If
        the answer was lost and a second attempt finds one with these very bytes, that counts as put."""

    def get(self, name: str, limit: int) -> bytes:
        """A whole object of at most *limit* bytes; StoreFailedError if it is longer, before more than that has been allocated."""

    def get_range(self, name: str, offset: int, length: int) -> bytes:
        """Up to *length* bytes at *offset*; fewer only at the object's end, none beyond it. Neither is negative (ValueError)."""

    def info(self, name: str) -> ObjectInfo:
        """Size and time of one object."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """All objects whose name begins with *prefix* (whole folders, such as `packs/`), in any order, page by page."""

    def delete(self, name: str) -> None:
        """Remove an object. None there is not an error: who repeats a delete must not fail."""

    def can_put_absent(self) -> bool:
        """Whether `put(absent=True)` keeps its promise here, shown by trying it out.

        Two objects `probe/...` are put, one of them several times, to a server 16 MiB in all, and deleted afterwards."""

    def close(self) -> None:
        """Let go of connections and threads. The store is not used afterwards."""


@runtime_checkable
class FileObjects(Protocol):
    """What a store can do besides whose objects are files of this machine: they are read where they lie, by several threads."""

    def open_file(self, name: str) -> io.FileIO:
        """The object's file, for reading; the caller closes it. Raises ObjectMissingError, StoreFailedError, OSError."""


@runtime_checkable
class SwappingObjects(Protocol):
    """What a store can do besides that lets nobody put over what somebody else has put there meanwhile."""

    def swap(self, name: str, data: "Buffer | Sequence[Buffer]", before: bytes) -> None:
        """Put over an object if it still holds *before*, in one step for all who use `swap` on it. Raises ObjectChangedError,
        ObjectMissingError, and what `put` raises."""
