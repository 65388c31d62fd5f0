"""`chatseal backup`: a snapshot of files and live databases, of which only what changed is sent."""

import shlex
from typing import TYPE_CHECKING, cast

import click

from chatseal.cli import amounts
from chatseal.cli.command import Command, pass_output
from chatseal.cli.copy import mirrored
from chatseal.cli.key_options import Keys, opening_keys
from chatseal.cli.options import DASH, FileName, Size, threads_option
from chatseal.cli.output import Output
from chatseal.cli.progress import Bar
from chatseal.cli.store_options import open_store, stores_option
from chatseal.cli.streams import standard_input
from chatseal.cli.words import escape
from chatseal.errors import EXIT_OK, EXIT_PARTLY
from chatseal.sealing.budget import LEVEL, LEVEL_MAX, LEVEL_MIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chatseal.capture.stream import Readable
    from chatseal.events import Backup


@click.command(
    cls=Command,
    synopsis="SRC... --store STORE --key-file K [OPTIONS]",
    examples=[
        ("A chat database, while it is in use, and its media", "chatseal backup chat.db media/ --store /mnt/nas/chats --key-file my.key"),
        ("For a script: the last line has the snapshot and the bytes", "chatseal backup chat.db --store s3://bucket/chats --json"),
        ("To two places", "chatseal backup chat.db --store /mnt/nas/chats --store s3://bucket/chats --key-file my.key"),
        ("Without what was deleted, and not all of the line", "chatseal backup chat.db --store s3://b/chats --scrub --limit-upload 2M"),
        (
            "What a command writes",
            'chatseal backup --stdin-from-command "pg_dump chats" --name chats.sql --store /mnt/nas/chats --key-file my.key',
        ),
    ],
)
@click.argument("sources", metavar="[SRC]...", nargs=-1, type=FileName())
@stores_option
@opening_keys
@click.option("--tag", "tags", metavar="TEXT", multiple=True, help="A word to find the snapshot by. Can be given several times.")
@click.option("--stdin-from-command", "line", metavar="CMD", help="Back up what this command writes, unless it fails.")
@click.option("--name", metavar="NAME", default="stdin", show_default=True, help="What a stream is called in the snapshot.")
@click.option("--exclude", "excludes", metavar="PATTERN", multiple=True, help="Leave out what fits, as in a .gitignore.")
@click.option("--include", "includes", metavar="PATTERN", multiple=True, help="Take only what fits, and what is in folders that fit.")
@click.option("--exclude-from", "exclude_files", metavar="FILE", multiple=True, type=FileName(), help="File with one pattern a line.")
@click.option("--exclude-caches", is_flag=True, help="Leave out folders with a CACHEDIR.TAG.")
@click.option("--one-file-system", is_flag=True, help="Stay on the file systems of the sources.")
@click.option("--scrub", is_flag=True, help="Zero what databases have deleted but still hold: it does not travel.")
@click.option(
    "--max-hold",
    metavar="SECONDS",
    type=click.FloatRange(0.0),
    default=10.0,
    show_default=True,
    help="How long the writers of a database may have to wait, where it has no WAL.",
)
@click.option("--allow-network-fs", "allow_network", is_flag=True, help="Read databases on network file systems: nobody may write to them.")
@click.option("--allow-rollback", is_flag=True, help="Let SQLite undo in the source what a crash left half done, not in the copy alone.")
@click.option(
    "--level",
    metavar="N",
    type=click.IntRange(LEVEL_MIN, LEVEL_MAX),
    default=LEVEL,
    show_default=True,
    help=f"zstd's: {LEVEL_MIN} is fast, {LEVEL_MAX} small.",
)
@click.option("--limit-upload", metavar="SIZE", type=Size(), help="Bytes a second to the store at most.")
@threads_option
@pass_output
def command(
    out: Output,
    sources: tuple[str, ...],
    urls: tuple[str, ...],
    keys: Keys,
    tags: tuple[str, ...],
    line: str | None,
    name: str,
    excludes: tuple[str, ...],
    includes: tuple[str, ...],
    exclude_files: tuple[str, ...],
    exclude_caches: bool,
    one_file_system: bool,
    scrub: bool,
    max_hold: float,
    allow_network: bool,
    allow_rollback: bool,
    level: int,
    limit_upload: int | None,
    threads: int | None,
) -> int:
    """Make a snapshot of SRC, files, folders and SQLite databases, in STORE. Only what changed since the snapshot before is sent.

    A database is copied as it is at one moment, while its application goes on writing. SRC `-` is standard input.

    Nothing in the store tells a name or content. If the command is interrupted at any moment, what was backed up before stays whole, and
    the next run sends nothing again that had arrived. What cannot be read is left out and named, with exit code 3; sockets, pipes and
    devices are left out and named, too, but are no failure.

    With several STOREs the backup goes to the first, and what the others lack of it is then copied to them, as `chatseal copy` does; if
    that fails for one, the words say so, and the exit code is 3.
    """
    from chatseal.capture.options import CaptureOptions
    from chatseal.capture.patterns import Patterns, read_patterns
    from chatseal.capture.walk import NEVER_CONTENT
    from chatseal.objects.addresses import folder_of
    from chatseal.snapshots.backup import BackupOptions
    from chatseal.snapshots.copy import CopyOptions

    if len(set(urls)) < len(urls):
        raise click.UsageError("the same store is named twice")
    paths = [source for source in sources if source != DASH]
    if not sources and line is None:
        raise click.UsageError("nothing to back up is named: give a SRC, or --stdin-from-command")
    if line is not None and len(paths) != len(sources):
        raise click.UsageError("standard input and --stdin-from-command exclude each other")
    if name in ("", ".", "..") or "/" in name:
        raise click.UsageError("--name is one name, not a path")
    words = [] if line is None else _words(line)
    capture = CaptureOptions(
        patterns=Patterns((*excludes, *(line for file in exclude_files for line in read_patterns(file))), includes),
        one_file_system=one_file_system,
        leave_out=tuple(folder for other in urls[1:] if (folder := folder_of(other)) is not None),
        exclude_caches=exclude_caches,
        max_hold=max_hold,
        allow_network=allow_network,
        allow_rollback=allow_rollback,
    )
    options = BackupOptions(tags, level, threads, limit_upload, scrub, capture)
    with open_store(urls[0], keys, out, writes=True) as store:
        streams: dict[str, Readable | Sequence[str]] = {}
        if line is not None:
            streams[name] = words
        elif len(paths) != len(sources):
            streams[name] = cast("Readable", standard_input())
        with Bar(out, "backing up") as bar:
            done = store.backup(*paths, streams=streams, options=options, progress=bar.report)
        for path, reason in done.skipped:
            out.warn(f"left out {path}: {reason}")
        for warning in done.warnings:
            out.warn(warning)
        mirrors = [mirrored(store, other, out, CopyOptions(limit_upload)) for other in urls[1:]]
    told = {**record(done), **({"mirrors": [mirror.record for mirror in mirrors]} if mirrors else {})}
    out.result(told, "\n".join([text(done), *(mirror.text for mirror in mirrors if mirror.text)]))
    is_whole = all(mirror.is_whole for mirror in mirrors) and all(reason in NEVER_CONTENT for _, reason in done.skipped)
    return EXIT_OK if is_whole else EXIT_PARTLY


