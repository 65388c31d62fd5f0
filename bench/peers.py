"""Peers: `chatseal compare` on a chat database and on the same a day later: `python bench/peers.py [--size 1G] [--folder /dev/shm]`.

Whole processes on the same file in the same run, at zstd's levels 3 and 1, on two threads, everything in memory (tmpfs). Below the
table of `chatseal compare` stand the ratios: how many times faster chatseal is than each of them. Tools without zstd's levels stand
beside both: restic's "auto" is about level 3.

restic and borg also cut, hash and index what they store, and get that back the next day. Each run has a fresh repository, made before
its time begins. What is not installed is left out, and named."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import days
import inputs
import machine
from chatseal.cli.compare import table
from chatseal.compare import plot
from chatseal.compare.contest import Contest, Outcome
from chatseal.compare.peers import PEERS

LEVELS = (3, 1)


def ratios(outcomes: Sequence[Outcome], levels: Sequence[int]) -> list[str]:
    """How many times faster chatseal stores a first backup, for each level."""
    rates = {(one.peer.word, one.setting.level): one.backup.rate for one in outcomes if one.backup}
    rows = [("chatseal is faster than", *(f"at level {level}" for level in levels))]
    for peer in dict.fromkeys(one.peer for one in outcomes if one.backup and one.peer.word != "chatseal"):
        cells = []
        for level in levels:
            other = rates.get((peer.word, level)) or rates.get((peer.word, None))
            own = rates.get(("chatseal", level))
            cells.append(f"{own / other:.2f} x" if own and other else "")
        rows.append((peer.name, *cells))
    return table.aligned(rows, words=1)


def _tell(words: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done / total:4.0%} {words:60}", end="\r", file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=inputs.size, default="1G")
    parser.add_argument("--folder", type=Path, help="where inputs and outputs are; default BENCH_FOLDER, or /dev/shm where it is")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--levels", type=int, nargs="+", default=LEVELS)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path, help="write a picture of speed against size to this .svg or .png too")
    given = parser.parse_args()
    inputs.choose_folder(given.folder)
    source, later = days.pair(given.size)
    here = [peer for peer in PEERS if not peer.missing()]
    contest = Contest(source, later, peers=here, levels=given.levels, threads=given.threads, rounds=given.rounds)
    print(machine.describe())
    sizes = " MB and a day later ".join(f"{size / 1e6:.1f}" for size in contest.sizes)
    print(f"{'data':12} {sizes} MB of chat database, {given.threads} threads, medians of {given.rounds} rounds in turn\n", flush=True)
    with inputs.scratch() as scratch:
        outcomes = contest.run(scratch, _tell)
    absent = [peer for peer in PEERS if peer.missing()]
    parts = [table.table(outcomes), ratios(outcomes, given.levels), table.disturbance(outcomes), table.failures(outcomes)]
    print("\n\n".join("\n".join(part) for part in [*parts, table.absences(absent), table.commands(outcomes, given.threads)] if part))
    if given.json:
        report = {"machine": machine.facts(), "rows": table.records(outcomes, absent, given.threads)}
        given.json.write_text(json.dumps(report, indent=1) + os.linesep)
    if given.plot:
        given.plot.parent.mkdir(parents=True, exist_ok=True)
        with given.plot.open("wb") as file:
            plot.draw(outcomes, file, given.plot.suffix[1:], f"{source.name}, {given.threads} threads")
    return int(any(outcome.error for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
