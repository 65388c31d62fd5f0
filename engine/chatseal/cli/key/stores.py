"""Stores: the same changes of holders for a store as for a file. What is meant is told by what is there, or by --store."""

import os
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

import click

from chatseal import HolderChange, SlotReport
from chatseal.cli.key.change import left, numbers
from chatseal.cli.key_options import Keys
from chatseal.cli.options import F, FileName
from chatseal.cli.output import Output
from chatseal.cli.store_options import VARIABLE, open_store
from chatseal.keys.slots import Opener
from chatseal.objects.addresses import is_url

if TYPE_CHECKING:
    from chatseal.snapshots.store import Store

FIRST_LINE = b"chatseal/v1 config\n"
COPIES = "What is in the store already can still be read by whoever had the key and gets at the store, or at a copy of it."
KEPT = (
    "Whoever had the old key may have kept the store's keys, which open also what is backed up from now on, until `chatseal key rotate"
    " --reseal` begins a new epoch."
)
ANEW = "The next backup sends everything: it shares nothing with what others could open."
CONFIG = "Replace copies of the object `config` that you keep elsewhere by the new one: they still open with the old keys."

Work = Callable[["Store"], HolderChange]


def targets_and_store(function: F) -> F:
    """TARGET... as files, and --store; one of them."""
    return store_option(click.argument("targets", metavar="[TARGET...]", nargs=-1, type=FileName())(function))


def store_option(function: F) -> F:
    return click.option(
        "--store",
        "url",
        metavar="STORE",
        help=f"A store instead of TARGET, which can be one, too. Without either: the one in {VARIABLE}.",
    )(function)


def meant(targets: tuple[str, ...], url: str | None) -> str | None:
    """The address of the store that is meant, None if files are. Raises UsageError."""
    if targets and url:
        raise click.UsageError("TARGET and --store are two things to change; name one of them")
    url = url or (None if targets else os.environ.get(VARIABLE))
    if url:
        return url
    if not targets:
        raise click.UsageError("nothing is named to change; give files, or a store")
    found = [target for target in targets if _is_store(target)]
    if found and len(targets) > 1:
        raise click.UsageError("a store is changed by itself, not with other targets")
    return found[0] if found else None


def _is_store(target: str) -> bool:
    """Whether *target* is a URL, or a folder with a store's config in it."""
    if is_url(target) and not os.path.lexists(target):
        return True
    try:
        with open(os.path.join(target, "config"), "rb") as file:
            return file.read(len(FIRST_LINE)) == FIRST_LINE
    except OSError:
        return False


def change_store(out: Output, url: str, keys: Keys, work: Work, did: Callable[[HolderChange], str]) -> int:
    """Do *work* to the store at *url*; say what came of it, and what it cannot undo."""
    with open_store(url, keys, out, writes=True) as store:
        change = work(store)
        shown, generation, epoch = store.url, store.config.generation, store.config.epoch.number
    remains = [] if not change.removed else [COPIES, ANEW, CONFIG] if change.resealed else [COPIES, KEPT, CONFIG]
    record = {
        "target": shown,
        "changed": change.changed,
        "added": list(change.added),
        "removed": list(change.removed),
        "slots": change.slots,
        "resealed": change.resealed,
        "generation": generation,
        **({"epoch": epoch} if change.resealed else {}),
        **({"remains": remains} if remains else {}),
    }
    began = f"; epoch {epoch} has begun" if change.resealed else ""
    out.result(record, f"{did(change)} the store at {shown}; {left(change.slots)}{began}")
    if not out.json:
        for sentence in remains:
            out.result({}, f"  {sentence}")
    return 0


def slots(url: str, openers: "list[Opener]") -> "tuple[str, list[SlotReport]]":
    """The address of a store without what is not to be shown, and its slots."""
    from chatseal.objects.addresses import open_store as open_objects
    from chatseal.snapshots import holders

    with closing(open_objects(url)) as objects:
        return objects.url, holders.slots(objects, openers)


def added(change: HolderChange) -> str:
    return f"added {numbers(change.added)} to"


def removed(change: HolderChange) -> str:
    return f"removed {numbers(change.removed)} from"


def rotated(change: HolderChange) -> str:
    if change.resealed:
        return f"made {numbers(change.added)} under a fresh file key for"
    new = f" by {numbers(change.added)}" if change.added else ", as the new key is a holder already,"
    return f"replaced {numbers(change.removed)}{new} of"
