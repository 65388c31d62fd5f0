"""`chatseal compare`: chatseal beside other tools on the person's own file."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chatseal import ChatsealError, TargetExistsError
from chatseal.cli import amounts
from chatseal.cli.command import Command, pass_output
from chatseal.cli.options import FileName, force_option, threads_option
from chatseal.cli.output import Output
from chatseal.cli.progress import Bar
from chatseal.cli.words import escape
from chatseal.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_NO_SPACE, EXIT_NOT_THERE, EXIT_OK, EXIT_PARTLY, EXIT_USAGE
from chatseal.sealing.budget import LEVEL_MAX, LEVEL_MIN, cores

if TYPE_CHECKING:
    from chatseal.compare.contest import Outcome

LEVELS = (3, 1)
ROUNDS = 3
TOOLS = ("chatseal", "age", "zstd-gpg", "gpg", "restic", "borg", "rclone")
PICTURES = (".svg", ".png")


class MatplotlibMissingError(ChatsealError):
    """All but the plot works without matplotlib."""

    remedy = "Install it with `pip install 'chatseal[compare]'`, or leave --plot away."


class Picture(FileName):
    """The name of a picture, whose kind its ending tells."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        name = super().convert(value, param, ctx)
        if os.path.splitext(str(name))[1].lower() not in PICTURES:
            self.fail(f"{name} ends with neither {' nor '.join(PICTURES)}", param, ctx)
        return name


@click.command(
    cls=Command,
    synopsis="DB [NEXT] [OPTIONS]",
    examples=[
        ("Your database, with every tool that is installed", "chatseal compare msgstore.db"),
        ("And what the next day costs, with yesterday's and today's copy", "chatseal compare monday.db tuesday.db"),
        ("Some tools only, and once", "chatseal compare msgstore.db --tool chatseal --tool restic --rounds 1"),
        ("A picture of speed against size", "chatseal compare msgstore.db --level -5 --level 1 --level 3 --level 9 --plot speed.svg"),
        ("On the disk where the backups go, for a script", "chatseal compare msgstore.db --scratch /mnt/backup --json"),
    ],
    exits=(EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_PARTLY, EXIT_NOT_THERE, EXIT_NO_SPACE, EXIT_INTERRUPTED),
)
@click.argument("source", metavar="DB", type=FileName())
@click.argument("next_day", metavar="[NEXT]", required=False, type=FileName())
@click.option(
    "--level",
    "levels",
    metavar="N",
    multiple=True,
    type=click.IntRange(LEVEL_MIN, LEVEL_MAX),
    default=LEVELS,
    help="zstd's. Can be given several times; tools without such levels run once.  [default: 3 and 1]",
)
@click.option(
    "--tool",
    "tools",
    metavar="TOOL",
    multiple=True,
    type=click.Choice(TOOLS),
    help=f"Compare this one: {', '.join(TOOLS)}. Can be given several times.  [default: all that are installed]",
)
@threads_option
@click.option("--rounds", metavar="N", type=click.IntRange(1, 1000), default=ROUNDS, show_default=True, help="How often each tool runs.")
@click.option(
    "--scratch",
    metavar="DIR",
    type=FileName(),
    help="Where the tools write, three times the file's size.  [default: memory (/dev/shm) if that fits, or else the temporary folder]",
)
@click.option("--plot", "picture", metavar="FILE", type=Picture(), help="Write a picture of speed against size: an .svg or a .png.")
@force_option("Overwrite the picture.")
@pass_output
def command(
    out: Output,
    source: str,
    next_day: str | None,
    levels: tuple[int, ...],
    tools: tuple[str, ...],
    threads: int | None,
    rounds: int,
    scratch: str | None,
    picture: str | None,
    force: bool,
) -> int:
    """Measure chatseal and other tools on the file DB: speed, size, memory, and whether what comes back is the same.

    The others are zstd into age, zstd into gpg, gpg, restic, borg and rclone crypt, those that are installed. Each is called as its
    documentation recommends, as whole processes, in turn, with keys and passwords made for it. What they write goes to a private folder
    and is removed. Your own keys, configurations and repositories are never touched.

    With NEXT, the same database a day later, each tool backs that up too, and the bytes that this adds are shown. chatseal seals whole
    files so far: it adds all of them again.

    If a tool fails, its reason is shown, the others go on, and the exit code is 3.
    """
    from chatseal.cli.compare import table
    from chatseal.compare import scratch as places
    from chatseal.compare.contest import Contest
    from chatseal.compare.peers import PEERS

    _check_picture(picture, force)
    threads = threads or cores()
    chosen = [peer for peer in PEERS if not tools or peer.word in tools]
    here, absent = [peer for peer in chosen if not peer.missing()], [peer for peer in chosen if peer.missing()]
    later = None if next_day is None else Path(next_day)
    contest = Contest(Path(source), later, peers=here, levels=levels, threads=threads, rounds=rounds)
    place = places.choose(scratch, places.needed(*contest.sizes))
    about = _about(contest.sources, contest.sizes, place, threads, rounds)
    with Bar(out, "comparing") as bar, places.folder(place) as folder:
        outcomes = contest.run(folder, _shown(bar))
    if picture is not None:
        _draw(picture, outcomes, escape(Path(source).name), threads, force)
    if out.json:
        for record in table.records(outcomes, absent, threads):
            out.show(record, "")
    else:
        parts = [about, table.table(outcomes), table.disturbance(outcomes), table.failures(outcomes), table.absences(absent)]
        out.show({}, "\n\n".join("\n".join(part) for part in [*parts, table.commands(outcomes, threads)] if part))
    failed = sum(bool(outcome.error) for outcome in outcomes)
    return EXIT_FAILED if failed == len(outcomes) else EXIT_PARTLY if failed else EXIT_OK


def _check_picture(picture: str | None, force: bool) -> None:
    """Fail now rather than after minutes."""
    if picture is None:
        return
    try:
        import chatseal.compare.plot  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        raise MatplotlibMissingError("the plot needs matplotlib, which is not installed") from None
    if not force and os.path.lexists(picture):
        raise TargetExistsError(f"{picture} exists")


def _shown(bar: Bar) -> Callable[[str, int, int], None]:
    def step(words: str, done: int, total: int) -> None:
        bar.call(words)
        bar.update(done, total)

    return step


def _about(sources: list[Path], sizes: list[int], place: Path, threads: int, rounds: int) -> list[str]:
    from chatseal.cli.machine import processor
    from chatseal.compare.scratch import medium

    chip = processor()
    files = [f"{escape(path.name)}, {amounts.amount(size)}" for path, size in zip(sources, sizes, strict=True)]
    kind = medium(place)
    rows = [
        ("file", "; the next day ".join(files)),
        ("machine", f"{escape(chip.model)}, {amounts.count(chip.cores, 'core')}, load {chip.load:.1f} before"),
        ("scratch", escape(str(place)) + (f" ({escape(kind)})" if kind else "")),
        ("measured", f"{amounts.count(threads, 'thread')}, medians of {amounts.count(rounds, 'round')} in turn"),
    ]
    return [f"{name:10}{value}" for name, value in rows]


def _draw(picture: str, outcomes: "list[Outcome]", name: str, threads: int, force: bool) -> None:
    from chatseal.compare.plot import draw
    from chatseal.sealing.target import ORDINARY, FileTarget

    with FileTarget(picture, overwrite=force, mode=ORDINARY) as file:
        with open(file.descriptor, "wb", closefd=False) as stream:
            draw(outcomes, stream, os.path.splitext(picture)[1][1:].lower(), f"{name}, {amounts.count(threads, 'thread')}")
        file.commit()
