"""The command line. One file a command; words, exit codes and output in one place each. It holds no logic of the engine.

    app       the command `chatseal`: its table of commands, and what happens around each of them
    command   a command whose help teaches     options   what several commands take     words     what people read of failures
    output    where words go                   progress  the bar on a terminal          streams   standard input and output
    key_files keys from files                  many      a report for each of many files  core_dump  none of this process

Command modules are imported when they are asked for, rich only when a bar is drawn, NumPy only by
`chatseal sample` and by what works on pages of snapshots.
"""

from typing import NoReturn


def main() -> NoReturn:
    """Run the command that the process was started with; never returns."""
    from chatseal.cli import core_dump

    core_dump.turn_off()  # here and not in the app: whoever calls the app inside a process of theirs decides about that process
    from chatseal.cli.app import chatseal
    from chatseal.cli.interruption import be

    be(chatseal, "chatseal")
