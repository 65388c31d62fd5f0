"""`chatseal key new`: a backup key."""

import click

from chatseal import BackupKey
from chatseal.cli.command import EXITS_OF_LITTLE, Command, pass_output
from chatseal.cli.key import NEW
from chatseal.cli.key.files import in_lines, nothing_overwritten, out_option
from chatseal.cli.output import Output


@click.command(
    cls=Command,
    short_help="Make a backup key: 64 hexadecimal digits.",
    synopsis="--out FILE [--show]",
    examples=[NEW, ("The same, and show the digits to write them down", "chatseal key new --out my.key --show")],
    exits=EXITS_OF_LITTLE,
)
@out_option
@click.option("--show", is_flag=True, help="Print the 64 digits of the key.")
@pass_output
def command(out: Output, path: str, show: bool) -> None:
    """Make a backup key and write it to a new file that only you can read.

    The file is text: 64 hexadecimal digits in groups of four, and a comment. The digits typed into a file give the same key.
    """
    key = BackupKey.generate()
    with nothing_overwritten():
        key.write(path)
    record = {"key_file": path, **({"digits": key.digits} if show else {})}
    out.result(
        record, f"wrote a backup key to {click.format_filename(path)}; keep a copy of it offline: without it nobody can open your backups"
    )
    if show and not out.json:
        out.show({}, in_lines(key))
