"""The protocol of backup and prune loses nothing, and none of its steps can be left out."""

from dataclasses import replace

import pytest

from snapshots.copy_model import CopyProtocol
from snapshots.prune_model import OLD, Protocol, search

WHOLE = Protocol()
STEPS = [name for name, value in vars(WHOLE).items() if value is True]
COPY = CopyProtocol()
STEPS_OF_A_COPY = [name for name, value in vars(COPY).items() if value is True]


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


@pytest.mark.parametrize(
    ("protocol", "copies", "pruners"), [(COPY, 1, 2), (replace(COPY, needed=frozenset({OLD})), 1, 2), (replace(COPY, patient=True), 2, 1)]
)
def test_nor_is_what_was_copied(protocol: CopyProtocol, copies: int, pruners: int) -> None:
    """Two that copy the same at once both end within two weeks; one that copies alone may take as long as it likes."""
    states, loss = search(protocol, copies, pruners)
    assert loss is None
    assert states > 1_000, "it was searched"


@pytest.mark.parametrize("step", STEPS_OF_A_COPY)
def test_without_one_step_a_reported_copy_is_lost(step: str) -> None:
    ways = [replace(COPY, needed=needed, **{step: False}) for needed in (frozenset({OLD}), COPY.needed)]
    assert any(search(without, *others)[1] for others in ((1, 1), (1, 2)) for without in ways), f"{step} could be left out"
