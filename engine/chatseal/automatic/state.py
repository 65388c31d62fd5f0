"""State: what this machine remembers of its jobs: what was done when, and what failed. No secret is in it."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from chatseal.errors import ChatsealError, DamagedError
from chatseal.format import strict_json
from chatseal.snapshots import places

NAME, LOCK, TOLD = "jobs.json", "jobs.lock", "jobs.told"
FILE_MAX = 64 << 20
JOBS_MAX = 1000
TEXT_MAX, STORE_MAX = 2000, 4096
STEPS = ("backup", "copy", "forget", "prune", "drill")
_TIME_MAX = 253402300799  # the last second of the year 9999


class RunningError(ChatsealError):
    """Another run is going on: two would do the same twice."""

    exit_code = 11
    remedy = "Wait until it has ended; `chatseal status` tells. What it does is not done twice."


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that failed: when, what is said of it, its exit code, how many times in a row."""

    step: str
    time: int
    message: str
    exit_code: int
    times: int = 1


@dataclass(frozen=True, slots=True)
class JobState:
    """What is known of one job with the store at the address `store`. Times in whole seconds since 1970, 0 for never: of the beginning of
    the last backup, copy, prune and drill that went well. `skipped` are names that the last backup left out, `exit_code` that of the last
    run, `running` when a run began that has not ended yet."""

    store: str = ""
    store_id: str = ""
    host: str = ""
    snapshot: str = ""
    backup: int = 0
    copy: int = 0
    forget: int = 0
    prune: int = 0
    drill: int = 0
    size: int = 0
    added: int = 0
    milliseconds: int = 0
    skipped: int = 0
    ran: int = 0
    exit_code: int = 0
    running: int = 0
    sources: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = field(default=())

    def failed(self, step: str) -> Failure | None:
        """The failure of *step*, if the last try failed."""
        return next((failure for failure in self.failures if failure.step == step), None)

    def with_failure(self, step: str, now: int, message: str, code: int) -> "JobState":
        """After *step* failed."""
        before = self.failed(step)
        failure = Failure(step, now, message[:TEXT_MAX], code, (before.times if before else 0) + 1)
        return replace(self, failures=(*self._without(step), failure))

    def with_success(self, step: str, began: int) -> "JobState":
        """After *step*, which began at *began*, went well."""
        changes: dict[str, Any] = {step: began}
        return replace(self, failures=self._without(step), **changes)

    def _without(self, step: str) -> tuple[Failure, ...]:
        return tuple(failure for failure in self.failures if failure.step != step)


def moment(seconds: int) -> datetime | None:
    """A time of the state; None for never."""
    return datetime.fromtimestamp(seconds).astimezone() if seconds else None


def path() -> Path:
    """The file."""
    return places.state_folder() / NAME


def read() -> dict[str, JobState]:
    """What is known, by the job's name. Nothing if the file makes no sense: then all is due, and nothing is lost. Raises OSError."""
    try:
        with open(path(), "rb") as file:
            members = strict_json.parse_object(file.read(FILE_MAX))
        strict_json.version(members, 1)
        jobs = members.get("jobs")
        if not isinstance(jobs, dict) or len(jobs) > JOBS_MAX:
            raise strict_json.damaged()
        return {name: _job(value) for name, value in jobs.items()}
    except (FileNotFoundError, DamagedError):
        return {}


def of(known: dict[str, JobState], name: str, store: str) -> JobState:
    """What is known of the job *name* with the store at the address *store*: nothing if it had another one before."""
    found = known.get(name)
    return found if found is not None and found.store == store else JobState(store)


def keep(jobs: dict[str, JobState]) -> None:
    """Remember *jobs*, whole or not at all. Only who is `alone` may. Raises OSError."""
    newest = sorted(jobs.items(), key=lambda item: item[1].ran)[-JOBS_MAX:]  # of jobs that are no more the oldest go
    document = {"version": 1, "jobs": {name: asdict(job) for name, job in newest}}
    places.write_whole(path(), json.dumps(document).encode() + b"\n")


def last_told() -> int:
    """The time of the newest failure that a person was told of; 0 for none. Raises OSError."""
    try:
        text = (places.state_folder() / TOLD).read_text("ascii", "replace")[:20].strip()
    except FileNotFoundError:
        return 0
    return int(text) if text.isascii() and text.isdigit() else 0


def keep_told(time: int) -> None:
    """Remember that a person was told of the failure of *time*. Raises OSError."""
    places.write_whole(places.state_folder() / TOLD, b"%d\n" % time)


@contextmanager
def alone() -> Iterator[None]:
    """One run at a time on this machine, for one user. Raises RunningError at once if there is another, and OSError.

    The lock is the system's and goes with the process, however it ends."""
    import fcntl

    places.make_private(places.state_folder())
    with open(places.state_folder() / LOCK, "ab", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunningError("another `chatseal run` is at work") from None
        yield


def is_running() -> bool:
    """Whether somebody is `alone` now. Raises OSError."""
    import fcntl

    try:
        with open(places.state_folder() / LOCK, "rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False
    except FileNotFoundError:
        return False


def _job(value: Any) -> JobState:
    if not isinstance(value, dict):
        raise strict_json.damaged()
    found: dict[str, Any] = {}
    for item in fields(JobState):
        if item.name == "failures":
            found[item.name] = strict_json.items(value, item.name, len(STEPS), _failure)
        elif item.name == "sources":
            found[item.name] = strict_json.items(value, item.name, 1 << 16, strict_json.a_text(1 << 16))
        elif isinstance(item.default, str):
            found[item.name] = strict_json.text(value, item.name, TEXT_MAX if item.name != "store" else STORE_MAX)
        else:
            found[item.name] = strict_json.number(value, item.name, 0, strict_json.INTEGER_MAX if item.name in _AMOUNTS else _TIME_MAX)
    return JobState(**found)


_AMOUNTS = ("size", "added", "milliseconds")


def _failure(value: Any) -> Failure:
    if not isinstance(value, dict) or value.get("step") not in STEPS:
        raise strict_json.damaged()
    number, text = strict_json.number, strict_json.text
    return Failure(
        text(value, "step", 16),
        number(value, "time", 0, _TIME_MAX),
        text(value, "message", TEXT_MAX),
        number(value, "exit_code", 0, 255),
        number(value, "times", 1, 1 << 31),
    )
