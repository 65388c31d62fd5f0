"""`chatseal key keep`: a key that there is, into the system's keyring."""

import click

from chatseal import BackupKey
from chatseal.cli.command import EXITS_OF_LITTLE, Command, pass_output
from chatseal.cli.key_options import Keys, opening_keys
from chatseal.cli.output import Output
from chatseal.cli.words import escape
from chatseal.keys import sources
from chatseal.keys.sources import WrongKindError


@click.command(
    cls=Command,
    synopsis="NAME --key-file K",
    examples=[
        ("From a file", "chatseal key keep phone --key-file my.key"),
        ("From paper", "chatseal key keep phone --key-prompt"),
    ],
    exits=EXITS_OF_LITTLE,
)
@click.argument("name", metavar="NAME")
@opening_keys
@pass_output
def command(out: Output, name: str, keys: Keys) -> None:
    """Put a backup key into the system's keyring under NAME, where --keyring NAME finds it. Nothing there is overwritten."""
    found = keys.openers(out)
    if len(found) != 1:
        raise click.UsageError("name one key")
    if not isinstance(found[0], BackupKey):
        raise WrongKindError("only a backup key goes into the keyring")
    sources.into_keyring(name, found[0].digits)
    out.result({"keyring": name}, f"the keyring has the key under the name {escape(name)}")
