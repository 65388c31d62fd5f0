"""Model of copies into a store where others prune (docs/design/prune.md): as prune_model, but for who copies.

Every writer copies the same snapshot, number 0, whose objects have their names already: one that an earlier copy has left there, and one
that is not there yet. What a copy has put it does not put again under another name."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from snapshots.prune_model import NOTHING, OLD, Names, Protocol, State, Writer, union, with_, without

COPIED = 0


@dataclass(frozen=True)
class CopyProtocol(Protocol):
    """The protocol of a copy, and what of it is left out."""

    needed: Names = frozenset({OLD, "new"})
    condemned_wait: bool = True
    looks_again_if_pending_is_gone: bool = True
    finished_lists_wait: bool = True  # for their machine to be gone: until then only it removes them

    def write(self, state: State, number: int) -> Iterator[State]:
        writer = state.writers[number]

        def become(after: State, step: str, **changes: object) -> State:
            writers = list(after.writers)
            writers[number] = writer._replace(step=step, **changes)  # type: ignore[arg-type]
            return replace(after, writers=tuple(writers))

        looks = ["condemned", "there"] if self.condemned_come_first else ["there", "condemned"]
        match writer.step:
            case "announce":
                yield become(replace(state, pendings=with_(state.pendings, number, self.needed)), looks[0])
            case "condemned":
                seen = union(state.lists) & self.needed if self.condemned_are_listed else NOTHING
                yield self._next(state, become, writer, looks, frozenset(f"!{name}" for name in seen))
            case "there":
                yield self._next(state, become, writer, looks, self.needed - state.packs)
            case "send":
                for name in sorted(writer.refers):
                    rest = writer.refers - {name}
                    yield become(replace(state, packs=state.packs | {name}), "send" if rest else looks[0], refers=rest, looked=NOTHING)
            case "is it there":
                yield become(state, "end" if COPIED in dict(state.snapshots) else "put")
            case "put":
                put = replace(state, snapshots=with_(state.snapshots, COPIED, self.needed))
                yield become(put, "confirm" if self.pending_is_looked_for else "report")
            case "confirm":
                if number in dict(state.pendings):
                    yield become(state, "report")
                else:
                    yield become(state, "condemned again" if self.looks_again_if_pending_is_gone else "report")
            case "condemned again":
                yield become(state, "there again", looked=union(state.lists) & self.needed)
            case "there again":
                yield become(state, "take back" if writer.looked | (self.needed - state.packs) else "report", looked=NOTHING)
            case "take back":
                yield become(replace(state, snapshots=without(state.snapshots, COPIED)), "end")
            case "report":
                yield become(replace(state, reported=state.reported | {COPIED}), "end")
            case "end":
                yield become(replace(state, pendings=without(state.pendings, number)), "ended")

    def prune(self, state: State, number: int) -> Iterator[State]:
        yield from super().prune(state, number)
        for owner, names in () if self.finished_lists_wait else state.lists:
            if names.isdisjoint(state.packs):
                yield replace(state, lists=without(state.lists, owner))

    def _next(self, state: State, become: object, writer: Writer, looks: list[str], seen: Names) -> State:
        assert callable(become)
        looked = writer.looked | seen
        if writer.step == looks[0]:
            after: State = become(state, looks[1], looked=looked)
            return after
        condemned = {name[1:] for name in looked if name.startswith("!")}
        missing = frozenset(name for name in looked if not name.startswith("!"))
        if condemned and self.condemned_wait:
            step = "end"  # left out, until the next copy
        elif missing | condemned and writer.new < self.attempts:
            return become(state, "send", refers=missing | condemned, looked=NOTHING, new=writer.new + 1)  # type: ignore[no-any-return]
        elif missing:
            step = "end"
        else:
            step = "is it there"
        found: State = become(state, step, looked=NOTHING)
        return found
