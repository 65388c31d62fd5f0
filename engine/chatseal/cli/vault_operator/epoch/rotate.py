"""`chatseal-vault epoch rotate`: a new epoch."""

import click

from chatseal.cli.command import Command, pass_output
from chatseal.cli.output import Output
from chatseal.cli.vault_operator.options import vault_options
from chatseal.vault.service.files import Files


@click.command(
    cls=Command,
    synopsis="--folder DIR",
    examples=[("Once a week, and after a deletion that has to be final now", "chatseal-vault epoch rotate --folder /srv/vault")],
)
@vault_options
@pass_output
def command(out: Output, files: Files) -> None:
    """Begin a new epoch: seal what lives anew, and destroy the keys of the older epochs. The service may run meanwhile.

    Records that were destroyed open in no copy of the database any more, whoever has it. Neither does anything else in copies made
    before: a backup of the database is worth nothing after this. A key that was in a file may still be found on an SSD, in a snapshot
    of the file system or in a backup of the token.
    """
    with files.keeper() as keeper:
        epoch = keeper.rotate()
    out.result({"epoch": epoch}, f"epoch {epoch} has begun; copies of the database made before open nothing any more")
