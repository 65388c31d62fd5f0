"""`chatseal vault`: what a person does with a key vault. Its commands are a table, like those of `chatseal`."""

import click

from chatseal.cli.command import Table

_TO = "--vault https://vault.example --user ada --token-file ada.token"
REGISTER = ("Let a vault keep your key under a password", f"chatseal vault register {_TO} --key-file my.key")
RECOVER = ("Get it back on another device", f"chatseal vault recover {_TO} --out my.key")
CHANGE = ("Another password; no backup is touched", f"chatseal vault change-password {_TO} --key-file my.key")
STATUS = ("Guesses left, and who tried", f"chatseal vault status {_TO}")
HISTORY = ("All that happened to the account", f"chatseal vault history {_TO}")
REHEARSE = ("Try the password now and then, so that you know it when you need it", "chatseal vault rehearse")
WITHDRAW = ("End a deletion that somebody announced", f"chatseal vault withdraw {_TO} --key-file my.key")
DELETE = ("Let the vault forget the key", f"chatseal vault delete {_TO} --key-file my.key")
COMMANDS = {  # name: (module, what it does)
    "register": ("chatseal.cli.vault.register", "Let a vault keep a backup key under a password."),
    "recover": ("chatseal.cli.vault.recover", "Get the key back with the password."),
    "change-password": ("chatseal.cli.vault.change_password", "Choose another password for the same key."),
    "status": ("chatseal.cli.vault.status", "Show guesses left, and who tried."),
    "history": ("chatseal.cli.vault.history", "Show what happened to the account."),
    "rehearse": ("chatseal.cli.vault.rehearse", "Try the password or the digits, and be reminded."),
    "withdraw": ("chatseal.cli.vault.withdraw", "End what was announced without the key."),
    "delete": ("chatseal.cli.vault.delete", "Delete the record of the key."),
}


@click.group(
    cls=Table,
    table=COMMANDS,
    synopsis="COMMAND ...",
    examples=[REGISTER, RECOVER, CHANGE, STATUS, HISTORY, REHEARSE, WITHDRAW, DELETE],
)
def command() -> None:
    """Let a key vault keep a backup key under a password that you can remember.

    The vault takes ten guesses at the password and then destroys its record. It never learns the password or the key. An operator who has
    the service's own secrets can guess without limit, though: take a password that withstands that for a while.

    The 64 digits on paper open your backups as before, with or without the vault. Keep them: a record can be destroyed by whoever has
    the account's token and guesses wrong ten times.
    """
