"""Output: where words go. Results on standard output, or on standard error where that carries data; all else on standard error."""

import errno
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress

import click

from chatseal.cli.words import Failure, escape, explain


class Output:
    """What one run of the command *name* says, and how: `json`, `quiet` and `debug` are the options of these names."""

    def __init__(self, name: str = "chatseal") -> None:
        self.name = name
        self.json = False
        self.quiet = False
        self.debug = os.environ.get("CHATSEAL_DEBUG", "0") not in ("", "0")
        self.data_on_stdout = False
        self.subject: str | None = None  # the file worked on, for messages that do not name it
        self.make_room: Callable[[], None] | None = None  # erases what is drawn where a line is to be written

    def result(self, record: Mapping[str, object], text: str) -> None:
        """What came of the work: a line of JSON, or *text* for people unless they asked for quiet."""
        if self.json or not self.quiet:
            self._say(record, text)

    def show(self, record: Mapping[str, object], text: str) -> None:
        """What the person asked to see: a result that --quiet does not silence."""
        if sys.stdout is None:
            raise OSError(errno.EBADF, "closed", "standard output")
        self._say(record, text)

    def _say(self, record: Mapping[str, object], text: str) -> None:
        self._line(json.dumps(record) if self.json else text, err=self.data_on_stdout)

    def warn(self, message: str) -> None:
        """Something that does not stop the work but should not stay so."""
        self._line(json.dumps({"warning": message}) if self.json else f"{self.name}: warning: {escape(message)}", err=True)

    def advise(self, text: str) -> None:
        """What a person should know after the result; scripts have it in the documents."""
        if not (self.json or self.quiet):
            self._line(text, err=True)

    def note(self, message: str) -> None:
        """What is going on, for a person who waits at a terminal."""
        if not (self.json or self.quiet) and sys.stderr is not None and sys.stderr.isatty():
            self._line(message, err=True)

    def failed(self, error: BaseException) -> int:
        """Tell why the command ends here; the exit code for it."""
        failure = explain(error, self.subject)
        with suppress(OSError):  # nobody listens any more, which changes nothing about the exit code
            if self.debug:
                self._line("\n".join(escape(line) for line in "".join(traceback.format_exception(error)).splitlines()), err=True)
            self.tell(failure)
        return failure.exit_code

    def tell(self, failure: Failure) -> None:
        """One failure, of the command or of one file of many."""
        self._line(json.dumps(failure.record()) if self.json else failure.lines(self.name), err=True)

    def _line(self, text: str, *, err: bool) -> None:
        if self.make_room is not None:
            self.make_room()
        click.echo(text, err=err)


def prepare() -> None:
    """Let characters that the terminal's encoding lacks be shown as escapes instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def finish() -> None:
    """Drop what could not be written, which has been told already: the interpreter would try again, and complain, at its end."""
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            os.close(nowhere)
