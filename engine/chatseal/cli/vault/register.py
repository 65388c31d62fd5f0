"""`chatseal vault register`: a backup key under a password."""

from typing import TYPE_CHECKING

import click

from chatseal import BackupKey
from chatseal.cli import vault_place
from chatseal.cli.command import Command, pass_output
from chatseal.cli.key_options import Keys, kept_key
from chatseal.cli.options import KeyFileName
from chatseal.cli.output import Output
from chatseal.cli.vault import REGISTER
from chatseal.cli.vault.options import EXITS, Asked, known_words, one_backup_key, password_options, vault_options
from chatseal.cli.vault.told import moment
from chatseal.cli.vault_source import VaultSource
from chatseal.errors import TargetExistsError
from chatseal.format.vault_place import VaultPlace
from chatseal.snapshots.places import state_folder

if TYPE_CHECKING:
    from chatseal.vault.client import Registered, VaultClient


@click.command(
    cls=Command,
    short_help="Let a vault keep a backup key under a password.",
    synopsis="--vault URL --user ID --token-file F --key-file K [--password-file P] [OPTIONS]",
    examples=[
        REGISTER,
        ("Another key in its place", f"{REGISTER[1]} --replace --old-key-file old.key"),
        ("Without the old key: announce it, and say the same again a week later", f"{REGISTER[1]} --replace --announce"),
    ],
    exits=EXITS,
)
@vault_options
@kept_key
@password_options("the new password")
@click.option("--weak", is_flag=True, help="Take a password that is easy to guess.")
@click.option("--replace", "replaces", is_flag=True, help="Put it in place of the record that there is.")
@click.option("--old-key-file", metavar="K", type=KeyFileName(), help="File with the key that the record keeps now, if it is another.")
@click.option("--announce", "announces", is_flag=True, help="Without the old key: announce it, or do what was announced a week ago.")
@pass_output
def command(
    out: Output, vault: VaultSource, keys: Keys, password: Asked, weak: bool, replaces: bool, old_key_file: str | None, announces: bool
) -> None:
    """Let the vault keep the backup key under a password. The key stays where it is, too.

    The password is asked for twice, or read. It is judged here: the vault cannot. A weak one is refused unless you insist.

    Where there is a record, nothing is done without --replace: whoever has the key that is kept signs for it, and it happens at once.
    """
    if (old_key_file or announces) and not replaces:
        raise click.UsageError("--old-key-file and --announce are for --replace")
    if old_key_file and announces:
        raise click.UsageError("whoever has the old key need not announce anything")
    key = one_backup_key(keys, out)
    signer = BackupKey.from_file(old_key_file).secret if old_key_file else None
    with vault.connect(out) as client:
        done, place = register(client, vault, key, password, out, weak=weak, replaces=replaces, signer=signer, announces=announces)
        record: dict[str, object] = {"vault": client.url, "user": client.account, "announced": done.announced}
        if done.announced is not None:
            text = f"announced: from {moment(done.announced)} on the same command does it; until then the old password and key hold"
            out.result(record, text)
            return
    out.result({**record, **vault_place.record(place)}, f"the vault keeps the key: {vault_place.words(place)}")
    out.advise(
        f"Note for the recovery sheet: chatseal key sheet --vault '{vault_place.on_sheet(place)}'. Keep the 64 digits as well: whoever has "
        "the account's token can use up the ten guesses."
    )


def register(
    client: "VaultClient",
    vault: VaultSource,
    key: BackupKey,
    password: Asked,
    out: Output,
    *,
    weak: bool,
    replaces: bool = False,
    signer: memoryview | None = None,
    announces: bool = False,
) -> tuple["Registered", VaultPlace]:
    """Register *key* under a new password, and begin to rehearse it. Raises TargetExistsError where there is a record, unless it *replaces*
    that."""
    if not replaces and client.status().record is not None:
        error = TargetExistsError("the vault has a record of this account already")
        raise error.with_remedy(
            "`chatseal vault change-password` changes its password; `chatseal vault register --replace` puts another key in its place."
        )
    chosen = password.new(known_words(vault, client.account), out, weak=weak)
    out.note("stretching the password")
    done = client.register(key.secret, chosen, signer=signer, announce=announces)
    if done.announced is None:
        begin_rehearsals()
    return done, VaultPlace(client.url, client.fingerprint, done.record_id, done.generation)


def begin_rehearsals() -> None:
    """A new password is tried tomorrow for the first time."""
    from chatseal.vault import rehearsal

    rehearsal.keep(state_folder(), rehearsal.begun())
