"""`chatseal key`: everything a person does with keys. Its commands are a table, like those of `chatseal`."""

import click

from chatseal.cli.command import Table

NEW = ("A backup key; write its digits down, or copy the file to where a fire does not reach", "chatseal key new --out my.key")
PAIR = ("A pair; the machine that makes backups gets only server.key.pub", "chatseal key pair --out server.key")
SIGNER = ("A signer's key; whoever takes your backups for yours gets me.sign.pub", "chatseal key signer --out me.sign")
SHEET = ("A page to print, with all that is needed to restore", "chatseal key sheet --key-file my.key -o sheet.pdf")
REPAIR = ("A key that was typed with a mistake", "chatseal key repair msgstore.db.seal --key-file typed.txt --out right.key")
LIST = ("Who can open a file", "chatseal key list chat.db.seal")
ADD = ("A second backup key for a file", "chatseal key add chat.db.seal --key-file my.key --new-key-file second.key")
REMOVE = ("And without it again", "chatseal key remove chat.db.seal --key-file my.key --remove-key-file second.key")
ROTATE = ("A new key instead of the old one", "chatseal key rotate chat.db.seal --key-file old.key --new-key-file new.key")
COMMANDS = {  # name: (module, what it does)
    "new": ("chatseal.cli.key.new", "Make a backup key: 64 hexadecimal digits."),
    "pair": ("chatseal.cli.key.pair", "Make a key pair: one half seals, the other opens."),
    "signer": ("chatseal.cli.key.signer", "Make a signer's key: one half signs, the other shows it."),
    "keep": ("chatseal.cli.key.keep", "Put a backup key into the system's keyring."),
    "sheet": ("chatseal.cli.key.sheet", "Put a backup key on a page to print."),
    "repair": ("chatseal.cli.key.repair", "Find the mistake in a backup key that was typed."),
    "list": ("chatseal.cli.key.list", "Show who can open a sealed file or a store."),
    "add": ("chatseal.cli.key.add", "Let one more key open sealed files or a store."),
    "remove": ("chatseal.cli.key.remove", "Let a key open sealed files or a store no more."),
    "rotate": ("chatseal.cli.key.rotate", "Put a new key in the place of an old one."),
}


@click.group(cls=Table, table=COMMANDS, synopsis="COMMAND ...", examples=[NEW, PAIR, SIGNER, SHEET, REPAIR, LIST, ADD, REMOVE, ROTATE])
def command() -> None:
    """Make, keep, print and repair keys; list and change who can open a sealed file or a store.

    A backup key (64 hexadecimal digits) seals and opens. Of a key pair, the public key only seals, and the private key opens what
    was sealed for it: so that a machine can make backups that it cannot read.

    Whoever has a backup key or a private key can open what was sealed for it. Without them nobody can, and nobody can help.
    """
