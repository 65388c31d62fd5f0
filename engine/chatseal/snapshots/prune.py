"""Prune: what no snapshot needs is removed, while others back up or prune, and nobody waits for anybody (docs/design/prune.md).

What nothing refers to is *condemned* first, in a list that everybody sees, and removed by a later run, a day after, if nothing refers to it
still. Writers take what is condemned for absent. Ages are differences of the store's own times."""

import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from chatseal import events
from chatseal.errors import IntegrityError, ObjectMissingError
from chatseal.format import object_names
from chatseal.objects.object_store import ObjectInfo
from chatseal.objects.probe import FOLDER as PROBES
from chatseal.sealing.budget import Budget
from chatseal.snapshots import name_list, places, references
from chatseal.snapshots.allowance import MAX_FRAGMENTATION, MAX_UNUSED, Allowance
from chatseal.snapshots.choice import Candidate, choose
from chatseal.snapshots.repack import Repacked, repack
from chatseal.snapshots.sealed_store import SealedStore
from chatseal.snapshots.survey import Infos, Survey, infos, survey

WAIT = timedelta(days=1)
PENDING_LIFE = timedelta(days=14)
UNUSED, FRAGMENTATION = Allowance.parse(MAX_UNUSED), Allowance.parse(MAX_FRAGMENTATION)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class PruneOptions:
    """How to prune. *wait* is how long what is new is left alone, and what is condemned may be objected to; *exclusive* says that nobody
    else writes to the store now, and does all at once. *dry_run* changes nothing. Packs are gathered anew until no more than *max_unused*
    of them is needed by nobody, and the newest snapshots are restored with no more than *max_fragmentation* unsealed in excess."""

    wait: timedelta = WAIT
    exclusive: bool = False
    dry_run: bool = False
    max_unused: Allowance = UNUSED
    max_fragmentation: Allowance = FRAGMENTATION
    threads: int | None = None

    def __post_init__(self) -> None:
        Budget.of(self.threads, None)


def prune(store: SealedStore, options: PruneOptions) -> events.Pruned:
    """Remove what is due, condemn what nothing refers to, and repack. Killed at any moment it has removed nothing that is needed, and the
    next run goes on. Several may run, on several machines; two on one machine are one after the other.

    Raises UnprunableError if something that tells what is needed cannot be read: nothing is removed then. Raises StoreRefusedError where
    this credential may not delete, and what stores raise."""
    return _Prune(store, options).run()


@dataclass(slots=True)
class _Done:
    """What this run has done: names with their bytes."""

    removed: dict[str, int] = field(default_factory=dict)
    condemned: set[str] = field(default_factory=set)


