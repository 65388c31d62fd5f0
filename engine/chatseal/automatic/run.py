"""Run: what the timer does, for every job in turn: back up, copy, forget, prune, drill, each if it is due; and whoever is to be told is."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Protocol

from chatseal import events
from chatseal.automatic import hooks, metrics, state
from chatseal.automatic.plan import Job, Plan
from chatseal.automatic.state import Failure, JobState
from chatseal.automatic.timing import DAY, due, retry
from chatseal.capture.walk import NEVER_CONTENT
from chatseal.copied import Copied
from chatseal.drilled import Drilled
from chatseal.errors import EXIT_DAMAGED, EXIT_FAILED, EXIT_OK, EXIT_PARTLY, ChatsealError, NoStoreError, exit_code
from chatseal.events import Report
from chatseal.snapshots import catalogue, forget, proofs
from chatseal.snapshots.copy import CopyOptions

if TYPE_CHECKING:
    from chatseal.snapshots.snapshot import Snapshot
    from chatseal.snapshots.store import Store

Clock = Callable[[], datetime]
OpenStore = Callable[[str], AbstractContextManager["Store"]]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many of a job's snapshots a policy kept and removed."""

    kept: int
    removed: int


Result = events.Backup | Copied | Forgotten | events.Pruned | Drilled
FAILED, PARTLY, WELL = "failed", "partly", "ok"


@dataclass(frozen=True, slots=True)
class Done:
    """One step of one job: its *result*, or why it *failed*; a drill that did not bring everything back has both."""

    job: str
    step: str
    result: Result | None
    failed: Failure | None
    left_out: int = 0  # names that a backup should have, and has not

    @property
    def status(self) -> str:
        """In a word."""
        return FAILED if self.failed else PARTLY if self.left_out else WELL


