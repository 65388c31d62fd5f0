"""Model of writers and pruners over one store (docs/design/prune.md), searched exhaustively.

Every step is one call to the store, or the listing of one folder; between any two of them all others may do anything, or die. Ages are
left out: whatever is there may be old, any pending may be of somebody who died. What holds here does not depend on waiting."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

S = TypeVar("S")
Names = frozenset[str]
NOTHING: Names = frozenset()
OLD = "old"  # a pack of a snapshot that was forgotten; every writer knows it, and has its content


class Writer(NamedTuple):
    """`step` is what is done next; `new` counts packs that were sent, `looked` is what was listed first."""

    step: str = "announce"
    refers: Names = frozenset({OLD})
    looked: Names = NOTHING
    new: int = 0


class Pruner(NamedTuple):
    step: str = "packs"
    packs: Names = NOTHING
    spared: Names = NOTHING
    condemned: Names = NOTHING
    runs: int = 0


@dataclass(frozen=True)
class State:
    """The store, and who is at work. Dictionaries are tuples of pairs, by the number of a writer or pruner."""

    writers: tuple[Writer, ...]
    pruners: tuple[Pruner, ...]
    packs: Names = frozenset({OLD})
    pendings: tuple[tuple[int, Names], ...] = ()
    snapshots: tuple[tuple[int, Names], ...] = ()
    lists: tuple[tuple[int, Names], ...] = ()
    reported: frozenset[int] = frozenset()

    def lost(self) -> bool:
        """Whether a snapshot that was reported is not whole."""
        there = dict(self.snapshots)
        return any(number not in there or not there[number] <= self.packs for number in self.reported)


@dataclass(frozen=True)
class Protocol:
    """The protocol, and what of it is left out."""

    pendings_are_listed: bool = True
    condemned_are_listed: bool = True
    condemned_come_first: bool = True
    pending_is_looked_for: bool = True
    looks_again: bool = True
    pendings_come_first: bool = True
    own_list_only: bool = True
    list_goes_last: bool = True
    patient: bool = False  # no pending gets old while its writer lives
    attempts: int = 2
    runs: int = 1

    # --- writers ---

    def write(self, state: State, number: int) -> Iterator[State]:
        writer = state.writers[number]

        def become(after: State, **changes: object) -> State:
            writers = list(after.writers)
            writers[number] = writer._replace(**changes)  # type: ignore[arg-type]
            return replace(after, writers=tuple(writers))

        looks = ["condemned", "there"] if self.condemned_come_first else ["there", "condemned"]
        match writer.step:
            case "send":
                if writer.new < self.attempts:
                    pack = f"new {number} {writer.new}"
                    sent = replace(state, packs=state.packs | {pack})
                    yield become(sent, step="announce", refers=frozenset({pack}), new=writer.new + 1)
            case "announce":
                yield become(replace(state, pendings=with_(state.pendings, number, writer.refers)), step=looks[0], looked=NOTHING)
            case "condemned":
                seen = union(state.lists) if self.condemned_are_listed else NOTHING
                yield self._looked(state, become, writer, seen & writer.refers, looks[0] == "condemned")
            case "there":
                yield self._looked(state, become, writer, writer.refers - state.packs, looks[0] == "there")
            case "withdraw":
                yield become(replace(state, pendings=without(state.pendings, number)), step="send")
            case "put":
                put = replace(state, snapshots=with_(state.snapshots, number, writer.refers))
                yield become(put, step="confirm" if self.pending_is_looked_for else "report")
            case "confirm":
                yield become(state, step="report" if number in dict(state.pendings) else "take back")
            case "take back":
                yield become(replace(state, snapshots=without(state.snapshots, number)), step="send")
            case "report":
                yield become(replace(state, reported=state.reported | {number}), step="end")
            case "end":
                yield become(replace(state, pendings=without(state.pendings, number)), step="ended")

    @staticmethod
    def _looked(state: State, become: "object", writer: Writer, lost: Names, is_first: bool) -> State:
        assert callable(become)
        if is_first:
            other = "there" if writer.step == "condemned" else "condemned"
            after: State = become(state, step=other, looked=lost)
        else:
            after = become(state, step="withdraw" if lost | writer.looked else "put", looked=NOTHING)
        return after

    # --- pruners ---

    def prune(self, state: State, number: int) -> Iterator[State]:
        pruner = state.pruners[number]

        def become(after: State, **changes: object) -> State:
            pruners = list(after.pruners)
            pruners[number] = pruner._replace(**changes)  # type: ignore[arg-type]
            return replace(after, pruners=tuple(pruners))

        pendings = union(state.pendings) if self.pendings_are_listed else NOTHING
        first, second = (pendings, union(state.snapshots)) if self.pendings_come_first else (union(state.snapshots), pendings)
        match pruner.step:
            case "packs":
                if pruner.runs < self.runs:
                    yield become(state, step="first", packs=state.packs)
            case "first":
                yield become(state, step="second", spared=first)
            case "second":
                spare = pruner.packs - pruner.spared - second
                yield become(
                    state, step="condemn" if spare else "packs", condemned=spare, packs=NOTHING, spared=NOTHING, runs=pruner.runs + 1
                )
            case "condemn":
                yield become(replace(state, lists=with_(state.lists, number, pruner.condemned)), step="wait")
            case "wait":
                for owner, _ in () if self.patient else state.pendings:
                    yield replace(state, pendings=without(state.pendings, owner))
                condemned = pruner.condemned if self.own_list_only else union(state.lists) | pruner.condemned
                yield become(state, step="again" if self.looks_again else "delete", condemned=condemned)
            case "again":
                yield become(state, step="and again", spared=first)
            case "and again":
                rest = pruner.condemned - pruner.spared - second
                yield become(state, step="delete" if self.list_goes_last else "drop", condemned=rest, spared=NOTHING)
            case "delete":
                for pack in pruner.condemned:
                    yield become(replace(state, packs=state.packs - {pack}), condemned=pruner.condemned - {pack})
                if not pruner.condemned:
                    yield become(state, step="drop" if self.list_goes_last else "packs")
            case "drop":
                lists = without(state.lists, number) if self.own_list_only else ()
                yield become(replace(state, lists=lists), step="packs" if self.list_goes_last else "delete")


def search(protocol: Protocol, writers: int, pruners: int) -> tuple[int, list[str] | None]:
    """How many states there are, and the shortest way to a loss, or None."""
    start = State((Writer(),) * writers, (Pruner(),) * pruners)
    came: dict[State, tuple[State, str] | None] = {start: None}
    waiting = [start]
    for state in waiting:
        if state.lost():
            return len(came), way_to(state, came)
        steps = [(f"writer {n}: {state.writers[n].step}", after) for n in range(writers) for after in protocol.write(state, n)]
        steps += [(f"pruner {n}: {state.pruners[n].step}", after) for n in range(pruners) for after in protocol.prune(state, n)]
        for step, after in steps:
            if after not in came:
                came[after] = state, step
                waiting.append(after)
    return len(came), None


def way_to(state: S, came: "dict[S, tuple[S, str] | None]") -> list[str]:
    steps = []
    while (before := came[state]) is not None:
        state, step = before
        steps.append(step)
    return steps[::-1]


def union(pairs: tuple[tuple[int, Names], ...]) -> Names:
    return frozenset().union(*(names for _, names in pairs))


def with_(pairs: tuple[tuple[int, Names], ...], number: int, names: Names) -> tuple[tuple[int, Names], ...]:
    return tuple(sorted({**dict(pairs), number: names}.items()))


def without(pairs: tuple[tuple[int, Names], ...], number: int) -> tuple[tuple[int, Names], ...]:
    return tuple(pair for pair in pairs if pair[0] != number)
