"""`chatseal setup`: a key or a password, kept where later commands find it, and proven to be written down."""

import os
import shutil
from pathlib import Path

import click

from chatseal import BackupKey, TargetExistsError
from chatseal.automatic import configuration
from chatseal.automatic.configuration import Configuration, KeyChoice
from chatseal.cli import dialog, vault_place
from chatseal.cli.command import EXITS_OF_LITTLE, Command, pass_output
from chatseal.cli.options import FileName
from chatseal.cli.output import Output
from chatseal.cli.vault.options import Asked
from chatseal.cli.vault_source import VaultSource
from chatseal.cli.vault_source import check_libraries as check_vault_libraries
from chatseal.cli.words import escape
from chatseal.errors import ChatsealError, KeySourceError
from chatseal.format.vault_place import VaultPlace
from chatseal.keys import password_store, sources
from chatseal.keys.sheet.recovery_sheet import check_libraries, format_of, recovery_sheet
from chatseal.part_file import make_folder

KEEP = {
    "file": "a key file that only you can read, on this machine",
    "keyring": "the system's keyring, unlocked when you log in",
    "pass": "the password manager `pass`",
    "vault": "a key vault, under a password that you type each time; nowhere on this machine",
    "nowhere": "nowhere on this machine: you type it each time",
}
_THERE = "there"  # the place of a key that is kept already
LOST = "Without it nobody can open your backups, and nobody can help."
GUESSED = (
    "A password can be guessed by whoever has a backup, about one guess a second on each core of theirs; only a key kept in a vault stops\n"
    "them after ten. Take a long one: five words that nobody would put together. And it cannot be used unattended."
)


@click.command(
    cls=Command,
    synopsis="[--lock key|password] [--keep file|keyring|pass|vault|nowhere] [--vault URL] [OPTIONS]",
    examples=[
        ("At a terminal: it asks", "chatseal setup"),
        ("For a script: a new key in a file, and commands that find it", "chatseal setup --lock key --keep file"),
        ("The same, in the system's keyring under another name", "chatseal setup --lock key --keep keyring --name phone"),
        ("And a page to print, to keep in a safe", "chatseal setup --lock key --keep file --sheet sheet.pdf"),
        (
            "And let a vault keep it under a password as well",
            "chatseal setup --lock key --keep file --vault https://vault.example --vault-user ada",
        ),
        ("Use a key that there is already", "chatseal setup --lock key --use my.key"),
        ("From a key to a password", "chatseal setup --lock password"),
        ("No more", "chatseal setup --opt-out"),
    ],
    exits=EXITS_OF_LITTLE,
)
@click.option("--lock", type=click.Choice(["key", "password"]), help="Lock backups with a 64-digit key, or with a password.")
@click.option("--keep", type=click.Choice(list(KEEP)), help="Where this machine keeps a new key.")
@click.option("--key-out", metavar="FILE", type=FileName(), help="The key file to make. [default: backup.key beside the configuration]")
@click.option("--name", metavar="NAME", default="chatseal", show_default=True, help="Name of the key in the keyring or in pass.")
@click.option("--use", metavar="K", type=FileName(), help="Set up with the key in this file instead of making one.")
@click.option("--sheet", metavar="SHEET", type=FileName(), help="Also write a recovery sheet to print: .pdf, .svg or .html.")
@click.option("--vault", "vault_url", metavar="URL", help="Also let this key vault keep the key, under a password.")
@click.option("--vault-user", metavar="ID", help="Name of the account at the vault.")
@click.option("--vault-token-file", metavar="F", type=FileName(), help="File with its token. Also: CHATSEAL_VAULT_TOKEN_FILE.")
@click.option("--vault-fingerprint", metavar="TEXT", help="The vault's fingerprint: refuse any other.")
@click.option("--vault-password-file", metavar="P", type=FileName(), help="File whose first line is the vault's new password.")
@click.option("--weak", is_flag=True, help="Take a password for the vault that is easy to guess.")
@click.option("--opt-out", is_flag=True, help="Remove the key's place from the configuration. No key and no backup is touched.")
@pass_output
def command(
    out: Output,
    lock: str | None,
    keep: str | None,
    key_out: str | None,
    name: str,
    use: str | None,
    sheet: str | None,
    vault_url: str | None,
    vault_user: str | None,
    vault_token_file: str | None,
    vault_fingerprint: str | None,
    vault_password_file: str | None,
    weak: bool,
    opt_out: bool,
) -> None:
    """Choose once how your backups are locked, so that other commands need no option for it.

    A 64-digit key is made, shown once, and you are asked for two of its groups, so that it is on paper before anything depends on
    it. Then it is kept where you say, and the configuration names that place. No secret is in the configuration itself.

    Run it again to change from a key to a password or back. What is sealed already keeps its holders until `chatseal key` changes
    them. Without a terminal, --lock and --keep (or --use) are needed; then nobody is asked, and the key is not shown.
    """
    before = configuration.read()
    if opt_out:
        return _opt_out(out, before)
    asked = lock is None or (lock == "key" and keep is None and use is None)
    if asked:
        dialog.require_terminal("Name --lock and --keep, as in `chatseal setup --lock key --keep file`.")
    lock = lock or _ask_lock(before)
    _check_agreement(lock, keep, key_out, use, sheet)
    vault = None
    if vault_url is not None:
        if lock == "password":
            raise click.UsageError("a vault keeps a key: --vault is for --lock key")
        check_vault_libraries()
        vault = VaultSource(vault_url, vault_user, vault_token_file, None, vault_fingerprint)
    elif keep == "vault" or any((vault_user, vault_token_file, vault_fingerprint, vault_password_file, weak)):
        raise click.UsageError("name the vault, as in --vault https://vault.example")
    if sheet is not None:
        if lock == "password":
            raise click.UsageError("a password is not written down: --sheet is for a key")
        check_sheet(sheet)
    if lock == "password":
        if asked:
            dialog.say(GUESSED)
        choice, kept = KeyChoice("password", ""), "you are asked for it each time"
    else:
        if use is not None:
            key, place, path = BackupKey.from_file(use), _THERE, Path(use)
        else:
            place = keep or dialog.choose("Where shall this machine keep the key?", _places())
            path = Path(key_out) if key_out else configuration.path().with_name("backup.key")
            _check_place(place, path, name)
            key = _new_key(asked=asked, must_show=place == "nowhere" or (place == "vault" and sheet is None))
        # First on paper, then kept, then configured, each durably: whatever ends this here, no backup depends on a key that nobody has.
        sheet = sheet or (_ask_sheet() if asked else None)
        if vault is None and asked:
            vault = _ask_vault(needed=place == "vault")
        record = None if vault is None else _register(key, vault, Asked(vault_password_file, None, None), out, weak=weak)
        if sheet is not None:
            recovery_sheet(key, sheet, vaults=[vault_place.on_sheet(record)] if record else [])
        try:
            if place == "vault":
                assert record is not None
                choice, kept = KeyChoice("vault", record.url), f"the vault at {escape(record.url)} gives it for the password"
            else:
                choice, kept = _keep(key, place, path, name)
        except BaseException:
            if sheet is not None:
                out.warn(f"{sheet} shows a key that is kept nowhere else, and nothing was set up: delete it")
            raise
    where = configuration.write_key(choice)
    if sheet is not None:
        out.advise(f"Print {escape(sheet)}, and then delete the file: whoever has it has the key.")
    at = None if lock == "password" or record is None else vault_place.record(record)
    found = {"configuration": str(where), "lock": lock, "keep": choice.kind, "where": choice.value or None, "sheet": sheet, "vault": at}
    out.result(found, f"backups are locked with a {lock} from now on; {kept}; configuration: {click.format_filename(where)}")
    if lock == "password" and not asked:
        out.warn(" ".join(GUESSED.split()))
    _say_what_stays(out, before, choice)


