"""`chatseal epoch new`: a fresh key for all that comes."""

import click

from chatseal.cli.command import Command, pass_output
from chatseal.cli.epoch import NEW
from chatseal.cli.key_options import Keys, opening_keys
from chatseal.cli.output import Output
from chatseal.cli.store_options import open_store, store_option


@click.command(cls=Command, synopsis="--store STORE --key-file K", examples=[NEW])
@store_option
@opening_keys
@pass_output
def command(out: Output, url: str, keys: Keys) -> None:
    """Begin a new epoch in STORE, for the same holders. What is backed up from now on is sealed with its key; what is there stays as it is.

    The next backup of each source sends everything, and the store has twice the room to give until older snapshots are forgotten, or
    their epoch is dropped.
    """
    with open_store(url, keys, out, writes=True) as store:
        number = store.new_epoch()
        record = {"store": store.url, "epoch": number, "generation": store.config.generation}
        out.result(record, f"epoch {number} of the store at {store.url} has begun")
    out.advise("The next backup sends everything. Replace copies of the object `config` that you keep elsewhere by the new one.")
