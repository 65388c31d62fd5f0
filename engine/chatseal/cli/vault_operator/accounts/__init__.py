"""`chatseal-vault accounts`: who may use a vault."""

import click

from chatseal.cli.command import EXITS_OF_LITTLE, Table

_HERE = "chatseal.cli.vault_operator.accounts"


@click.group(
    cls=Table,
    table={
        "add": (f"{_HERE}.add", "Make an account, and show its token once."),
        "list": (f"{_HERE}.list", "List the names."),
        "remove": (f"{_HERE}.remove", "Let nobody ask in that name any more."),
        "token": (f"{_HERE}.token", "Give an account another token in place of the one it had."),
    },
    synopsis="COMMAND ...",
    examples=[
        ("Somebody new", "chatseal-vault accounts add grandma --folder /srv/vault"),
        ("A token that somebody else may have seen", "chatseal-vault accounts token grandma --folder /srv/vault"),
    ],
    exits=EXITS_OF_LITTLE,
)
def command() -> None:
    """Say who may use the vault: names, each with a token. A service that runs sees changes with the next request.

    A token only lets somebody ask: it opens nothing, and spends guesses. Who has one can have the record deleted after seven days'
    notice, and can use up its guesses.
    """
