"""`chatseal diff`: what is other in one snapshot than in another."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from chatseal.cli import amounts
from chatseal.cli.command import Command, pass_output
from chatseal.cli.key_options import Keys, opening_keys
from chatseal.cli.output import Output
from chatseal.cli.store_options import catalogue_of, open_store, store_option
from chatseal.cli.words import escape

if TYPE_CHECKING:
    from chatseal.events import Difference, TableDifference

_SIGNS = {"added": "+", "removed": "-", "changed": "M", "attributes": "A"}


@click.command(
    cls=Command,
    synopsis="BEFORE [AFTER] --store STORE --key-file K [OPTIONS]",
    examples=[
        ("Since a snapshot", "chatseal diff 3f2a --store /mnt/nas/chats --key-file my.key"),
        ("Which tables, and how many rows", "chatseal diff 3f2a 91c0 --rows --store /mnt/nas/chats --key-file my.key"),
    ],
)
@click.argument("before", metavar="BEFORE")
@click.argument("after", metavar="[AFTER]", default="latest")
@store_option
@opening_keys
@click.option("--rows", is_flag=True, help="Compare databases table by table. Restores both into a private temporary folder meanwhile.")
@pass_output
def command(out: Output, before: str, after: str, url: str, keys: Keys, rows: bool) -> None:
    """Show what is other in the snapshot AFTER, the latest if none is named, than in BEFORE.

    A line for each entry: + added, - removed, M changed, A other permissions or owner; with the bytes of the pages that changed. With
    --rows, below each SQLite database a line for each table that differs.
    """
    from chatseal.snapshots.snapshot import Snapshot

    with open_store(url, keys, out) as store:
        known = catalogue_of(store, out)
        old, new = (Snapshot(store.sealed, known.find(wanted)) for wanted in (before, after))
        for found in old.diff(new, rows=rows):
            out.show(asdict(found), _text(found))


def _text(found: "Difference") -> str:
    sizes = f"{amounts.amount(found.size_before)} to {amounts.amount(found.size_after)}, " if found.size_before != found.size_after else ""
    if found.change == "changed":
        what = f"{sizes}{amounts.amount(found.bytes_changed)} of pages"
    else:
        what = amounts.amount(found.size_before if found.change == "removed" else found.size_after)
    first = f"{_SIGNS[found.change]}  {escape(found.path)}  ({what})"
    return "\n".join([first, *(f"     {_table(table)}" for table in found.tables)])


def _table(table: "TableDifference") -> str:
    counts = {"added": table.added, "removed": table.removed, "changed": table.changed}
    words = ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "no row"
    return f"table {escape(table.name)}: {words}" + (", other columns" if table.redefined else "")
