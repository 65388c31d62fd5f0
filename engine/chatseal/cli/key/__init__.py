"""`chatseal key`: everything a person does with keys. Its commands are a table, like those of `chatseal`."""

import click

from chatseal.cli.command import EXITS_OF_LITTLE, Table

NEW = ("A backup key; write its digits down, or copy the file to where a fire does not reach", "chatseal key new --out my.key")
PAIR = ("A pair; the machine that makes backups gets only server.key.pub", "chatseal key pair --out server.key")
SHEET = ("A page to print, with all that is needed to restore", "chatseal key sheet --key-file my.key -o sheet.pdf")
REPAIR = ("A key that was typed with a mistake", "chatseal key repair msgstore.db.seal --key-file typed.txt --out right.key")
COMMANDS = {  # name: (module, what it does)
    "new": ("chatseal.cli.key.new", "Make a backup key: 64 hexadecimal digits."),
    "pair": ("chatseal.cli.key.pair", "Make a key pair: one half seals, the other opens."),
    "keep": ("chatseal.cli.key.keep", "Put a backup key into the system's keyring."),
    "sheet": ("chatseal.cli.key.sheet", "Put a backup key on a page to print."),
    "repair": ("chatseal.cli.key.repair", "Find the mistake in a backup key that was typed."),
}


@click.group(cls=Table, table=COMMANDS, synopsis="COMMAND ...", examples=[NEW, PAIR, SHEET, REPAIR], exits=EXITS_OF_LITTLE)
def command() -> None:
    """Make a backup key or a key pair, or put a backup key on paper.

    A backup key (64 hexadecimal digits) seals and opens. Of a key pair, the public key only seals, and the private key opens what
    was sealed for it: so that a machine can make backups that it cannot read.

    Whoever has a backup key or a private key can open what was sealed for it. Without them nobody can, and nobody can help.
    """
