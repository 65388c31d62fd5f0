"""Table: what a comparison found, as aligned columns for people, and as records for --json."""

from collections.abc import Iterable, Sequence

from chatseal.cli import amounts
from chatseal.cli.words import escape
from chatseal.compare.contest import Laps, Outcome
from chatseal.compare.peers import Peer
from chatseal.errors import EXIT_FAILED

HEADS = ("tool", "setting", "seconds", "MB/s", "stored", "of file", "memory", "restore, s")
NEXT_DAY = ("next day, s", "bytes added")
_DISTURBED = 1.3  # the slowest round over the fastest; quiet machines stay below
_WORDS = 2  # columns of words, which begin at the same place; numbers end there


def table(outcomes: Iterable[Outcome]) -> list[str]:
    """A line of headings, and one for each tool and setting that worked."""
    outcomes = [outcome for outcome in outcomes if not outcome.error]
    later = any(outcome.next_day for outcome in outcomes)
    return aligned([(*HEADS, *NEXT_DAY) if later else HEADS, *map(_cells, outcomes)]) if outcomes else []


def aligned(rows: Sequence[Sequence[str]], words: int = _WORDS) -> list[str]:
    """Lines with the cells of *rows* below each other: the first *words* columns to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:{'<' if at < words else '>'}{width}}" for at, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]


def disturbance(outcomes: Iterable[Outcome]) -> list[str]:
    """A line if some rounds were much slower than others: then the numbers are those of a busy machine."""
    spreads = ((laps.spread, one.peer.name) for one in outcomes for laps in (one.backup, one.next_day, one.restore) if laps)
    most, name = max(spreads, default=(1.0, ""))
    if most < _DISTURBED:
        return []
    return [f"Rounds differ by up to {most:.1f} x ({name}): other work disturbed them. Compare again while the machine is quiet."]


def failures(outcomes: Iterable[Outcome]) -> list[str]:
    """A line for each tool and setting that failed, with its reason."""
    return [f"failed: {outcome.peer.name} ({outcome.setting.words}): {escape(outcome.error)}" for outcome in outcomes if outcome.error]


def absences(absent: Iterable[Peer]) -> list[str]:
    """A line for each tool that is not installed, and how to change that."""
    return [f"not installed: {peer.name}; on Debian: apt-get install {' '.join(peer.missing())}" for peer in absent]


def commands(outcomes: Iterable[Outcome], threads: int) -> list[str]:
    """How each tool that worked was called, with its version and its threads. DB, STORE and KEYS stand for the file and the folders."""
    called: dict[Peer, Outcome] = {}
    for outcome in outcomes:
        if not outcome.error:
            called.setdefault(outcome.peer, outcome)
    rows = [
        (
            ", ".join(f"{name} {version}" for name, version in peer.versions().items()),
            amounts.count(_used(peer, threads), "thread"),
            _command(one),
        )
        for peer, one in called.items()
    ]
    return [escape(line) for line in aligned(rows, words=3)] if rows else []


def records(outcomes: Iterable[Outcome], absent: Iterable[Peer], threads: int) -> list[dict[str, object]]:
    """One record for each tool and setting, and for each tool that is not installed."""
    missing: list[dict[str, object]] = [{"tool": peer.name, "not_installed": peer.missing()} for peer in absent]
    return [_record(outcome, threads) for outcome in outcomes] + missing


def _command(outcome: Outcome) -> str:
    remark = outcome.peer.remark()
    return outcome.command + (f"   ({remark})" if remark else "")


def _used(peer: Peer, threads: int) -> int:
    return threads if peer.threaded else 1


def _cells(outcome: Outcome) -> tuple[str, ...]:
    first, back, later = outcome.backup, outcome.restore, outcome.next_day
    assert first is not None
    assert back is not None
    cells = (
        outcome.peer.name,
        outcome.setting.words,
        f"{first.seconds:.2f}",
        f"{first.rate / 1e6:.{0 if first.rate >= 1e7 else 1}f}",
        amounts.amount(first.stored),
        f"{first.share:.1%}",
        amounts.amount(first.peak),
        f"{back.seconds:.2f}",
    )
    return (*cells, f"{later.seconds:.2f}", amounts.amount(later.stored)) if later else cells


def _record(outcome: Outcome, threads: int) -> dict[str, object]:
    peer, setting = outcome.peer, outcome.setting
    record: dict[str, object] = {"tool": peer.name, "setting": setting.words, "level": setting.level}
    if outcome.error:
        return {**record, "error": "PeerFailed", "message": outcome.error, "remedy": "", "exit_code": EXIT_FAILED}
    first, back = outcome.backup, outcome.restore
    assert first is not None
    assert back is not None
    return {
        **record,
        "versions": peer.versions(),
        "command": outcome.command,
        "threads": _used(peer, threads),
        **_measured(first),
        "next_day": _measured(outcome.next_day) if outcome.next_day else None,
        "restore_seconds": round(back.seconds, 6),
        "restored": "same",
    }


def _measured(laps: Laps) -> dict[str, object]:
    return {
        "plain_bytes": laps.plain,
        "stored_bytes": laps.stored,
        "seconds": round(laps.seconds, 6),
        "seconds_of_rounds": [round(ran.seconds, 6) for ran in laps.ran],
        "cpu_seconds": round(laps.cpu_seconds, 6),
        "bytes_per_second": round(laps.rate),
        "peak_memory_bytes": laps.peak,
    }