class Watch(Protocol):
    """Somebody who looks on while a run goes on."""

    def begin(self, job: str, step: str) -> Report | None:
        """A step begins; who is to be told of its bytes."""

    def end(self, done: Done) -> None:
        """A step has ended."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run did. `troubles` are of those who were to be told, and of the file for Prometheus."""

    steps: tuple[Done, ...]
    troubles: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0 if all went well; the code of what failed if nothing went well beside it in another job, else 3."""
        codes = {done.failed.exit_code for done in self.steps if done.failed}
        spoiled = {done.job for done in self.steps if done.status != WELL}
        if not spoiled:
            return EXIT_OK
        return codes.pop() if len(codes) == 1 and spoiled == {done.job for done in self.steps} else EXIT_PARTLY


def run(plan: Plan, jobs: Sequence[Job], open_store: OpenStore, watch: Watch, *, only_due: bool, clock: Clock) -> Ran:
    """Do *jobs* of *plan*: with *only_due* what is due, else back up in any case. A step that fails ends its job, not the others; a copy
    that fails ends nothing.

    *open_store* opens the store at an address. Raises RunningError if another run is at work, OSError if this machine cannot remember what
    is done: then nothing is."""
    with state.alone():
        known = state.read()
        steps: list[Done] = []
        for job in jobs:
            runner = _Runner(job, known, open_store, watch, clock)
            steps += runner.run(only_due=only_due)
        troubles = metrics.write(plan, known)
    if steps:
        troubles += _tell(plan, steps)
    return Ran(tuple(steps), tuple(troubles))


def due_of(job: Job, known: JobState, step: str, now: datetime) -> datetime | None:
    """When *step* of *job* is due: None if never, long ago if it was never done."""
    interval: timedelta | None = getattr(job.schedule, step)
    last = state.moment(last_of(known, step))
    if last is not None and last > now + DAY:  # a clock that was wrong then, or is now: better once too often
        last = None
    found = due(last, interval, job.schedule.at)
    failure = known.failed(step)
    if failure is None or found is None or interval is None or failure.time > now.timestamp():
        return found
    return max(found, retry(datetime.fromtimestamp(failure.time).astimezone(), failure.times, interval))


def last_of(known: JobState, step: str) -> int:
    """When *step* last went well; for a drill, by hand or not, of all the files or of as many as the job wants."""
    if step == "drill" and known.store_id:
        proof = proofs.of(known.store_id, known.host, known.sources)
        return max(known.drill, proof.proven if proof is not None and proof.is_whole else 0)
    return int(getattr(known, step))


class _Runner:
    def __init__(self, job: Job, known: dict[str, JobState], open_store: OpenStore, watch: Watch, clock: Clock) -> None:
        self._job, self._known, self._open, self._watch, self._clock = job, known, open_store, watch, clock
        self._steps: list[Done] = []

    @property
    def _state(self) -> JobState:
        return state.of(self._known, self._job.name, self._job.store)

    def _keep(self, new: JobState) -> None:
        self._known[self._job.name] = new
        state.keep(self._known)

    def run(self, *, only_due: bool) -> list[Done]:
        now = self._clock()

        def is_due(step: str) -> bool:
            when = due_of(self._job, self._state, step, now)
            return when is not None and when <= now

        wanted = [step for step in ("backup", "prune", "drill") if is_due(step) or (step == "backup" and not only_due)]
        if self._job.retention is not None and wanted[:1] == ["backup"]:
            wanted.insert(1, "forget")
        if self._job.mirrors and wanted[:1] == ["backup"]:
            wanted.insert(1, "copy")  # first: what is to be forgotten may be kept there
        if not wanted or (
            wanted[0] != "backup" and self._state.failed("backup")
        ):  # the store is gone, say: it is asked for when that is due
            return []
        self._keep(replace(self._state, running=int(now.timestamp()), ran=int(now.timestamp())))
        try:
            with self._open(self._job.store) as store:
                works: dict[str, Callable[[Store, Report | None], Done]] = {
                    "backup": self._backup,
                    "copy": self._copy,
                    "forget": self._forget,
                    "prune": self._prune,
                    "drill": self._drill,
                }
                for step in wanted:
                    if not self._step(step, partial(works[step], store)) and step != "copy":
                        break
        except Exception as error:  # the store was not opened, or not closed
            self._fail(wanted[min(len(self._steps), len(wanted) - 1)], error)
        codes = [done.failed.exit_code for done in self._steps if done.failed]
        code = codes[0] if codes else EXIT_PARTLY if any(done.left_out for done in self._steps) else EXIT_OK
        self._keep(replace(self._state, running=0, exit_code=code))
        return self._steps

    def _step(self, step: str, work: Callable[[Report | None], Done]) -> bool:
        """Whether the next step makes sense."""
        began = int(self._clock().timestamp())
        try:
            done = work(self._watch.begin(self._job.name, step))
        except Exception as error:  # a bug, too: what happens by itself must not end in silence
            self._fail(step, error)
            return False
        if done.failed is None:
            self._keep(self._state.with_success(step, began))
        self._end(done)
        return done.failed is None

    def _fail(self, step: str, error: Exception) -> None:
        self._end(Done(self._job.name, step, None, self._failure(step, *_words(error))))

    def _failure(self, step: str, message: str, code: int) -> Failure:
        self._keep(self._state.with_failure(step, int(self._clock().timestamp()), message, code))
        found = self._state.failed(step)
        assert found is not None
        return found

    def _end(self, done: Done) -> None:
        self._steps.append(done)
        self._watch.end(done)

    # --- the steps ---

    def _backup(self, store: "Store", report: Report | None) -> Done:
        job = self._job
        streams = {job.stream: job.command} if job.command else {}
        done = store.backup(*job.sources, streams=streams, options=job.options(), progress=report)
        left_out = sum(reason not in NEVER_CONTENT for _, reason in done.skipped)
        record = store.snapshot(done.snapshot)
        new = replace(
            self._state,
            store_id=store.id,
            host=record.host,
            sources=record.sources,
            snapshot=done.snapshot,
            size=done.size,
            added=done.bytes_added,
            milliseconds=round(done.seconds * 1000),
            skipped=left_out,
        )
        self._keep(new)
        return Done(job.name, "backup", done, None, left_out)

    def _copy(self, store: "Store", report: Report | None) -> Done:
        """To all other places; one that fails does not keep the others from getting theirs."""
        done, wrong = Copied(0, 0, 0, 0, 0.0), list[str]()
        for url in self._job.mirrors:
            try:
                one = store.copy_to(url, options=CopyOptions(self._job.limit_upload), progress=report)
            except (ChatsealError, OSError) as error:
                wrong.append(_words(error)[0])
                continue
            wrong += [f"{url}: left out snapshot {name}: {reason}" for name, reason in one.skipped]
            done = done + one
        failed = self._failure("copy", "; ".join(wrong), EXIT_PARTLY) if wrong else None
        return Done(self._job.name, "copy", done, failed)

    def _forget(self, store: "Store", report: Report | None) -> Done:
        policy, known = self._job.retention, self._state
        assert policy is not None
        store.check_pin()
        records = catalogue.read(store.sealed).records
        own = [record for record in records if (record.manifest.host, record.manifest.sources) == (known.host, known.sources)]
        decided = [decision for group in forget.decide(policy, own) for decision in group]
        names = [decision.record.name for decision in decided if not decision.reasons]
        forget.forget(store.sealed, names)
        return Done(self._job.name, "forget", Forgotten(len(decided) - len(names), len(names)), None)

    def _prune(self, store: "Store", report: Report | None) -> Done:
        return Done(self._job.name, "prune", store.prune(), None)

    def _drill(self, store: "Store", report: Report | None) -> Done:
        share = self._job.schedule.drill_share
        done = self._latest(store).drill(share=share, progress=report)
        failed = None
        if done.failed:
            path, reason = done.failed[0]
            others = f", and {len(done.failed) - 1} more" if len(done.failed) > 1 else ""
            failed = self._failure("drill", f"does not come back: {path}: {reason}{others}", EXIT_DAMAGED)
        return Done(self._job.name, "drill", done, failed)

    def _latest(self, store: "Store") -> "Snapshot":
        """The job's newest snapshot that is still there."""
        known = self._state
        own = [one for one in store.snapshots() if one.id == known.snapshot or (one.host, one.sources) == (known.host, known.sources)]
        if not own:
            raise NoStoreError("there is no snapshot of this job in the store")
        return own[-1]


