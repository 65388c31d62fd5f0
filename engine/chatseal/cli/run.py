"""`chatseal run`: do now what the timer does."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import click

from chatseal.cli import amounts
from chatseal.cli import backup as backup_words
from chatseal.cli import copy as copy_words
from chatseal.cli import drill as drill_words
from chatseal.cli.command import Command, pass_output
from chatseal.cli.key_options import Keys
from chatseal.cli.output import Output
from chatseal.cli.progress import Bar
from chatseal.cli.words import escape
from chatseal.copied import Copied
from chatseal.drilled import Drilled
from chatseal.errors import KeySourceError
from chatseal.events import Backup, Pruned, Report

if TYPE_CHECKING:
    from chatseal.automatic.plan import Job, Plan
    from chatseal.automatic.run import Done, Result
    from chatseal.keys.slots import Opener
    from chatseal.snapshots.store import Store


@click.command(
    cls=Command,
    synopsis="[JOB]... [--due]",
    examples=[
        ("Everything that chatseal.toml names, now", "chatseal run"),
        ("One job of it", "chatseal run chats"),
        ("What the timer calls every hour", "chatseal run --due --quiet"),
    ],
)
@click.argument("names", metavar="[JOB]...", nargs=-1)
@click.option("--due", "only_due", is_flag=True, help="Only what is due; nothing, if nothing is.")
@pass_output
def command(out: Output, names: tuple[str, ...], only_due: bool) -> int:
    """Do what the configuration names: for each job a backup; copies of the store, if it names several; then snapshots are forgotten, if
    it says which to keep; and, if they are due, prune and drill.

    `chatseal schedule install` has the system call it every hour, with --due. What is due is reckoned from what this machine remembers of
    the last success, so a day on which it was off is made up for, and what failed is tried again. One run is at work at a time: a
    second one says so, with exit code 11. The key comes from where the configuration says.

    A job that fails does not keep the others from being done; what failed is remembered, and the next command at a terminal shows it.
    Exit code 3: some of it went well.
    """
    from chatseal.automatic import plan as plans
    from chatseal.automatic.run import run

    plan = plans.read()
    jobs = chosen(plan, names)
    watch = _Watch(out)
    try:
        done = run(plan, jobs, _Opened(out).open, watch, only_due=only_due, clock=lambda: datetime.now().astimezone())
    finally:
        watch.hide()
    for trouble in done.troubles:
        out.warn(trouble)
    if not done.steps:
        out.result({"status": "nothing due"}, "nothing is due")
    return done.exit_code


def chosen(plan: "Plan", names: tuple[str, ...]) -> "list[Job]":
    """The jobs of these *names*, all if there are none. Raises UsageError."""
    if not plan.jobs:
        raise click.UsageError(f"{plan.where} names no job: write one as docs/automatic.md shows")
    known = {job.name: job for job in plan.jobs}
    for name in names:
        if name not in known:
            raise click.UsageError(f"there is no job {name!a}; the configuration has {', '.join(known)}")
    return [known[name] for name in names or known]


class _Opened:
    """Opens stores. The key is asked for once, when the first store needs it."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._openers: list[Opener] | None = None

    @contextmanager
    def open(self, url: str) -> Iterator["Store"]:
        from chatseal.snapshots.store import Store

        if self._openers is None:
            try:
                self._openers = Keys().openers(self._out)
            except click.UsageError as error:  # nothing names a key: the job fails with that, and whoever is to be told is told
                raise KeySourceError(error.format_message()) from None
        self._out.subject = None
        with Store(url, key=self._openers) as store:
            yield store


class _Watch:
    """Shows how a run goes on."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._bar: Bar | None = None

    def begin(self, job: str, step: str) -> Report | None:
        self._bar = Bar(self._out, f"{job}: {step}")
        self._bar.__enter__()
        return self._bar.report

    def hide(self) -> None:
        """Take away the bar of a step that is over, or was cut off."""
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None

    def end(self, done: "Done") -> None:
        self.hide()
        if isinstance(done.result, Backup):
            for path, reason in done.result.skipped:
                self._out.warn(f"{done.job}: left out {path}: {reason}")
            for warning in done.result.warnings:
                self._out.warn(f"{done.job}: {warning}")
        if done.failed is not None:
            self._out.warn(f"{done.job}: {done.step} failed: {done.failed.message}")
        record: dict[str, object] = {"job": done.job, "step": done.step, "status": done.status}
        if done.failed is not None:
            record |= {"message": done.failed.message, "exit_code": done.failed.exit_code}
        if done.result is not None:
            self._out.result(record | _record(done.result), f"{done.job}: {escape(_text(done.result))}")
        elif self._out.json:
            self._out.result(record, "")


def _record(result: "Result") -> dict[str, object]:
    match result:
        case Backup():
            return backup_words.record(result)
        case Copied():
            return copy_words.record(result)
        case Drilled():
            return drill_words.record(result)
        case Pruned():
            return {name: value for name, value in asdict(result).items() if name != "seconds"}
        case _:
            return asdict(result)


def _text(result: "Result") -> str:
    match result:
        case Backup():
            return backup_words.text(result)
        case Copied():
            return copy_words.text(result)
        case Drilled():
            return drill_words.text(result)
        case Pruned():
            later = f", {amounts.amount(result.condemned_bytes)} to be removed by a later one" if result.condemned else ""
            return f"pruned: {amounts.amount(result.removed_bytes)} removed{later}, {amounts.amount(result.needed_bytes)} needed"
        case _:
            return f"forgot {amounts.count(result.removed, 'snapshot')}, kept {result.kept}"
