"""The bars as ratios, measured here and now: `python bench/ratios.py [--size 1G] [--folder /dev/shm] [--json FILE]`.

Each number stands beside its bar and says whether it holds. They mean something only while nobody else uses the machine."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import bars
import inputs
import machine
from bars import Bar, Plan, show

PARTS = ("alone", "seal", "unseal", "serial", "disk", "reads", "messages", "files", "start", "memory", "upload", "live")


def measure(plan: Plan, parts: list[str], files_total: int, large: int) -> Iterator[Bar]:
    """The bars of the *parts* named, as they are measured."""
    work: dict[str, Callable[[], Iterator[Bar]]] = {
        "alone": lambda: bars.alone(plan),
        "seal": lambda: bars.sealing(plan),
        "unseal": lambda: bars.unsealing(plan),
        "serial": lambda: bars.serial_share(plan),
        "disk": lambda: bars.disk(plan),
        "reads": lambda: bars.reads(plan),
        "messages": bars.messages,
        "files": lambda: bars.many_files(plan, 2000, files_total),
        "start": lambda: bars.starting(plan.rounds),
        "memory": lambda: bars.memory(plan, [64_000_000, large]),
        "upload": lambda: bars.uploads(plan),
        "live": lambda: bars.writers(plan),
    }
    for part in parts:
        yield from work[part]()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=inputs.size, default="1G", help="bytes of the chat database (1G)")
    parser.add_argument("--files", type=inputs.size, default=None, help="bytes of the 2 000 files (four times --size)")
    parser.add_argument("--large", type=inputs.size, default=None, help="bytes of the larger input for peak memory (four times --size)")
    parser.add_argument("--folder", type=Path, help="where inputs and outputs are; default BENCH_FOLDER, or /dev/shm where it is")
    parser.add_argument("--disk", type=Path, default=Path(tempfile.gettempdir()), help="a folder on a disk, for what is measured there")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="these parts alone")
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    given = parser.parse_args()
    inputs.choose_folder(given.folder)
    database = inputs.chat(given.size)
    print(machine.describe())
    print(f"{'data':12} {database.stat().st_size / 1e6:.1f} MB of chat database, {given.threads} threads, {given.rounds} rounds in turn\n")
    found: list[Bar] = []
    with inputs.scratch() as scratch:
        plan = Plan(database, scratch, given.disk, given.threads, given.rounds)
        for bar in measure(plan, given.only, given.files or 4 * given.size, given.large or 4 * given.size):
            print(show(bar), flush=True)
            found.append(bar)
    missed = sum(bar.holds is False for bar in found)
    held = sum(bar.holds is True for bar in found)
    print(f"\n{held} of {held + missed} bars hold" + (f", {missed} MISSED" if missed else ""))
    if given.json:
        given.json.write_text(json.dumps({"machine": machine.facts(), "bars": [asdict(bar) for bar in found]}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