def _check_agreement(lock: str, keep: str | None, key_out: str | None, use: str | None, sheet: str | None) -> None:
    """Raise UsageError for options that contradict each other: none of them is dropped in silence."""
    if lock == "password" and (keep or key_out or use):
        raise click.UsageError("--keep, --key-out and --use are for a key; a password is kept nowhere")
    if use and (keep or key_out):
        raise click.UsageError("--use takes a key that is kept already; --keep and --key-out are for a new one")
    if key_out and keep not in (None, "file"):
        raise click.UsageError(f"--key-out makes a key file, and --keep {keep} keeps no file")
    if key_out and sheet and os.path.abspath(key_out) == os.path.abspath(sheet):
        raise click.UsageError("--key-out and --sheet name the same file")


def _ask_lock(before: Configuration) -> str:
    if before.key is not None:
        dialog.say(f"Backups are locked with a {'password' if before.key.kind == 'password' else 'key'} now.")
    return dialog.choose(
        "How shall your backups be locked?",
        [
            ("key", "a key of 64 digits, which you keep on paper: nobody can guess it"),
            ("password", "a password, which you remember: whoever has a backup can try to guess it"),
        ],
    )


def _new_key(*, asked: bool, must_show: bool) -> BackupKey:
    """Make a key, and have it written down if somebody is there."""
    key = BackupKey.generate()
    if asked or must_show:
        dialog.require_terminal("A key that is kept nowhere here has to be shown, or put on a --sheet; or name another place with --keep.")
        dialog.say(f"\n{LOST}\n")
        dialog.show_key(key)
        dialog.prove(key)
    return key


