"""Prune: what no snapshot needs is removed, while others back up or prune, and nobody waits for anybody (docs/design/prune.md).

What nothing refers to is *condemned* first, in a list that everybody sees, and removed by a later run, a day after, if nothing refers to it
still. Writers take what is condemned for absent. Ages are differences of the store's own times."""

import secrets
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from chatseal import events
from chatseal.errors import IntegrityError, ObjectMissingError, UnprunableError
from chatseal.format import object_names
from chatseal.format.manifest import LENGTH_MAX, Manifest
from chatseal.objects.object_store import ObjectInfo
from chatseal.objects.probe import FOLDER as PROBES
from chatseal.snapshots import name_list, places, references
from chatseal.snapshots.sealed_store import SealedStore

WAIT = timedelta(days=1)
PENDING_LIFE = timedelta(days=14)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class PruneOptions:
    """How to prune. *wait* is how long what is new is left alone, and what is condemned may be objected to; *exclusive* says that nobody
    else writes to the store now, and does all at once. *dry_run* changes nothing."""

    wait: timedelta = WAIT
    exclusive: bool = False
    dry_run: bool = False


def prune(store: SealedStore, options: PruneOptions) -> events.Pruned:
    """Remove what is due, and condemn what nothing refers to. Killed at any moment it has removed nothing that is needed, and the next run
    goes on. Several may run, on several machines; two on one machine are one after the other.

    Raises UnprunableError if something that tells what is needed cannot be read: nothing is removed then. Raises StoreRefusedError where
    this credential may not delete, and what stores raise."""
    return _Prune(store, options).run()


