"""`chatseal-vault audit`: the audit log, checked and shown."""

from datetime import UTC, datetime

import click

from chatseal.cli.command import Command, pass_output
from chatseal.cli.output import Output
from chatseal.cli.vault_operator.options import vault_options
from chatseal.vault.anchor import FileAnchor
from chatseal.vault.audit import NOBODY, NOWHERE, Entry
from chatseal.vault.book import Book
from chatseal.vault.service.files import Files
from chatseal.vault.sqlite_records import SqliteRecords
from chatseal.vault.token import FileToken

PAGE = 1000


@click.command(
    cls=Command,
    synopsis="[verify] --folder DIR [--events] [--account NAME] [--since INDEX]",
    examples=[
        ("Check the log from its first entry to the anchor", "chatseal-vault audit verify --folder /srv/vault"),
        ("What happened to somebody's record", "chatseal-vault audit --folder /srv/vault --account grandma"),
        ("Everything, for another program", "chatseal-vault audit --folder /srv/vault --events --json"),
    ],
)
@click.argument("verify", type=click.Choice(["verify"]), required=False)
@vault_options
@click.option("--events", is_flag=True, help="Show the events, the oldest first.")
@click.option("--account", metavar="NAME", help="Show the events of this account alone.")
@click.option("--since", metavar="INDEX", type=click.IntRange(1), default=1, help="Show events from this index on.")
@pass_output
def command(out: Output, files: Files, verify: str | None, events: bool, account: str | None, since: int) -> None:
    """Check the database and the whole chain of its audit log, that it holds what the anchor has seen, and show the head. `verify` may be
    said or left out: nothing is shown that is not checked.

    Every event is chained to all before it: whoever wrote down a head can tell later whether anything before it was changed. Accounts
    stand in the log as hashes; with the token a name is turned into its own.
    """
    with SqliteRecords(files.database) as store:
        head = store.verify()
        Book(store, FileAnchor(files.anchor))
        tag = None if account is None else FileToken(files.token).mac("account", account.encode("utf-8", "replace"))[:32]
        if events or account is not None:
            after = since - 1
            while found := store.entries(after, PAGE, tag):
                after = found[-1].head.index
                for entry in found:
                    out.show(_record(entry), _line(entry))
        record = {"entries": head.index, "head": head.hash.hex(), "whole": True}
        out.result(record, f"the audit log is whole: {head.index} entries, head {head.hash.hex()}")


def _record(entry: Entry) -> dict[str, object]:
    event = entry.event
    return {
        "index": entry.head.index,
        "time": event.time,
        "event": event.kind.name.lower(),
        "account": event.account.hex(),
        "generation": event.generation,
        "slot": event.slot,
        "detail": event.detail,
        "origin": event.where.hex(),
        "head": entry.head.hash.hex(),
    }


def _line(entry: Entry) -> str:
    event = entry.event
    when = datetime.fromtimestamp(event.time / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    whose = "-" if event.account == NOBODY else event.account[:8].hex()
    about = [f"generation {event.generation}"] if event.generation else []
    about += [f"guess {event.slot}"] if event.slot else []
    about += [f"from {event.where[:4].hex()}"] if event.where != NOWHERE else []
    return f"{entry.head.index:8}  {when}  {event.kind.name.lower():11} {whose:16}  {', '.join(about)}".rstrip()