class _Prune:
    def __init__(self, store: SealedStore, options: PruneOptions) -> None:
        self._store, self._options = store, options
        self._began = time.perf_counter()
        self._own = places.state_folder() / "condemned" / store.config.store_id  # a file for each list that this machine put
        self._wait = 0.0 if options.exclusive else options.wait / _SECOND
        self._now = 0.0
        self._done = _Done()

    def run(self) -> events.Pruned:
        if self._options.dry_run:
            self._now = self._newest()
            seen = survey(self._store)
            spare = self._spare(seen)
            return self._result(seen, Repacked(packs_before=len(self._chosen(seen))), len(spare))
        with places.alone(self._own / "lock"):
            self._now = self._clock()
            self._drop_pendings()
            if self._options.exclusive:
                self._drop_lists()
            seen = survey(self._store)
            self._remove_due(seen)
            self._condemn(seen)
            repacked = Repacked()
            if chosen := self._chosen(seen):
                repacked = repack(self._store, seen.needed, seen.packs, chosen, Budget.of(self._options.threads, None))
            if repacked.packs:
                seen = survey(self._store)
                self._condemn(seen)
            self._drop_finished()
            return self._result(seen, repacked, len(self._done.condemned))

    def _result(self, seen: Survey, repacked: Repacked, condemned_now: int) -> events.Pruned:
        left = {name: info.size for name, info in seen.there.items() if name not in self._done.removed}
        needed, condemned = seen.needed_names, self._live_lists(seen) | self._done.condemned
        waiting = {name: size for name, size in left.items() if name not in needed and name in condemned}
        others = {name: size for name, size in left.items() if name not in needed and name not in condemned}
        return events.Pruned(
            len(self._done.removed),
            sum(self._done.removed.values()),
            len(waiting),
            sum(waiting.values()),
            len(others),
            sum(others.values()),
            sum(size for name, size in left.items() if name in needed),
            condemned_now,
            repacked.packs_before,
            repacked.bytes,
            time.perf_counter() - self._began,
        )

    # --- times ---

    def _clock(self) -> float:
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

    def _is_old(self, info: ObjectInfo) -> bool:
        return self._now - info.modified >= self._wait

    def _is_nobodys(self, info: ObjectInfo) -> bool:
        """Whether what was announced or condemned is that old that whoever put it is gone."""
        return self._now - info.modified >= PENDING_LIFE / _SECOND

    # --- pending ---

    def _drop_pendings(self) -> None:
        """What was announced so long ago is by somebody who died; if not, they find out before they report success."""
        for name, info in infos(self._store, object_names.PENDINGS).items():
            if self._options.exclusive or self._is_nobodys(info):
                self._store.objects.delete(name)

    # --- condemned ---

    def _is_own(self, name: str) -> bool:
        return (self._own / name.removeprefix(object_names.CONDEMNED)).is_file()

    def _live_lists(self, seen: Survey) -> set[str]:
        """What is in somebody's list. A list of others that is that old has nobody who removes what is in it, so we condemn it again."""
        found: set[str] = set()
        for name, (info, names) in seen.lists.items():
            if self._is_own(name) or not self._is_nobodys(info):
                found |= names
        return found

    def _spare(self, seen: Survey) -> list[str]:
        """What nobody needs, is old enough and not condemned yet."""
        needed, condemned = seen.needed_names, self._live_lists(seen)
        return [name for name, info in seen.there.items() if name not in needed and name not in condemned and self._is_old(info)]

    def _remove_due(self, seen: Survey) -> None:
        """Remove what is in lists of our own that are old enough, and not needed now."""
        for name, (info, names) in seen.lists.items():
            if self._is_own(name) and self._is_old(info):
                self._remove(seen, names)
                self._drop_list(name)

    def _condemn(self, seen: Survey) -> None:
        """Put a list of what is spare; and, if nobody else is there, remove that."""
        spare = [name for name in self._spare(seen) if name not in self._done.removed]
        if not spare:
            return
        name = self._store.new_name(object_names.CONDEMNED, spare[0].encode())
        places.write_whole(self._own / name.removeprefix(object_names.CONDEMNED), b"")  # first: a list that nobody knows stays for long
        self._store.objects.put(name, self._store.seal(name, [name_list.encode(spare)]))
        self._done.condemned.update(spare)
        if self._options.exclusive:
            self._remove(seen, spare)
            self._drop_list(name)

    def _remove(self, seen: Survey, names: Iterable[str]) -> None:
        """Remove those of *names* that are there and not needed. Their list goes last: as long as it is there nobody relies on them."""
        for name in sorted(seen.there.keys() & set(names) - seen.needed_names - self._done.removed.keys()):
            self._store.objects.delete(name)
            self._done.removed[name] = seen.there[name].size

    def _drop_list(self, name: str) -> None:
        self._store.objects.delete(name)
        (self._own / name.removeprefix(object_names.CONDEMNED)).unlink(missing_ok=True)

    def _drop_lists(self) -> None:
        """All lists, of others too, also damaged ones: nobody else is at work."""
        for name in infos(self._store, object_names.CONDEMNED):
            self._drop_list(name)

    def _drop_finished(self) -> None:
        """Lists in which nothing is left, by whomever, and what this machine remembers of lists that are gone.

        Those of others when they are nobody's: until then their machine may be about to remove what a copy puts again. What is there is
        looked at after the lists: they may name what came since the survey."""
        lists = infos(self._store, object_names.CONDEMNED)
        others: dict[str, frozenset[str]] = {}
        for name, info in lists.items():
            with suppress(ObjectMissingError, IntegrityError):
                if not self._is_own(name) and self._is_nobodys(info):
                    others[name] = references.condemned(self._store, name)
        left = infos(self._store, *name_list.REFERRED) if others else Infos()
        for name, names in others.items():
            if names.isdisjoint(left):
                self._store.objects.delete(name)
        with suppress(FileNotFoundError):
            for path in self._own.iterdir():
                if path.name != "lock" and object_names.CONDEMNED + path.name not in lists:
                    path.unlink(missing_ok=True)

    # --- repack ---

    def _chosen(self, seen: Survey) -> list[Candidate]:
        """What is to be gathered. Also what is needed and in a list that has nobody any more, or where a move leads that is: as long as the
        list is there, nobody relies on what it names, and what was moved so would keep its old place."""
        live = self._live_lists(seen)
        nobodys = seen.condemned - live
        dropped = nobodys.union(*(seen.leads[name] for name in nobodys & seen.needed.moves))
        spared = {*seen.announced, *live, *(seen.needed.packs - seen.there.keys())}
        options = self._options
        return choose(
            seen.needed,
            seen.packs,
            spared,
            max_unused=options.max_unused,
            max_fragmentation=options.max_fragmentation,
            dropped=dropped,
        )
