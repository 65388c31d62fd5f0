"""A person at a terminal: the real command in a pseudo-terminal, what it shows and what is typed."""

import re
from pathlib import Path
from typing import Any

import pexpect

from cli.command import COMMAND, PATIENCE, environment

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """`chatseal` with *words* at a terminal of 100 columns."""

    def __init__(self, *words: str | Path, **changes: str) -> None:
        self.child: Any = pexpect.spawn(
            COMMAND[0],
            [*COMMAND[1:], *map(str, words)],
            env=environment(**changes),
            timeout=PATIENCE,
            encoding="utf-8",
            dimensions=(40, 100),
        )
        self.shown = ""

    def until(self, text: str) -> str:
        """What is shown up to *text*, which must come."""
        self.child.expect_exact(text)
        shown = self.child.before + self.child.after
        self.shown += shown
        return str(_CONTROL.sub("", shown))

    def type(self, text: str) -> None:
        self.child.sendline(text)

    def end(self) -> tuple[int, str]:
        """Exit code, and the rest of what is shown."""
        self.child.expect(pexpect.EOF)
        self.child.close()
        self.shown += self.child.before
        code = self.child.exitstatus
        assert code is not None, f"killed by signal {self.child.signalstatus}"
        return code, _CONTROL.sub("", self.child.before)
