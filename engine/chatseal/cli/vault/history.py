"""`chatseal vault history`: what happened to the account."""

import click

from chatseal.cli.command import Command, pass_output
from chatseal.cli.output import Output
from chatseal.cli.vault import HISTORY
from chatseal.cli.vault.options import EXITS, vault_options
from chatseal.cli.vault.told import event_line, event_record
from chatseal.cli.vault_source import VaultSource


@click.command(
    cls=Command,
    short_help="Show what happened to the account.",
    synopsis="--vault URL --user ID --token-file F",
    examples=[HISTORY, ("When somebody tried, in a script", f"{HISTORY[1]} --json | jq '.events[] | select(.event == \"claimed\")'")],
    exits=EXITS,
)
@vault_options
@pass_output
def command(out: Output, vault: VaultSource) -> None:
    """Show the account's own events in the vault's audit log, the oldest first: registrations, guesses, successes, announcements."""
    with vault.connect(out) as client:
        events = client.history()
    out.show({"events": [event_record(event) for event in events]}, "\n".join(map(event_line, events)) or "nothing happened yet")
