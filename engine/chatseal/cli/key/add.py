"""`chatseal key add`: more holders for sealed files."""

import click

import chatseal
from chatseal import HolderChange
from chatseal.cli.command import Command, pass_output
from chatseal.cli.key import ADD, stores
from chatseal.cli.key.change import change_all, left, numbers
from chatseal.cli.key_options import Keys, check_named, new_keys, opening_keys
from chatseal.cli.output import Output


@click.command(
    cls=Command,
    short_help="Let one more key open sealed files, or a store.",
    synopsis="TARGET... --key-file K [--new-key-file K | --to PUBKEY]...",
    examples=[
        ADD,
        (
            "A public key: its private key, and whoever has that, can open the file",
            "chatseal key add chat.db.seal --key-file my.key --to friend.pub",
        ),
        ("All files below a folder", "chatseal key add backup/ --key-file my.key --new-key-file second.key"),
        ("A spare key for a store", "chatseal key add s3://bucket/chats --key-file my.key --new-key-file spare.key"),
    ],
)
@stores.targets_and_store
@opening_keys
@new_keys
@pass_output
def command(out: Output, targets: tuple[str, ...], url: str | None, keys: Keys, new: Keys) -> int:
    """Let more keys open the sealed files TARGET, each alone, as those can that open them now. A folder is all files below it.
    TARGET can also be one store: its folder or URL.

    The data is not encrypted anew: a new file with another header and the same payload takes the place of the old one, whole or not at
    all. Mode and time of modification stay.

    A backup key that opens the file already is refused. Whether a public key is a holder already, nobody can tell without its private
    key: it would get a second slot, which does no harm. A store has no public keys.
    """
    check_named(new)
    if store := stores.meant(targets, url):
        holders = new.holders(out, public=False, beside=False)
        return stores.change_store(out, store, keys, lambda opened: opened.add_holder(holders), stores.added)
    openers, holders = keys.openers(out, targets), new.holders(out, beside=False)
    return change_all(
        targets,
        lambda target, progress: chatseal.add_holder(target, openers, holders, progress=progress),
        out,
        doing="adding to",
        did=_did,
    )


def _did(target: str, change: HolderChange) -> str:
    return f"added {numbers(change.added)} to {target}; {left(change.slots)}"
