"""Reminder: a line, after a command, that a run failed which nobody saw, or that the password or the digits should be tried again."""

import os
import sys
import time
from contextlib import suppress

from chatseal.cli.output import Output
from chatseal.cli.words import escape

LINE = "It is time to try your password again, so that you know it when you need it: `chatseal vault rehearse` (`--off` ends this)."


NEVER = (None, "vault", "completion")
OF_RUNS = ("run", "status")  # which tell it themselves


def remind(out: Output, command: str | None) -> None:
    """Say it at a terminal, if it is due. A reminder that cannot be read is none: it must never spoil what was done."""
    if command in NEVER or out.json or out.quiet or sys.stderr is None or not sys.stderr.isatty():
        return
    from chatseal.snapshots.places import state_folder

    with suppress(OSError, ImportError):
        folder = state_folder()
        if command not in OF_RUNS and os.path.exists(folder / "jobs.json"):
            _remind_of_failure(out)
        if os.path.exists(folder / "rehearsal.json"):
            _remind_of_password(out)


def _remind_of_failure(out: Output) -> None:
    """Tell of the newest failure of a run, once."""
    from chatseal.automatic import state

    told = state.last_told()
    found = [(failure.time, name, failure) for name, job in state.read().items() for failure in job.failures if failure.time > told]
    if found:
        time, name, failure = max(found, key=lambda item: item[0])
        out.advise(f"The {failure.step} of {escape(name)} failed: {escape(failure.message)}. `chatseal status` tells more.")
        state.keep_told(time)


def _remind_of_password(out: Output) -> None:
    from chatseal.snapshots.places import state_folder
    from chatseal.vault import rehearsal

    if (found := rehearsal.read(state_folder())) is not None and found.due <= time.time():
        out.advise(LINE)
