"""Many files: one budget of threads and memory, large files over all cores and small ones side by side."""

import errno
import os
import queue
import stat
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from chatseal import _core
from chatseal.events import FileReport, Progress, Report, Summary
from chatseal.keys.signing_key import SigningKey, VerifyingKey
from chatseal.keys.slots import Holder, Opener, holders_of, openers_of
from chatseal.part_file import is_part
from chatseal.sealing.budget import FRAME_SIZE, LEVEL, Budget
from chatseal.sealing.seal import SealOptions, seal_into_file
from chatseal.sealing.source import PathLike, open_source
from chatseal.sealing.target import ORDINARY, PRIVATE, FileTarget
from chatseal.sealing.unseal import unseal_into_file

SUFFIX = ".seal"
LARGE = 16 << 20  # a file this long keeps all threads busy by itself


@dataclass(frozen=True, slots=True)
class Job:
    """One file of many. `size` is -1 when nobody could tell; `refused` says why it is not even opened."""

    source: Path
    target: Path
    size: int
    refused: str = ""


def jobs(sources: Iterable[PathLike], folder: PathLike, rename: Callable[[str], str]) -> list[Job]:
    """A job for each file in *sources* and below a folder among them, whose tree is kept. ValueError if two have one target."""
    found: list[Job] = []
    for source in map(Path, sources):
        if source.is_dir():
            for top, folders, names in os.walk(source):
                folders.sort()
                below = Path(top).relative_to(source)
                found += [_job(Path(top, name), Path(folder, source.name, below), rename, in_folder=True) for name in sorted(names)]
        else:
            found.append(_job(source, Path(folder), rename))
    targets: dict[Path, Path] = {}
    for job in found:
        if (other := targets.setdefault(job.target, job.source)) != job.source:
            raise ValueError(f"{other} and {job.source} would both become {job.target}")
    return found


def _job(source: Path, folder: Path, rename: Callable[[str], str], *, in_folder: bool = False) -> Job:
    target = folder / rename(source.name)
    try:
        about = source.stat()
    except OSError:
        return Job(source, target, -1)  # the attempt to open it will say why
    if in_folder and not stat.S_ISREG(about.st_mode):
        # Nobody asked for this one by name, and a pipe or a device may never end.
        return Job(source, target, -1, "not a regular file")
    return Job(source, target, about.st_size)


Work = Callable[[Job, int, threading.local, Report | None], Summary]  # one job on so many threads, with this thread's store


def run_jobs(work: Sequence[Job], threads: int, one: Work, progress: Report | None, total: int | None) -> Generator[FileReport]:
    """Run *one* for every job; a report as each ends. A failure stops its own file alone.

    Large files go first, one after another on all threads; then the others, the largest first, each on one thread.
    *progress* is called in the consumer's thread, with the plaintext of all files together, of which there are *total* bytes."""
    lane = threading.local()
    done = 0
    stopped_by: BaseException | None = None

    def report(job: Job, threads: int, progress: Report | None = None) -> FileReport:
        try:
            if job.refused:
                raise OSError(errno.EINVAL, job.refused, str(job.source))
            job.target.parent.mkdir(parents=True, exist_ok=True)
            return FileReport(str(job.source), str(job.target), one(job, threads, lane, progress), None)
        except Exception as error:
            if error is stopped_by:
                raise
            return FileReport(str(job.source), str(job.target), None, error)

    def inside(here: Progress) -> None:
        nonlocal stopped_by
        try:
            if progress is not None:
                progress(Progress(done + here.done, total))
        except BaseException as error:
            stopped_by = error  # the caller's, not the file's
            raise

    def passed_on(ended: FileReport) -> Generator[FileReport]:
        nonlocal done
        yield ended
        done += ended.summary.plain_bytes if ended.summary else 0
        inside(Progress(0, None))

    by_size = sorted(work, key=lambda job: -job.size)
    for job in (job for job in by_size if job.size >= LARGE):
        yield from passed_on(report(job, threads, inside))
    for ended in side_by_side([job for job in by_size if job.size < LARGE], threads, report):
        yield from passed_on(ended)


