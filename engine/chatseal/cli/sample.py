"""`chatseal sample`: a chat database to try things on."""

import os

import click

from chatseal import ChatsealError, TargetExistsError
from chatseal.cli import amounts
from chatseal.cli.command import EXITS_OF_LITTLE, Command, pass_output
from chatseal.cli.options import FileName, Size
from chatseal.cli.output import Output
from chatseal.cli.progress import Bar


class NumPyMissingError(ChatsealError):
    """All else works without NumPy."""

    remedy = "Install it with `pip install 'chatseal[sample]'`."


@click.command(
    cls=Command,
    synopsis="FILE [--size SIZE] [--seed N]",
    examples=[
        ("A small one", "chatseal sample --size 10MB small.db"),
        ("A large one; the same seed gives the same database again", "chatseal sample --size 4G --seed 7 large.db"),
    ],
    exits=EXITS_OF_LITTLE,
)
@click.argument("target", metavar="FILE", type=FileName())
@click.option(
    "--size", metavar="SIZE", type=Size(1_000_000), default="256MB", show_default=True, help="About how large it becomes, 1MB or more."
)
@click.option("--seed", metavar="N", type=click.IntRange(0), default=1, show_default=True, help="Which of all possible databases.")
@pass_output
def command(out: Output, target: str, size: int, seed: int) -> None:
    """Write a chat database with nobody's messages to FILE.

    An SQLite database with the tables and indexes of a messenger: messages, chats, receipts, media, thumbnails, a full-text index. The
    text is made up, with the frequencies of words of a language, and it compresses like a real one. It needs NumPy.
    """
    try:
        from chatseal.sample import write_sample
    except ModuleNotFoundError as error:
        if error.name != "numpy":
            raise
        raise NumPyMissingError("the sample needs NumPy, which is not installed") from None
    out.subject = target
    if os.path.lexists(target):
        raise TargetExistsError(f"{target} exists").with_remedy("Choose another name.")
    with Bar(out, f"writing {target}") as bar:
        held = write_sample(target, size, seed=seed, progress=bar.update)
    record = {"target": target, "bytes": held.bytes, "chats": held.chats, "messages": held.messages, "media": held.media, "seed": seed}
    out.result(record, f"wrote {target}: {amounts.amount(held.bytes)}, {held.messages} messages in {held.chats} chats")
