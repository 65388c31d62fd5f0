"""`chatseal vault recover`: the key, for the password."""

import os
from pathlib import Path

import click

from chatseal import BackupKey, TargetExistsError
from chatseal.cli.command import Command, pass_output
from chatseal.cli.key.files import in_lines
from chatseal.cli.options import FileName
from chatseal.cli.output import Output
from chatseal.cli.vault import RECOVER
from chatseal.cli.vault.options import EXITS, Asked, password_options, vault_options
from chatseal.cli.vault.told import failure_record
from chatseal.cli.vault_source import VaultSource, recover


@click.command(
    cls=Command,
    short_help="Get the key back with the password.",
    synopsis="--vault URL --user ID --token-file F --out KEYFILE [--password-file P] [OPTIONS]",
    examples=[
        RECOVER,
        ("With the fingerprint on the recovery sheet", f"{RECOVER[1]} --fingerprint 'k3zq ...'"),
    ],
    exits=EXITS,
)
@vault_options
@password_options("the password")
@click.option("--out", "path", metavar="KEYFILE", required=True, type=FileName(), help="The key file to make. Nothing is overwritten.")
@click.option("--show", is_flag=True, help="Print the 64 digits of the key.")
@pass_output
def command(out: Output, vault: VaultSource, password: Asked, path: str, show: bool) -> None:
    """Get the backup key from the vault, into a new key file that only you can read.

    A wrong password costs one of ten guesses, a right one gives all of them back. After four wrong ones the vault waits longer and longer
    before it takes another. When a password is wrong, it says how many are left.
    """
    _check_target(path)  # before a guess is spent for nothing
    with vault.connect(out) as client:
        found = recover(client, password.current(), out)
        record = {
            "key_file": path,
            "vault": client.url,
            "record_id": found.record_id.hex(),
            "generation": found.generation,
            "failures": [failure_record(one) for one in found.failures],
        }
    key = BackupKey(found.secret.view)
    key.write(path)
    shown = {"digits": key.digits} if show else {}
    out.result({**record, **shown}, f"wrote the backup key to {click.format_filename(path)}")
    if show and not out.json:
        out.show({}, in_lines(key))


def _check_target(path: str) -> None:
    if os.path.lexists(path):
        raise TargetExistsError(f"{path} exists; a key file is never overwritten").with_remedy("Choose another name with --out.")
    folder = Path(path).absolute().parent
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        raise click.UsageError(f"{folder} is no folder that you can write into")
