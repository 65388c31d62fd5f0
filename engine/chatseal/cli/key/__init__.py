"""`chatseal key`: everything a person does with keys. Its commands are a table, like those of `chatseal`."""

import click

from chatseal.cli.command import EXITS_OF_LITTLE, Table

NEW = ("A backup key; write its digits down, or copy the file to where a fire does not reach", "chatseal key new --out my.key")
PAIR = ("A pair; the machine that makes backups gets only server.key.pub", "chatseal key pair --out server.key")
SIGNER = ("A signer's key; whoever takes your backups for yours gets me.sign.pub", "chatseal key signer --out me.sign")
COMMANDS = {  # name: (module, what it does)
    "new": ("chatseal.cli.key.new", "Make a backup key: 64 hexadecimal digits."),
    "pair": ("chatseal.cli.key.pair", "Make a key pair: one half seals, the other opens."),
    "signer": ("chatseal.cli.key.signer", "Make a signer's key: one half signs, the other shows it."),
}


@click.group(cls=Table, table=COMMANDS, synopsis="COMMAND ...", examples=[NEW, PAIR, SIGNER], exits=EXITS_OF_LITTLE)
def command() -> None:
    """Make a backup key or a key pair.

    A backup key (64 hexadecimal digits) seals and opens. Of a key pair, the public key only seals, and the private key opens what
    was sealed for it: so that a machine can make backups that it cannot read.

    Whoever has a backup key or a private key can open what was sealed for it. Without them nobody can, and nobody can help.
    """
