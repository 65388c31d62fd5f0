"""Options of commands that work on a store, and how they open it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from chatseal.cli.key_options import Keys
from chatseal.cli.options import F
from chatseal.cli.output import Output
from chatseal.errors import IntegrityError, StoreChangedError, UnprunableError

if TYPE_CHECKING:
    from chatseal.snapshots.catalogue import Catalogue
    from chatseal.snapshots.snapshot import Snapshot
    from chatseal.snapshots.store import Store

VARIABLE = "CHATSEAL_STORE"
_AGO = re.compile(r"(\d{1,6})\s*(m|h|d|w)(?:\s*ago)?")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def store_option(function: F) -> F:
    return click.option(
        "--store",
        "url",
        metavar="STORE",
        envvar=VARIABLE,
        show_envvar=True,
        required=True,
        help="Where the snapshots are: a folder, s3://, gs:// or az:// and a bucket, or rclone:REMOTE:PATH.",
    )(function)


class Address(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A store's address. The variable has one, with spaces in it perhaps."""

    name = "store"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(value)

    def split_envvar_value(self, rv: str) -> list[str]:
        return [rv]


def stores_option(function: F) -> F:
    """--store, which can be given several times; the first is the one to work on."""
    return click.option(
        "--store",
        "urls",
        metavar="STORE",
        type=Address(),
        multiple=True,
        envvar=VARIABLE,
        show_envvar=True,
        required=True,
        help="Where the snapshots are: a folder, s3://, gs:// or az:// and a bucket, or rclone:REMOTE:PATH. Again for copies of it.",
    )(function)


@contextmanager
def open_store(url: str, keys: Keys, out: Output, *, writes: bool = False) -> Iterator["Store"]:
    """The store at *url*, with a warning if it is not what it was; who *writes* is refused then anyway. Closed at the end."""
    from chatseal.snapshots.store import Store

    openers = keys.openers(out)
    out.subject = url if "@" not in url else "the store"
    with Store(url, key=openers) as store:
        if store.warning and not writes:
            out.warn(store.warning)
        for notice in store.notices:
            out.warn(notice)
        try:
            yield store
        except IntegrityError as error:
            if not isinstance(error, (StoreChangedError, UnprunableError)):
                error.remedy = (
                    "`chatseal check --read-data` says what is damaged, and which snapshots need it; others may have what you look for."
                )
            raise


def catalogue_of(store: "Store", out: Output) -> "Catalogue":
    """The snapshots of *store*, with a warning if there are some that cannot be read: one of them may be the latest."""
    from chatseal.snapshots import catalogue

    known = catalogue.read(store.sealed)
    if known.damaged:
        names = ", ".join(name.rpartition("-")[2] for name, _ in known.damaged)
        out.warn(f"snapshots that cannot be read are passed over: {names}; `chatseal check` says what is wrong with them")
    return known


def tell_omissions(store: "Store", out: Output, known: "Catalogue | None" = None) -> tuple[str, ...]:
    """Warn of snapshots that are gone without having been forgotten; their names."""
    from chatseal.snapshots import history

    omitted = store.look_back(known)
    for sentence in history.sentences(omitted):
        out.warn(sentence)
    return omitted


def find_snapshot(store: "Store", wanted: str, at: datetime | None, out: Output) -> "Snapshot":
    """As Store.snapshot, with the same warning."""
    from chatseal.snapshots.snapshot import Snapshot

    return Snapshot(store.sealed, catalogue_of(store, out).find(wanted, at=at))


def parse_ago(text: str) -> timedelta | None:
    """The length of time in 90m, 12h, 3d or 2w, with `ago` behind it or not; None if it is none."""
    found = _AGO.fullmatch(text.strip().lower())
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None


class Moment(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A moment: ISO 8601, local time unless it says otherwise, or how long ago: 90m, 12h, 3d, 2w."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        if (ago := parse_ago(value)) is not None:
            return datetime.now(UTC) - ago
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            self.fail(f"{value!r} is no time; write 2026-11-25, 2026-11-25T18:30, or 3d for three days ago", param, ctx)
        if "T" not in value and " " not in value.strip():  # a day means all of it
            moment += timedelta(days=1) - timedelta(microseconds=1)
        return moment.astimezone(UTC)


class Head(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """What a recovery sheet has of a store."""

    name = "head"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from chatseal.snapshots import history

        try:
            history.parse_head(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value)


def head_option(function: F) -> F:
    return click.option("--head", metavar="HEAD", type=Head(), help="Fail if the store is older than this head of it.")(function)


def at_option(function: F) -> F:
    return click.option("--at", metavar="TIME", type=Moment(), help="As of this time: the latest snapshot that is not younger.")(function)


def local(moment: datetime) -> str:
    """A moment as people read it."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
