"""Told: what a vault says of an account, in words and as records."""

from collections.abc import Sequence
from datetime import UTC, datetime

from chatseal.cli import amounts
from chatseal.vault.identity import shown
from chatseal.vault.messages import Event, Failure, StatusAnswer

_ORIGIN = 8  # hexadecimal digits of an origin: enough to tell places apart
_REASONS = {
    "limit": "too many wrong passwords were tried",
    "owner": "its owner deleted it",
    "announced": "its deletion was announced, and nobody objected",
    "restored": "the vault's operator put back an older copy",
}
_NOWHERE = bytes(16)


def moment(seconds: int) -> str:
    """A time as people read it, or its number if no calendar has it."""
    try:
        return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return f"second {seconds}"


def failures(found: Sequence[Failure], since: str) -> str:
    """How often, when and from where somebody tried."""
    when = "; ".join(f"{moment(one.time)} from place {origin(one.origin)}" for one in found)
    return f"{amounts.count(len(found), 'wrong password')} tried {since}: {when}. If it was not you, change the password"


def origin(data: bytes) -> str:
    """A place: the same looks the same, and says nothing else."""
    return "unknown" if data == _NOWHERE else data.hex()[:_ORIGIN]


def failure_record(failure: Failure) -> dict[str, object]:
    return {"time": failure.time, "origin": origin(failure.origin)}


def status_record(status: StatusAnswer, url: str, fingerprint: bytes) -> dict[str, object]:
    """For --json."""
    record, tombstone = status.record, status.tombstone
    return {
        "vault": url,
        "fingerprint": shown(fingerprint),
        "generation": status.generation,
        "record": record
        and {
            "record_id": record.record_id.hex(),
            "guesses_left": record.guesses_left,
            "open": record.open,
            "wait": record.wait,
            "failures": [failure_record(one) for one in record.failures],
            "failures_in_90_days": record.recent,
            "failures_ever": record.life,
            "stretch": {"memory": record.stretch.memory, "passes": record.stretch.passes, "lanes": record.stretch.lanes},
            "announcement": record.announcement and {"operation": record.announcement.operation, "time": record.announcement.time},
        },
        "tombstone": tombstone and {"reason": tombstone.reason, "time": tombstone.time, "until": tombstone.until},
        "head": {"index": status.head.index, "digest": status.head.digest.hex()},
    }


def status_lines(status: StatusAnswer, url: str, fingerprint: bytes) -> str:
    """For people."""
    rows = [("vault", url), ("fingerprint", shown(fingerprint))]
    record = status.record
    if record is not None:
        rows += [
            ("record", f"{record.record_id.hex()}, generation {status.generation}"),
            ("guesses left", f"{record.guesses_left}{f', {record.open} more may still succeed' if record.open else ''}"),
            *([("next guess", f"in {amounts.count(record.wait, 'second')}")] if record.wait else []),
            ("failures", failures(record.failures, "since the last success") if record.failures else "none since the last success"),
            ("ever", f"{amounts.count(record.life, 'failure')}, {record.recent} of them in the last 90 days"),
            ("stretching", f"Argon2id, {record.stretch.memory >> 10} MiB, {amounts.count(record.stretch.passes, 'pass')}"),
        ]
        if record.announcement is not None:
            what = "deleted" if record.announcement.operation == "delete" else "replaced"
            text = f"it may be {what} without your key from {moment(record.announcement.time)} on; `chatseal vault withdraw` ends that"
            rows.append(("announced", text))
    elif status.tombstone is not None:
        rows += [
            ("record", f"destroyed {moment(status.tombstone.time)}: {_REASONS[status.tombstone.reason]}"),
            ("register", f"its owner now, others from {moment(status.tombstone.until)} on"),
        ]
    else:
        rows.append(("record", "none"))
    width = max(len(name) for name, _ in rows) + 2
    return "\n".join(f"{name:{width}}{value}" for name, value in rows)


def event_record(event: Event) -> dict[str, object]:
    return {
        "index": event.index,
        "time": event.time,
        "event": event.event,
        "generation": event.generation,
        "slot": event.slot,
        "origin": origin(event.origin),
    }


def event_line(event: Event) -> str:
    guess = f", guess {event.slot}" if event.slot else ""
    place = f", from place {origin(event.origin)}" if event.origin != _NOWHERE else ""
    return f"{moment(event.time)}  {event.event:12}  generation {event.generation}{guess}{place}"
