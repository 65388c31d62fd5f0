"""Rounds: runs to be compared take turns, A B C A B C, and are compared within a round, so that a slow moment hits all of them.

Nobody is ever quite alone on a machine. What other processes took of it during a round is known from the kernel's counters; rounds that
were disturbed are done again for a while, and in the end the quietest count. They are chosen by that alone, never by what they gave."""

import gc
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

Run = Callable[[], float]  # does the work once and returns its seconds; what it prepares or removes is not in them
QUIET, PATIENCE = 0.03, 4  # the share of the machine that others may take in a round; how many times the rounds asked for are tried
COUNTERS = Path("/proc/stat")


def timed(work: Callable[[], object]) -> float:
    """Seconds that *work* takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@dataclass(frozen=True)
class Times:
    """Seconds by name, one for each round; and the largest share of the machine that others took in one of them."""

    seconds: Mapping[str, tuple[float, ...]]
    disturbance: float

    def median(self, name: str) -> float:
        return median(self.seconds[name])

    def share(self, name: str, limit: str) -> float:
        """How much of *limit*'s speed *name* reaches: the median over the rounds of limit / name."""
        return median(b / a for a, b in zip(self.seconds[name], self.seconds[limit], strict=True))

    def spread(self, name: str, limit: str) -> tuple[float, float]:
        """The lowest and the highest share of a round."""
        shares = [b / a for a, b in zip(self.seconds[name], self.seconds[limit], strict=True)]
        return min(shares), max(shares)


class Neighbours:
    """How much of the machine other processes take, from one call of `share` to the next. Known on Linux only; elsewhere 0."""

    def __init__(self) -> None:
        self._before = self._counters()

    def share(self) -> float:
        before, self._before = self._before, self._counters()
        everything, busy, own = (now - then for now, then in zip(self._before, before, strict=True))
        return max(0.0, busy - own) / everything if everything > 0 else 0.0

    @staticmethod
    def _counters() -> tuple[float, float, float]:
        """Seconds of all cores together, seconds in which they worked, and what this process and its children had of those."""
        if not COUNTERS.exists():
            return 0.0, 0.0, 0.0
        ticks = [int(field) for field in COUNTERS.read_text().split("\n", 1)[0].split()[1:9]]
        second = os.sysconf("SC_CLK_TCK")
        idle = ticks[3] + ticks[4]  # waiting for a disk is idle
        return sum(ticks) / second, (sum(ticks) - idle) / second, sum(os.times()[:4])


def take_turns(runs: Mapping[str, Run], rounds: int) -> Times:
    """*rounds* rounds of all *runs*, after one that does not count."""
    for run in runs.values():
        run()
    taken: list[tuple[float, list[float]]] = []
    while sum(others <= QUIET for others, _ in taken) < rounds and len(taken) < PATIENCE * rounds:
        seconds, neighbours = [], Neighbours()
        for run in runs.values():
            gc.collect()
            seconds.append(run())
        taken.append((neighbours.share(), seconds))
    taken.sort(key=lambda one: one[0])
    chosen = [seconds for _, seconds in taken[:rounds]]
    return Times(dict(zip(runs, zip(*chosen, strict=True), strict=True)), taken[:rounds][-1][0])