class _Prune:
    def __init__(self, store: SealedStore, options: PruneOptions) -> None:
        self._store, self._options = store, options
        self._began = time.perf_counter()
        self._own = places.state_folder() / "condemned" / store.config.store_id  # a file for each list that this machine put
        self._wait = 0.0 if options.exclusive else options.wait / _SECOND
        self._of_map: dict[tuple[str, ...], set[str]] = {}
        self._removed: dict[str, int] = {}

    def run(self) -> events.Pruned:
        if self._options.dry_run:
            return self._result(*self._look(self._newest()), set())
        with places.alone(self._own / "lock"):
            now = self._now()
            self._drop_pendings(now)
            if self._options.exclusive:
                self._drop_lists()
            for name, info in self._lists().items():
                if self._is_own(name) and now - info.modified >= self._wait:
                    self._execute(name)
            there, needed, condemned, old = self._look(now)
            if old:
                own = self._condemn(old)
                if self._options.exclusive:
                    self._execute(own)
            self._drop_finished(there.keys() - self._removed.keys())
            return self._result(there, needed, condemned, old, set(old))

    def _look(self, now: float) -> "tuple[dict[str, ObjectInfo], set[str], set[str], list[str]]":
        """What there is, what of it is needed, what is condemned, and what is spare, old enough and not condemned yet."""
        there = self._infos(*name_list.REFERRED)  # before what refers to them: what comes later is in no list of ours
        needed, condemned = self._needed(), self._condemned(now)
        spare = (info for name, info in there.items() if name not in needed and name not in condemned)
        return there, needed, condemned, [info.name for info in spare if now - info.modified >= self._wait]

    def _result(
        self, there: dict[str, ObjectInfo], needed: set[str], condemned: set[str], old: list[str], added: set[str]
    ) -> events.Pruned:
        left = {name: info.size for name, info in there.items() if name not in self._removed}
        waiting = {name: size for name, size in left.items() if name not in needed and name in condemned | added}
        others = {name: size for name, size in left.items() if name not in needed and name not in waiting}
        return events.Pruned(
            len(self._removed),
            sum(self._removed.values()),
            len(waiting),
            sum(waiting.values()),
            len(others),
            sum(others.values()),
            sum(size for name, size in left.items() if name in needed),
            len(old),
            time.perf_counter() - self._began,
        )

    # --- what there is ---

    def _now(self) -> float:
        """The store's clock. Raises StoreRefusedError at once where this credential may not delete."""
        probe = f"{PROBES}{secrets.token_hex(8)}"
        self._store.objects.put(probe, b"now")
        try:
            return self._store.objects.info(probe).modified
        finally:
            self._store.objects.delete(probe)

    def _newest(self) -> float:
        """A moment that the store's clock has passed, found out without writing anything."""
        return max((info.modified for info in self._store.objects.list("")), default=0.0)

    def _infos(self, *folders: str) -> dict[str, ObjectInfo]:
        listed = (info for folder in folders for info in self._store.objects.list(folder))
        return {info.name: info for info in listed if object_names.is_name(info.name)}

    def _needed(self) -> set[str]:
        """What is referred to: by backups that are about to end, then by snapshots."""
        needed: set[str] = set()
        for name in self._infos(object_names.PENDINGS):
            with suppress(ObjectMissingError), _telling(name):  # it has ended since: its snapshot is listed below
                needed |= name_list.parse(self._store.read(name, name_list.LONGEST))
        for name in self._infos(object_names.SNAPSHOTS):
            with _telling(name):
                try:
                    chain = Manifest.parse(self._store.read_kept(name, LENGTH_MAX)).maps
                    needed.update(*map(self._needed_by, chain))
                except ObjectMissingError:
                    if references.is_there(self._store, name):
                        raise  # one of its maps is missing; else it was forgotten since
        return needed

    def _needed_by(self, parts: tuple[str, ...]) -> set[str]:
        if parts not in self._of_map:
            self._of_map[parts] = references.of_map(self._store, parts)
        return self._of_map[parts]

    # --- pending ---

    def _drop_pendings(self, now: float) -> None:
        """What was announced so long ago is by somebody who died; if not, they find out before they report success."""
        life = 0.0 if self._options.exclusive else PENDING_LIFE / _SECOND
        for name, info in self._infos(object_names.PENDINGS).items():
            if now - info.modified >= life:
                self._store.objects.delete(name)

    # --- condemned ---

    def _lists(self) -> dict[str, ObjectInfo]:
        return self._infos(object_names.CONDEMNED)

    def _is_own(self, name: str) -> bool:
        return (self._own / name.removeprefix(object_names.CONDEMNED)).is_file()

    def _condemned(self, now: float) -> set[str]:
        """What is in somebody's list. A list of others that is that old has nobody who removes what is in it, so we condemn it again."""
        found: set[str] = set()
        for name, info in self._lists().items():
            if self._is_own(name) or now - info.modified < PENDING_LIFE / _SECOND:
                with suppress(ObjectMissingError), _telling(name):
                    found |= references.condemned(self._store, name)
        return found

    def _condemn(self, names: list[str]) -> str:
        name = self._store.new_name(object_names.CONDEMNED, names[0].encode())
        places.write_whole(self._own / name.removeprefix(object_names.CONDEMNED), b"")  # first: a list that nobody knows stays for long
        self._store.objects.put(name, self._store.seal(name, [name_list.encode(names)]))
        return name

    def _execute(self, name: str) -> None:
        """Remove what is in a list of our own and not needed, the list last: as long as it is there nobody relies on what is in it."""
        try:
            condemned = references.condemned(self._store, name)
            sizes = self._infos(*name_list.REFERRED)
            for spare in sorted((condemned & sizes.keys()) - self._needed()):
                self._store.objects.delete(spare)
                self._removed[spare] = sizes[spare].size
        except ObjectMissingError:
            pass
        self._drop_list(name)

    def _drop_list(self, name: str) -> None:
        self._store.objects.delete(name)
        (self._own / name.removeprefix(object_names.CONDEMNED)).unlink(missing_ok=True)

    def _drop_lists(self) -> None:
        """All lists, of others too, also damaged ones: nobody else is at work."""
        for name in self._lists():
            self._drop_list(name)

    def _drop_finished(self, there: Collection[str]) -> None:
        """Lists in which nothing is left, by whomever, and what this machine remembers of lists that are gone."""
        lists = self._lists()
        for name in lists:
            with suppress(ObjectMissingError, IntegrityError):
                if not self._is_own(name) and references.condemned(self._store, name).isdisjoint(there):
                    self._store.objects.delete(name)
        with suppress(FileNotFoundError):
            for path in self._own.iterdir():
                if path.name != "lock" and object_names.CONDEMNED + path.name not in lists:
                    path.unlink(missing_ok=True)


@contextmanager
def _telling(name: str) -> Iterator[None]:
    """What cannot be read may need anything."""
    try:
        yield
    except (IntegrityError, ObjectMissingError) as error:
        if isinstance(error, ObjectMissingError) and not name.startswith(object_names.SNAPSHOTS):
            raise
        raise UnprunableError(f"{name} does not tell what it needs, so nothing is removed: {error}").with_remedy(
            "Put back what is damaged or missing, or forget that snapshot, and prune again."
        ) from error
