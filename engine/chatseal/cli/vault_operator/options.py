"""Options: where a vault lies, for all commands of its operator."""

import functools
from collections.abc import Callable
from typing import Any

import click

from chatseal.cli.options import FileName
from chatseal.vault.service.files import Files

FOLDER = "CHATSEAL_VAULT_FOLDER"


def vault_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--folder, --token and --anchor, given to the command as `files`."""

    @functools.wraps(function)
    def command(*args: Any, folder: str, token: str | None, anchor: str | None, **kwargs: Any) -> Any:
        return function(*args, files=Files.within(folder, token=token, anchor=anchor), **kwargs)

    options = (
        click.option(
            "--folder", metavar="DIR", required=True, envvar=FOLDER, type=FileName(), help=f"Where the vault lies. Also: {FOLDER}."
        ),
        click.option("--token", metavar="FILE", type=FileName(), help="The service's secrets. [default: DIR/token]"),
        click.option(
            "--anchor",
            metavar="FILE",
            type=FileName(),
            help="What remembers how far the database was; on another disk, or one that no backup brings back. [default: DIR/anchor]",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command
