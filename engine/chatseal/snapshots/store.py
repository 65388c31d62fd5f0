"""Store: a place for snapshots, opened with a key.

What only some of its methods need is imported by them: NumPy alone costs as much as to list a year of snapshots."""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from chatseal import events
from chatseal.capture.stream import Readable
from chatseal.copied import Copied
from chatseal.drilled import Drilled
from chatseal.errors import (
    ChatsealError,
    DroppedEpochError,
    ObjectExistsError,
    ObjectMissingError,
    StoreChangedError,
    StoreExistsError,
    UnprunableError,
    WrongKeyError,
)
from chatseal.events import Report
from chatseal.format.object_names import CONFIG_NAME
from chatseal.keys.slots import Holder, Opener, openers_of
from chatseal.objects.addresses import open_store
from chatseal.objects.local_store import LocalStore
from chatseal.objects.object_store import ObjectStore
from chatseal.sealing.source import PathLike
from chatseal.snapshots import catalogue, config_object, epochs, history, holders, pins, places
from chatseal.snapshots.allowance import MAX_FRAGMENTATION, MAX_UNUSED, Allowance
from chatseal.snapshots.catalogue import LATEST, Catalogue
from chatseal.snapshots.config import LENGTH_MAX, Config
from chatseal.snapshots.config_object import ConfigObject
from chatseal.snapshots.epochs import Epoch
from chatseal.snapshots.forget import forget
from chatseal.snapshots.holders import Gone
from chatseal.snapshots.sealed_store import SealedStore

if TYPE_CHECKING:
    from chatseal.snapshots.backup import BackupOptions
    from chatseal.snapshots.copy import CopyOptions
    from chatseal.snapshots.snapshot import Snapshot
    from chatseal.snapshots.stats import Stats

_FORK = (
    "the store's config is another one of the same generation than this machine has seen: two changes of its holders or epochs were made at"
    " the same time, and one of them is lost; `chatseal key list` shows who can open it"
)


