"""`chatseal schedule status`: whether the system calls `chatseal run`."""

from typing import TYPE_CHECKING

import click

from chatseal.cli.command import Command, pass_output
from chatseal.cli.output import Output
from chatseal.cli.words import escape
from chatseal.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_NO_SPACE, EXIT_NOT_THERE, EXIT_OK, EXIT_USAGE

if TYPE_CHECKING:
    from chatseal.automatic.schedules.call import Seen


@click.command(
    cls=Command,
    synopsis="[--json]",
    examples=[("Is it there, and at work?", "chatseal schedule status"), ("For a script", "chatseal schedule status --json")],
    exits=(EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_NOT_THERE, EXIT_NO_SPACE, EXIT_INTERRUPTED),
)
@pass_output
def command(out: Output) -> int:
    """Show who calls `chatseal run`, whether the system says that it is at work, and whether it is as `install` would write it now.

    Exit code 10: nobody calls it.
    """
    from chatseal.automatic import plan as plans
    from chatseal.automatic.schedules import call as calls
    from chatseal.automatic.schedules.kinds import KINDS as ALL

    plan = plans.read()
    call = calls.here(plan.at.minute, plan.where)
    seen = [found for one in ALL.values() if (found := one.look(call)).installed]
    for found in seen:
        record = {"kind": found.kind, "place": found.place, "current": found.current, "active": found.active}
        out.result(record, _text(found))
    if not seen:
        out.result({"kind": None}, "nobody calls `chatseal run`; `chatseal schedule install` changes that")
    return EXIT_OK if seen else EXIT_NOT_THERE


def _text(found: "Seen") -> str:
    active = {True: "at work", False: "NOT at work: `chatseal schedule install` mends it", None: "installed"}[found.active]
    stale = "" if found.current else "; not as it would be written now: `chatseal schedule install` writes it anew"
    return f"{found.kind}: {active} ({escape(found.place)}){stale}"
