"""`chatseal-vault epoch`: the keys that records are sealed under."""

import click

from chatseal.cli.command import Table

_HERE = "chatseal.cli.vault_operator.epoch"


@click.group(
    cls=Table,
    table={"rotate": (f"{_HERE}.rotate", "Begin a new epoch, and destroy the keys of the older ones.")},
    synopsis="COMMAND ...",
    examples=[("Once a week, by a timer", "chatseal-vault epoch rotate --folder /srv/vault")],
)
def command() -> None:
    """Records are sealed under the key of an epoch. What was destroyed stays readable in copies of the database for whoever has the
    token, until the epoch ends."""
