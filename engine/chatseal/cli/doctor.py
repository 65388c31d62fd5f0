"""`chatseal doctor`: what this machine has, how fast it is, and what limits it."""

import tempfile
from dataclasses import asdict

import click

from chatseal.cli import amounts, core_dump
from chatseal.cli.command import EXITS_OF_LITTLE, Command, pass_output
from chatseal.cli.key_places import places
from chatseal.cli.machine import Processor, Speeds, measure, processor, versions
from chatseal.cli.options import FileName
from chatseal.cli.output import Output
from chatseal.cli.words import escape
from chatseal.keys import arena
from chatseal.sealing.budget import LEVEL


@click.command(
    cls=Command,
    synopsis="[--folder DIR] [--json]",
    examples=[
        ("This machine, and the disk of the temporary folder", "chatseal doctor"),
        ("The disk where the backups go", "chatseal doctor --folder /mnt/backup"),
        ("For a report or a script", "chatseal doctor --json"),
    ],
    exits=EXITS_OF_LITTLE,
)
@click.option("--folder", metavar="DIR", type=FileName(), help="Where to measure the disk. [default: the system's temporary folder]")
@pass_output
def command(out: Output, folder: str | None) -> None:
    """Show versions and the processor, measure for about five seconds, and name what limits this machine.

    Compression, encryption and copying are measured in memory, on messages made up for it. For the disk a file without a name is
    written, flushed to stable storage and gone again. Of keys it tells where this machine could take one from, and whether that works
    with nobody there; none is read.
    """
    about, chip = versions(), processor()
    place = folder or tempfile.gettempdir()
    speeds = measure(place, lambda what: out.note(f"measuring: {what}"))
    limit, words = limits(speeds, LEVEL)
    where = places()
    locked, dumps_off = arena.is_locked(), core_dump.is_off()
    record = {
        "versions": about,
        "processor": asdict(chip),
        "keys": {"memory_locked": locked, "core_dumps_off": dumps_off, "sources": [asdict(one) for one in where]},
        "folder": place,
        "bytes_per_second": asdict(speeds),
        "limit": limit,
        "words": words,
    }
    found = [(one.name, escape(one.line())) for one in where]
    rows = [*about.items(), *_chip(chip), *_measured(speeds, place), ("keys in memory", _keys(locked, dumps_off)), *found]
    width = max(len(name) for name, _ in rows) + 2
    advice = _advice(chip, about)
    out.show(record, "\n".join([*(f"{name:{width}}{value}" for name, value in rows), "", words, *advice]))


def _chip(chip: Processor) -> list[tuple[str, str]]:
    cores = amounts.count(chip.cores, "core")
    return [("processor", f"{escape(chip.model)}, {cores}"), ("features", " ".join(chip.features) or "not known")]


def _keys(locked: bool, dumps_off: bool) -> str:
    swap = "never swapped out" if locked else "may be swapped out (the limit on locked memory, `ulimit -l`, is too low)"
    return f"{swap}; core dumps of this command are {'off' if dumps_off else 'not off'}"


def _measured(speeds: Speeds, place: str) -> list[tuple[str, str]]:
    compress = [
        (f"zstd level {level}", f"{amounts.rate(speed)}, {amounts.times(speeds.ratio[level])}") for level, speed in speeds.compress.items()
    ]
    return [
        *compress,
        ("AES-256-GCM", amounts.rate(speeds.encrypt)),
        ("memory copy", f"{amounts.rate(speeds.copy)}, one core"),
        ("disk", f"{amounts.rate(speeds.disk)}, written and flushed in {escape(place)}"),
    ]


def limits(speeds: Speeds, level: int) -> tuple[str, str]:
    """What limits a seal at *level* here, as a word and as sentences. Rates count plaintext, on all cores."""
    ratio = speeds.ratio[level]
    compressing, encrypting = 1 / speeds.compress[level], 1 / (speeds.encrypt * ratio)  # seconds a byte
    processing, disk = 1 / (compressing + encrypting), speeds.disk * ratio
    share = round(100 * encrypting * processing)
    if disk < processing:
        faster = amounts.rate(processing)
        return "disk", (
            f"The disk limits this machine: a seal at level {level} can write {amounts.rate(disk)} of plaintext to it, "
            f"and the processor could do {faster}. A higher level costs little time here."
        )
    part, wish = (
        ("compression", "A lower level is faster.") if share < 50 else ("encryption", "A processor with AES instructions is faster.")
    )
    return part, (
        f"The processor limits this machine: a seal at level {level} can take in {amounts.rate(processing)} of plaintext "
        f"({100 - share} % of its time is compression, {share} % encryption), and the disk could take {amounts.rate(disk)}. {wish}"
    )


def _advice(chip: Processor, about: dict[str, str]) -> list[str]:
    advice = []
    if chip.load > chip.cores / 2:
        advice.append(
            f"Other work keeps this machine busy (load {chip.load:.1f}, {chip.cores} cores): without it, it is faster than measured."
        )
    if {"vaes", "avx512f"} <= set(chip.features) and " 3.0." in about.get("openssl", ""):
        advice.append("This processor has vector AES (VAES), which OpenSSL uses from 3.1 on; this is an older one.")
    return advice
