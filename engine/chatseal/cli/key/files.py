"""Files that `chatseal key` makes: new ones only."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from chatseal import BackupKey, TargetExistsError
from chatseal.cli.options import FileName

out_option = click.option("--out", "path", metavar="FILE", required=True, type=FileName(), help="The new key file. Nothing is overwritten.")


@contextmanager
def nothing_overwritten() -> Iterator[None]:
    """A remedy that does not offer --force."""
    try:
        yield
    except TargetExistsError as error:
        error.remedy = "Choose another name: what was sealed for the key in it could not be opened without it."
        raise


def in_lines(key: BackupKey) -> str:
    """The digits of *key* to be written down: four groups of four a line."""
    groups = key.digits.split()
    return "\n".join(" ".join(groups[at : at + 4]) for at in range(0, len(groups), 4))
