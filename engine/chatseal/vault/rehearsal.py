"""Rehearsal: when to try the password or the digits again, so that they are known when they are needed. Nothing of them is kept."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from chatseal import part_file
from chatseal.errors import DamagedError
from chatseal.format import strict_json

DAY = 86400
DAYS = (1, 3, 7, 30, 90)  # after the first, second, ... success in a row; the last one again and again
FILE_MAX = 4096
NAME = "rehearsal.json"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How many times in a row it went well, and when the next one is due, in seconds since 1970."""

    step: int
    due: int

    def after(self, *, went_well: bool, now: int) -> "Rehearsal":
        """The one that follows: later after a success, tomorrow after a failure."""
        step = min(self.step + 1, len(DAYS) - 1) if went_well else 0
        return Rehearsal(step, now + DAYS[step] * DAY)


def begun(now: int | None = None) -> Rehearsal:
    """The first one, a day after the password was chosen."""
    return Rehearsal(0, (int(time.time()) if now is None else now) + DAYS[0] * DAY)


def read(folder: Path) -> Rehearsal | None:
    """What is kept in *folder*; None if nothing is, or nothing that can be read: it is a reminder, and guards nothing. Raises OSError."""
    try:
        with open(folder / NAME, "rb") as file:
            members = strict_json.parse_object(file.read(FILE_MAX))
        return Rehearsal(min(strict_json.number(members, "step", 0), len(DAYS) - 1), strict_json.number(members, "due", 0))
    except (FileNotFoundError, DamagedError):
        return None


def keep(folder: Path, rehearsal: Rehearsal) -> None:
    """Keep it in *folder*. Raises OSError."""
    part_file.make_folder(folder)
    data = json.dumps({"step": rehearsal.step, "due": rehearsal.due}).encode() + b"\n"
    part_file.write_whole(folder / NAME, data, overwrite=True)
