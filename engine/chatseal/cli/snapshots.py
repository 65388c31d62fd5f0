"""`chatseal snapshots`: what a store has."""

from typing import TYPE_CHECKING

import click

from chatseal.cli import amounts
from chatseal.cli.command import Command, pass_output
from chatseal.cli.key_options import Keys, opening_keys
from chatseal.cli.output import Output
from chatseal.cli.store_options import catalogue_of, head_option, local, open_store, store_option, tell_omissions
from chatseal.cli.words import escape
from chatseal.errors import EXIT_OK, EXIT_PARTLY

if TYPE_CHECKING:
    from chatseal.snapshots.catalogue import Record

_SHORT = 8


@click.command(
    cls=Command,
    synopsis="--store STORE --key-file K [OPTIONS]",
    examples=[
        ("All of them", "chatseal snapshots --store /mnt/nas/chats --key-file my.key"),
        ("The newest, in a script", "chatseal snapshots --store s3://bucket/chats --json | tail -n 1 | jq -r .snapshot"),
    ],
)
@store_option
@opening_keys
@click.option("--tag", "tags", metavar="TEXT", multiple=True, help="Only those with this tag. Also several times: with all of them.")
@click.option("--host", metavar="NAME", help="Only those of this machine.")
@head_option
@pass_output
def command(out: Output, url: str, keys: Keys, tags: tuple[str, ...], host: str | None, head: str | None) -> int:
    """List the snapshots in STORE, oldest first: what each is called, when and of what it was made, its size and what it added.

    Snapshots that are damaged are named and not listed, with exit code 3. If some are gone that this machine has seen, and nobody has
    forgotten them, it says so.
    """
    with open_store(url, keys, out) as store:
        known = catalogue_of(store, out)
        tell_omissions(store, out, known)
        if head is not None:
            store.check_head(head)
    found = [record for record in known.records if set(tags) <= set(record.manifest.tags) and host in (None, record.manifest.host)]
    if out.json:
        for record in found:
            out.show(_record(record), "")
    else:
        out.show({}, _table(found) if found else "there is no snapshot")
        if known.dropped:
            count = amounts.count(len(known.dropped), "snapshot")
            out.advise(f"{count} of dropped epochs, which nobody can read, will be there until `chatseal prune`.")
    return EXIT_PARTLY if known.damaged else EXIT_OK


def _record(record: "Record") -> dict[str, object]:
    manifest = record.manifest
    return {
        "snapshot": record.id,
        "time": record.time.isoformat(),
        "host": manifest.host,
        "user": manifest.user,
        "sources": list(manifest.sources),
        "tags": list(manifest.tags),
        "entries": manifest.entries,
        "bytes": manifest.size,
        "bytes_added": manifest.bytes_added,
        "skipped": manifest.skipped,
        "seconds": manifest.seconds,
    }


def _table(found: "list[Record]") -> str:
    rows = [("snapshot", "time", "size", "added", "sources")]
    for record in found:
        manifest = record.manifest
        what = " ".join(escape(source) for source in manifest.sources) + "".join(f" #{escape(tag)}" for tag in manifest.tags)
        left = f" ({manifest.skipped} left out)" if manifest.skipped else ""
        rows.append(
            (
                record.id[:_SHORT],
                local(record.time),
                amounts.amount(manifest.size),
                amounts.amount(manifest.bytes_added),
                f"{escape(manifest.host)}: {what}{left}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]) for row in rows)
