"""`chatseal schedule`: have the system call `chatseal run` every hour."""

import click

from chatseal.cli.command import EXITS_OF_LITTLE, Table

COMMANDS = {
    "install": ("chatseal.cli.schedule.install", "Have the system call `chatseal run --due` every hour."),
    "remove": ("chatseal.cli.schedule.remove", "Take that away again."),
    "status": ("chatseal.cli.schedule.status", "Show whether the system calls it."),
}
KINDS = ("systemd", "launchd", "cron")


@click.group(
    cls=Table,
    table=COMMANDS,
    synopsis="COMMAND ...",
    examples=[
        ("Every hour, by what this system has", "chatseal schedule install"),
        ("Look at it first", "chatseal schedule install --print"),
        ("Is it there, and at work?", "chatseal schedule status"),
    ],
    exits=EXITS_OF_LITTLE,
)
def command() -> None:
    """Have the system call `chatseal run --due` every hour: by a timer of systemd, an agent of launchd, or a line in the crontab.

    What is due, the run knows: see `chatseal run --help` and docs/automatic.md.
    """
