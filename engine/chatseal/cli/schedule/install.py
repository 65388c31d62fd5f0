"""`chatseal schedule install`: the system calls `chatseal run --due` every hour."""

import click

from chatseal.cli.command import EXITS_OF_LITTLE, Command, pass_output
from chatseal.cli.output import Output
from chatseal.cli.schedule import KINDS
from chatseal.cli.words import escape


@click.command(
    cls=Command,
    synopsis="[--kind KIND] [--print]",
    examples=[
        ("By what this system has", "chatseal schedule install"),
        ("By cron", "chatseal schedule install --kind cron"),
        ("Show what would be written, and write nothing", "chatseal schedule install --kind systemd --print"),
    ],
    exits=EXITS_OF_LITTLE,
)
@click.option("--kind", type=click.Choice(KINDS), help="Who calls it. [default: the first of these that is here]")
@click.option("--print", "only_print", is_flag=True, help="Show it instead of installing it.")
@pass_output
def command(out: Output, kind: str | None, only_print: bool) -> None:
    """Have the system call `chatseal run --due` every hour, at the minute of `at` in the configuration, as you, in the background.

    systemd gets a timer and a service in your folder of units, launchd an agent in ~/Library/LaunchAgents, cron a line in your crontab.
    What was there of them is replaced, and nothing else is touched. No secret is in it. The configuration is read first: a mistake in
    it, and a key that somebody would have to be asked for, are found now and not at night.
    """
    from chatseal.automatic import plan as plans
    from chatseal.automatic.schedules import call as calls
    from chatseal.automatic.schedules.kinds import KINDS as ALL
    from chatseal.automatic.schedules.kinds import choose

    call = calls.of_plan(plans.read())
    chosen = choose(kind)
    if only_print:
        for place, text in chosen.text(call).items():
            out.show({"kind": chosen.name, "place": place, "text": text}, f"# {escape(place)}\n{text}".rstrip("\n"))
        return
    notes = chosen.install(call)
    places = list(chosen.text(call))
    out.result(
        {"kind": chosen.name, "places": places},
        f"{chosen.name} calls `chatseal run --due` at minute {call.minute} of every hour ({', '.join(escape(place) for place in places)})",
    )
    for note in notes:
        out.advise(f"{note[0].upper()}{note[1:]}.")
    for other in ALL.values():
        if other is not chosen and (other.name != "cron" or other.is_there()) and other.look(call).installed:
            out.warn(f"{other.name} calls it, too: `chatseal schedule remove --kind {other.name}` ends that")
