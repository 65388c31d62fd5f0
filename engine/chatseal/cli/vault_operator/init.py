"""`chatseal-vault init`: a new vault."""

import click

from chatseal.cli.command import EXITS_OF_LITTLE, Command, pass_output
from chatseal.cli.output import Output
from chatseal.cli.vault_operator.options import vault_options
from chatseal.vault.service.files import Files


@click.command(
    cls=Command,
    synopsis="--folder DIR [--token FILE] [--anchor FILE]",
    examples=[
        ("A vault in a folder", "chatseal-vault init --folder /srv/vault"),
        ("With an anchor on another disk", "chatseal-vault init --folder /srv/vault --anchor /mnt/stick/anchor"),
    ],
    exits=EXITS_OF_LITTLE,
)
@vault_options
@pass_output
def command(out: Output, files: Files) -> None:
    """Make a database, a token with the service's secrets, an anchor, and an empty list of accounts. Nothing is overwritten.

    The fingerprint that is printed is what clients pin: give it to them by another way than the network.
    """
    files.create()
    with files.keeper() as keeper:
        key = keeper.identity.public
    record = {"database": str(files.database), "token": str(files.token), "anchor": str(files.anchor), "fingerprint": key.shown}
    out.result(record, f"made a vault in {click.format_filename(files.database.parent)}\nfingerprint  {key.shown}")
    if files.anchor.parent == files.database.parent:
        out.advise("The anchor lies beside the database: whoever puts an older copy of the folder back makes guesses forgotten.")
