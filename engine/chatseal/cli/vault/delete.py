"""`chatseal vault delete`: the vault forgets the key."""

import click

from chatseal.cli import dialog
from chatseal.cli.command import Command, pass_output
from chatseal.cli.key_options import Keys, kept_key
from chatseal.cli.output import Output
from chatseal.cli.vault import DELETE
from chatseal.cli.vault.options import EXITS, one_backup_key, vault_options
from chatseal.cli.vault.told import moment
from chatseal.cli.vault_source import VaultSource
from chatseal.errors import KeySourceError


@click.command(
    cls=Command,
    short_help="Delete the record of the key.",
    synopsis="--vault URL --user ID --token-file F [--key-file K | --announce] [--yes]",
    examples=[
        DELETE,
        ("In a script", f"{DELETE[1]} --yes"),
        ("Without the key: announce it, and say the same again a week later", DELETE[1].replace("--key-file my.key", "--announce")),
    ],
    exits=EXITS,
)
@vault_options
@kept_key
@click.option("--announce", "announces", is_flag=True, help="Without the key: announce it, or do what was announced a week ago.")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
@pass_output
def command(out: Output, vault: VaultSource, keys: Keys, announces: bool, is_sure: bool) -> None:
    """Delete the vault's record. The password opens nothing any more, and nobody can bring the record back; the 64 digits open your
    backups as before.

    Whoever has the key does it at once. Without it the deletion is announced, and can be done seven days later.
    """
    if keys and announces:
        raise click.UsageError("whoever has the key need not announce anything")
    secret = None if announces else one_backup_key(keys, out).secret
    with vault.connect(out) as client:
        if not is_sure:
            dialog.require_terminal("Say --yes if you are sure.")
            if dialog.line("The password will open nothing any more. Type delete to go on: ") != "delete":
                raise KeySourceError("nothing was deleted")
        announced = client.delete(secret)
        record = {"vault": client.url, "user": client.account, "announced": announced}
        if announced is None:
            out.result(record, "the record is destroyed")
        else:
            out.result(record, f"announced: from {moment(announced)} on the same command does it; a right password ends that")
