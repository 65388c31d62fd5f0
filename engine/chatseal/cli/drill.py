"""`chatseal drill`: a snapshot restored to nowhere, to know that it can be."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from chatseal.cli import amounts
from chatseal.cli.check import Share
from chatseal.cli.command import Command, pass_output
from chatseal.cli.key_options import Keys, opening_keys
from chatseal.cli.options import threads_option
from chatseal.cli.output import Output
from chatseal.cli.progress import Bar
from chatseal.cli.store_options import at_option, find_snapshot, open_store, store_option
from chatseal.errors import EXIT_DAMAGED, EXIT_OK

if TYPE_CHECKING:
    from chatseal.drilled import Drilled


@click.command(
    cls=Command,
    synopsis="[SNAPSHOT] --store STORE --key-file K [OPTIONS]",
    examples=[
        ("The latest snapshot: does it come back?", "chatseal drill --store /mnt/nas/chats --key-file my.key"),
        ("A tenth of its files, of a large store", "chatseal drill --sample 10% --store s3://bucket/chats --key-file my.key --json"),
        ("As of last week", "chatseal drill --at 7d --store /mnt/nas/chats --key-file my.key"),
    ],
)
@click.argument("wanted", metavar="[SNAPSHOT]", default="latest")
@store_option
@opening_keys
@at_option
@click.option(
    "--sample", "share", metavar="10%", type=Share(), default=1.0, help="Try so many of the files, chosen by chance. [default: all]"
)
@threads_option
@pass_output
def command(out: Output, wanted: str, url: str, keys: Keys, at: datetime | None, share: float, threads: int | None) -> int:
    """Restore SNAPSHOT, the latest if none is named, to nowhere: read, decrypt and compare every byte of it.

    SQLite looks at every database (`PRAGMA integrity_check`) and counts the rows of its tables. Exit code 0 says that all of it comes
    back, and this machine remembers when that was and of which snapshot; `chatseal status` shows it. Exit code 13: what is named
    does not come back, or SQLite finds it broken.

    No file is written, but for a database while SQLite looks at it: in memory if it takes less than a quarter of that, else in the
    folder for temporary files, without a name in both, so that nothing stays behind whatever ends the command.
    """
    with open_store(url, keys, out) as store:
        snapshot = find_snapshot(store, wanted, at, out)
        with Bar(out, "restoring to nowhere") as bar:
            done = snapshot.drill(share=share, threads=threads, progress=bar.report)
    for path, reason in done.failed:
        out.warn(f"does not come back: {path}: {reason}")
    for warning in done.warnings:
        out.warn(warning)
    out.result(record(done), text(done))
    return EXIT_DAMAGED if done.failed else EXIT_OK


def record(done: "Drilled") -> dict[str, object]:
    """A drill for --json."""
    return {
        "snapshot": done.snapshot,
        "entries": done.entries,
        "tried": done.tried,
        "bytes": done.size,
        "databases": [{"path": one.path, "whole": one.whole, "rows": dict(one.tables)} for one in done.databases],
        "failed": [path for path, _ in done.failed],
        "bytes_per_second": round(done.rate),
        "seconds": round(done.seconds, 6),
    }


def text(done: "Drilled") -> str:
    """A drill in words."""
    files = amounts.count(done.tried, "file") + (f" of {done.entries}" if done.tried < done.entries else "")
    rows = sum(count for one in done.databases for _, count in one.tables)
    looked = f", {rows} rows in {amounts.count(len(done.databases), 'database')}" if done.databases else ""
    what = f"does not come back: {amounts.count(len(done.failed), 'name')}" if done.failed else "everything comes back"
    return (
        f"drilled snapshot {done.snapshot[:8]}: {files}, {amounts.amount(done.size)}{looked}: {what}, "
        f"in {amounts.duration(done.seconds)}, {amounts.rate(done.rate)}"
    )
