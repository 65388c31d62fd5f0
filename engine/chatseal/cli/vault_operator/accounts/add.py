"""`chatseal-vault accounts add`: an account for somebody."""

import click

from chatseal.cli.command import EXITS_OF_LITTLE, Command, pass_output
from chatseal.cli.output import Output
from chatseal.cli.vault_operator.options import vault_options
from chatseal.vault.accounts import HouseholdAccounts
from chatseal.vault.service.files import Files


@click.command(
    cls=Command,
    synopsis="NAME --folder DIR",
    examples=[
        ("Show the token", "chatseal-vault accounts add grandma --folder /srv/vault"),
        ("Put it into a file", "(umask 077; chatseal-vault accounts add grandma --folder /srv/vault > grandma.token)"),
    ],
    exits=EXITS_OF_LITTLE,
)
@click.argument("name", metavar="NAME")
@vault_options
@pass_output
def command(out: Output, files: Files, name: str) -> None:
    """Make an account and print its token, which is stored nowhere: only its hash is."""
    token = HouseholdAccounts(files.accounts).add(name)
    out.show({"account": name, "token": token}, token)
