"""`chatseal prune`: what no snapshot needs is removed from a store."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from chatseal.cli import amounts
from chatseal.cli.command import Command, pass_output
from chatseal.cli.key_options import Keys, opening_keys
from chatseal.cli.output import Output
from chatseal.cli.store_options import open_store, store_option
from chatseal.errors import EXIT_OK, StoreRefusedError
from chatseal.snapshots.allowance import MAX_FRAGMENTATION, MAX_UNUSED, Allowance

if TYPE_CHECKING:
    from chatseal.events import Pruned
    from chatseal.snapshots.store import Store


def allowance(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """A limit, as it was written."""
    try:
        Allowance.parse(value)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from None
    return value


@click.command(
    cls=Command,
    synopsis="--store STORE --key-file K [OPTIONS]",
    examples=[
        ("Once a week, after `chatseal forget`", "chatseal prune --store /mnt/nas/chats --key-file my.key"),
        ("How much it is, with a credential that may only read", "chatseal prune --dry-run --store s3://bucket/chats --json"),
        ("All at once, when no backup runs anywhere", "chatseal prune --exclusive --store /mnt/nas/chats --key-file my.key"),
    ],
)
@store_option
@opening_keys
@click.option("--exclusive", is_flag=True, help="Nobody else writes to the store now: remove all at once.")
@click.option("-n", "--dry-run", is_flag=True, help="Say what could be removed, and change nothing.")
@click.option(
    "--max-unused",
    metavar="LIMIT",
    default=MAX_UNUSED,
    show_default=True,
    callback=allowance,
    help="How much of the packs may be needed by nobody: a share of all that is needed, a size, or `unlimited`.",
)
@click.option(
    "--max-fragmentation",
    metavar="LIMIT",
    default=MAX_FRAGMENTATION,
    show_default=True,
    callback=allowance,
    help="How much may be unsealed in excess to restore the newest snapshots: a share of what they need, a size, or `unlimited`.",
)
@pass_output
def command(out: Output, /, url: str, keys: Keys, exclusive: bool, dry_run: bool, **limits: str) -> int:
    """Remove from STORE what no snapshot needs.

    Backups may go on meanwhile, and several machines may prune. Therefore it takes two runs, on the same machine: one condemns what
    nothing has referred to for a day, and one that comes a day later removes what is still not referred to. --exclusive does it at once,
    which loses snapshots if somebody backs up at the same time.

    Of a pack often only a part is still needed, and after months what the newest snapshot needs is scattered over many packs, which makes
    it slow to restore. If either is more than --max-unused or --max-fragmentation allow, what is needed of the worst packs is gathered in
    new ones (repack), what the newest snapshots need in their order, and the old ones go like all else. That reads and sends those packs
    once. Before a long restore is needed soon, or where sending costs nothing, say --max-fragmentation 0%.

    If anything that tells what is needed is damaged or missing, nothing is removed (exit code 13). Needs the right to delete.
    """
    with open_store(url, keys, out, writes=True) as store, deleting():
        store.check_pin()
        record, text = pruned(store, exclusive=exclusive, dry_run=dry_run, **limits)
        out.result(record, text)
    return EXIT_OK


def pruned(store: "Store", *, exclusive: bool = False, dry_run: bool = False, **limits: str) -> tuple[dict[str, object], str]:
    """Prune *store* with these limits; what to tell of it, for scripts and for people."""
    done = store.prune(exclusive=exclusive, dry_run=dry_run, **limits)
    return _record(done, dry_run), _text(done, dry_run)


@contextmanager
def deleting() -> Iterator[None]:
    """A refusal in the block has the remedy of one who has to delete."""
    try:
        yield
    except StoreRefusedError as error:
        error.remedy = "Use a credential that may delete. Backups need none: keep it elsewhere than on their machines."
        raise


def _record(done: "Pruned", dry_run: bool) -> dict[str, object]:
    return {
        "removed": done.removed,
        "removed_bytes": done.removed_bytes,
        "condemned": done.condemned,
        "condemned_bytes": done.condemned_bytes,
        "condemned_now": done.condemned_now,
        "young": done.young,
        "young_bytes": done.young_bytes,
        "needed_bytes": done.needed_bytes,
        "repacked": done.repacked,
        "repacked_bytes": done.repacked_bytes,
        "dry_run": dry_run,
        "seconds": round(done.seconds, 6),
    }


def _text(done: "Pruned", dry_run: bool) -> str:
    said = []
    if dry_run:
        said.append(f"would condemn {amounts.count(done.condemned_now, 'object')}")
    else:
        said.append(f"removed {amounts.count(done.removed, 'object')}, {amounts.amount(done.removed_bytes)}")
    if done.repacked:
        said.append(f"{'would repack' if dry_run else 'repacked'} {amounts.count(done.repacked, 'pack')}")
    if done.condemned:
        said.append(f"{done.condemned} condemned, {amounts.amount(done.condemned_bytes)}, to be removed by a run a day after")
    if done.young:
        said.append(f"{done.young} needed by nobody yet, {amounts.amount(done.young_bytes)}")
    return f"{'; '.join(said)}; {amounts.amount(done.needed_bytes)} are needed"