def _words(line: str) -> list[str]:
    """The words of a command line. Its text is not repeated: it may hold a secret."""
    try:
        words = shlex.split(line)
    except ValueError:
        raise click.UsageError("the command of --stdin-from-command has a quotation mark that is not closed") from None
    if not words:
        raise click.UsageError("the command of --stdin-from-command has no words")
    return words


def record(done: "Backup") -> dict[str, object]:
    return {
        "snapshot": done.snapshot,
        "parent": done.parent or None,
        "entries": done.entries,
        "bytes": done.size,
        "bytes_read": done.bytes_read,
        "bytes_added": done.bytes_added,
        "packs": done.packs,
        "skipped": len(done.skipped),
        "held_seconds": round(done.held_seconds, 6),
        "bytes_per_second": round(done.rate),
        "seconds": round(done.seconds, 6),
    }


def text(done: "Backup") -> str:
    since = f"since snapshot {done.parent[:8]}" if done.parent else "the first of these sources"
    held = f"; writers waited {amounts.duration(done.held_seconds)}" if done.held_seconds >= 0.01 else ""
    return (
        f"snapshot {escape(done.snapshot[:8])}: {amounts.amount(done.size)}, {amounts.amount(done.bytes_added)} added, {since}, "
        f"in {amounts.duration(done.seconds)}, {amounts.rate(done.rate)}{held}"
    )
