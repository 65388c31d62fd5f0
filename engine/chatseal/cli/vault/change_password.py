"""`chatseal vault change-password`: the same key under another password."""

import click

from chatseal.cli.command import Command, pass_output
from chatseal.cli.key_options import Keys, kept_key
from chatseal.cli.output import Output
from chatseal.cli.vault import CHANGE
from chatseal.cli.vault.options import EXITS, Asked, known_words, one_backup_key, password_options, vault_options
from chatseal.cli.vault.register import begin_rehearsals
from chatseal.cli.vault_source import VaultSource, recover


@click.command(
    cls=Command,
    short_help="Choose another password for the same key.",
    synopsis="--vault URL --user ID --token-file F [--key-file K] [--new-password-file P] [OPTIONS]",
    examples=[
        CHANGE,
        ("With the old password, where the key is not at hand", CHANGE[1].replace(" --key-file my.key", "")),
    ],
    exits=EXITS,
)
@vault_options
@kept_key
@password_options("the old password")
@password_options("the new password", "new-")
@click.option("--weak", is_flag=True, help="Take a password that is easy to guess.")
@pass_output
def command(out: Output, vault: VaultSource, keys: Keys, password: Asked, new_password: Asked, weak: bool) -> None:
    """Put the key that the vault keeps under another password. No backup is touched, and the old password opens nothing any more.

    Whoever has the key needs no old password. Without a key that is named, the old password is asked for: it costs a guess only if it
    is wrong.
    """
    if keys and password:
        raise click.UsageError("give the key or the old password: one of them is enough")
    with vault.connect(out) as client:
        if keys:
            secret = one_backup_key(keys, out).secret
        else:
            secret = recover(client, password.current("Old password of the vault: "), out).secret.view
        chosen = new_password.new(known_words(vault, client.account), out, weak=weak)
        out.note("stretching the password")
        done = client.register(secret, chosen)
        record = {"vault": client.url, "user": client.account, "record_id": done.record_id.hex(), "generation": done.generation}
    begin_rehearsals()
    out.result(record, f"the password is changed; the record is {done.record_id.hex()} now, in generation {done.generation}")
    out.advise("Files with a vault slot lead to the vault as before. A recovery sheet that shows the old record still does, too.")
