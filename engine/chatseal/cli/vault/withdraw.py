"""`chatseal vault withdraw`: the end of an announcement."""

import click

from chatseal.cli.command import Command, pass_output
from chatseal.cli.key_options import Keys, kept_key
from chatseal.cli.output import Output
from chatseal.cli.vault import WITHDRAW
from chatseal.cli.vault.options import EXITS, one_backup_key, vault_options
from chatseal.cli.vault_source import VaultSource


@click.command(
    cls=Command,
    short_help="End what was announced without the key.",
    synopsis="--vault URL --user ID --token-file F --key-file K",
    examples=[WITHDRAW],
    exits=EXITS,
)
@vault_options
@kept_key
@pass_output
def command(out: Output, vault: VaultSource, keys: Keys) -> None:
    """End a deletion or a replacement that somebody with the account's token announced: it needs the key that is kept.

    A right password ends it as well: `chatseal vault rehearse`. If it was not you, ask the vault's operator for another token.
    """
    key = one_backup_key(keys, out)
    with vault.connect(out) as client:
        client.withdraw(key.secret)
        out.result({"vault": client.url, "user": client.account}, "nothing is announced any more")
