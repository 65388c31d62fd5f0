"""`chatseal key sheet`: a backup key on a page to print."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import click

from chatseal import BackupKey, errors
from chatseal.cli.command import Command, pass_output
from chatseal.cli.key import SHEET
from chatseal.cli.key.files import nothing_overwritten
from chatseal.cli.key_options import Keys, printed_key
from chatseal.cli.options import DASH, target_option
from chatseal.cli.output import Output
from chatseal.cli.streams import standard_output
from chatseal.keys import key_file
from chatseal.keys.sheet.face import has
from chatseal.keys.sheet.recovery_sheet import PAPERS, draw, format_of
from chatseal.keys.sources import WrongKindError
from chatseal.sealing.target import write_all

_EXITS = (
    errors.EXIT_OK,
    errors.EXIT_FAILED,
    errors.EXIT_USAGE,
    errors.EXIT_NOT_THERE,
    errors.EXIT_NO_SPACE,
    errors.EXIT_INTERRUPTED,
)


@contextmanager
def _refused_as_usage() -> Iterator[None]:
    """What does not go on a page, or on this one, is an option's fault."""
    try:
        yield
    except ValueError as error:
        raise click.UsageError(str(error), click.get_current_context()) from None


def _with_head(key: BackupKey, out: Output, url: str) -> str:
    from chatseal.snapshots.store import Store

    out.subject = url if "@" not in url else "the store"
    with Store(url, key) as store:
        found = store.head()
    return f"{url} (head {found})" if found else url


@click.command(
    cls=Command,
    short_help="Put a backup key on a page to print.",
    synopsis="--key-file K -o SHEET [--name TEXT] [--store TEXT]... [--vault TEXT]...",
    examples=[
        SHEET,
        (
            "With what whoever finds it has to know",
            'chatseal key sheet --key-file my.key -o sheet.pdf --name "Anna\'s phone" --store /mnt/usb/backup',
        ),
        (
            "With the head of the store, so that an older state of it is noticed",
            "chatseal key sheet --key-file my.key -o sheet.pdf --store s3://bucket/chats --head",
        ),
        ("To the printer, with no file left behind", "chatseal key sheet --key-file my.key -o - --paper letter | lp"),
    ],
    exits=_EXITS,
)
@target_option("The new sheet: .pdf, .svg or .html by its ending; - is a PDF through a pipe. Nothing is overwritten.")
@click.option("--name", metavar="TEXT", default="", help="What the key opens, for whoever finds the sheet.")
@click.option("--store", "stores", metavar="TEXT", multiple=True, help="Where backups are. Can be given several times.")
@click.option(
    "--head", is_flag=True, help="Open each store now, and print its head: by it a new machine knows whether the store is as new as today."
)
@click.option("--vault", "vaults", metavar="TEXT", multiple=True, help="Where a key vault is. Can be given several times.")
@click.option("--paper", type=click.Choice(PAPERS), default=PAPERS[0], show_default=True, help="What it is printed on.")
@printed_key
@pass_output
def command(
    out: Output, target: str, name: str, stores: tuple[str, ...], head: bool, vaults: tuple[str, ...], paper: str, keys: Keys
) -> None:
    """Put a backup key on one page: its 64 digits in numbered groups, a QR code, what it opens and how, and room for notes.

    The text of the QR code, scanned into a file, is a key file. The sheet is as secret as the key: print it, keep the paper where
    the backups are not, and delete the file. It needs segno and reportlab.

    With --head the page also says what the newest snapshot of each store is. `chatseal check --head` on a machine that has never seen the
    store then fails if its keeper shows an older state.
    """
    with _refused_as_usage():
        format = "pdf" if target == DASH else format_of(target)
    key, *more = keys.openers(out)
    if more:
        raise click.UsageError("a sheet is for one key")
    if not isinstance(key, BackupKey):
        raise WrongKindError("a sheet is for a backup key; a private key has too many digits for a page")
    if head:
        stores = tuple(map(partial(_with_head, key, out), stores))
    with _refused_as_usage():
        sheet = draw(key, format, name=name, stores=stores, vaults=vaults, paper=paper)
    if target == DASH:
        write_all(standard_output(out, terminal=False, can_insist=False), sheet)
    else:
        with nothing_overwritten():
            key_file.write_new(target, sheet, "a recovery sheet")
    if format == "pdf" and not all(map(has, "".join((name, *stores, *vaults)))):
        out.warn("a PDF's own fonts lack some of these characters, which are written as ? or as their numbers; an .html sheet has them all")
    if target == DASH:
        told = "wrote a recovery sheet to standard output; whatever took it has the key now"
    else:
        told = f"wrote a recovery sheet to {click.format_filename(target)}; print it, and then delete the file: whoever has it has the key"
    out.result({"sheet": target, "format": format}, told)
