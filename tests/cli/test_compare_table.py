"""The table of `compare`: what a reader must not miss in it."""

import pytest

from chatseal.cli.compare import table
from chatseal.compare.contest import Laps, Outcome
from chatseal.compare.peers import PEERS
from chatseal.compare.pipeline import Ran

PEER = PEERS[0]


def laps(*seconds: float) -> Laps:
    return Laps(1_000_000, tuple(Ran(one, one, (1 << 20,)) for one in seconds), tuple(400_000 for _ in seconds))


def outcome(backup: Laps, next_day: Laps | None, restore: Laps) -> Outcome:
    return Outcome(PEER, PEER.setting(3), "chatseal seal", backup, next_day, restore)


STEADY, DISTURBED = laps(1.0, 1.1, 1.2), laps(1.0, 1.1, 3.4)


@pytest.mark.parametrize("which", ["backup", "next_day", "restore"])
def test_a_busy_machine_is_said_whichever_work_it_disturbed(which: str) -> None:
    parts = {"backup": STEADY, "next_day": STEADY, "restore": STEADY}
    assert table.disturbance([outcome(**parts)]) == []
    (line,) = table.disturbance([outcome(**{**parts, which: DISTURBED})])
    assert line.startswith("Rounds differ by up to 3.4 x (chatseal)")


@pytest.mark.parametrize(("seconds", "shown"), [(0.01, "100"), (0.1, "10"), (0.2, "5.0"), (4.0, "0.2")])
def test_a_slow_tool_has_a_rate_too(seconds: float, shown: str) -> None:
    head, row = table.table([outcome(laps(seconds), None, laps(seconds))])
    assert row[: head.index("MB/s") + 4].split()[-1] == shown
