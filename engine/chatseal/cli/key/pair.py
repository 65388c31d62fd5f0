"""`chatseal key pair`: a private key and its public key."""

import os

import click

from chatseal import PrivateKey
from chatseal.cli.command import EXITS_OF_LITTLE, Command, pass_output
from chatseal.cli.key import PAIR
from chatseal.cli.key.files import nothing_overwritten, out_option
from chatseal.cli.output import Output


@click.command(
    cls=Command,
    short_help="Make a key pair: one half seals, the other opens.",
    synopsis="--out FILE",
    examples=[PAIR, ("Seal for it elsewhere", "chatseal seal chat.db -o chat.db.seal --to server.key.pub")],
    exits=EXITS_OF_LITTLE,
)
@out_option
@pass_output
def command(out: Output, path: str) -> None:
    """Make a key pair: the private key in FILE, which only you can read, and the public key in FILE.pub.

    The public key is no secret: give it to the machines that seal. Keep the private key away from them.
    """
    public = f"{path}.pub"
    with nothing_overwritten():
        key = PrivateKey.generate()
        key.write(path)
        try:
            key.public_key.write(public)
        except BaseException:
            os.unlink(path)
            raise
    record = {"key_file": path, "public_key_file": public}
    out.result(record, f"wrote a private key to {click.format_filename(path)} and its public key to {click.format_filename(public)}")
