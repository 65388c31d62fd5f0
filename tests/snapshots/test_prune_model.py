"""The protocol of backup and prune loses nothing, and none of its steps can be left out."""

from dataclasses import replace

import pytest

from snapshots.prune_model import Protocol, search

WHOLE = Protocol()
STEPS = [name for name, value in vars(WHOLE).items() if value is True]


@pytest.mark.parametrize(("writers", "pruners"), [(2, 1), (1, 2)])
def test_whatever_happens_nothing_that_was_reported_is_lost(writers: int, pruners: int) -> None:
    states, loss = search(WHOLE, writers, pruners)
    assert loss is None
    assert states > 20_000, "it was searched"


@pytest.mark.soak
@pytest.mark.parametrize(("writers", "pruners", "protocol"), [(2, 2, replace(WHOLE, attempts=1)), (1, 2, replace(WHOLE, runs=2))])
def test_nor_by_more_of_them_or_in_more_runs(writers: int, pruners: int, protocol: Protocol) -> None:
    assert search(protocol, writers, pruners)[1] is None


@pytest.mark.parametrize("step", STEPS)
def test_without_one_step_a_reported_snapshot_is_lost(step: str) -> None:
    without = replace(WHOLE, **{step: False}, attempts=1)
    assert any(search(without, *others)[1] for others in ((1, 1), (1, 2))), f"{step} could be left out"
