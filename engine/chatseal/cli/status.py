"""`chatseal status`: how the backups are that happen by themselves."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from chatseal.cli import amounts
from chatseal.cli.command import Command, pass_output
from chatseal.cli.output import Output
from chatseal.cli.run import chosen
from chatseal.cli.store_options import local
from chatseal.cli.words import escape
from chatseal.errors import EXIT_FAILED, EXIT_OK

if TYPE_CHECKING:
    from chatseal.automatic.status import JobStatus


class Age(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A length of time: 90m, 26h, 3d, 2w."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        from chatseal.cli.store_options import parse_ago

        if isinstance(value, timedelta):
            return value
        found = parse_ago(value)
        if found is None:
            self.fail(f"{value!r} is no length of time; write 90m, 26h, 3d or 2w", param, ctx)
        return found


@click.command(
    cls=Command,
    synopsis="[JOB]... [--max-age AGE]",
    examples=[
        ("How are my backups?", "chatseal status"),
        ("For monitoring: is there one of the last day?", "chatseal status --max-age 26h --quiet"),
        ("For a program", "chatseal status --json"),
    ],
)
@click.argument("names", metavar="[JOB]...", nargs=-1)
@click.option("--max-age", metavar="AGE", type=Age(), help="Fail if the last backup of a job is older, as 26h, or there is none.")
@pass_output
def command(out: Output, names: tuple[str, ...], max_age: timedelta | None) -> int:
    """Show for each job of the configuration when it was last backed up, whether that was whole, what failed last, when the next run is
    due, and when a drill last proved that it comes back.

    All of it is what this machine remembers: no key is needed, and no store is asked. Exit code 0 whatever there is to say, unless
    --max-age is given: then 1 if a job's last backup is older.
    """
    from chatseal.automatic import plan as plans
    from chatseal.automatic.status import look

    plan = plans.read()
    wanted = {job.name for job in chosen(plan, names)}
    now = datetime.now().astimezone()
    found = look(plan, now)
    if found.is_running:
        out.advise("a run is at work now")
    old = []
    for one in found.jobs:
        if one.job.name not in wanted:
            continue
        is_old = max_age is not None and one.is_older(max_age)
        old += [one.job.name] if is_old else []
        out.result(_record(one, is_old=is_old if max_age is not None else None), _text(one, now))
    if old:
        out.warn(f"no backup that is young enough: {', '.join(old)}")
    return EXIT_FAILED if old else EXIT_OK


def _record(one: "JobStatus", *, is_old: bool | None) -> dict[str, object]:
    known, proof = one.state, one.proof
    return {
        "job": one.job.name,
        "store": one.job.store,
        "well": one.is_well,
        "last_backup": known.backup or None,
        "age_seconds": round(one.age.total_seconds()) if one.age is not None else None,
        "too_old": is_old,
        "snapshot": known.snapshot or None,
        "bytes": known.size,
        "bytes_added": known.added,
        "left_out": known.skipped,
        "next_due": round(one.due.timestamp()) if one.due is not None else None,
        "late": one.is_late,
        "interrupted": round(one.interrupted.timestamp()) if one.interrupted is not None else None,
        "failures": [
            {"step": f.step, "time": f.time, "message": f.message, "exit_code": f.exit_code, "times": f.times} for f in one.failures
        ],
        "omitted": list(one.omitted),
        "proven": proof.proven if proof is not None else None,
        "proven_snapshot": proof.snapshot if proof is not None else None,
        "proven_whole": proof.is_whole if proof is not None else None,
    }


def _text(one: "JobStatus", now: datetime) -> str:
    lines = [f"{one.job.name}: {'well' if one.is_well else 'NOT WELL'}"]
    lines += _lines("backup", _backup(one))
    lines += _lines("proven", _proof(one, now))
    for failure in one.failures:
        when = local(datetime.fromtimestamp(failure.time).astimezone())
        times = f", {failure.times} times in a row" if failure.times > 1 else ""
        lines += _lines("failed", f"{failure.step}, {when}{times}: {escape(failure.message)}")
    if one.interrupted is not None:
        lines += _lines("broken off", f"the run that began {local(one.interrupted)} did not end; what was sent is not sent again")
    if one.omitted:
        lines += _lines("gone", f"{amounts.count(len(one.omitted), 'object')} without having been forgotten: `chatseal check` tells more")
    lines += _lines("next", _next(one, now))
    return "\n".join(lines)


def _lines(word: str, text: str) -> list[str]:
    return [f"  {word:<10} {text}"]


def _backup(one: "JobStatus") -> str:
    known = one.state
    if one.age is None:
        return "none yet"
    whole = f"without {amounts.count(known.skipped, 'name')} that could not be read" if known.skipped else "whole"
    when = local(datetime.fromtimestamp(known.backup).astimezone())
    return f"{ago(one.age)} ({when}), {whole}, {amounts.amount(known.size)}, snapshot {escape(known.snapshot[:8])}"


def _proof(one: "JobStatus", now: datetime) -> str:
    proof = one.proof
    if proof is None:
        return "never: `chatseal drill` proves that it comes back"
    part = "all of" if proof.is_whole else f"{proof.tried} of {amounts.count(proof.entries, 'file')} of"
    age = now - datetime.fromtimestamp(proof.proven).astimezone()
    return f"{ago(age)}: {part} snapshot {escape(proof.snapshot[:8])} came back"


def _next(one: "JobStatus", now: datetime) -> str:
    if one.due is None:
        return "never by itself"
    if one.due > now:
        return f"due {local(one.due)}"
    return "due now" + (": LATE, is the timer there? `chatseal schedule status` tells" if one.is_late else "")


def ago(age: timedelta) -> str:
    """How long ago, roughly."""
    minutes = int(age.total_seconds() // 60)
    for size, word in ((2880, "day"), (120, "hour"), (2, "minute")):
        if minutes >= size:
            return f"{amounts.count(minutes // {'day': 1440, 'hour': 60, 'minute': 1}[word], word)} ago"
    return "just now"
