"""`chatseal ls`: what is in a snapshot."""

import stat
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from chatseal.cli import amounts
from chatseal.cli.command import Command, pass_output
from chatseal.cli.key_options import Keys, opening_keys
from chatseal.cli.output import Output
from chatseal.cli.store_options import at_option, find_snapshot, local, open_store, store_option
from chatseal.cli.words import escape

if TYPE_CHECKING:
    from chatseal.capture.entry import Entry

_BITS = {"folder": stat.S_IFDIR, "link": stat.S_IFLNK}


@click.command(
    cls=Command,
    synopsis="[SNAPSHOT] --store STORE --key-file K [OPTIONS]",
    examples=[
        ("The latest", "chatseal ls --store /mnt/nas/chats --key-file my.key"),
        ("As it was a week ago", "chatseal ls --at 1w --store /mnt/nas/chats --key-file my.key"),
    ],
)
@click.argument("wanted", metavar="[SNAPSHOT]", default="latest")
@store_option
@at_option
@opening_keys
@pass_output
def command(out: Output, wanted: str, url: str, at: datetime | None, keys: Keys) -> None:
    """List what is in SNAPSHOT, by path: permissions, size, time, name. SNAPSHOT is the first digits of its id, or `latest`.

    Names come from whoever made the files, and are shown with escapes.
    """
    with open_store(url, keys, out) as store:
        for entry in find_snapshot(store, wanted, at, out).entries():
            out.show(_record(entry), _line(entry))


def _record(entry: "Entry") -> dict[str, object]:
    return {
        "path": entry.path,
        "type": entry.type,
        "size": entry.size,
        "mode": f"{entry.mode:04o}",
        "uid": entry.uid,
        "gid": entry.gid,
        "mtime_ns": entry.mtime_ns,
        **({"target": entry.target} if entry.target else {}),
        **({"same_as": entry.same_as} if entry.same_as else {}),
    }


def _line(entry: "Entry") -> str:
    mode = stat.filemode(_BITS.get(entry.type, stat.S_IFREG) | entry.mode)
    when = local(datetime.fromtimestamp(entry.mtime_ns // 10**9, UTC))
    name = escape(entry.path) + (f" -> {escape(entry.target)}" if entry.target else "")
    same = f" = {escape(entry.same_as)}" if entry.same_as else ""
    return f"{mode}  {amounts.amount(entry.size):>10}  {when}  {entry.type:8}  {name}{same}"
