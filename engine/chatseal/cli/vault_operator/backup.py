"""`chatseal-vault backup`: a copy of the database."""

from pathlib import Path

import click

from chatseal.cli.command import Command, pass_output
from chatseal.cli.options import FileName
from chatseal.cli.output import Output
from chatseal.cli.vault_operator.options import vault_options
from chatseal.vault.service import copies
from chatseal.vault.service.files import Files


@click.command(
    cls=Command,
    synopsis="DST --folder DIR",
    examples=[("A copy, while the service runs", "chatseal-vault backup /mnt/backup/vault.db --folder /srv/vault")],
)
@click.argument("target", metavar="DST", type=FileName())
@vault_options
@pass_output
def command(out: Output, files: Files, target: str) -> None:
    """Copy the database as it is at one moment to a new file, and check the copy. The service may run meanwhile.

    The copy is of use against a lost disk, together with the token, which is to be kept elsewhere. It brings no record back to life:
    `restore` destroys every record in a database that its anchor does not vouch for, because guesses may have been forgotten. And
    after `epoch rotate` it opens nothing.
    """
    copies.back_up(files, Path(target))
    out.result({"copy": target}, f"copied the database to {click.format_filename(target)}")