def side_by_side(work: Sequence[Job], threads: int, report: Callable[[Job, int], FileReport]) -> Generator[FileReport]:
    """Run *report*(job, 1) for every job on so many threads; yields each result as it ends."""
    left_to_do = iter(work)
    if threads == 1:
        yield from (report(job, 1) for job in left_to_do)
        return
    done: queue.SimpleQueue[FileReport | None] = queue.SimpleQueue()
    stopped = threading.Event()
    next_job = threading.Lock()

    def worker() -> None:
        while not stopped.is_set():
            with next_job:
                job = next(left_to_do, None)
            if job is None:
                break
            done.put(report(job, 1))
        done.put(None)

    workers = [threading.Thread(target=worker, name=f"chatseal-file-{i}", daemon=True) for i in range(threads)]
    try:
        for thread in workers:
            thread.start()
        left = len(workers)
        while left:
            try:
                ended = done.get(timeout=0.1)
            except queue.Empty:
                continue  # a chance for Ctrl-C
            if ended is None:
                left -= 1
            else:
                yield ended
    finally:
        stopped.set()
        for thread in workers:
            if thread.ident is not None:
                thread.join()


def seal_many(
    sources: Iterable[PathLike],
    folder: PathLike,
    key: Holder | Sequence[Holder],
    *,
    level: int = LEVEL,
    frame_size: int = FRAME_SIZE,
    threads: int | None = None,
    memory: int | None = None,
    overwrite: bool = False,
    sign: SigningKey | None = None,
    padded: bool = False,
    progress: Report | None = None,
) -> Generator[FileReport]:
    """Seal every file in *sources*, folders with all below them, into *folder* as NAME.seal; yields a FileReport as each ends.

    *threads* and *memory* are for all of them together; *progress* counts bytes of all of them.
    Closing the iterator stops after the files under way.

    Raises ValueError before any work if two files would get one name."""
    holders, options, budget = holders_of(key), SealOptions(level, frame_size, sign, padded), Budget.of(threads, memory)
    work = jobs(sources, folder, lambda name: name + SUFFIX)
    count = budget.for_sealing(level, frame_size, None)[0]
    one_lane = Budget(1, None)

    def one(job: Job, threads: int, lane: threading.local, progress: Report | None) -> Summary:
        with open_source(job.source) as source, FileTarget(job.target, overwrite=overwrite, mode=ORDINARY) as target:
            if threads > 1:
                return seal_into_file(source, target, holders, options, Budget(threads, memory), progress=progress)
            # contexts and buffers of this thread, kept from file to file
            pipe = lane.__dict__.get("pipe") or lane.__dict__.setdefault("pipe", _core.SealPipeline(2))
            return seal_into_file(source, target, holders, options, one_lane, pipe=pipe)

    return run_jobs(work, count, one, progress, sum(max(job.size, 0) for job in work))


def unseal_many(
    sources: Iterable[PathLike],
    folder: PathLike,
    key: Opener | Sequence[Opener],
    *,
    threads: int | None = None,
    memory: int | None = None,
    overwrite: bool = False,
    author: VerifyingKey | None = None,
    progress: Report | None = None,
) -> Generator[FileReport]:
    """Unseal every file in *sources*, folders with all below them, into *folder* without the ending .seal; otherwise like seal_many."""
    openers, budget = openers_of(key), Budget.of(threads, memory)
    named = list(map(Path, sources))
    found = jobs(named, folder, lambda name: name.removesuffix(SUFFIX) if name != SUFFIX else name)
    work = [job for job in found if job.source in named or not is_part(job.source)]  # below a folder: what a killed run left
    count = budget.for_unsealing(None)[0]

    def one(job: Job, threads: int, lane: threading.local, progress: Report | None) -> Summary:
        with open_source(job.source) as source, FileTarget(job.target, overwrite=overwrite, mode=PRIVATE) as target:
            own = Budget(threads, memory if threads > 1 else None)
            return unseal_into_file(source, target, openers, own, author=author, progress=progress)

    return run_jobs(work, count, one, progress, None)
