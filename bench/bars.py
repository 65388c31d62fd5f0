"""Bars: one function for each number that the project promises, with its limit measured beside it (docs/benchmarks.md)."""

import math
import os
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import chatseal
import inputs
import limit
import subjects
from chatseal.compare import pipeline
from rounds import QUIET, Run, Times, take_turns, timed
from subjects import KEY, SelfReport

MIB = 1 << 20
LEVELS = {3: 0.92, 1: 0.82, -5: None}  # zstd level: the share of the limit that a seal reaches at least
UNSEAL_BAR, FILES_BAR, SERIAL_BAR = 0.90, 0.85, 0.01
READ_BAR_MS, MESSAGE_BAR_US, START_BAR_S, MEMORY_BAR, SIZE_BAR = 5.0, 300.0, 0.15, 64 * MIB, 0.01


@dataclass(frozen=True, slots=True)
class Bar:
    """One number beside its bar. `holds` is None where there is no bar: reported for comparison."""

    what: str
    bar: str
    measured: str
    value: float
    holds: bool | None


def show(bar: Bar) -> str:
    """One line of the table."""
    verdict = {True: "holds", False: "MISSED", None: ""}[bar.holds]
    return f"{bar.what:78} {bar.bar:>10}  {verdict:6}  {bar.measured}"


@dataclass(frozen=True)
class Plan:
    """What is measured: the database, its size in memory, threads, and how often."""

    database: Path
    scratch: Path
    disk: Path
    threads: int
    rounds: int


def _share(what: str, times: Times, name: str, against: str, bar: float | None) -> Bar:
    share, (low, high) = times.share(name, against), times.spread(name, against)
    words = f"{share:.3f} ({low:.3f} to {high:.3f}; {times.median(name):.3f} s, limit {times.median(against):.3f} s)"
    return Bar(what, "" if bar is None else f">= {bar:.2f}", words + _disturbed(times), share, None if bar is None else share >= bar)


def _disturbed(times: Times) -> str:
    return "" if times.disturbance <= QUIET else f"; DISTURBED, others took up to {times.disturbance:.0%} of the machine"


def _below(what: str, value: float, bar: float, words: str, bar_words: str) -> Bar:
    return Bar(what, f"< {bar_words}", words, value, value < bar)


def sealing(plan: Plan) -> Iterator[Bar]:
    """Seal of the database against libzstd alone on the same frames and threads, and the sizes of both."""
    data, target = inputs.load(plan.database), plan.scratch / "target.seal"
    for level, bar in LEVELS.items():
        alone = limit.Compression([data], level, MIB, plan.threads)
        times = take_turns(
            {
                "limit": alone.run,
                "path": subjects.seal_to_path(plan.database, target, level, threads=plan.threads),
                "sink": subjects.seal_to_sink(data, level, threads=plan.threads),
            },
            plan.rounds,
        )
        yield _share(f"seal, level {level}, tmpfs path to tmpfs path", times, "path", "limit", bar)
        yield _share(f"seal, level {level}, caller's buffer to in-memory sink", times, "sink", "limit", bar)
        frames = len(alone.frames().packed)
        excess = target.stat().st_size / frames - 1
        yield _below(
            f"size, level {level}, over independent 1 MiB frames",
            excess,
            SIZE_BAR,
            f"{excess:+.3%} of {frames / 1e6:.1f} MB",
            f"{SIZE_BAR:.0%}",
        )
        target.unlink()


def unsealing(plan: Plan) -> Iterator[Bar]:
    """Unseal and verify against both limits: (a) into a buffer of each thread, (b) into one touched buffer of all the content."""
    data = inputs.load(plan.database)
    for level in (3, 1):
        sealed, target = plan.scratch / "source.seal", plan.scratch / "target"
        sealed.unlink(missing_ok=True)
        chatseal.seal(data, sealed, KEY, level=level, threads=plan.threads)
        frames = limit.Compression([data], level, MIB, 1).frames()
        whole = limit.touched(len(data))
        times = take_turns(
            {
                "a": limit.Decompression(frames, plan.threads, whole=False).run,
                "b": limit.Decompression(frames, plan.threads, whole=True).run,
                "buffer": subjects.unseal_to_buffer(sealed, whole, threads=plan.threads),
                "path": subjects.unseal_to_path(sealed, target, threads=plan.threads),
                "verify": subjects.verify(sealed, threads=plan.threads),
            },
            plan.rounds,
        )
        for name, words in (("verify", "verify"), ("buffer", "unseal to a touched buffer"), ("path", "unseal, tmpfs path to tmpfs path")):
            for against, which in (("a", "buffers of each thread"), ("b", "one touched buffer")):
                yield _share(f"{words}, level {level}, against zstd into {which}", times, name, against, UNSEAL_BAR)
        target.unlink()


