"""`chatseal schedule remove`: nothing happens by itself any more."""

import click

from chatseal.cli.command import EXITS_OF_LITTLE, Command, pass_output
from chatseal.cli.output import Output
from chatseal.cli.schedule import KINDS


@click.command(
    cls=Command,
    synopsis="[--kind KIND]",
    examples=[("Whoever calls it", "chatseal schedule remove"), ("Only from the crontab", "chatseal schedule remove --kind cron")],
    exits=EXITS_OF_LITTLE,
)
@click.option("--kind", type=click.Choice(KINDS), help="Whom to tell. [default: all that are here]")
@pass_output
def command(out: Output, kind: str | None) -> None:
    """Have the system no longer call `chatseal run`. Configuration, stores and backups stay as they are."""
    from chatseal.automatic.schedules.kinds import KINDS as ALL

    removed = [name for name, one in ALL.items() if kind in (None, name) and one.remove()]
    text = f"{' and '.join(removed)} {'calls' if len(removed) == 1 else 'call'} it no more" if removed else "nobody called it"
    out.result({"removed": removed}, text)
