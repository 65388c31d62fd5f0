"""Call: the command that a schedule makes, with the little that it needs of the environment, and the minute of every hour."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from chatseal.automatic import configuration
from chatseal.automatic.plan import Plan
from chatseal.errors import ChatsealError
from chatseal.snapshots import places

KEYS_UNATTENDED = ("file", "command", "keyring")


class ScheduleError(ChatsealError):
    """The system does not take the schedule, or there is nothing that could happen by itself."""


@dataclass(frozen=True, slots=True)
class Call:
    """`words` is the command, `environment` where its configuration and memory are, and where commands are found: no secret."""

    words: tuple[str, ...]
    environment: dict[str, str]
    minute: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is of one kind of schedule: whether it is `installed`, as it would be now (`current`), and whether the system says that
    it is `active`: None if it does not say."""

    kind: str
    place: str
    installed: bool
    current: bool
    active: bool | None


class Kind(Protocol):
    """One system's manner of calling commands by time."""

    name: str

    def is_there(self) -> bool:
        """Whether this system has it, for this user."""

    def text(self, call: Call) -> dict[str, str]:
        """What is written, by where it is."""

    def install(self, call: Call) -> list[str]:
        """Write it and tell the system, in the place of what was there of it; what the person should know. Raises ScheduleError, OSError.

        What others wrote stays as it is."""

    def remove(self) -> bool:
        """Take it away; whether there was one. Raises the same."""

    def look(self, call: Call) -> Seen:
        """What there is. Raises the same."""


def of_plan(plan: Plan) -> Call:
    """The call for *plan*. Raises ScheduleError if it could only fail."""
    if not plan.jobs:
        raise ScheduleError(f"{plan.where} names no job").with_remedy("docs/automatic.md shows how one is written.")
    if plan.key is None or plan.key.kind not in KEYS_UNATTENDED:
        asks = "names no key" if plan.key is None else "has a key that is asked for each time, and at night nobody answers"
        raise ScheduleError(f"{plan.where} {asks}").with_remedy(
            f"`chatseal setup` writes [key]; what works by itself is {', '.join(KEYS_UNATTENDED)}."
        )
    return here(plan.at.minute, plan.where)


def here(minute: int, where: Path | None = None) -> Call:
    """The call of this program, as it is installed here."""
    environment = {
        configuration.VARIABLE: os.path.abspath(where or configuration.path()),
        places.STATE: os.path.abspath(places.state_folder()),
        places.CACHE: os.path.abspath(places.cache_folder()),
        "PATH": os.environ.get("PATH", os.defpath),  # for the commands that the configuration names
    }
    for text in (*environment.values(), sys.executable):
        if not text.isprintable():
            raise ScheduleError("a path with characters that cannot be printed is in the way: no schedule is written with it")
    return Call((*_program(), "run", "--due", "--quiet"), environment, minute)


def _program() -> tuple[str, ...]:
    script = Path(sys.executable).with_name("chatseal")
    if script.is_file() and os.access(script, os.X_OK):
        return (str(script),)
    return (sys.executable, "-P", "-m", "chatseal")  # -P: no module out of the folder that it happens to start in
