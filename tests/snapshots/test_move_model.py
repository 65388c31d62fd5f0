"""Packs that are gathered, moves and those who prune lose nothing and leave nothing behind, and none of their steps can be left out."""

from dataclasses import replace

import pytest

from snapshots.move_model import LastPruner, MoveProtocol, Store, search
from snapshots.prune_model import NOTHING

WHOLE = MoveProtocol()
QUICK = replace(WHOLE, listed=1, patient=True)
STEPS = [name for name, value in vars(WHOLE).items() if value is True]
LAST = LastPruner()
STEPS_OF_THE_LAST = list(vars(LAST))


def test_whoever_gathers_and_prunes_meanwhile_nothing_that_was_reported_is_lost() -> None:
    states, loss = search(WHOLE, 1, 1, 1)
    assert loss is None
    assert len(states) > 9_000, "it was searched"


def test_nor_by_two_who_prune() -> None:
    states, loss = search(QUICK, 1, 2, gathered=1)
    assert loss is None
    assert len(states) > 70_000, "it was searched"
    assert search(WHOLE, 0, 2, 1, gathered=1, gone=True)[1] is None


@pytest.mark.soak
@pytest.mark.parametrize(
    ("writers", "pruners", "gatherers", "gathered"),
    [(1, 1, 2, 0), (1, 2, 1, 0), (1, 2, 0, 2), (2, 1, 0, 1)],
    ids=["two who gather", "two who prune", "two moves", "two writers"],
)
def test_nor_by_more_of_them(writers: int, pruners: int, gatherers: int, gathered: int) -> None:
    assert search(replace(WHOLE, listed=1), writers, pruners, gatherers, gathered=gathered)[1] is None


@pytest.mark.parametrize("step", STEPS)
def test_without_one_step_a_reported_snapshot_is_lost(step: str) -> None:
    without = {step: False}
    assert (
        search(replace(WHOLE, **without), 1, 1, 1, any_way=True)[1]
        or search(replace(QUICK, **without), 1, 2, gathered=1, any_way=True)[1]
        or search(replace(QUICK, **without), 0, 2, 1, gathered=1, gone=True, any_way=True)[1]
    ), f"{step} could be left out"


@pytest.fixture(scope="module")
def stores() -> set[Store]:
    """Stores in which everybody has gone at some moment."""
    return {Store.of(state) for state in search(WHOLE, 1, 1, 1)[0]}


def test_whoever_is_gone_one_who_prunes_afterwards_leaves_nothing_that_nobody_needs(stores: set[Store]) -> None:
    assert len(stores) > 100
    for store in stores:
        left = LAST.prune(store)
        assert left.unneeded() == NOTHING, store
        assert LAST.prune(left._replace(places=NOTHING)) == Store(NOTHING, NOTHING, frozenset()), store


@pytest.mark.parametrize("step", STEPS_OF_THE_LAST)
def test_without_one_step_something_stays_for_ever(step: str, stores: set[Store]) -> None:
    without = replace(LAST, **{step: False})
    assert any(without.prune(store).unneeded() for store in stores), f"{step} could be left out"
