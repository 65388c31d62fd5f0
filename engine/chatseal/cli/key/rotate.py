"""`chatseal key rotate`: a new key in place of an old one."""

import click

import chatseal
from chatseal import HolderChange
from chatseal.cli.command import Command, pass_output
from chatseal.cli.key import ROTATE, stores
from chatseal.cli.key.change import COPIES, FILE_KEY, MIRRORS, change_all, left, numbers
from chatseal.cli.key_options import Keys, check_named, new_keys, opening_keys
from chatseal.cli.options import force_option, memory_option, threads_option
from chatseal.cli.output import Output


@click.command(
    cls=Command,
    short_help="Put a new key in the place of an old one.",
    synopsis="TARGET... --key-file OLD [--new-key-file NEW | --to PUBKEY]... [--reseal] [OPTIONS]",
    examples=[
        ROTATE,
        ("All files below a folder", "chatseal key rotate backup/ --key-file old.key --new-key-file new.key"),
        (
            "With a fresh file key, so that who kept the old one is locked out too",
            "chatseal key rotate chat.db.seal --key-file old.key --new-key-file new.key --reseal",
        ),
        ("Another password for a store", "chatseal key rotate /mnt/nas/chats --password --new-password"),
    ],
)
@stores.targets_and_store
@opening_keys
@new_keys
@click.option("--reseal", is_flag=True, help="Encrypt the data anew under a fresh file key.")
@force_option("With --reseal: drop the holders that are not named as new ones.")
@threads_option
@memory_option
@pass_output
def command(
    out: Output,
    targets: tuple[str, ...],
    url: str | None,
    keys: Keys,
    new: Keys,
    reseal: bool,
    force: bool,
    threads: int | None,
    memory: int | None,
) -> int:
    """Replace every slot of the sealed files TARGET that the old keys open by slots for the new ones, in one step. A folder is all
    files below it; a file that has been rotated to the same backup keys already is left as it is, so that a run can be repeated.

    Without --reseal the payload stays as it is, which takes moments. Who has opened the file before may have kept its file key, and
    that still opens the payload. With --reseal every record is decrypted, checked and encrypted under a fresh file key; nothing is
    decompressed. Slots of other holders cannot be kept then: name all who shall stay with --new-key-file and --to.

    What this cannot undo: copies of the old file still open with the old key. Delete them.

    TARGET can also be one store, its folder or URL. Without --reseal its file key and epochs stay, and whoever has kept them reads it with
    them, also what comes later. With --reseal it has a fresh file key and begins a new epoch, whose first backup sends everything; nothing
    that is there is encrypted anew.
    """
    check_named(new)
    if store := stores.meant(targets, url):
        named = new.holders(out, public=False)
        return stores.change_store(out, store, keys, lambda opened: opened.rotate_key(named, reseal=reseal, force=force), stores.rotated)
    openers, holders = keys.openers(out, targets), new.holders(out)
    return change_all(
        targets,
        lambda target, progress: chatseal.rotate_key(
            target, openers, holders, reseal=reseal, force=force, threads=threads, memory=memory, progress=progress
        ),
        out,
        doing="resealing" if reseal else "rotating",
        did=_did,
        remains=(COPIES, MIRRORS) if reseal else (COPIES, MIRRORS, FILE_KEY),
    )


def _did(target: str, change: HolderChange) -> str:
    if not change.changed:
        return f"nothing to do for {target}: it opens with the new key, and not with the old one"
    if change.resealed:
        return f"resealed {target} under a fresh file key; {left(change.slots)}"
    new = f" by {numbers(change.added)}" if change.added else ", as the new key is a holder already"
    return f"replaced {numbers(change.removed)} of {target}{new}; {left(change.slots)}"
