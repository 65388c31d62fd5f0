"""Status: what is known of the jobs of a plan at one moment, from this machine alone: no key and no store is needed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from chatseal.automatic import state
from chatseal.automatic.plan import Job, Plan
from chatseal.automatic.run import due_of
from chatseal.automatic.state import Failure, JobState
from chatseal.automatic.timing import HOUR
from chatseal.snapshots import history, proofs
from chatseal.snapshots.proofs import Proof

LATE = 3 * HOUR  # a timer that comes every hour has come by then, and a backup has ended


@dataclass(frozen=True, slots=True)
class JobStatus:
    """One job. `age` is that of the last backup, None if there is none; `due` when the next is, None if never by itself; `proof` the last
    drill that brought everything back; `interrupted` when a run began that neither ended nor goes on; `omitted` what was gone from the
    store without having been forgotten, when somebody looked last."""

    job: Job
    state: JobState
    age: timedelta | None
    due: datetime | None
    is_late: bool
    proof: Proof | None
    interrupted: datetime | None
    omitted: tuple[str, ...] = ()

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Steps whose last try failed."""
        return self.state.failures

    @property
    def is_well(self) -> bool:
        """Whether the last backup is there, whole and not late, nothing failed last, and the store has all that it had."""
        bad = self.failures or self.state.skipped or self.is_late or self.interrupted or self.omitted
        return self.age is not None and not bad

    def is_older(self, limit: timedelta) -> bool:
        """Whether the last backup is older than *limit*, or there is none."""
        return self.age is None or self.age > limit


@dataclass(frozen=True, slots=True)
class Status:
    """All jobs of a plan, and whether a run goes on now."""

    jobs: tuple[JobStatus, ...]
    is_running: bool


def look(plan: Plan, now: datetime) -> Status:
    """The status at *now*. Raises OSError."""
    known, is_running = state.read(), state.is_running()
    return Status(tuple(_of(job, state.of(known, job.name, job.store), now, is_running=is_running) for job in plan.jobs), is_running)


def _of(job: Job, known: JobState, now: datetime, *, is_running: bool) -> JobStatus:
    last = state.moment(known.backup)
    due = due_of(job, known, "backup", now)
    began = state.moment(known.running)
    return JobStatus(
        job,
        known,
        now - last if last is not None else None,
        due,
        not is_running and due is not None and now - due > LATE and last is not None,
        proofs.of(known.store_id, known.host, known.sources) if known.store_id else None,
        None if is_running else began,
        history.omitted_at_last_look(known.store_id) if known.store_id else (),
    )
