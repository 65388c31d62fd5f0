"""`chatseal copy`: the snapshots of a store, in another place."""

from typing import TYPE_CHECKING, NamedTuple

import click

from chatseal.cli import amounts
from chatseal.cli.command import Command, pass_output
from chatseal.cli.key_options import Keys, opening_keys
from chatseal.cli.options import Size
from chatseal.cli.output import Output
from chatseal.cli.progress import Bar
from chatseal.cli.store_options import VARIABLE, open_store
from chatseal.cli.words import escape, explain
from chatseal.errors import EXIT_OK, EXIT_PARTLY, ChatsealError

if TYPE_CHECKING:
    from chatseal.copied import Copied
    from chatseal.snapshots.copy import CopyOptions
    from chatseal.snapshots.store import Store


@click.command(
    cls=Command,
    synopsis="--from STORE --to OTHER --key-file K [OPTIONS]",
    examples=[
        ("A second copy, with somebody else", "chatseal copy --from /mnt/nas/chats --to s3://bucket/chats --key-file my.key"),
        ("The same again, a day later: only what is new is sent", "chatseal copy --from /mnt/nas/chats --to s3://bucket/chats"),
        ("Back, after the first one was lost", "chatseal copy --from s3://bucket/chats --to /mnt/new/chats --key-file my.key"),
        ("To a place that is not trusted to keep what it got", "chatseal copy --to rclone:drive:chats --read-back --limit-upload 2M"),
    ],
)
@click.option("--from", "source", metavar="STORE", envvar=VARIABLE, show_envvar=True, required=True, help="The store to copy.")
@click.option("--to", "target", metavar="OTHER", required=True, help="Where to: an empty or new place, or where it was copied before.")
@opening_keys
@click.option("--read-back", is_flag=True, help="Fetch every object that was sent, and compare it.")
@click.option("--limit-upload", metavar="SIZE", type=Size(), help="Bytes a second to OTHER at most.")
@pass_output
def command(out: Output, source: str, target: str, keys: Keys, read_back: bool, limit_upload: int | None) -> int:
    """Copy the snapshots of STORE to OTHER, which becomes, or is, a copy of it with the same keys.

    Nothing is decrypted but what tells which objects belong together; packs are sent as they are, and only those that OTHER lacks.
    A snapshot appears there after all that it needs. If the command is interrupted, it goes on where it was.

    Nothing is removed from OTHER: not what STORE has forgotten. What OTHER has forgotten by itself is not brought back. A snapshot of
    which something is damaged or missing is left out and named, with exit code 3. Backups and prunes may go on at both places.
    """
    from chatseal.snapshots.copy import CopyOptions

    with open_store(source, keys, out) as store:
        done = copied(store, target, out, CopyOptions(limit_upload, read_back))
    out.result(record(done), text(done))
    return EXIT_PARTLY if done.skipped else EXIT_OK


def copied(store: "Store", target: str, out: Output, options: "CopyOptions") -> "Copied":
    """Copy *store* to *target*, with warnings of what was left out."""
    with Bar(out, "copying") as bar:
        done = store.copy_to(target, options=options, progress=bar.report)
    for name, reason in done.skipped:
        out.warn(f"left out snapshot {name}: {reason}")
    for warning in done.warnings:
        out.warn(warning)
    return done


class Mirror(NamedTuple):
    """How the copy to one more store of a backup went: what to tell for scripts and for people, and whether it has all."""

    record: dict[str, object]
    text: str
    is_whole: bool


def mirrored(store: "Store", target: str, out: Output, options: "CopyOptions") -> Mirror:
    """Copy *store* to *target*. That it fails is a warning: the backup is made."""
    shown = target if "@" not in target else "the other store"
    try:
        done = copied(store, target, out, options)
    except (ChatsealError, OSError) as error:
        failure = explain(error)
        out.warn(f"not copied to {shown}: {failure.message}")
        return Mirror({"store": shown, "error": failure.message}, "", is_whole=False)
    return Mirror({"store": shown, **record(done)}, f"{escape(shown)}: {text(done)}", is_whole=not done.skipped)


def record(done: "Copied") -> dict[str, object]:
    return {
        "snapshots": done.snapshots,
        "there": done.there,
        "skipped": [name for name, _ in done.skipped],
        "objects": done.objects,
        "bytes": done.bytes,
        "bytes_per_second": round(done.rate),
        "seconds": round(done.seconds, 6),
    }


def text(done: "Copied") -> str:
    there = f", {done.there} were there" if done.there else ""
    sent = f"{amounts.count(done.objects, 'object')} of {amounts.amount(done.bytes)}"
    return f"copied {escape(amounts.count(done.snapshots, 'snapshot'))}{there}: {sent} sent, in {amounts.duration(done.seconds)}"
