"""`chatseal key`: make keys."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import click

from chatseal import BackupKey, PrivateKey, TargetExistsError
from chatseal.cli.command import EXITS_OF_LITTLE, Command, Group, pass_output
from chatseal.cli.options import FileName
from chatseal.cli.output import Output

OUT = click.option("--out", "path", metavar="FILE", required=True, type=FileName(), help="The new key file. Nothing is overwritten.")
NEW = ("A backup key; write its digits down, or copy the file to where a fire does not reach", "chatseal key new --out my.key")
PAIR = ("A pair; the machine that makes backups gets only server.key.pub", "chatseal key pair --out server.key")


@click.group(cls=Group, synopsis="new|pair --out FILE", examples=[NEW, PAIR], exits=EXITS_OF_LITTLE)
def command() -> None:
    """Make a backup key or a key pair.

    A backup key (64 hexadecimal digits) seals and opens. Of a key pair, the public key only seals, and the private key opens what
    was sealed for it: so that a machine can make backups that it cannot read.

    Whoever has a backup key or a private key can open what was sealed for it. Without them nobody can, and nobody can help.
    """


@contextmanager
def _nothing_overwritten() -> Iterator[None]:
    try:
        yield
    except TargetExistsError as error:
        error.remedy = "Choose another name: what was sealed for the key in it could not be opened without it."
        raise


@command.command(
    cls=Command,
    short_help="Make a backup key: 64 hexadecimal digits.",
    synopsis="--out FILE [--show]",
    examples=[NEW, ("The same, and show the digits to write them down", "chatseal key new --out my.key --show")],
    exits=EXITS_OF_LITTLE,
)
@OUT
@click.option("--show", is_flag=True, help="Print the 64 digits of the key.")
@pass_output
def new(out: Output, path: str, show: bool) -> None:
    """Make a backup key and write it to a new file that only you can read.

    The file is text: 64 hexadecimal digits in groups of four, and a comment. The digits typed into a file give the same key.
    """
    key = BackupKey.generate()
    with _nothing_overwritten():
        key.write(path)
    record = {"key_file": path, **({"digits": key.digits} if show else {})}
    out.result(
        record, f"wrote a backup key to {click.format_filename(path)}; keep a copy of it offline: without it nobody can open your backups"
    )
    if show and not out.json:
        groups = key.digits.split()
        out.show({}, "\n".join(" ".join(groups[i : i + 4]) for i in range(0, len(groups), 4)))


@command.command(
    cls=Command,
    short_help="Make a key pair: one half seals, the other opens.",
    synopsis="--out FILE",
    examples=[PAIR, ("Seal for it elsewhere", "chatseal seal chat.db -o chat.db.seal --to server.key.pub")],
    exits=EXITS_OF_LITTLE,
)
@OUT
@pass_output
def pair(out: Output, path: str) -> None:
    """Make a key pair: the private key in FILE, which only you can read, and the public key in FILE.pub.

    The public key is no secret: give it to the machines that seal. Keep the private key away from them.
    """
    public = f"{path}.pub"
    with _nothing_overwritten():
        key = PrivateKey.generate()
        key.write(path)
        try:
            key.public_key.write(public)
        except BaseException:
            os.unlink(path)
            raise
    record = {"key_file": path, "public_key_file": public}
    out.result(record, f"wrote a private key to {click.format_filename(path)} and its public key to {click.format_filename(public)}")
