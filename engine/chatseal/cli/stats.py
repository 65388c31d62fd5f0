"""`chatseal stats`: how large a store is, by what, and how it grows."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatseal.cli import amounts, bars
from chatseal.cli.command import Command, pass_output
from chatseal.cli.forget import keep_options, policy_of
from chatseal.cli.key_options import Keys, opening_keys
from chatseal.cli.options import FileName
from chatseal.cli.output import Output
from chatseal.cli.store_options import catalogue_of, local, open_store, store_option
from chatseal.cli.words import escape
from chatseal.errors import EXIT_OK, EXIT_PARTLY
from chatseal.part_file import write_whole

if TYPE_CHECKING:
    from chatseal.snapshots.retention import Span
    from chatseal.snapshots.stats import Forecast, Stats


@click.command(
    cls=Command,
    synopsis="--store STORE --key-file K [--keep-... N]... [--plot FILE.svg]",
    examples=[
        ("How large it is, and how it grows", "chatseal stats --store /mnt/nas/chats --key-file my.key"),
        ("What a retention policy would free", "chatseal stats --keep-daily 7 --keep-monthly 12 --store /mnt/nas/chats --key-file my.key"),
        ("As a picture", "chatseal stats --plot growth.svg --store s3://bucket/chats --key-file my.key"),
    ],
)
@store_option
@opening_keys
@keep_options
@click.option("--plot", "picture", metavar="FILE.svg", type=FileName(), help="Also draw what each month added. Overwrites FILE.")
@pass_output
def command(
    out: Output,
    /,
    url: str,
    keys: Keys,
    within: "Span | None",
    keep_tags: tuple[str, ...],
    picture: str | None,
    **counts: int,
) -> int:
    """Show how many bytes STORE has, by source and by month, how many times larger the content of its snapshots is, and how it grows.

    With --keep-... it says what forgetting by that policy, and pruning, would free; nothing is changed. The forecast is of what will be
    added if it goes on as in the last whole periods of 30 days, three at least, and nothing is forgotten; first backups, which bring
    everything, are not counted.
    """
    from chatseal.snapshots import forget
    from chatseal.snapshots import stats as work

    policy = policy_of(counts, keep_tags, within)
    if picture is not None and not picture.lower().endswith(".svg"):
        raise click.UsageError("--plot draws an SVG: name a file that ends in .svg")
    with open_store(url, keys, out) as store:
        known = catalogue_of(store, out)
        found = work.stats(store.sealed, known)
        record, retained = _record(found), ""
        if policy is not None:
            decided = forget.decide(policy, known.records, trusting=True)
            gone = [one.record for group in decided for one in group if not one.reasons]
            size = work.freed(store.sealed, known, gone)
            record["retention"] = {"forgotten": len(gone), "left": found.snapshots - len(gone), "bytes_freed": size}
            retained = f"would forget {amounts.count(len(gone), 'snapshot')} of {found.snapshots}, and free {amounts.amount(size)}"
    months = [(f"{month.year}-{month.month:02}", month.bytes_added) for month in found.months]
    if picture is not None:
        title = f"bytes added to {url if '@' not in url else 'the store'}, by month"
        write_whole(Path(picture), bars.svg(months, title), mode=0o644, overwrite=True)
        record["plot"] = picture
    if out.json:
        out.show(record, "")
    else:
        out.show({}, "\n".join([*_summary(found), *_sources(found), *_months(months), *_growth(found), *_lines("retention", retained)]))
    return EXIT_PARTLY if known.damaged else EXIT_OK


def _lines(word: str, text: str) -> list[str]:
    return [f"{word:<10} {text}"] if text else []


def _summary(found: "Stats") -> list[str]:
    kinds = {word: found.objects.get(word, 0) for word in ("packs", "maps")}
    rest = found.stored - sum(kinds.values())
    parts = ", ".join(f"{word} {amounts.amount(size)}" for word, size in {**kinds, "the rest": rest}.items())
    text = _lines("stored", f"{amounts.amount(found.stored)} for {amounts.count(found.snapshots, 'snapshot')}: {parts}")
    if found.snapshots and found.stored:
        ratio = f"{found.content / found.stored:.1f} times what is stored"
        text += _lines("content", f"{amounts.amount(found.content)} in all snapshots, {ratio}")
        text += _lines("read", f"{amounts.amount(found.bytes_read)} of sources; {amounts.amount(found.bytes_added)} had to be stored")
    return text


def _sources(found: "Stats") -> list[str]:
    text = []
    for one in found.sources:
        text += _lines("source", f"{escape(one.host)}: {' '.join(map(escape, one.sources))}")
        count, span = amounts.count(one.snapshots, "snapshot"), f"{local(one.first)} to {local(one.last)}"
        text += _lines("", f"{count}, {span}; newest {amounts.amount(one.size)}, added {amounts.amount(one.bytes_added)}")
    return text


def _months(months: list[bars.Bar]) -> list[str]:
    drawn = bars.lines(months, blocks=bars.can_draw())
    return [f"{name:<10} {amounts.amount(size):>9}  {bar}".rstrip() for (name, size), bar in zip(months, drawn, strict=True)]


def _growth(found: "Stats") -> list[str]:
    if not found.growth:
        return _lines("growth", "not told: that takes three times 30 days of history") if found.snapshots else []
    text = []
    for one in found.growth:
        between = f"between {amounts.amount(one.low)} and {amounts.amount(one.high)} in 90 of 100 cases"
        text += _lines("growth", f"{amounts.amount(one.bytes)} more in {one.days} days, {between}")
    days = amounts.count(found.growth[0].periods * 30, "day")
    return [*text, *_lines("", f"if it goes on as in the last {days}, and nothing is forgotten")]


def _record(found: "Stats") -> dict[str, object]:
    return {
        "snapshots": found.snapshots,
        "bytes_stored": found.stored,
        "objects": dict(sorted(found.objects.items())),
        "bytes": found.content,
        "bytes_read": found.bytes_read,
        "bytes_added": found.bytes_added,
        "sources": [
            {
                "host": one.host,
                "sources": list(one.sources),
                "snapshots": one.snapshots,
                "first": one.first.isoformat(),
                "last": one.last.isoformat(),
                "bytes": one.size,
                "bytes_read": one.bytes_read,
                "bytes_added": one.bytes_added,
            }
            for one in found.sources
        ],
        "months": [
            {"month": f"{one.year}-{one.month:02}", "snapshots": one.snapshots, "bytes_added": one.bytes_added} for one in found.months
        ],
        "growth": [_forecast(one) for one in found.growth],
    }


def _forecast(one: "Forecast") -> dict[str, object]:
    return {"days": one.days, "periods": one.periods, "bytes": round(one.bytes), "low": round(one.low), "high": round(one.high)}
