"""`chatseal key remove`: holders that shall open a sealed file no more."""

import click

import chatseal
from chatseal import HolderChange
from chatseal.cli.command import Command, pass_output
from chatseal.cli.key import REMOVE, stores
from chatseal.cli.key.change import COPIES, FILE_KEY, MIRRORS, are_many, change_all, left, numbers
from chatseal.cli.key_options import Keys, gone_keys, opening_keys
from chatseal.cli.options import force_option
from chatseal.cli.output import Output
from chatseal.format.header import SLOTS_MAX
from chatseal.keys.slots import Opener


@click.command(
    cls=Command,
    short_help="Let a key open sealed files, or a store, no more.",
    synopsis="TARGET... --key-file K [--remove-key-file K | --slot N]... [--force]",
    examples=[
        REMOVE,
        ("By its number in `chatseal key list`", "chatseal key remove chat.db.seal --key-file my.key --slot 2"),
        (
            "A telephone that was lost, from a store; the keys of all who stay are needed",
            "chatseal key remove /mnt/nas/chats --key-file my.key --key-file spare.key --slot 3",
        ),
    ],
)
@stores.targets_and_store
@opening_keys
@gone_keys
@click.option(
    "--slot",
    "slots",
    metavar="N",
    multiple=True,
    type=click.IntRange(1, SLOTS_MAX),
    help="Number of a slot, as `chatseal key list` shows it; of one TARGET only. Can be given several times.",
)
@force_option("Remove even the last slot that your own key opens; of a store, also those whose keys are not given.")
@pass_output
def command(out: Output, targets: tuple[str, ...], url: str | None, keys: Keys, gone: Keys, slots: tuple[int, ...], force: bool) -> int:
    """Take slots out of the sealed files TARGET, so that their holders cannot open these files any more. A folder is all files below it.
    TARGET can also be one store: its folder or URL.

    Name the holder by the key, or by the number of the slot. A slot for a public key is found by its private key only; without it
    use the number. The last slot stays in any case, and the last one that your own key opens unless you insist with --force.

    What this cannot undo: copies of the old file still open with the removed key, and who has opened the file may have kept its file
    key, which still opens the payload. `chatseal key rotate --reseal` gives the file a fresh one.

    A store gets a fresh file key at once, and begins a new epoch: what is backed up from now on the removed holder cannot read, and the
    next backup sends everything. Give the keys of all who stay: nobody can make a slot without its key. What is there already the removed
    holder can read as long as it is there.
    """
    if not gone and not slots:
        raise click.UsageError("nobody is named to remove; give --remove-key-file or --slot")
    if store := stores.meant(targets, url):
        removing: list[int | Opener] = [*slots, *(gone.openers(out) if gone else ())]
        return stores.change_store(out, store, keys, lambda opened: opened.remove_holder(removing, force=force), stores.removed)
    if slots and are_many(targets):
        raise click.UsageError("the slots of several files have numbers of their own; name the key that shall go with --remove-key-file")
    openers = keys.openers(out, targets)
    named: list[int | Opener] = [*slots, *(gone.openers(out) if gone else ())]
    return change_all(
        targets,
        lambda target, progress: chatseal.remove_holder(target, openers, named, force=force, progress=progress),
        out,
        doing="removing from",
        did=_did,
        remains=(COPIES, MIRRORS, FILE_KEY),
    )


def _did(target: str, change: HolderChange) -> str:
    return f"removed {numbers(change.removed)} from {target}; {left(change.slots)}"
