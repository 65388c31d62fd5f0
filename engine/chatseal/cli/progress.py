"""Progress: a bar with rate and time left on a terminal, inside one big file too. Drawn only if there is something to wait for."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from chatseal import Progress
from chatseal.cli.output import Output
from chatseal.cli.words import escape

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

PATIENCE = 0.3  # seconds before anything is drawn: most work is done by then, and importing rich costs as much


class Bar:
    """The bar of one piece of work called *what*. Gone without a trace when the block ends."""

    def __init__(self, out: Output, what: str) -> None:
        self._out, self._what = out, what
        self._watched = not (out.json or out.quiet) and sys.stderr is not None and sys.stderr.isatty()
        self._drawn: tuple[RichProgress, TaskID] | None = None
        self._since = time.monotonic()

    def __enter__(self) -> Self:
        self._out.make_room = self.hide
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.hide()
        self._out.make_room = None

    def report(self, progress: Progress) -> None:
        """For the `progress` parameter of the engine."""
        self.update(progress.done, progress.total)

    def call(self, what: str) -> None:
        """Change the words before the bar, from the next update on."""
        self._what = what

    def update(self, done: int, total: int | None) -> None:
        """*done* of *total* bytes, if anybody knows the total."""
        if not self._watched or time.monotonic() - self._since < PATIENCE:
            return
        if self._drawn is None:
            self._drawn = self._draw(total)
        bar, task = self._drawn
        bar.update(task, completed=done, total=total, description=escape(self._what))
        bar.start()  # again, if it was hidden
        bar.refresh()

    def hide(self) -> None:
        """Erase the bar, so that a line can be written; the next update draws it again."""
        if self._drawn is not None:
            self._drawn[0].stop()

    def _draw(self, total: int | None) -> "tuple[RichProgress, TaskID]":
        from rich import progress as columns
        from rich.console import Console

        measured = [columns.BarColumn(), columns.TaskProgressColumn()] if total is not None else []
        bar = columns.Progress(
            columns.TextColumn("{task.description}", markup=False),
            *measured,
            columns.DownloadColumn(),
            columns.TransferSpeedColumn(),
            columns.TimeRemainingColumn() if total is not None else columns.TimeElapsedColumn(),
            console=Console(stderr=True),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        return bar, bar.add_task(escape(self._what), total=total)
