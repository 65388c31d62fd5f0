"""`chatseal epoch drop`: an epoch's key is destroyed, and with it all that is sealed for it."""

from typing import TYPE_CHECKING

import click

from chatseal.cli import amounts, dialog
from chatseal.cli.command import Command, pass_output
from chatseal.cli.epoch import DROP
from chatseal.cli.epoch.list import record
from chatseal.cli.key_options import Keys, opening_keys
from chatseal.cli.output import Output
from chatseal.cli.store_options import local, open_store, store_option
from chatseal.errors import EXIT_FAILED, EXIT_OK

if TYPE_CHECKING:
    from chatseal.snapshots.epochs import Epoch

REMAINS = (
    "`chatseal prune` removes its objects; who keeps the store may keep copies, which nobody can open.",
    "Older copies of the object `config` still hold the key, and open with the keys of today: delete yours. The keeper may have some, too:"
    " to be rid of those, put new keys in the place of all that open the store (`chatseal key rotate --reseal`) and destroy the old ones.",
)


@click.command(
    cls=Command,
    synopsis="N --store STORE --key-file K [--yes]",
    examples=[DROP, ("Without being asked", "chatseal epoch drop 1 --yes --store /mnt/nas/chats --key-file my.key")],
)
@click.argument("number", metavar="N", type=click.IntRange(1))
@store_option
@opening_keys
@click.option("--yes", is_flag=True, help="Do not ask whether you mean it.")
@pass_output
def command(out: Output, number: int, url: str, keys: Keys, yes: bool) -> int:
    """Destroy the key of epoch N of STORE: nobody can read its snapshots any more, you neither. It says what they are, and asks.

    The newest epoch stays, and so does one without which there would be no snapshot: begin a new one with `chatseal epoch new`, and make a
    backup. That shares nothing with the old one.

    What it cannot do: take back what somebody has copied. Older copies of the object `config` still hold the epoch's key.
    """
    with open_store(url, keys, out, writes=True) as store:
        from chatseal.snapshots import epochs

        what = describe(epochs.check_drop(store.sealed, number))
        if not yes:
            dialog.require_terminal(f"This destroys {what}: add --yes if you mean it.")
            dialog.say(f"This destroys {what}. Nobody can bring that back.")
            if dialog.line("Type the number of the epoch to drop it: ") != str(number):
                out.warn("nothing was dropped")
                return EXIT_FAILED
        destroyed = store.drop_epoch(number)
        out.result(
            {"store": store.url, "dropped": record(destroyed), "generation": store.config.generation, "remains": list(REMAINS)},
            f"dropped {what} of the store at {store.url}",
        )
    if not out.json:
        for sentence in REMAINS:
            out.result({}, f"  {sentence}")
    return EXIT_OK


def describe(epoch: "Epoch") -> str:
    """What an epoch is, in words: snapshots, times, bytes."""
    span = f" from {local(epoch.first)} to {local(epoch.last)}" if epoch.first and epoch.last else ""
    return f"epoch {epoch.number}: {amounts.count(epoch.snapshots, 'snapshot')}{span}, {amounts.amount(epoch.bytes)}"
