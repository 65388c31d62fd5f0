"""`chatseal-vault restore`: an older database is accepted."""

from pathlib import Path

import click

from chatseal.cli import amounts
from chatseal.cli.command import Command, pass_output
from chatseal.cli.options import FileName
from chatseal.cli.output import Output
from chatseal.cli.vault_operator.options import vault_options
from chatseal.vault.service import copies
from chatseal.vault.service.files import Files


@click.command(
    cls=Command,
    synopsis="[SRC] --folder DIR --yes",
    examples=[
        ("Put a copy in the database's place", "chatseal-vault restore /mnt/backup/vault.db --folder /srv/vault --yes"),
        ("The anchor is lost, and the database is the newest there is", "chatseal-vault restore --folder /srv/vault --yes"),
    ],
)
@click.argument("source", metavar="[SRC]", required=False, type=FileName())
@vault_options
@click.option("--yes", is_flag=True, help="Yes, destroy every record that the anchor does not vouch for.")
@pass_output
def command(out: Output, files: Files, source: str | None, yes: bool) -> None:
    """Accept a database that is older than its anchor, or whose anchor is lost, while no service runs.

    Guesses that were made after the copy are forgotten in it, so every record in it is destroyed, and copies of it are made
    unreadable. Owners register again, at once with their key or recovery sheet, after seven days without. A database that the anchor
    vouches for loses nothing.
    """
    if not yes:
        raise click.UsageError("this destroys every record that the anchor does not vouch for: say --yes")
    destroyed = copies.bring_back(files, None if source is None else Path(source))
    out.result({"destroyed": destroyed}, f"the database is accepted; {amounts.count(destroyed, 'record')} destroyed")