def serial_share(plan: Plan) -> Iterator[Bar]:
    """Time that no second thread could use, over the time of the same work on one thread.

    It is the ordered steps, as the pipeline counts them, and everything before the first and after the last frame: keys, header, threads
    started and joined, last records, fsync, rename. The latter is what a file of two tiny frames takes, all of it."""
    sealed, target, tiny = plan.scratch / "source.seal", plan.scratch / "target", plan.scratch / "tiny"
    tiny_sealed = plan.scratch / "tiny.seal"
    tiny.write_bytes(b"\0" * (64 << 10) + b"\0")
    sealed.unlink(missing_ok=True)
    chatseal.seal(plan.database, sealed, KEY, level=1, threads=plan.threads)
    for level in (3, 1):
        seal = partial(chatseal.seal, key=KEY, level=level, overwrite=True)
        work = SelfReport(partial(seal, plan.database, target, threads=plan.threads))
        fixed = SelfReport(partial(seal, tiny, tiny_sealed, threads=2, frame_size=64 << 10))
        one = subjects.seal_to_path(plan.database, plan.scratch / "one.seal", level, threads=1)
        yield _serial(f"seal, level {level}", work, fixed, one, plan.rounds)
    work = SelfReport(partial(chatseal.unseal, sealed, target, KEY, threads=plan.threads, overwrite=True))
    fixed = SelfReport(partial(chatseal.unseal, tiny_sealed, plan.scratch / "tiny.out", KEY, threads=2, overwrite=True))
    one = subjects.unseal_to_path(sealed, plan.scratch / "one", threads=1)
    yield _serial("unseal, level 1", work, fixed, one, plan.rounds)
    yield from inode_lock(plan)


def _serial(what: str, work: SelfReport, fixed: SelfReport, one: Run, rounds: int) -> Bar:
    times = take_turns({"work": work, "fixed": fixed, "one": one}, rounds)
    ordered = median(work.ordered)
    share = (ordered + times.median("fixed")) / times.median("one")
    words = (
        f"{share:.3%} ({ordered * 1e3:.1f} ms in order, {times.median('fixed') * 1e3:.1f} ms around, of {times.median('one'):.2f} s)"
        + _disturbed(times)
    )
    return _below(f"serial share of {what}", share, SERIAL_BAR, words, f"{SERIAL_BAR:.0%}")


def inode_lock(plan: Plan) -> Iterator[Bar]:
    """The kernel lets one thread at a time write to one file: what two threads win, and what two files would."""
    piece, count = bytes(os.urandom(MIB)), 256

    def write(names: list[str]) -> float:
        for name in set(names):
            (plan.scratch / name).unlink(missing_ok=True)
        files = [os.open(plan.scratch / name, os.O_CREAT | os.O_WRONLY, 0o600) for name in names]

        def worker(number: int) -> None:
            for i in range(number, count, len(files)):
                os.pwrite(files[number], piece, i * MIB)

        seconds = limit.on_threads([partial(worker, number) for number in range(len(files))])
        for file in files:
            os.close(file)
        return seconds

    times = take_turns({"one": partial(write, ["w"]), "same": partial(write, ["w", "w"]), "two": partial(write, ["w", "v"])}, plan.rounds)
    rate = count * MIB / times.median("one") / 1e9
    same, two = times.share("same", "one"), times.share("two", "one")
    words = f"{rate:.2f} GB/s by one thread; two threads {same:.2f} x into one file, {two:.2f} x into two"
    yield Bar("the kernel's lock on a file that is written, tmpfs", "", words, rate, None)


