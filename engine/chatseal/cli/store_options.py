"""Options of commands that work on a store, and how they open it."""

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from chatseal.cli.key_options import Keys
from chatseal.cli.options import F
from chatseal.cli.output import Output

if TYPE_CHECKING:
    from chatseal.snapshots.store import Store

VARIABLE = "CHATSEAL_STORE"
_AGO = re.compile(r"(\d+)\s*(m|h|d|w)(?:\s*ago)?")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def store_option(function: F) -> F:
    return click.option(
        "--store",
        "url",
        metavar="STORE",
        envvar=VARIABLE,
        show_envvar=True,
        required=True,
        help="Where the snapshots are: a folder, or s3://, gs:// or az:// and a bucket.",
    )(function)


def open_store(url: str, keys: Keys, out: Output) -> "Store":
    """The store at *url*, with a warning if it is not what it was."""
    from chatseal.snapshots.store import Store

    openers = keys.openers(out)
    out.subject = url if "@" not in url else "the store"
    store = Store(url, key=openers)
    if store.warning:
        out.warn(store.warning)
    return store


class Moment(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A moment: ISO 8601, local time unless it says otherwise, or how long ago: 90m, 12h, 3d, 2w."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        if found := _AGO.fullmatch(value.strip().lower()):
            return datetime.now(UTC) - timedelta(**{_UNITS[found[2]]: int(found[1])})
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            self.fail(f"{value!r} is no time; write 2026-11-25, 2026-11-25T18:30, or 3d for three days ago", param, ctx)
        if "T" not in value and " " not in value.strip():  # a day means all of it
            moment += timedelta(days=1) - timedelta(microseconds=1)
        return moment.astimezone(UTC)


def at_option(function: F) -> F:
    return click.option("--at", metavar="TIME", type=Moment(), help="As of this time: the latest snapshot that is not younger.")(function)


def local(moment: datetime) -> str:
    """A moment as people read it."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