def _keep(key: BackupKey, place: str, path: Path, name: str) -> tuple[KeyChoice, str]:
    """Keep *key* where it was said, durably. What was kept there is never overwritten."""
    if place == _THERE:
        return KeyChoice("file", os.path.abspath(path)), f"the key is in {escape(os.path.abspath(path))}"
    if place == "file":
        make_folder(path.parent)
        key.write(path)
        return KeyChoice("file", os.path.abspath(path)), f"the key is in {escape(os.path.abspath(path))}: keep a copy elsewhere"
    if place == "keyring":
        sources.into_keyring(name, key.digits)
        return KeyChoice("keyring", name), f"the key is in the keyring under the name {escape(name)}"
    if place == "pass":
        password_store.insert(name, f"{key.digits}\n".encode())
        return KeyChoice("command", f"pass show {name}"), f"`pass show {escape(name)}` gives the key"
    return KeyChoice("prompt", ""), "you type the key each time"


def _ask_sheet() -> str | None:
    """Where a recovery sheet shall go; None for nowhere."""

    def wrong(text: str) -> str | None:
        if text == "no":
            return None
        try:
            check_sheet(text)
        except (ChatsealError, click.UsageError) as error:
            return str(error)
        return None

    answer = dialog.ask("A recovery sheet to print: a name that ends in .pdf, .svg or .html, or no", "no", wrong)
    return None if answer == "no" else answer


def check_sheet(path: str) -> None:
    """Raise now what would otherwise be raised when the key is made already."""
    try:
        format_of(path)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if os.path.lexists(path):
        raise TargetExistsError(f"{path} exists; a recovery sheet is never overwritten").with_remedy("Choose another name.")
    check_libraries()


def _ask_vault(*, needed: bool) -> VaultSource | None:
    """The vault that shall keep the key too; None for none."""
    url = dialog.line("Its URL: ") if needed else dialog.ask("A key vault's URL, to keep the key under a password as well, or no", "no")
    return None if url == "no" else VaultSource(url, dialog.line("Name of your account there: "))


def _register(key: BackupKey, vault: VaultSource, password: Asked, out: Output, *, weak: bool) -> VaultPlace:
    from chatseal.cli.vault.register import register

    with vault.connect(out) as client:
        done, place = register(client, vault, key, password, out, weak=weak)
    assert done.announced is None
    return place


def _places() -> list[tuple[str, str]]:
    """The places that this machine has, each with a word on it."""
    places = ["file"]
    try:
        sources.keyring()
        places.append("keyring")
    except KeySourceError:
        pass
    if shutil.which("pass"):
        places.append("pass")
    return [(place, KEEP[place]) for place in [*places, "vault", "nowhere"]]


def _check_place(keep: str, path: Path, name: str) -> None:
    """Raise now what would otherwise be raised after the person wrote down 64 digits."""
    if keep == "file" and os.path.lexists(path):
        taken = TargetExistsError(f"{path} exists; a key file is never overwritten")
        raise taken.with_remedy(f"`chatseal setup --lock key --use {path}` uses it.")
    if keep == "keyring":
        sources.check_new_in_keyring(name)
    if keep == "pass":
        if any(part.startswith("-") or not part.replace("-", "").isalnum() for part in name.split("/")):
            raise click.UsageError("a name for pass is letters, digits, - inside of words and / between them")
        password_store.check_new(name)


def _opt_out(out: Output, before: Configuration) -> None:
    where = configuration.write_key(None)
    stays = where.exists()
    record = {"configuration": str(where) if stays else None, "was": before.key.kind if before.key else None}
    gone = (
        f"[key] is gone from {click.format_filename(where)}, the rest of it stays" if stays else f"{click.format_filename(where)} is gone"
    )
    out.result(record, f"{gone}; no command finds a key by itself any more")
    if before.key is None:
        return
    lock = "the password" if before.key.kind == "password" else "the key"
    out.advise(
        f"What was sealed stays as it is: {lock} opens it as before, and without it nobody can. {_still_there(before.key)} "
        "If you want the backups gone, delete them yourself, wherever copies are; if you want them open, `chatseal unseal` them first."
    )


def _still_there(choice: KeyChoice) -> str:
    places = {
        "file": f"The key file {escape(choice.value)} is still there.",
        "keyring": f"The key named {escape(choice.value)} is still in the keyring.",
        "command": "The key is still where the command found it.",
        "vault": f"The vault at {escape(choice.value)} still keeps it.",
    }
    return places.get(choice.kind, "It is kept nowhere but with you.")


def _say_what_stays(out: Output, before: Configuration, now: KeyChoice) -> None:
    if before.key is not None and before.key != now:
        old = "the old password" if before.key.kind == "password" else "the old key"
        out.advise(
            f"What is sealed already opens with {old} only: keep it, or give those files the new one with `chatseal key rotate`. "
            f"{_still_there(before.key)}"
        )
