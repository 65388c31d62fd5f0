"""`chatseal cat`: the plaintext, or a part of it without reading the rest."""

from typing import TYPE_CHECKING, BinaryIO

import click

import chatseal
from chatseal import SealedReader
from chatseal.cli import amounts
from chatseal.cli.command import Command, pass_output
from chatseal.cli.key_options import Keys, opening_keys
from chatseal.cli.options import DASH, ByteRange, FileName, force_option
from chatseal.cli.output import Output
from chatseal.cli.progress import Bar
from chatseal.cli.store_options import find_snapshot, open_store
from chatseal.cli.streams import standard_output
from chatseal.sealing.target import PRIVATE, FileTarget, write_all

if TYPE_CHECKING:
    from chatseal.snapshots.content import Content

_PIECE = 1 << 20
LATEST = "latest"


@click.command(
    cls=Command,
    synopsis="SRC [--range START:END] --key-file K [-o DST] [--store STORE [--snapshot SNAPSHOT]]",
    examples=[
        ("All of it", "chatseal cat notes.txt.seal --key-file my.key"),
        (
            "The first 100 bytes, which are those of an SQLite database",
            "chatseal cat msgstore.db.seal --range :100 --key-file my.key | xxd",
        ),
        ("From the second megabyte to the third", "chatseal cat chats.log.seal --range 1M:2M -o part.log --key-file my.key"),
        ("Of a file in a snapshot", "chatseal cat chat.db --range :100 --store s3://bucket/chats --key-file my.key | xxd"),
        ("The last 4096 bytes", "chatseal cat chats.log.seal --range -4K: --key-file my.key"),
    ],
)
@click.argument("source", metavar="SRC", type=FileName())
@click.option(
    "--range",
    "part",
    metavar="START:END",
    type=ByteRange(),
    help="Bytes from START up to but not with END; either may be empty, and count from the end if negative.",
)
@click.option(
    "-o",
    "--output",
    "target",
    metavar="DST",
    default=DASH,
    type=FileName(),
    help="A file to write. [default: standard output]",
)
@click.option("--store", "url", metavar="STORE", help="SRC is the name of a file in a snapshot in this store.")
@click.option("--snapshot", "wanted", metavar="SNAPSHOT", help="In which snapshot: the first digits of its id. [default: latest]")
@opening_keys
@force_option("Overwrite the target.")
@pass_output
def command(
    out: Output,
    source: str,
    part: slice | None,
    target: str,
    url: str | None,
    wanted: str | None,
    keys: Keys,
    force: bool,
) -> None:
    """Write the plaintext of the sealed file SRC, or the part of it in --range, to standard output.

    Only the frames that hold the range are read, checked and decompressed, so that a part of a huge file takes milliseconds. SRC
    must be a file; for a pipe there is `chatseal unseal - -o -`.

    With --store, SRC is a file in a snapshot, and the range is read straight from the store.
    """
    if wanted is not None and url is None:
        raise click.UsageError("--snapshot is for --store")
    if url is not None:
        with open_store(url, keys, out) as store, find_snapshot(store, wanted or LATEST, None, out).open(source) as content:
            written = _copy(content, part or slice(None), out, target, force)
        _tell(out, source, target, written)
        return
    if source == DASH:
        raise click.UsageError("cat jumps to where it reads, which standard input cannot; use `chatseal unseal - -o -`")
    key = keys.openers(out, [source])
    out.subject = source
    if part is None:
        with Bar(out, f"unsealing {source}") as bar:
            to = standard_output(out, terminal=True) if target == DASH else target
            written = chatseal.unseal(source, to, key, overwrite=force, progress=bar.report).plain_bytes
    else:
        with chatseal.open(source, "rb", key=key) as reader:
            written = _copy(reader, part, out, target, force)
    _tell(out, source, target, written)


def _tell(out: Output, source: str, target: str, written: int) -> None:
    if out.json or target != DASH:
        out.result({"source": source, "target": target, "bytes": written}, f"wrote {amounts.amount(written)} to {target}")


def _copy(reader: "SealedReader | Content", part: slice, out: Output, target: str, force: bool) -> int:
    start, end, _ = part.indices(reader.size)
    reader.seek(start)
    if target == DASH:
        return _copy_to(standard_output(out, terminal=True), reader, end)
    with FileTarget(target, overwrite=force, mode=PRIVATE) as file:
        with open(file.descriptor, "wb", closefd=False) as stream:
            written = _copy_to(stream, reader, end)
        file.commit()
    return written


def _copy_to(stream: BinaryIO, reader: "SealedReader | Content", end: int) -> int:
    start = reader.tell()
    while reader.tell() < end:
        write_all(stream, reader.read(min(_PIECE, end - reader.tell())))
    return max(0, end - start)
