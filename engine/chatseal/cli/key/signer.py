"""`chatseal key signer`: a signing key and its verifying key."""

import os

import click

from chatseal import SigningKey
from chatseal.cli.command import EXITS_OF_LITTLE, Command, pass_output
from chatseal.cli.key import SIGNER
from chatseal.cli.key.files import nothing_overwritten, out_option
from chatseal.cli.output import Output


@click.command(
    cls=Command,
    short_help="Make a signer's key: one half signs, the other shows it.",
    synopsis="--out FILE",
    examples=[
        SIGNER,
        ("Sign what is sealed", "chatseal seal chat.db -o chat.db.seal --key-file my.key --sign me.sign"),
        ("Take nothing else", "chatseal unseal chat.db.seal -o chat.db --key-file my.key --from me.sign.pub"),
    ],
    exits=EXITS_OF_LITTLE,
)
@out_option
@pass_output
def command(out: Output, path: str) -> None:
    """Make a signing key in FILE, which only you can read, and its verifying key in FILE.pub.

    What is sealed with --sign shows, to whoever has the verifying key, that you sealed it. The verifying key is no secret, but give
    it out in a way that nobody can put another in its place. The signing key opens nothing.
    """
    public = f"{path}.pub"
    with nothing_overwritten():
        key = SigningKey.generate()
        key.write(path)
        try:
            key.verifying_key.write(public)
        except BaseException:
            os.unlink(path)
            raise
    record = {"key_file": path, "verifying_key_file": public}
    out.result(record, f"wrote a signing key to {click.format_filename(path)} and its verifying key to {click.format_filename(public)}")
