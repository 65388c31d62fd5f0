"""Survey: what there is in a store, and who needs it. What it takes for spare nobody needs, whoever is at work meanwhile.

The order of its steps is what makes that true (docs/design/prune.md): what there is, then what may come to be needed, then what is needed,
then where it was moved, then what is condemned, and which packs and moves there are still."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from chatseal.errors import IntegrityError, ObjectMissingError, UnprunableError
from chatseal.format import object_names
from chatseal.format.manifest import LENGTH_MAX, Manifest
from chatseal.objects.object_store import ObjectInfo
from chatseal.snapshots import moves, name_list, references
from chatseal.snapshots.map_chain import Chain, ChainReader
from chatseal.snapshots.move import Move
from chatseal.snapshots.moves import Moves
from chatseal.snapshots.pack_list import PackList
from chatseal.snapshots.sealed_store import SealedStore
from chatseal.snapshots.usage import Needed, Usage

Infos = dict[str, ObjectInfo]


@dataclass(frozen=True, slots=True)
class Survey:
    """`there` is what can be referred to; `announced` what backups that are about to end need; `needed` what snapshots need of packs and
    moves, whose packs are numbers of `packs`; `needed_names` all that must stay; `leads` the packs to which each move leads. `lists` are
    the lists of the condemned, with what they name, `condemned` all of that."""

    there: Infos
    announced: frozenset[str]
    packs: PackList
    needed: Needed
    needed_names: frozenset[str]
    leads: dict[str, frozenset[str]]
    lists: dict[str, tuple[ObjectInfo, frozenset[str]]]
    condemned: frozenset[str]


def survey(store: SealedStore) -> Survey:
    """Look at all of *store*. Raises UnprunableError if something that tells what is needed cannot be read, and what stores raise."""
    there = infos(store, *name_list.REFERRED)
    announced = _announced(store)
    usage = Usage()
    maps = _of_snapshots(store, usage)
    found = _moves(store)
    lists = _lists(store)
    condemned = frozenset().union(*(names for _, names in lists.values()))
    still = infos(store, object_names.PACKS, object_names.MOVES) if found else Infos()
    needed = usage.needed(Moves(found, usage.packs, still), condemned | (found.keys() - still.keys()))
    names = announced | maps | needed.packs | needed.moves
    leads = {name: frozenset(place.name for place in move.targets) for name, move in found.items()}
    return Survey(there, announced, usage.packs, needed, names, leads, lists, condemned)


def infos(store: SealedStore, *folders: str) -> Infos:
    """What there is in *folders*, by name."""
    listed = (info for folder in folders for info in store.objects.list(folder))
    return {info.name: info for info in listed if object_names.is_name(info.name)}


def _announced(store: SealedStore) -> frozenset[str]:
    needed: set[str] = set()
    for name in infos(store, object_names.PENDINGS):
        with suppress(ObjectMissingError), _telling(name):  # it has ended since: its snapshot is listed later
            needed |= name_list.parse(store.read(name, name_list.LONGEST))
    return frozenset(needed)


def _of_snapshots(store: SealedStore, usage: Usage) -> frozenset[str]:
    """Tell *usage* what all snapshots use; the parts of their maps."""
    chains: dict[Chain, list[str]] = {}
    newest: dict[tuple[str, tuple[str, ...]], Manifest] = {}
    for name in infos(store, object_names.SNAPSHOTS):
        with suppress(ObjectMissingError), _telling(name):  # it was forgotten since
            manifest = Manifest.parse(store.read_kept(name, LENGTH_MAX))
            chains.setdefault(manifest.maps, []).append(name)
            before = newest.setdefault((manifest.host, manifest.sources), manifest)
            if (before.time, before.sequence) < (manifest.time, manifest.sequence):
                newest[manifest.host, manifest.sources] = manifest
    latest = {manifest.maps for manifest in newest.values()}
    reader = ChainReader(store, packs=usage.packs, prints=False)
    for chain in sorted(chains):
        with _telling(chains[chain][0]):
            try:
                usage.add(reader.table(chain), newest=chain in latest)
            except ObjectMissingError as error:
                if any(references.is_there(store, name) for name in chains[chain]):
                    raise _unprunable(chains[chain][0], error) from error
                # else all of them were forgotten since
    return frozenset(part for chain in chains for parts in chain for part in parts)


def _moves(store: SealedStore) -> dict[str, Move]:
    found: dict[str, Move] = {}
    for name in moves.listed(store):
        with suppress(ObjectMissingError), _telling(name):  # nobody needed it
            found[name] = moves.read(store, name)
    return found


def _lists(store: SealedStore) -> dict[str, tuple[ObjectInfo, frozenset[str]]]:
    found = {}
    for name, info in infos(store, object_names.CONDEMNED).items():
        with suppress(ObjectMissingError), _telling(name):  # what it named is gone
            found[name] = info, references.condemned(store, name)
    return found


@contextmanager
def _telling(name: str) -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        raise _unprunable(name, error) from error


def _unprunable(name: str, error: Exception) -> UnprunableError:
    """What cannot be read may need anything."""
    return UnprunableError(f"{name} does not tell what it needs, so nothing is removed: {error}").with_remedy(
        "Put back what is damaged or missing, or forget that snapshot, and prune again."
    )
