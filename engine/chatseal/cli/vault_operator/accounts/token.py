"""`chatseal-vault accounts token`: another token for an account."""

import click

from chatseal.cli.command import EXITS_OF_LITTLE, Command, pass_output
from chatseal.cli.output import Output
from chatseal.cli.vault_operator.options import vault_options
from chatseal.vault.accounts import HouseholdAccounts
from chatseal.vault.service.files import Files


@click.command(
    cls=Command,
    synopsis="NAME --folder DIR",
    examples=[("The one before was lost, or seen", "chatseal-vault accounts token grandma --folder /srv/vault")],
    exits=EXITS_OF_LITTLE,
)
@click.argument("name", metavar="NAME")
@vault_options
@pass_output
def command(out: Output, files: Files, name: str) -> None:
    """Give an account another token, and print it. The one before it shows nothing any more."""
    token = HouseholdAccounts(files.accounts).add(name, anew=True)
    out.show({"account": name, "token": token}, token)
