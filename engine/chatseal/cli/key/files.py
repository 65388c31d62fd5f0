"""Files that `chatseal key` makes: new ones only."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from chatseal import TargetExistsError
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
