"""What a contest makes of its rounds, and what it says of a disturbed machine."""

from chatseal.cli.compare import table
from chatseal.compare.contest import Laps, Outcome
from chatseal.compare.peers import PEERS, Setting
from chatseal.compare.pipeline import Ran


def outcome(*seconds: float) -> Outcome:
    laps = Laps(1000, tuple(Ran(each, each / 2, (100, 20)) for each in seconds), tuple(500 for _ in seconds))
    return Outcome(PEERS[0], Setting("level 3", 3), "", laps, None, laps)


def test_medians_of_all_rounds_count() -> None:
    laps = outcome(4.0, 2.0, 9.0).backup
    assert laps is not None
    assert (laps.seconds, laps.cpu_seconds, laps.peak, laps.stored, laps.rate, laps.share, laps.spread) == (
        4.0,
        2.0,
        120,
        500,
        250,
        0.5,
        4.5,
    )


def test_rounds_that_differ_much_are_told_and_others_not() -> None:
    (line,) = table.disturbance([outcome(1.0, 1.1), outcome(1.0, 2.6, 1.0)])
    assert line.startswith("Rounds differ by up to 2.6 x (chatseal): other work disturbed them.")
    assert table.disturbance([outcome(1.0, 1.2), outcome(3.0)]) == []
    assert table.disturbance([]) == []
