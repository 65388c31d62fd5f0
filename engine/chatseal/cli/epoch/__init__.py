"""`chatseal epoch`: spans of a store's life with a key of their own. Its commands are a table, like those of `chatseal`."""

import click

from chatseal.cli.command import Table

LIST = ("What epochs there are", "chatseal epoch list --store /mnt/nas/chats --key-file my.key")
NEW = ("A new one, before the old one can be dropped", "chatseal epoch new --store /mnt/nas/chats --key-file my.key")
DROP = ("The old one, so that nobody reads it any more", "chatseal epoch drop 1 --store /mnt/nas/chats --key-file my.key")
COMMANDS = {  # name: (module, what it does)
    "list": ("chatseal.cli.epoch.list", "Show the epochs of a store, and what is in them."),
    "new": ("chatseal.cli.epoch.new", "Begin a new epoch: a fresh key for all that comes."),
    "drop": ("chatseal.cli.epoch.drop", "Destroy the key of an epoch: its snapshots are gone for good."),
}


@click.group(cls=Table, table=COMMANDS, synopsis="COMMAND ...", examples=[LIST, NEW, DROP])
def command() -> None:
    """List, begin and drop the epochs of a store.

    Everything in a store is sealed with the key of an epoch, and an epoch shares nothing with another. A new one begins when a holder is
    removed, or when you say so. To drop one destroys its key: that is the only way to erase from a store whose keeper may keep copies.
    """
