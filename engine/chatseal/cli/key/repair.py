"""`chatseal key repair`: the right key for digits with a mistake in them."""

import os
import sys

import click

import chatseal
from chatseal import errors
from chatseal.cli.command import EXITS_OF_FILES, Command, pass_output
from chatseal.cli.key import REPAIR
from chatseal.cli.key.files import in_lines, nothing_overwritten
from chatseal.cli.options import DASH, FileName, KeyFileName
from chatseal.cli.output import Output
from chatseal.cli.streams import INPUT, name_of, standard_input
from chatseal.keys import key_file, sources
from chatseal.keys.key_pair import PRIVATE, PUBLIC
from chatseal.keys.sources import WrongKindError


@click.command(
    cls=Command,
    short_help="Find the mistake in a backup key that was typed.",
    synopsis="TARGET [--key-file K] [--out FILE] [--show]",
    examples=[
        REPAIR,
        ("Type the key, without showing it", "chatseal key repair msgstore.db.seal --out right.key"),
        ("Only show what is wrong", "chatseal key repair msgstore.db.seal --key-file typed.txt"),
    ],
    exits=[code for code in EXITS_OF_FILES if code != errors.EXIT_PARTLY],
)
@click.argument("target", metavar="TARGET", type=FileName())
@click.option(
    "--key-file", metavar="K", type=KeyFileName(), help="File with the digits as they were typed, or `-`. [default: ask for them]"
)
@click.option("--out", "path", metavar="FILE", type=FileName(), help="A new key file for the right key. Nothing is overwritten.")
@click.option("--show", is_flag=True, help="Print the 64 digits of the right key.")
@pass_output
def command(out: Output, target: str, key_file: str | None, path: str | None, show: bool) -> None:
    """Find the one mistake in the digits of a backup key, with the help of TARGET, a file that was sealed for it.

    It finds a wrong digit, two digits side by side that are swapped, two groups of four that are swapped, a digit that is missing or one
    too many, and a character that is no hexadecimal digit, as O for 0. The file confirms the key: there is no guess. More than one mistake
    is not found.

    It says what is wrong. The right key itself goes into FILE, or is shown with --show. The file with the mistake is not changed.
    """
    text = _typed(out, target, key_file)
    out.subject = name_of(target)
    found = chatseal.repair_key(text, standard_input() if target == DASH else target)
    record: dict[str, object] = {"target": target, "changed": bool(found.what), "what": found.what}
    says = f"{found.what}; the right key opens {out.subject}" if found.what else f"the key is right: it opens {out.subject}"
    if path is not None:
        with nothing_overwritten():
            found.key.write(path)
        record["key_file"] = path
        says += f"\nwrote the right key to {click.format_filename(path)}"
    if show:
        record["digits"] = found.key.digits
    out.result(record, says)
    if show and not out.json:
        out.show({}, in_lines(found.key))


def _typed(out: Output, target: str, name: str | None) -> str:
    """The digits as somebody typed them. Raises UsageError if there is nowhere to take them from."""
    if name is None:
        if sys.stdin is None or not sys.stdin.isatty() or target == DASH:
            raise click.UsageError("there is no terminal to ask for the digits; name a file with them, --key-file K, or `-`")
        return sources.from_prompt("the backup key, as it is written down (not shown): ")
    if name == DASH == target:
        raise click.UsageError("standard input cannot be both the sealed file and the key")
    out.subject = name_of(name)
    data = key_file.read_descriptor(os.dup(0), INPUT) if name == DASH else key_file.read_private(name)
    text = key_file.text(data, out.subject)
    if text.split(maxsplit=1)[:1] in ([PRIVATE], [PUBLIC]):
        raise WrongKindError(f"{out.subject} holds a key of a pair; only a backup key is typed, and can be repaired")
    return text
