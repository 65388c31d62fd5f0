"""Reminder: one line, after a command, when the password or the digits should be tried again."""

import os
import sys
import time
from contextlib import suppress

from chatseal.cli.output import Output

LINE = "It is time to try your password again, so that you know it when you need it: `chatseal vault rehearse` (`--off` ends this)."


def remind(out: Output, command: str | None) -> None:
    """Say it at a terminal, if it is due. A reminder that cannot be read is none: it must never spoil what was done."""
    if command in (None, "vault", "completion") or out.json or out.quiet or sys.stderr is None or not sys.stderr.isatty():
        return
    from chatseal.snapshots.places import state_folder
    from chatseal.vault import rehearsal

    with suppress(OSError, ImportError):
        folder = state_folder()
        if os.path.exists(folder / rehearsal.NAME) and (found := rehearsal.read(folder)) is not None and found.due <= time.time():
            out.advise(LINE)
