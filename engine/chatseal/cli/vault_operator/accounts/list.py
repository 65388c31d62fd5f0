"""`chatseal-vault accounts list`: the names."""

import click

from chatseal.cli.command import EXITS_OF_LITTLE, Command, pass_output
from chatseal.cli.output import Output
from chatseal.cli.vault_operator.options import vault_options
from chatseal.cli.words import escape
from chatseal.vault.accounts import HouseholdAccounts
from chatseal.vault.service.files import Files


@click.command(
    cls=Command,
    synopsis="--folder DIR",
    examples=[("Who may use the vault", "chatseal-vault accounts list --folder /srv/vault")],
    exits=EXITS_OF_LITTLE,
)
@vault_options
@pass_output
def command(out: Output, files: Files) -> None:
    """List the names of the accounts. Who has a record is not told here: the database knows no names."""
    for name in HouseholdAccounts(files.accounts).names():
        out.show({"account": name}, escape(name))
