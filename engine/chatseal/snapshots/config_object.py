"""Config object: a store's config as it lies there, with its slots, and how a newer generation takes its place.

Two people who change it at once must not lose a change in silence: it is put over only if it is still what was read, in one step where the
store has such a step, and looked at again afterwards. What neither shows, the pins tell the next time (pins.py)."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from chatseal.errors import (
    HeaderDamagedError,
    IntegrityError,
    LimitError,
    NoStoreError,
    ObjectChangedError,
    ObjectMissingError,
    WrongKeyError,
)
from chatseal.format.header import Slot
from chatseal.format.labels import CONFIG
from chatseal.format.object_names import CONFIG_NAME
from chatseal.keys.secret import Secret
from chatseal.keys.slots import FileKeySlots, Opener
from chatseal.objects.object_store import ObjectStore, SwappingObjects
from chatseal.sealing.opening import open_keys, read_header
from chatseal.snapshots.config import LENGTH_MAX, Config


@dataclass(frozen=True, slots=True, repr=False)
class ConfigObject:
    """A config that opened: the object's bytes, what they hold, the file key (the store's master key) and the slots that wrap it."""

    data: bytes
    config: Config
    file_key: Secret
    slots: tuple[Slot, ...]

    @classmethod
    def parse(cls, data: bytes, openers: Sequence[Opener]) -> "ConfigObject":
        """Raises WrongKeyError and everything that can be wrong with a sealed file."""
        config = Config.open(data, openers)
        found = read_header(io.BytesIO(data).read, CONFIG_NAME, CONFIG)
        file_key, _ = open_keys(found, openers, CONFIG_NAME, len(data) - len(found.raw))
        return cls(data, config, file_key, found.header.slots)


def read(objects: ObjectStore, openers: Sequence[Opener]) -> ConfigObject:
    """The config of a store. Raises NoStoreError, WrongKeyError, IntegrityError and what stores raise."""
    data = _get(objects)
    try:
        return ConfigObject.parse(data, openers)
    except WrongKeyError as error:
        raise WrongKeyError(f"wrong key: it does not open the store at {objects.url}").with_remedy(
            "Use a key that the store was made for, or that was added since; `chatseal key list` shows what kinds there are."
        ) from error
    except IntegrityError as error:
        raise _damaged(error) from None


def read_slots(objects: ObjectStore) -> tuple[Slot, ...]:
    """What anybody can read, and could have written, of who opens a store. Raises NoStoreError, IntegrityError, what stores raise."""
    try:
        return read_header(io.BytesIO(_get(objects)).read, CONFIG_NAME, CONFIG).header.slots
    except IntegrityError as error:
        raise _damaged(error) from None


def replace(objects: ObjectStore, before: ConfigObject, config: Config, kept: FileKeySlots) -> ConfigObject:
    """Put *config* with the slots in *kept* in place of *before*. Raises ObjectChangedError if that is not what is there any more, or if
    somebody else's change has taken the place of this one at once; LimitError for more slots than a header holds; what stores raise."""
    data = config.seal(kept)
    try:
        read_header(io.BytesIO(data).read, CONFIG_NAME, CONFIG)
    except HeaderDamagedError:
        raise LimitError("the slots of the store would be more, or cost more to try, than a header can hold").with_remedy(
            "Remove a holder who need not open it any more: `chatseal key remove`."
        ) from None
    if isinstance(objects, SwappingObjects):
        objects.swap(CONFIG_NAME, data, before.data)
    else:
        if _get(objects) != before.data:
            raise ObjectChangedError(f"somebody else has just changed the config of {objects.url}, so it was left as it is")
        objects.put(CONFIG_NAME, data)
        if _get(objects) != data:
            raise ObjectChangedError(f"somebody else has changed the config of {objects.url} at the same time, and this change is lost")
    return ConfigObject(data, config, kept.file_key, kept.slots)


def _get(objects: ObjectStore) -> bytes:
    try:
        return objects.get(CONFIG_NAME, LENGTH_MAX)
    except ObjectMissingError:
        raise NoStoreError(f"there is no store at {objects.url}").with_remedy(
            "Check the address; `chatseal init STORE` makes a new store."
        ) from None


def _damaged(error: IntegrityError) -> IntegrityError:
    return error.with_remedy("Put back `config` from a copy of the store: the keys of everything else are in it.")
