"""App: the command `chatseal-vault` and its table of commands."""

import click

from chatseal._version import VERSION
from chatseal.cli.app import App

NAME = "chatseal-vault"
_HERE = "chatseal.cli.vault_operator"
COMMANDS = {  # name: (module, what it does)
    "init": (f"{_HERE}.init", "Make a vault in a folder."),
    "serve": (f"{_HERE}.serve", "Serve it over HTTPS, or over HTTP to this machine alone."),
    "accounts": (f"{_HERE}.accounts", "Say who may use it: names and their tokens."),
    "status": (f"{_HERE}.status", "Show what is in it, and the fingerprint that clients pin."),
    "audit": (f"{_HERE}.audit", "Check the whole audit log, and show what happened."),
    "epoch": (f"{_HERE}.epoch", "Make what was destroyed unreadable in every copy made before."),
    "backup": (f"{_HERE}.backup", "Copy the database, while it is used."),
    "restore": (f"{_HERE}.restore", "Accept an older database, and destroy what cannot be vouched for."),
    "certificate": (f"{_HERE}.certificate", "Make a TLS certificate for development."),
    "unit": (f"{_HERE}.unit", "Print a hardened systemd unit."),
}


@click.group(
    cls=App,
    table=COMMANDS,
    synopsis="COMMAND ...",
    examples=[
        ("Make a vault", "chatseal-vault init --folder /srv/vault"),
        ("Let somebody use it", "chatseal-vault accounts add grandma --folder /srv/vault"),
        ("Serve it to this machine, to try it", "chatseal-vault serve --folder /srv/vault"),
        ("Serve it to others", "chatseal-vault serve --folder /srv/vault --listen 0.0.0.0:8443 --tls-cert cert.pem --tls-key key.pem"),
    ],
)
@click.version_option(VERSION, "--version", prog_name=NAME, message="%(prog)s %(version)s")
def chatseal_vault() -> None:
    """Run a vault: a service that keeps backup keys under passwords, and destroys a key after ten wrong guesses.

    The vault protects from whoever gets its database alone. It protects nothing from whoever has the database and the token, you
    among them: they can try passwords without limit. An anchor beside the database protects from nothing either: give it a disk
    of its own.

    `chatseal-vault COMMAND --help` explains a command.
    """
