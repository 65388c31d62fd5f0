"""`chatseal epoch list`: the epochs of a store."""

from typing import TYPE_CHECKING

import click

from chatseal.cli import amounts
from chatseal.cli.command import Command, pass_output
from chatseal.cli.epoch import LIST
from chatseal.cli.key_options import Keys, opening_keys
from chatseal.cli.output import Output
from chatseal.cli.store_options import local, open_store, store_option

if TYPE_CHECKING:
    from chatseal.snapshots.epochs import Epoch


@click.command(cls=Command, synopsis="--store STORE --key-file K", examples=[LIST])
@store_option
@opening_keys
@pass_output
def command(out: Output, url: str, keys: Keys) -> None:
    """Show the epochs of STORE: how many snapshots each has, from when to when, and how many bytes. The newest is the one that backups
    are sealed for. Of one that was dropped, what is left is shown until it is pruned.
    """
    with open_store(url, keys, out) as store:
        found = store.epochs()
    if out.json:
        for epoch in found:
            out.show(record(epoch), "")
        return
    rows = [("epoch", "snapshots", "from", "to", "size", "")]
    rows += [(str(e.number), str(e.snapshots), *_dates(e), amounts.amount(e.bytes), _state(e)) for e in found]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    out.show({}, "\n".join("  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[5]]).rstrip() for row in rows))


def record(epoch: "Epoch") -> dict[str, object]:
    """An epoch as members for JSON."""
    return {
        "epoch": epoch.number,
        "snapshots": epoch.snapshots,
        "first": epoch.first.isoformat() if epoch.first else None,
        "last": epoch.last.isoformat() if epoch.last else None,
        "objects": epoch.objects,
        "bytes": epoch.bytes,
        "newest": epoch.is_newest,
        "dropped": epoch.is_dropped,
    }


def _dates(epoch: "Epoch") -> tuple[str, str]:
    return (local(epoch.first), local(epoch.last)) if epoch.first and epoch.last else ("-", "-")


def _state(epoch: "Epoch") -> str:
    return "dropped" if epoch.is_dropped else "newest" if epoch.is_newest else ""
