"""`chatseal forget`: snapshots are removed, by their names or by a policy."""

from typing import TYPE_CHECKING, Any

import click

from chatseal.cli import amounts
from chatseal.cli.command import Command, pass_output
from chatseal.cli.key_options import Keys, opening_keys
from chatseal.cli.options import F
from chatseal.cli.output import Output
from chatseal.cli.prune import deleting, pruned
from chatseal.cli.store_options import catalogue_of, local, open_store, store_option
from chatseal.cli.words import escape
from chatseal.errors import EXIT_OK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chatseal.snapshots.retention import Decision, RetentionPolicy, Span

_SHORT = 8
_DAYS = 3
PERIODS = {
    "last": "The N newest.",
    "hourly": "Of the N last hours in which there are snapshots, the newest of each.",
    "daily": "The same of days, by local time.",
    "weekly": "The same of weeks, from Monday on.",
    "monthly": "The same of months.",
    "yearly": "The same of years.",
}


class Count(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A number of snapshots, or `unlimited`."""

    name = "count"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from chatseal.snapshots.retention import UNLIMITED

        if value in ("unlimited", UNLIMITED):
            return UNLIMITED
        if not str(value).isascii() or not str(value).isdigit():
            self.fail(f"{value!r} is no number of snapshots; write 7 or unlimited", param, ctx)
        return int(value)


class Length(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A length of time by the calendar."""

    name = "length"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "Span":
        from chatseal.snapshots.retention import Span

        try:
            return value if isinstance(value, Span) else Span.parse(value)
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)


def keep_options(function: F) -> F:
    """--keep-last and the others, as `last`, `hourly`, ..., `keep_tags` and `within`."""
    function = click.option("--keep-within", "within", metavar="1y6m", type=Length(), help="All at most so much older than the newest.")(
        function
    )
    function = click.option(
        "--keep-tag", "keep_tags", metavar="A[,B]", multiple=True, help="All with this tag, or with all of several; can be given again."
    )(function)
    for word, text in reversed(PERIODS.items()):
        function = click.option(f"--keep-{word}", word, metavar="N", type=Count(), default=0, help=text)(function)
    return function


