"""`chatseal vault rehearse`: the password or the digits, tried now and then."""

import time

import click

import chatseal
from chatseal.cli.command import Command, pass_output
from chatseal.cli.key_options import Keys, kept_key
from chatseal.cli.options import FileName
from chatseal.cli.output import Output
from chatseal.cli.vault import REHEARSE
from chatseal.cli.vault.options import EXITS, Asked, password_options, vault_options
from chatseal.cli.vault.told import moment
from chatseal.cli.vault_source import VaultSource, check_libraries, recover
from chatseal.errors import VaultPasswordError, WrongKeyError
from chatseal.keys import sources
from chatseal.keys.backup_key import BackupKey
from chatseal.keys.password import Password
from chatseal.snapshots.places import state_folder
from chatseal.vault import rehearsal


@click.command(
    cls=Command,
    short_help="Try the password or the digits, and be reminded.",
    synopsis="[--vault URL --user ID --token-file F | FILE] [OPTIONS]",
    examples=[
        REHEARSE,
        ("The 64 digits, or a file's own password, against a sealed file", "chatseal vault rehearse chat.db.seal"),
        ("No more reminders", "chatseal vault rehearse --off"),
    ],
    exits=EXITS,
)
@click.argument("file", metavar="[FILE]", required=False, type=FileName())
@vault_options
@password_options("the password")
@kept_key
@click.option("--off", "is_off", is_flag=True, help="Do not remind any more.")
@pass_output
def command(out: Output, file: str | None, vault: VaultSource, password: Asked, keys: Keys, is_off: bool) -> None:
    """Try whether you still know the password: against the vault, where it costs one of the ten guesses only if it is wrong. Or try
    the 64 digits against the beginning of the sealed file FILE, which costs nothing.

    A day after a password was chosen, then after 3, 7, 30 and 90 days, other commands remind you of it in one line. Nothing of what you
    type is kept: only how often it went well, and when the next time is.
    """
    folder = state_folder()
    if is_off:
        (folder / rehearsal.NAME).unlink(missing_ok=True)
        out.result({"due": None}, "no more reminders")
        return
    before, went_well = rehearsal.read(folder) or rehearsal.begun(0), False
    try:
        if file is not None:
            _try_file(file, password, keys, out)
        else:
            check_libraries()
            with vault.connect(out) as client:
                recover(client, password.current(), out)
        went_well = True
    except (WrongKeyError, VaultPasswordError):
        rehearsal.keep(folder, before.after(went_well=False, now=int(time.time())))
        raise
    now = before.after(went_well=went_well, now=int(time.time()))
    rehearsal.keep(folder, now)
    out.result({"due": now.due, "step": now.step}, f"right; the next time is {moment(now.due)}")


def _try_file(file: str, password: Asked, keys: Keys, out: Output) -> None:
    """Raise WrongKeyError unless what is typed, or named, opens the header of *file*."""
    if keys:
        openers = keys.openers(out)
    elif password:
        openers = [password.current()]
    else:
        typed = sources.from_prompt("The 64 digits, or the password: ")
        try:
            openers = [BackupKey.from_digits(typed)]
        except chatseal.KeyFormatError:
            openers = [Password(typed)]
    out.subject = file
    chatseal.slots(file, openers)
