"""Sealed store: names and plaintext above, opaque bytes below. Every object is bound to its kind, the store and its own name."""

import os
import secrets
import threading
import time
from collections.abc import Container, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from cryptography.hazmat.primitives import hashes, hmac

from chatseal.errors import ChatsealError, DamagedError, IntegrityError, StoreFailedError, WrongKeyError
from chatseal.format import object_names
from chatseal.keys.epoch_key import EpochKey
from chatseal.objects.object_store import ObjectInfo, ObjectStore
from chatseal.sealing.reader import SealedReader
from chatseal.snapshots import envelope, places
from chatseal.snapshots.config import Config
from chatseal.snapshots.object_file import ObjectFile

if TYPE_CHECKING:
    from typing_extensions import Buffer

_SPARE = 1 << 20  # bytes that an object may be longer than what it holds: header, table, tags
_BOOT_ID = "/proc/sys/kernel/random/boot_id"


class SealedStore:
    """The objects of one store. Any thread may call it.

    Maps and manifests are kept on this machine, too, sealed as they are: a copy that was exchanged, is old or damaged does not open under
    its name, and is fetched again."""

    def __init__(self, objects: ObjectStore, config: Config, *, copies: bool = True) -> None:
        self.objects, self.config = objects, config
        self._copies = places.cache_folder() / config.store_id if copies else None
        self._name_key = config.name_key()
        self._counter = 0
        self._lock = threading.Lock()

    def new_name(self, folder: str, hint: bytes = b"", *, epoch: int | None = None) -> str:
        """A name that nothing has yet and that tells nothing, of the newest epoch if no other is named.

        *hint* is of the content: two clones of one machine that draw the same random bytes still differ in it, or write the same."""
        with self._lock:
            self._counter += 1
            counter = self._counter
        mac = hmac.HMAC(self._name_key.view, hashes.SHA256())
        for piece in (secrets.token_bytes(32), _boot(), time.time_ns(), time.monotonic_ns(), os.getpid(), counter, hint):
            data = piece if isinstance(piece, bytes) else str(piece).encode()
            mac.update(len(data).to_bytes(8, "little") + data)
        return object_names.name_of(folder, self.config.epoch.number if epoch is None else epoch, mac.finalize())

    def kind(self, name: str) -> str:
        """What an object of that name is bound to."""
        return object_names.kind_of(self.config.store_id, name)

    def key(self, name: str) -> EpochKey:
        """What opens an object of that name. Raises DamagedError."""
        return self.config.epoch_key(object_names.epoch_of(name))

    def listed(self, *folders: str) -> Iterator[ObjectInfo]:
        """The objects in *folders* that this version names, without those of dropped epochs: for all of us those are not there."""
        for folder in folders:
            for info in self.objects.list(folder):
                if object_names.is_name(info.name, folder) and not self.config.has_dropped(object_names.epoch_of(info.name)):
                    yield info

    def seal(self, name: str, pieces: "Iterable[Buffer]") -> list[bytes]:
        """The object *name* that holds *pieces*."""
        return envelope.seal([self.key(name)], self.kind(name), pieces)

    def unseal(self, name: str, data: bytes, longest: int) -> bytes:
        """What the object *name* holds, at most *longest* bytes. Raises IntegrityError."""
        try:
            return envelope.unseal(data, [self.key(name)], self.kind(name), longest, name)
        except WrongKeyError as error:  # it is one of another store
            raise envelope.named(DamagedError(str(error)), name) from None

    def read(self, name: str, longest: int) -> bytes:
        """What the object *name* of the store holds. Raises ObjectMissingError, IntegrityError and what stores raise."""
        return self.unseal(name, self._get(name, longest), longest)

    def read_kept(self, name: str, longest: int) -> bytes:
        """The same, from this machine's copy if there is a good one."""
        plain = self.read_copy(name, longest)
        if plain is not None:
            return plain
        data = self._get(name, longest)
        plain = self.unseal(name, data, longest)
        self.keep(name, [data])
        return plain

    def read_copy(self, name: str, longest: int) -> bytes | None:
        """The same, from this machine's copy alone; None if there is no good one."""
        path = self._copy(name)
        if path is None:
            return None
        try:
            with open(path, "rb") as file:
                length = min(os.fstat(file.fileno()).st_size, longest + longest // 8 + _SPARE)  # as much memory is taken for it
                return self.unseal(name, file.read(length), longest)
        except (OSError, ChatsealError):
            return None

    def read_sealed(self, name: str, longest: int) -> bytes:
        """The object itself, after it was seen that it opens and holds at most *longest* bytes. Raises the same as `read`."""
        data = self._get(name, longest)
        self.unseal(name, data, longest)
        return data

    def _get(self, name: str, longest: int) -> bytes:
        limit = longest + longest // 8 + _SPARE
        try:
            return self.objects.get(name, limit)
        except StoreFailedError:
            if self.objects.info(name).size > limit:  # the object's fault, not that of the way to it
                raise DamagedError(f"{name} is longer than such an object can be") from None
            raise

    def is_reachable(self) -> bool:
        """Whether the store answers: if so, what failed before was about one object."""
        try:
            self.objects.info(object_names.CONFIG_NAME)
        except (ChatsealError, OSError):
            return False
        return True

    def keep(self, name: str, pieces: Iterable[bytes]) -> None:
        """Keep a copy of an object on this machine. That it cannot be kept is no failure."""
        path = self._copy(name)
        if path is None:
            return
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            places.make_private(path.parent)
            with open(part, "xb", opener=lambda p, flags: os.open(p, flags, 0o600)) as file:
                file.writelines(pieces)
            os.replace(part, path)
        except OSError:
            with suppress(OSError):
                part.unlink()

    def drop_copies(self, folder: str, needed: Container[str]) -> None:
        """Of the copies of objects in *folder* keep only those of *needed*, and what another run may be making just now."""
        path = self._copy(folder)
        if path is None:
            return
        with suppress(OSError), os.scandir(path) as scan:
            for entry in scan:
                with suppress(OSError):
                    if folder + entry.name not in needed and places.is_old(entry.stat(follow_symlinks=False)):
                        os.unlink(entry)

    def open(self, name: str, length: int | None = None) -> SealedReader:
        """The object's plaintext as a file, read by ranges from the store. Raises ObjectMissingError, IntegrityError."""
        try:
            return SealedReader(cast("IO[bytes]", ObjectFile(self.objects, name, length)), self.key(name), kind=self.kind(name))
        except IntegrityError as error:
            raise envelope.named(error, name) from None
        except WrongKeyError as error:
            raise envelope.named(DamagedError(str(error)), name) from None

    def _copy(self, name: str) -> Path | None:
        return self._copies / name if self._copies is not None else None


def _boot() -> bytes:
    try:
        with open(_BOOT_ID, "rb") as file:
            return file.read(64)
    except OSError:
        return b""
