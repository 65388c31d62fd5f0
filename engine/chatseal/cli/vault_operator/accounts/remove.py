"""`chatseal-vault accounts remove`: an account less."""

import click

from chatseal.cli.command import EXITS_OF_LITTLE, Command, pass_output
from chatseal.cli.output import Output
from chatseal.cli.vault_operator.options import vault_options
from chatseal.cli.words import escape
from chatseal.vault.accounts import HouseholdAccounts
from chatseal.vault.service.files import Files


@click.command(
    cls=Command,
    synopsis="NAME --folder DIR",
    examples=[("Somebody left", "chatseal-vault accounts remove grandma --folder /srv/vault")],
    exits=EXITS_OF_LITTLE,
)
@click.argument("name", metavar="NAME")
@vault_options
@pass_output
def command(out: Output, files: Files, name: str) -> None:
    """Let nobody ask in that name any more. Its record stays where it is, and is there again for an account of that name."""
    HouseholdAccounts(files.accounts).remove(name)
    out.result({"account": name, "removed": True}, f"removed {escape(name)}; its record stays")