def disk(plan: Plan) -> Iterator[Bar]:
    """Seal on a disk, fsync included, beside dd that writes as many bytes with fsync."""
    target, copy = plan.disk / "bench-target.seal", plan.disk / "bench-copy"
    chatseal.seal(plan.database, target, KEY, threads=plan.threads, overwrite=True)
    sealed = plan.scratch / "source.seal"
    sealed.write_bytes(target.read_bytes())
    dd = ["dd", f"if={sealed}", f"of={copy}", "bs=1M", "conv=fsync"]
    try:
        times = take_turns(
            {
                "seal": subjects.seal_to_path(plan.database, target, 3, threads=plan.threads),
                "dd": lambda: pipeline.run(dd).seconds,
                "libzstd": limit.Compression([inputs.load(plan.database)], 3, MIB, plan.threads).run,
            },
            max(3, plan.rounds // 2),
        )
    finally:
        target.unlink(missing_ok=True)
        copy.unlink(missing_ok=True)
    words = ", ".join(f"{name} {times.median(name):.2f} s" for name in ("seal", "dd", "libzstd"))
    yield Bar("seal to disk with fsync, level 3, beside dd conv=fsync of its result", "", words, times.median("seal"), None)


def reads(plan: Plan, count: int = 300) -> Iterator[Bar]:
    """4 KiB at random places of the sealed database: warm, and on disk with its pages thrown out of memory before each read."""
    sealed = plan.disk / "bench-reads.seal"
    chatseal.seal(plan.database, sealed, KEY, threads=plan.threads, overwrite=True)
    chance, size = random.Random(1), plan.database.stat().st_size
    try:
        with chatseal.open(sealed, key=KEY) as file, open(sealed, "rb") as raw:

            def read(cold: bool) -> float:
                file.seek(chance.randrange(size - 4096))
                if cold and hasattr(os, "posix_fadvise"):
                    os.posix_fadvise(raw.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                return timed(lambda: file.read(4096)) * 1e3

            for cold, words in ((False, "in memory"), (True, "on disk, not in memory")):
                took = sorted(read(cold) for _ in range(count))
                line = f"{median(took):.2f} ms median, {took[math.ceil(0.99 * count) - 1]:.2f} ms of 99 in 100"
                yield _below(f"read 4 KiB at a random place, {words}", median(took), READ_BAR_MS, line, f"{READ_BAR_MS:.0f} ms")
    finally:
        sealed.unlink(missing_ok=True)


def messages(count: int = 2000) -> Iterator[Bar]:
    """1 KiB in memory, sealed and unsealed one after another."""
    data = inputs.text(1024)
    sealed = chatseal.seal_bytes(data, KEY)
    for words, work in (("seal", partial(chatseal.seal_bytes, data, KEY)), ("unseal", partial(chatseal.unseal_bytes, sealed, KEY))):
        work()
        took = median(timed(work) for _ in range(count)) * 1e6
        yield _below(f"{words} a message of 1 KiB", took, MESSAGE_BAR_US, f"{took:.0f} us median", f"{MESSAGE_BAR_US:.0f} us")


def many_files(plan: Plan, count: int, total: int) -> Iterator[Bar]:
    """Files of all sizes against libzstd alone over the same bytes, each file's frames by themselves, from memory."""
    source, target = inputs.files(count, total, plan.database.stat().st_size), plan.scratch / "many"
    pieces = [inputs.load(path) for path in sorted(source.iterdir())]
    times = take_turns(
        {
            "limit": limit.Compression(pieces, 3, MIB, plan.threads).run,
            "files": subjects.seal_files(source, target, 3, threads=plan.threads),
        },
        max(3, plan.rounds // 2),
    )
    yield _share(f"seal {count} files, {total / 1e9:g} GB in all, level 3", times, "files", "limit", FILES_BAR)


def starting(rounds: int) -> Iterator[Bar]:
    """Whole processes, the interpreter's own start included; it is printed beside them."""
    environment = subjects.environment()
    commands = {
        "interpreter": [sys.executable, "-c", "pass"],
        "python -m chatseal --help": [sys.executable, "-m", "chatseal", "--help"],
        "import chatseal": [sys.executable, "-c", "import chatseal"],
    }

    def start(command: list[str]) -> float:
        return pipeline.run(command, environment=environment).seconds

    times = take_turns({name: partial(start, command) for name, command in commands.items()}, 2 * rounds + 1)
    bare = times.median("interpreter")
    for name in list(commands)[1:]:
        took = times.median(name)
        yield _below(name, took, START_BAR_S, f"{took:.3f} s, {bare:.3f} s of it the interpreter", f"{START_BAR_S} s")


def memory(plan: Plan, sizes: list[int]) -> Iterator[Bar]:
    """The most memory resident in a process that seals or unseals at the defaults, over that of a bare interpreter."""
    environment = subjects.environment()
    bare = pipeline.run([sys.executable, "-c", "pass"], environment=environment).peaks[0]
    to_path = "chatseal.{0}(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), KEY, threads=int(sys.argv[3]), overwrite=True)"
    to_pipe = "chatseal.{0}(sys.stdin.buffer, sys.stdout.buffer, KEY, threads=int(sys.argv[1]))"
    for size in sizes:
        source, sealed, plain = _of_size(plan, size), plan.scratch / "memory.seal", plan.scratch / "memory.out"
        for verb, ends in (("seal", (source, sealed)), ("unseal", (sealed, plain))):
            for way in ("file", "pipe"):
                if way == "file":
                    command = subjects.script(to_path.format(verb), *ends, plan.threads)
                    (peak,) = pipeline.run(command, environment=environment).peaks
                else:
                    command = subjects.script(to_pipe.format(verb), plan.threads)
                    _, peak, _ = pipeline.run(["cat", str(ends[0])], command, ["cat"], environment=environment).peaks
                over = peak - bare
                words = f"{over / MIB:.1f} MiB over {bare / MIB:.1f} MiB of bare interpreter"
                yield _below(f"peak memory, {verb} {size / 1e6:.0f} MB, {way}", over, MEMORY_BAR, words, "64 MiB")
        for path in (source, sealed, plain):
            path.unlink(missing_ok=True)


def _of_size(plan: Plan, size: int) -> Path:
    """A file of *size* bytes, the database repeated."""
    path, data = plan.scratch / "memory.in", inputs.load(plan.database)
    with path.open("wb") as file:
        while (left := size - file.tell()) > 0:
            file.write(memoryview(data)[:left])
    return path


def alone(plan: Plan) -> Iterator[Bar]:
    """What the machine does with nothing around it."""
    data = inputs.load(plan.database)
    into = limit.touched(len(data))
    for words, run in (
        ("memory copy", partial(limit.copy, data, into, plan.threads)),
        ("AES-256-GCM records", partial(limit.encrypt, data, plan.threads)),
        ("AES-256-GCM records on one thread", partial(limit.encrypt, data, 1)),
    ):
        rate = len(data) / median(run() for _ in range(3)) / 1e9
        yield Bar(f"{words}, alone", "", f"{rate:.1f} GB/s", rate, None)


def uploads(plan: Plan) -> Iterator[Bar]:
    """1 GB in objects of 32 MiB to an S3 server on loopback, against obstore alone."""
    import upload  # starts servers, and needs what the tests of stores need

    what, bar = "upload of 32 MiB objects to an S3 server, against obstore alone", f">= {upload.BAR:.2f}"
    if upload.missing():
        yield Bar(what, bar, f"not measured: {upload.missing()}", 0.0, None)
        return
    times = upload.measure(plan.database.stat().st_size, max(3, plan.rounds // 2))
    share, (low, high) = times.share("uploads", "obstore"), times.spread("uploads", "obstore")
    words = f"{share:.3f} ({low:.3f} to {high:.3f}; {times.median('uploads'):.2f} s, obstore {times.median('obstore'):.2f} s)"
    yield Bar(what, bar, words, share, share >= upload.BAR)


def writers(plan: Plan) -> Iterator[Bar]:
    """What captures cost the program that writes to the database."""
    import live

    yield from live.bars(plan.database, plan.scratch, seconds=2.0, rounds=plan.rounds)