@click.command(
    cls=Command,
    synopsis="[SNAPSHOT]... --store STORE --key-file K [OPTIONS]",
    examples=[
        ("A week of days, two months of weeks, and every month", "chatseal forget --keep-daily 7 --keep-weekly 8 --keep-monthly unlimited"),
        ("What that would do", "chatseal forget --keep-daily 7 --dry-run"),
        ("Two snapshots, whatever a policy says", "chatseal forget 8ee0c1a2 41d00f3b --store /mnt/nas/chats --key-file my.key"),
    ],
)
@click.argument("wanted", metavar="[SNAPSHOT]...", nargs=-1)
@store_option
@opening_keys
@keep_options
@click.option("--tag", "tags", metavar="TEXT", multiple=True, help="Look only at those with this tag; given again: with all of them.")
@click.option("--host", metavar="NAME", help="Look only at those of this machine.")
@click.option(
    "--at-least-days",
    "days",
    metavar="N",
    type=click.IntRange(0),
    default=_DAYS,
    show_default=True,
    help="On so many days something stays, whatever the policy says: who only adds snapshots cannot push out the others.",
)
@click.option("--trust-times", is_flag=True, help="Count the times that snapshots tell, as in a copy of a store, which got all at once.")
@click.option("--prune", "prunes", is_flag=True, help="Also remove what they alone needed, as `chatseal prune` does.")
@click.option("--gone", "omitted", is_flag=True, help="Take note of snapshots that are gone without having been forgotten.")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be forgotten, and change nothing.")
@pass_output
def command(
    out: Output,
    /,
    wanted: tuple[str, ...],
    url: str,
    keys: Keys,
    within: "Span | None",
    keep_tags: tuple[str, ...],
    tags: tuple[str, ...],
    host: str | None,
    days: int,
    trust_times: bool,
    prunes: bool,
    omitted: bool,
    dry_run: bool,
    **counts: int,
) -> int:
    """Remove snapshots from STORE: those that are named, or all that a policy does not keep.

    Of a policy a snapshot is kept if any of its words keeps it; each machine with its sources is counted by itself. Where there are
    fewer snapshots than a word has room for, the oldest of all is kept as well. A number may be `unlimited`.

    A forgotten snapshot cannot be restored any more. What it alone needed takes room until `chatseal prune` has removed it. A record of
    what was forgotten stays in the store, so that a snapshot that is missing without one shows. --gone makes such a record for snapshots
    that are gone, so that nobody is told of them any more.
    """
    from chatseal.snapshots import forget

    if omitted:
        if wanted or any(counts.values()) or keep_tags or within or tags or host or prunes:
            raise click.UsageError("--gone is of what is not there any more; nothing else goes with it")
        return _take_note(out, url, keys, dry_run=dry_run)
    policy = policy_of(counts, keep_tags, within)
    if bool(wanted) == (policy is not None):
        raise click.UsageError("name snapshots, or say by --keep-... what to keep, not both")
    if wanted and (tags or host):
        raise click.UsageError("--tag and --host go with a policy, not with names")
    with open_store(url, keys, out, writes=True) as store:
        store.check_pin()
        known = catalogue_of(store, out)
        if policy is None:
            groups = []
            gone = list({record.name: record for record in map(known.find, wanted)}.values())
        else:
            seen = [one for one in known.records if set(tags) <= set(one.manifest.tags) and host in (None, one.manifest.host)]
            groups = forget.decide(policy, seen, days=days, trusting=trust_times)
            gone = [one.record for group in groups for one in group if not one.reasons]
        if not dry_run:
            with deleting():
                forget.forget(store.sealed, [record.name for record in gone])
                done = pruned(store) if prunes else None
        left = len(known.records) - len(gone)
        if groups and not out.json:
            out.show({}, "\n\n".join(map(_table, groups)))
        record = {
            "forgotten": [one.id for one in gone],
            "left": left,
            "dry_run": dry_run,
            "kept": {one.record.id: list(one.reasons) for group in groups for one in group if one.reasons},
        }
        if not dry_run and done is not None:
            record["pruned"] = done[0]
        verb = "would forget" if dry_run else "forgot"
        text = f"{verb} {amounts.count(len(gone), 'snapshot')}, {left} left"
        if not dry_run and done is not None:
            text += f"; {done[1]}"
        out.result(record, text)
    return EXIT_OK


def _take_note(out: Output, url: str, keys: Keys, *, dry_run: bool) -> int:
    from chatseal.snapshots import history

    with open_store(url, keys, out, writes=True) as store:
        store.check_pin()
        omitted = store.look_back()
        noted = history.snapshots_in(omitted)
        if not dry_run:
            history.take_note(store.sealed, omitted)
    would = "would take" if dry_run else "took"
    ids = [name.rpartition("-")[2] for name in noted]
    out.result({"forgotten": ids, "gone": True, "dry_run": dry_run}, f"{would} note that {amounts.count(len(ids), 'snapshot')} went")
    return EXIT_OK


def policy_of(counts: dict[str, int], tags: "Sequence[str]", within: "Span | None") -> "RetentionPolicy | None":
    from chatseal.snapshots.retention import RetentionPolicy

    if not (any(counts.values()) or tags or within):
        return None
    return RetentionPolicy(**counts, tags=tuple(frozenset(words.split(",")) for words in tags), within=within)


def _table(group: "list[Decision]") -> str:
    first = group[0].record.manifest
    lines = [f"{escape(first.host)}: {' '.join(map(escape, first.sources))}"]
    for one in group:
        lines.append(f"  {one.record.id[:_SHORT]}  {local(one.record.time)}  {', '.join(one.reasons) or 'forget'}")
    return "\n".join(lines)
