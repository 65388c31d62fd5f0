"""Model of writers, pruners and those who gather packs, in one store (docs/design/prune.md, "Repack"), searched exhaustively.

There is one unit of content, which every snapshot has; a pack is a place where it lies, a snapshot the place that its map tells. The move
"X>Y" tells that what lay in X lies in Y; who gathers Y again puts "X+Y>Z", and the first is needed no more.

Every step is one call to the store, or the listing of one folder. More may happen here than in a store, and nothing is lost of it: a list
of the condemned names any packs and moves, needed or not, so what holds depends on the second look alone; any pack is gathered, at any
time; any pending is old, and nobody needs to go on. Left out are: that packs are sent anew, which prune_model has; maps, which are
condemned as packs are; packs of many units, and moves of many packs; that packs and moves are listed one after the other, and page by
page."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import NamedTuple, Self

from snapshots.prune_model import NOTHING, Names, union, way_to, with_, without

FIRST = -1  # the number of the snapshot that is there from the beginning
OLD = "X"  # where it lies
NEW = "YZ"  # packs in which others are gathered
LOOKS = ("pendings", "snapshots", "moves", "condemned", "still there")

Pairs = tuple[tuple[int, Names], ...]
Seen = tuple[tuple[str, Names], ...]


class Writer(NamedTuple):
    """`place` is where its map tells that the unit lies, `refers` what it announces: the pack where it lies, and moves that lead there."""

    step: str = "announce"
    place: str = ""
    refers: Names = NOTHING
    looked: Names = NOTHING


class Pruner(NamedTuple):
    """`listed` is what its list in the store names, `seen` what it has seen so far, `rest` what it may still delete."""

    step: str = "condemn"
    listed: Names = NOTHING
    seen: Seen = ()
    rest: Names = NOTHING


class State(NamedTuple):
    """The store, and who is at work. Objects are packs and moves; pairs are by the number of a writer, or snapshot. Who gathers is the
    move that is to be put, or nothing before and "ended" after."""

    writers: tuple[Writer, ...]
    pruners: tuple[Pruner, ...]
    gatherers: tuple[str, ...]
    objects: Names = frozenset({OLD})
    snapshots: Pairs = ((FIRST, frozenset({OLD})),)
    pendings: Pairs = ()
    reported: frozenset[int] = frozenset({FIRST})

    def condemned(self) -> Names:
        """All that is in lists."""
        return union_of(pruner.listed for pruner in self.pruners)

    def lost(self) -> bool:
        """Whether a snapshot that was reported does not come back."""
        there = dict(self.snapshots)
        return any(number not in there or not ends(min(there[number]), self.objects) for number in self.reported)


@cache
def moves(objects: Names) -> Names:
    return frozenset(name for name in objects if ">" in name)


@cache
def moves_from(place: str, objects: Names) -> tuple[tuple[str, str], ...]:
    """The moves of what lay in *place*, with where they lead."""
    return tuple((move, target_of(move)) for move in sorted(moves(objects)) if place in sources_of(move))


@cache
def sources_of(move: str) -> Names:
    return frozenset(move.partition(">")[0].split("+"))


@cache
def target_of(move: str) -> str:
    return move.partition(">")[2]


def gathered_in(source: str, target: str, objects: Names) -> str:
    """The move of what lies in *source*: it tells of all places from which one is led there."""
    former = {source}
    for _ in objects:
        former |= {place for move in moves(objects) if target_of(move) in former for place in sources_of(move)}
    return f"{'+'.join(sorted(former))}>{target}"


@cache
def ends(place: str, objects: Names) -> frozenset[tuple[str, Names]]:
    """The packs to which a reader may be led from *place*, each with the moves that lead there."""
    found = {(place, NOTHING)} if place in objects else set[tuple[str, Names]]()
    for move, target in moves_from(place, objects):
        found |= {(end, used | {move}) for end, used in ends(target, objects)}
    return frozenset(found)


@cache
def is_sound(place: str, trusted: Names) -> bool:
    """Whether what was moved to *place* is sure to stay, there or further on."""
    return place in trusted or any(is_sound(target, trusted) for _, target in moves_from(place, trusted))


@dataclass(frozen=True)
class MoveProtocol:
    """The protocol, and what of it is left out."""

    moves_are_announced: bool = True
    condemned_are_listed: bool = True
    pending_is_looked_for: bool = True
    pendings_are_listed: bool = True
    pendings_come_first: bool = True
    every_move_is_needed: bool = True
    targets_are_needed: bool = True
    targets_have_to_be_there: bool = True
    targets_have_to_be_still_there: bool = True
    moves_have_to_be_still_there: bool = True
    condemned_targets_are_doubted: bool = True
    condemned_moves_are_doubted: bool = True
    later_moves_have_to_free: bool = True
    finished_are_looked_at_anew: bool = True
    patient: bool = False  # no pending gets old
    listed: int = 2 * len(NEW) + 1  # names in a list, or all

    def steps(self, state: State) -> Iterator[tuple[str, State]]:
        """All that may happen next."""
        for number, writer in enumerate(state.writers):
            for after in self._write(state, number):
                yield f"writer {number}: {writer.step}", after
        for number, pruner in enumerate(state.pruners):
            for after in self._prune(state, number):
                yield f"pruner of {'+'.join(sorted(pruner.listed))}: {pruner.step}", after
        for number, move in enumerate(state.gatherers):
            for after in self._gather(state, number):
                yield f"gatherer: {move}", after
        if FIRST in state.reported:
            yield "forget", state._replace(snapshots=without(state.snapshots, FIRST), reported=state.reported - {FIRST})
        for number, _ in () if self.patient else state.pendings:
            yield f"pending {number} is old", state._replace(pendings=without(state.pendings, number))
        there = state.objects if self.finished_are_looked_at_anew else frozenset({OLD})
        for number, pruner in enumerate(state.pruners):
            if pruner.listed and pruner.listed.isdisjoint(there):
                yield "a list is finished", _with_pruner(state, number, pruner._replace(listed=NOTHING))

    # --- writers ---

    def _write(self, state: State, number: int) -> Iterator[State]:
        writer = state.writers[number]

        def become(after: State, step: str, place: str = "", refers: Names = NOTHING, looked: Names = NOTHING) -> State:
            new = Writer(step, place, refers, looked)
            return after._replace(writers=(*after.writers[:number], new, *after.writers[number + 1 :]))

        def announce(place: str, refers: Names) -> State:
            return become(state._replace(pendings=with_(state.pendings, number, refers)), "condemned", place, refers)

        match writer.step:
            case "announce":
                # It has followed the moves that were there when it looked. One that has gone since, it will miss.
                for end, used in {(OLD, NOTHING), *ends(OLD, state.objects)}:
                    yield announce(OLD, used | {end} if self.moves_are_announced else frozenset({end}))  # its map is a delta
                    if used:
                        yield announce(end, frozenset({end}))  # or a full one
            case "condemned":
                looked = state.condemned() & writer.refers if self.condemned_are_listed else NOTHING
                yield become(state, "there", writer.place, writer.refers, looked)
            case "there":
                lost = writer.looked | (writer.refers - state.objects)
                yield become(state, "withdraw" if lost else "put", writer.place)
            case "withdraw":
                yield become(state._replace(pendings=without(state.pendings, number)), "ended")  # and sends it again
            case "put":
                yield become(state._replace(snapshots=with_(state.snapshots, number, frozenset({writer.place}))), "confirm")
            case "confirm":
                if number in dict(state.pendings) or not self.pending_is_looked_for:
                    yield become(state._replace(reported=state.reported | {number}), "end")
                else:
                    yield become(state, "take back")
            case "take back":
                yield become(state._replace(snapshots=without(state.snapshots, number)), "ended")
            case "end":
                yield become(state._replace(pendings=without(state.pendings, number)), "ended")

    # --- pruners ---

    @property
    def _looks(self) -> tuple[str, ...]:
        """What a survey looks at, in this order."""
        pendings, snapshots, moved, condemned, still = LOOKS
        first = (pendings, snapshots) if self.pendings_come_first else (snapshots, pendings)
        last = (condemned, still) if self.targets_have_to_be_still_there else (still, condemned)
        return ("condemn", *first, moved, *last)

    def _prune(self, state: State, number: int) -> Iterator[State]:
        pruner = state.pruners[number]
        step, listed, seen, rest = pruner

        def become(step: str, listed: Names = listed, seen: Seen = (), rest: Names = rest, objects: Names = state.objects) -> State:
            return _with_pruner(state._replace(objects=objects), number, Pruner(step, listed, seen, rest))

        if step == "condemn":
            for some in self._lists(state.objects):
                yield become(self._looks[1], some, rest=some)
        elif step in LOOKS:
            if step == "pendings":
                rest -= union(state.pendings) if self.pendings_are_listed else NOTHING
            else:
                seen = _what_matters({**dict(seen), step: self._look(state, step)})
            if rest and step != self._looks[-1]:
                yield become(self._looks[self._looks.index(step) + 1], seen=seen, rest=rest)
            else:
                yield become("delete", rest=rest - self.needed(dict(seen)) if rest else rest)
        elif step == "delete":
            for name in rest:
                yield become("delete", rest=rest - {name}, objects=state.objects - {name})
            if not rest:
                yield become("ended", NOTHING)

    def _lists(self, names: Names) -> Iterator[Names]:
        for size in range(1, len(names) + 1):
            if size <= self.listed or size == len(names):
                yield from map(frozenset, combinations(sorted(names), size))

    @staticmethod
    def _look(state: State, look: str) -> Names:
        match look:
            case "snapshots":
                return union(state.snapshots)
            case "moves":
                return moves(state.objects)
            case "condemned":
                return state.condemned()
            case _:
                return state.objects

    def needed(self, seen: dict[str, Names]) -> Names:
        """What snapshots need by what was seen, as `survey.py` and `usage.py` reckon it."""
        condemned, there = seen["condemned"], seen["still there"]
        packs = there - moves(there) if self.targets_have_to_be_there else frozenset(NEW)
        trusted = packs - condemned if self.condemned_targets_are_doubted else packs
        trusted |= seen["moves"] - condemned if self.condemned_moves_are_doubted else seen["moves"]
        if self.moves_have_to_be_still_there:
            trusted -= seen["moves"] - there

        def free(move: str) -> bool:
            return move in trusted and is_sound(target_of(move), trusted)

        needed = set[str]()
        waiting = sorted(seen["snapshots"])
        while waiting:
            place = waiting.pop()
            is_free = False
            found = moves_from(place, seen["moves"])
            for move, target in found:
                frees = free(move)
                if any(target in sources_of(other) and (free(other) or not self.later_moves_have_to_free) for other, _ in found):
                    continue  # a later move tells all
                if self.every_move_is_needed or (frees and not is_free):
                    needed.add(move)
                    waiting += [target] if self.targets_are_needed else []
                is_free |= frees
            if not is_free:
                needed.add(place)
        return frozenset(needed)

    # --- who gathers ---

    @staticmethod
    def _gather(state: State, number: int) -> Iterator[State]:
        target, move = NEW[number], state.gatherers[number]

        def become(added: str, move: str) -> State:
            gatherers = (*state.gatherers[:number], move, *state.gatherers[number + 1 :])
            return state._replace(objects=state.objects | {added}, gatherers=gatherers)

        if not move:
            for source in state.objects - moves(state.objects):
                yield become(target, gathered_in(source, target, state.objects))
        elif move != "ended":
            yield become(move, "ended")


def union_of(lists: Iterable[Names]) -> Names:
    return NOTHING.union(*lists)


def _with_pruner(state: State, number: int, pruner: Pruner) -> State:
    """Pruners have no names: which of them is which does not matter, and is not told apart."""
    pruners = (*state.pruners[:number], pruner, *state.pruners[number + 1 :])
    return state._replace(pruners=tuple(sorted(pruners, key=hash)))


def _what_matters(seen: dict[str, Names]) -> Seen:
    """What was seen, without what no snapshot can be led to."""
    if "snapshots" in seen and "moves" in seen:
        reached = set(seen["snapshots"])
        for _ in NEW:
            reached |= {name for place in tuple(reached) for pair in moves_from(place, seen["moves"]) for name in pair}
        seen = {look: names & reached for look, names in seen.items()}
    return tuple(sorted(seen.items()))


def search(
    protocol: MoveProtocol, writers: int, pruners: int, gatherers: int = 0, *, gathered: int = 0, gone: bool = False, any_way: bool = False
) -> tuple[Collection[State], list[str] | None]:
    """All states, and the shortest way to a loss, or *any way*, which is found sooner; or None. OLD was
    *gathered* so many times before, and may be *gone*."""
    done = frozenset(name for target in NEW[:gathered] for name in (target, f"{OLD}>{target}"))
    start = State((Writer(),) * writers, (Pruner(),) * pruners, ("ended",) * gathered + ("",) * gatherers, done if gone else done | {OLD})
    came: dict[State, tuple[State, str] | None] = {start: None}
    waiting = [start]
    at = 0
    while at < len(waiting):
        state = waiting.pop() if any_way else waiting[at]
        at += not any_way
        if state.lost():
            return came, way_to(state, came)
        for step, after in protocol.steps(state):
            if after not in came:
                came[after] = state, step
                waiting.append(after)
    return came, None


class Store(NamedTuple):
    """What is left when everybody is gone: lists are of the dead, `places` what the maps of snapshots tell."""

    objects: Names
    places: Names
    lists: frozenset[Names]

    @classmethod
    def of(cls, state: State) -> Self:
        lists = frozenset(pruner.listed for pruner in state.pruners if pruner.listed)
        return cls(state.objects, union(state.snapshots), lists)

    def needed(self, doubtful: Names = NOTHING) -> Names:
        seen = {"snapshots": self.places, "moves": moves(self.objects), "condemned": doubtful, "still there": self.objects}
        return MoveProtocol().needed(seen)

    def unneeded(self) -> Names:
        """What is there and nobody needs; and what a list still names, which is doubted for ever: but for moves that lead nowhere any more.

        Those stay with their list as long as a map tells the place from which they led."""
        nowhere = {name for name in moves(self.objects) if not is_sound(name.split(">")[1], self.objects)}
        return self.objects - self.needed() | union_of(
            names for names in self.lists if not names & self.objects or names & self.objects - nowhere
        )


@dataclass(frozen=True)
class LastPruner:
    """Somebody who prunes alone after all others are gone, two weeks later, and what of it is left out. The pack OLD is half of what nobody
    needs, so it is gathered; other packs are full."""

    moves_are_condemned: bool = True
    the_dead_are_taken_over: bool = True
    what_they_condemned_is_gathered: bool = True
    where_their_moves_lead_is_gathered: bool = True
    finished_lists_are_dropped: bool = True

    def prune(self, store: Store, times: int = 6) -> Store:
        """The store after so many days."""
        own = NOTHING
        for day in range(times):
            objects, places, lists = store
            needed = store.needed(union_of(lists) | own)
            objects -= own - needed
            doubted = (union_of(lists) if self.what_they_condemned_is_gathered else NOTHING) & needed
            if self.where_their_moves_lead_is_gathered:
                doubted |= {name.split(">")[1] for name in moves(union_of(lists) & needed & objects)}
            for pack in sorted((doubted | {OLD} & needed) & objects - moves(objects)):
                objects |= {f"{pack}{day}", gathered_in(pack, f"{pack}{day}", objects)}
            if self.finished_lists_are_dropped:
                lists = frozenset(names for names in lists if not names.isdisjoint(objects))
            store = Store(objects, places, lists)
            own = objects - store.needed(union_of(lists))
            own -= NOTHING if self.moves_are_condemned else moves(objects)
            own -= NOTHING if self.the_dead_are_taken_over else union_of(lists)
        return store