class Store:
    """A place for snapshots: a folder, or what `objects.addresses` knows. As a block it is closed at the end.

    Opening it reads its config with *key*: a BackupKey, a Password, or a list of them. Raises NoStoreError, WrongKeyError, IntegrityError
    and what stores raise. `warning` says if another store lies there, or an older state of it, than this machine knows: then nothing is
    backed up to it, though it can be read. `notices` are what else its holders should know, and nothing is refused for."""

    def __init__(self, url: PathLike, key: Opener | Sequence[Opener]) -> None:
        self._objects = open_store(os.fspath(url))
        try:
            self._openers = openers_of(key)
            self._added: tuple[Opener, ...] = ()
            self._opened = config_object.read(self._objects, self._openers)
            self._sealed = SealedStore(self._objects, self._opened.config)
            self.notices: tuple[str, ...] = ()
            self.warning = self._pin()
        except BaseException:
            self._objects.close()
            raise

    def _pin(self) -> str:
        try:
            self._check_pin()
        except StoreChangedError as error:
            return str(error)
        except OSError as error:
            return f"whether {self.url} is the store that was there before cannot be told: {error}"
        with suppress(OSError):  # who only reads can do so without a place to remember things
            if pins.is_fork(self.url, self._opened):
                self.notices += (_FORK,)
            pins.keep(self.url, self._opened)
        return ""

    @classmethod
    def create(cls, url: PathLike, key: Holder | Sequence[Holder]) -> "Store":
        """Make an empty store at *url* for the holders of *key*, backup keys and passwords, and open it.

        Tries out what the place can do. Raises StoreExistsError, HolderError, what stores raise, OSError."""
        objects = open_store(os.fspath(url), create=True)
        try:
            exists = StoreExistsError(f"there is a store at {objects.url} already")
            if next(iter(objects.list("")), None) is not None:
                if _has_config(objects):
                    raise exists
                raise _not_empty(objects.url)
            config = Config.new(puts_absent=objects.can_put_absent())
            try:
                objects.put(CONFIG_NAME, config.seal(key), absent=config.puts_absent)
            except ObjectExistsError:
                raise exists from None
            pins.forget(objects.url)
        finally:
            objects.close()
        return cls(url, _as_opener(key))

    @property
    def url(self) -> str:
        """Where it lies."""
        return self._objects.url

    @property
    def id(self) -> str:
        """What it is called by itself, wherever it lies."""
        return self._sealed.config.store_id

    @property
    def config(self) -> Config:
        """Its generation, epochs and keys."""
        return self._sealed.config

    @property
    def sealed(self) -> SealedStore:
        """Its objects."""
        return self._sealed

    def backup(
        self,
        *sources: PathLike,
        streams: Mapping[str, Readable | Sequence[str]] | None = None,
        options: "BackupOptions | None" = None,
        progress: Report | None = None,
    ) -> events.Backup:
        """Make a snapshot of *sources*, files, databases and folders, and of *streams*, each a binary file object or a command's words.

        Databases are captured as they are at one moment, while others write to them. Only what changed since the snapshot before is sent.
        *progress* gets the bytes read. What cannot be read is in the result's `skipped`.

        Raises StoreChangedError, what stores raise, OSError."""
        from chatseal.snapshots.backup import BackupOptions, backup
        from chatseal.snapshots.orphans import Journal

        self.check_pin()
        options = options or BackupOptions()
        own = [places.state_folder(), places.cache_folder(), *([self._objects.folder] if isinstance(self._objects, LocalStore) else [])]
        capture = replace(options.capture, leave_out=(*options.capture.leave_out, *map(os.path.abspath, own)))
        paths = [os.path.abspath(source) for source in sources]
        Journal(self._sealed).remove_earlier_epochs()
        done = backup(self._sealed, paths, streams or {}, replace(options, capture=capture), progress=progress)
        self._check_epoch()
        return replace(done, warnings=(*done.warnings, *history.sentences(self._look())))

    def _check_epoch(self) -> None:
        """Raise DroppedEpochError if what was just written is sealed for an epoch that was dropped meanwhile: nobody can read it."""
        if self._objects.get(CONFIG_NAME, LENGTH_MAX) == self._opened.data:
            return
        with suppress(WrongKeyError):  # the holders were changed: who did that began a new epoch, and did not drop this one by it
            now = ConfigObject.parse(self._objects.get(CONFIG_NAME, LENGTH_MAX), self._openers).config
            if now.store_id == self.id and now.has_dropped(self.config.epoch.number):
                raise DroppedEpochError("the epoch in which this snapshot was made was dropped meanwhile: nobody can read it").with_remedy(
                    "Run the backup again: it is of the new epoch then."
                )

    def forget(self, snapshots: "Iterable[Snapshot]") -> None:
        """Remove *snapshots* for good. What they alone needed stays until it is pruned.

        Raises StoreChangedError, StoreRefusedError where this credential may not delete, what stores raise, OSError."""
        self.check_pin()
        forget(self._sealed, [snapshot.record.name for snapshot in snapshots])

    def prune(
        self, *, exclusive: bool = False, dry_run: bool = False, max_unused: str = MAX_UNUSED, max_fragmentation: str = MAX_FRAGMENTATION
    ) -> events.Pruned:
        """Remove what no snapshot needs: condemn it, and remove what this machine has condemned a day ago or earlier.

        What is needed of packs is gathered in new ones until no more than *max_unused* of them is needed by nobody, and the newest
        snapshots are restored with no more than *max_fragmentation* unsealed in excess: each a share of what is needed, a size or
        `unlimited`.

        *exclusive* does it at once, and loses snapshots if somebody backs up meanwhile. Raises UnprunableError if something that tells
        what is needed cannot be read, ValueError, StoreChangedError, StoreRefusedError, what stores raise, OSError."""
        from chatseal.snapshots.prune import PruneOptions, prune

        unused, fragmentation = Allowance.parse(max_unused), Allowance.parse(max_fragmentation)
        options = PruneOptions(exclusive=exclusive, dry_run=dry_run, max_unused=unused, max_fragmentation=fragmentation)
        self.check_pin()
        if not (exclusive or dry_run):
            self._check_listable()
        if not dry_run:
            epochs.sweep(self._sealed)
        return prune(self._sealed, options)

    def _check_listable(self) -> None:
        """Raise UnprunableError where a list is not what others have: then one cannot know what they rely on."""
        service = self._objects.service if isinstance(self._objects, LocalStore) else None
        if service is not None:
            raise UnprunableError(f"{self.url} is in a folder of {service}: what others have put there may not be here yet").with_remedy(
                "When no machine backs up to it, and all has arrived here, `chatseal prune --exclusive` does it."
            )

    def copy_to(
        self, url: PathLike, *, key: Opener | Sequence[Opener] = (), options: "CopyOptions | None" = None, progress: Report | None = None
    ) -> Copied:
        """Copy all snapshots to *url*: an empty place, or an earlier copy, which the key of this store opens, or has been changed since:
        then *key* opened it before. Only what is not there is sent.

        *progress* gets the bytes sent. Snapshots that cannot be copied are in the result's `skipped`. Raises StoreChangedError if another
        store lies there, StoreExistsError if other things do, NoStoreError, WrongKeyError, what stores raise, OSError."""
        from chatseal.snapshots.copy import CopyOptions, copy, meet

        objects = open_store(os.fspath(url), create=True)
        try:
            if objects.url == self.url:
                raise StoreExistsError(f"{self.url} cannot be copied to itself")
            config, warnings = meet(self._objects, objects, [*self._openers, *(openers_of(key) if key else ())])
            done = copy(self._sealed, SealedStore(objects, config), options or CopyOptions(), progress=progress)
            return replace(done, warnings=warnings)
        finally:
            objects.close()

    def slots(self) -> list[events.SlotReport]:
        """The slots of the store, one for each holder, and which of the keys that it was opened with open them."""
        return holders.slots(self._objects, self._openers)

    def add_holder(self, new: Holder | Sequence[Holder]) -> events.HolderChange:
        """Let the holders in *new*, backup keys and passwords, open the store too.

        This and the next two put a new generation of the config. They raise ObjectChangedError if somebody else has just changed it,
        HolderError of what would be a mistake, LimitError, StoreChangedError, WrongKeyError, IntegrityError, what stores raise."""
        self.check_pin()
        change = self._renew(holders.add(self._objects, self._openers, new))
        self._added = (*self._added, *_as_opener(new))
        return change

    def remove_holder(self, gone: Gone | Sequence[Gone], *, force: bool = False) -> events.HolderChange:
        """Take slots out, by numbers (from 1 on) or keys, and begin a new epoch: the next backup sends everything, and who was removed
        cannot read it. What is there already they can, as far as they can get at it.

        The store must be open with the keys of all who stay, or have added them; *force* lets others go, too."""
        self.check_pin()
        return self._renew(holders.remove(self._objects, self._holding, gone, force=force))

    def rotate_key(self, new: Holder | Sequence[Holder], *, reseal: bool = False, force: bool = False) -> events.HolderChange:
        """Put slots for the holders in *new* in place of those that the store was opened with. Other slots stay.

        With *reseal* a new epoch begins under a fresh file key, for *new* alone; HolderError if others would go, unless *force*."""
        self.check_pin()
        change = self._renew(holders.rotate(self._objects, self._openers, new, reseal=reseal, force=force))
        self._openers = tuple(_as_opener(new))
        return change

    def stats(self) -> "Stats":
        """What it holds, of which sources, by month, and how it grows. Raises what stores raise."""
        from chatseal.snapshots.stats import stats

        return stats(self._sealed, catalogue.read(self._sealed))

    def epochs(self) -> list[Epoch]:
        """The epochs of the store, by number, also what is left of dropped ones. Raises what stores raise."""
        return epochs.listed(self._sealed)

    def new_epoch(self) -> int:
        """Begin a new epoch, under a fresh key for all that comes; its number. The next backup sends everything.

        Raises LimitError, ObjectChangedError, StoreChangedError, what stores raise."""
        self.check_pin()
        self._go_on(epochs.new(self._objects, self._holding))
        return self.config.epoch.number

    def drop_epoch(self, number: int) -> Epoch:
        """Take the key of epoch *number* out of the config, for good: nobody can read its snapshots any more; what is destroyed.

        Raises NoStoreError if there is none, ChatsealError of the newest or if no snapshot would be left, and what `new_epoch` raises."""
        self.check_pin()
        destroyed = epochs.check_drop(self._sealed, number)
        self._go_on(epochs.drop(self._sealed, self._holding, number))
        return destroyed

    def _renew(self, changed: tuple[events.HolderChange, ConfigObject]) -> events.HolderChange:
        change, opened = changed
        self._go_on(opened)
        return change

    def _go_on(self, opened: ConfigObject) -> None:
        """Go on with the config that has just been put."""
        self._opened = opened
        self._sealed = SealedStore(self._objects, opened.config)
        pins.keep(self.url, opened)

    @property
    def _holding(self) -> tuple[Opener, ...]:
        """The keys that the store was opened with, and those that were added since."""
        return (*self._openers, *self._added)

    def check_pin(self) -> None:
        """Raise StoreChangedError if another store lies there than this machine knows, or an older state of it; else remember it."""
        self._check_pin()
        pins.keep(self.url, self._opened)

    def _check_pin(self) -> None:
        try:
            pins.check(self.url, self._opened)
        except StoreChangedError:
            # Somebody on this machine may have changed it since we read it. If not, or if our key opens it no more, that was the reason.
            with suppress(ChatsealError, OSError):
                now = config_object.read(self._objects, self._openers)
                if now.config.store_id == self.id and now.config.generation > self.config.generation:
                    self._opened, self._sealed = now, SealedStore(self._objects, now.config)
            pins.check(self.url, self._opened)

    def snapshots(self) -> "list[Snapshot]":
        """All snapshots, oldest first; those that are damaged are left out, and found by `check`."""
        from chatseal.snapshots.snapshot import Snapshot

        return [Snapshot(self._sealed, record) for record in catalogue.read(self._sealed).records]

    def snapshot(self, wanted: str = LATEST, *, at: datetime | None = None) -> "Snapshot":
        """The snapshot whose id begins with *wanted*, or the latest, of those not younger than *at*. Raises NoStoreError."""
        from chatseal.snapshots.snapshot import Snapshot

        return Snapshot(self._sealed, catalogue.read(self._sealed).find(wanted, at=at))

    def check(self, *, share: float = 0.0, threads: int | None = None, progress: Report | None = None) -> events.Checked:
        """Whether all snapshots can be restored: their structure, and of *share* of the packs, 0.0 to 1.0, every byte.

        All of it is read from the store; copies on this machine say nothing about what is there."""
        from chatseal.snapshots.check import CheckOptions, check

        return check(SealedStore(self._objects, self.config, copies=False), CheckOptions(share, threads), progress=progress)

    def look_back(self, known: Catalogue | None = None) -> tuple[str, ...]:
        """Snapshots and forget records that were there and are gone without having been forgotten, by names of objects: what this machine
        has seen, and what snapshots tell of those before them. What is there now is remembered. *known* saves reading all manifests.

        Raises what stores raise. Where this machine can remember nothing it knows of nothing that is gone."""
        return self._look(known or catalogue.read(self._sealed))

    def _look(self, known: Catalogue | None = None) -> tuple[str, ...]:
        with suppress(OSError):
            return history.look(self._sealed, known)
        return ()

    def head(self) -> str:
        """A short text to write down, by which another machine can tell whether the store is as new as now; empty without a snapshot."""
        return history.head(self._sealed, catalogue.read(self._sealed))

    def check_head(self, head: str) -> None:
        """Raise StoreChangedError if the store is older than *head*, which somebody wrote down; ValueError if that is none."""
        history.check_head(self._sealed, head)

    def drill(self, wanted: str = LATEST, *, share: float = 1.0, threads: int | None = None, progress: Report | None = None) -> Drilled:
        """As Snapshot.drill, of the snapshot whose id begins with *wanted*, or the latest. Raises NoStoreError too."""
        return self.snapshot(wanted).drill(share=share, threads=threads, progress=progress)

    def inspect(self, name: str) -> dict[str, Any]:
        """What the object *name* of the store tells, as members for JSON. Raises NoStoreError, ObjectMissingError, IntegrityError."""
        from chatseal.snapshots.inspection import inspect

        return inspect(self._sealed, name)

    def close(self) -> None:
        """Let go of connections. A second call does nothing."""
        self._objects.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({self.url!r})"


def _has_config(objects: ObjectStore) -> bool:
    try:
        objects.info(CONFIG_NAME)
    except ObjectMissingError:
        return False
    return True


def _not_empty(url: str) -> StoreExistsError:
    return StoreExistsError(f"{url} is not empty, and what is there is no store").with_remedy(
        "Choose an empty or new place: a store shares its folder with nothing."
    )


def _as_opener(key: Holder | Sequence[Holder]) -> list[Opener]:
    from chatseal.keys.key_pair import PublicKey
    from chatseal.keys.vault_key import VaultKey

    holders = [key] if not isinstance(key, Sequence) else key
    keys = [holder.key if isinstance(holder, VaultKey) else holder for holder in holders]
    return [key for key in keys if not isinstance(key, PublicKey)]
