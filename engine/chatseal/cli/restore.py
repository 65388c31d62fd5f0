"""`chatseal restore`: from a snapshot back to files."""

from datetime import datetime

import click

from chatseal.cli import amounts
from chatseal.cli.command import Command, pass_output
from chatseal.cli.key_options import Keys, opening_keys
from chatseal.cli.options import DASH, FileName, force_option, threads_option
from chatseal.cli.output import Output
from chatseal.cli.progress import Bar
from chatseal.cli.store_options import at_option, find_snapshot, open_store, store_option
from chatseal.cli.streams import standard_output
from chatseal.errors import EXIT_FAILED, EXIT_OK, EXIT_PARTLY


@click.command(
    cls=Command,
    synopsis="SNAPSHOT [NAME]... (--to DIR | -o FILE) --store STORE --key-file K [OPTIONS]",
    examples=[
        ("All of the latest snapshot", "chatseal restore latest --to restored/ --store /mnt/nas/chats --key-file my.key"),
        ("One file, as it was three days ago", "chatseal restore latest chat.db -o chat.db --at 3d --store /mnt/nas/chats"),
        ("To a pipe", "chatseal restore latest chat.db -o - --store s3://bucket/chats --key-file my.key | sha256sum"),
        ("Into the database that is there, only what differs", "chatseal restore 3f2a chat.db --to . --in-place --store /mnt/nas/chats"),
    ],
)
@click.argument("wanted", metavar="SNAPSHOT")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@store_option
@click.option("--to", "folder", metavar="DIR", type=FileName(), help="Folder under which everything gets its name in the snapshot.")
@click.option("-o", "--output", "target", metavar="FILE", type=FileName(), help="Name for the one file NAME, `-` for standard output.")
@at_option
@opening_keys
@click.option("--in-place", is_flag=True, help="Write into files that are there only what differs; nobody may have them open.")
@click.option("--owner", is_flag=True, help="Give files the user and group that they had, as far as this user may.")
@force_option("Replace files that are there.")
@threads_option
@pass_output
def command(
    out: Output,
    wanted: str,
    names: tuple[str, ...],
    url: str,
    folder: str | None,
    target: str | None,
    at: datetime | None,
    keys: Keys,
    in_place: bool,
    owner: bool,
    force: bool,
    threads: int | None,
) -> int:
    """Restore SNAPSHOT, or only NAME and what is below it. SNAPSHOT is the first digits of its id, or `latest`.

    Every file appears whole or not at all, and every byte of it is authentic. A file that is damaged in the store does not stop the
    others: it is named, with exit code 3.

    Files that are there are kept, unless --force replaces them, or --in-place writes into them what differs: much less to fetch for a
    large database of last week. If that is interrupted, a marker beside the file says so until it is done again.
    """
    from chatseal.snapshots.restore import RestoreOptions

    if (folder is None) == (target is None):
        raise click.UsageError("say where to: --to DIR, or -o FILE for one NAME")
    if target is not None and len(names) != 1:
        raise click.UsageError("-o is for exactly one NAME; restore several with --to DIR")
    if force and in_place:
        raise click.UsageError("--force replaces files, --in-place writes into them: choose one")
    options = RestoreOptions(force, in_place, owner, threads)
    with open_store(url, keys, out) as store:
        snapshot = find_snapshot(store, wanted, at, out)
        with Bar(out, f"restoring {snapshot.id[:8]}") as bar:
            if target == DASH:
                stream = standard_output(out, terminal=False, can_insist=False)
                written = snapshot.write_to(names[0], stream, threads=threads, progress=bar.report)
                out.result(
                    {"snapshot": snapshot.id, "bytes": written, "bytes_written": written},
                    f"restored {amounts.amount(written)} of snapshot {snapshot.id[:8]}",
                )
                return EXIT_OK
            if target is not None:
                done = snapshot.restore_file(names[0], target, options=options, progress=bar.report)
            else:
                assert folder is not None
                done = snapshot.restore(folder, *names, options=options, progress=bar.report)
    for path, reason in done.failed:
        out.warn(f"not restored: {path}: {reason}")
    for warning in done.warnings:
        out.warn(warning)
    record = {
        "snapshot": done.snapshot,
        "entries": done.entries,
        "bytes": done.size,
        "bytes_written": done.bytes_written,
        "failed": len(done.failed),
        "bytes_per_second": round(done.rate),
        "seconds": round(done.seconds, 6),
    }
    out.result(
        record,
        f"restored snapshot {done.snapshot[:8]}: {amounts.amount(done.size)}, {amounts.amount(done.bytes_written)} written, "
        f"in {amounts.duration(done.seconds)}, {amounts.rate(done.rate)}",
    )
    if not done.failed:
        return EXIT_OK
    return EXIT_FAILED if len(done.failed) == done.entries else EXIT_PARTLY
