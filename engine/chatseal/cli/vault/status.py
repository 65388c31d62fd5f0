"""`chatseal vault status`: guesses left, and who tried."""

import click

from chatseal.cli.command import Command, pass_output
from chatseal.cli.output import Output
from chatseal.cli.vault import STATUS
from chatseal.cli.vault.options import EXITS, vault_options
from chatseal.cli.vault.told import status_lines, status_record
from chatseal.cli.vault_source import VaultSource
from chatseal.errors import EXIT_NOT_THERE, EXIT_OK


@click.command(
    cls=Command,
    short_help="Show guesses left, and who tried.",
    synopsis="--vault URL --user ID --token-file F",
    examples=[STATUS, ("For a script", f"{STATUS[1]} --json | jq .record.guesses_left")],
    exits=EXITS,
)
@vault_options
@pass_output
def command(out: Output, vault: VaultSource) -> int:
    """Show what the vault has of the account. No password is asked for, and no guess is spent.

    A place is a network address in a form that says nothing: the same place looks the same. The exit code is 10 if there is no record.
    """
    with vault.connect(out) as client:
        status = client.status()
        record = status_record(status, client.url, client.fingerprint)
        out.show(record, status_lines(status, client.url, client.fingerprint))
    return EXIT_OK if status.record is not None else EXIT_NOT_THERE