def _words(error: Exception) -> tuple[str, int]:
    """What is said of *error*, and its exit code."""
    if isinstance(error, ChatsealError):
        return str(error), exit_code(error)
    if isinstance(error, OSError):
        reason = (error.strerror or type(error).__name__).lower()
        return f"{error.filename}: {reason}" if error.filename else reason, exit_code(error)
    return f"unexpected {type(error).__name__}: this is a bug in chatseal", EXIT_FAILED


def _tell(plan: Plan, steps: Sequence[Done]) -> list[str]:
    """Tell whoever is to be told; what went wrong with that."""
    found = {done.status for done in steps}
    status = next(word for word in (FAILED, PARTLY, WELL) if word in found)
    about = {
        "status": status,
        "host": catalogue.this_host(),
        "message": _message(steps),
        "steps": [
            {"job": done.job, "step": done.step, "status": done.status, "message": done.failed.message if done.failed else ""}
            for done in steps
        ],
    }
    told: Sequence[hooks.Hook] = plan.on_success if status == WELL else plan.on_failure
    return [trouble for hook in told if (trouble := hook.tell(about))]


def _message(steps: Sequence[Done]) -> str:
    """One line for all of it."""
    for done in steps:
        if done.failed:
            return f"{done.job}: {done.step} failed: {done.failed.message}"
    for done in steps:
        if done.left_out:
            return f"{done.job}: backed up, without {done.left_out} names that could not be read"
    return f"{', '.join(dict.fromkeys(done.job for done in steps))}: all is well"
