"""The protocol of backup and prune loses nothing, and none of its steps can be left out."""

from dataclasses import replace

import pytest

from snapshots.prune_model import Protocol, search

WHOLE = Protocol()
STEPS = [name for name, value in vars(WHOLE).items() if value is True]


def test_two_writers_and_two_pruners_lose_nothing() -> None:
    states, loss = search(WHOLE, 2, 2)
    assert loss is None
    assert states > 10_000, "it was searched"


@pytest.mark.soak
@pytest.mark.parametrize(("writers", "pruners", "runs"), [(3, 1, 1), (1, 3, 1), (2, 2, 2)])
def test_nor_do_more(writers: int, pruners: int, runs: int) -> None:
    assert search(replace(WHOLE, runs=runs), writers, pruners)[1] is None


@pytest.mark.parametrize("step", STEPS)
def test_without_one_step_a_reported_snapshot_is_lost(step: str) -> None:
    _, loss = search(replace(WHOLE, **{step: False}), 2, 2)
    assert loss, f"{step} could be left out"
