"""Contest: tools in turn on the same file, round by round, and whether what came back is what went in."""

import itertools
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from chatseal.compare import pipeline, scratch
from chatseal.compare.peers import Peer, Place, Setting, Work
from chatseal.compare.pipeline import PipelineError, Ran, uninterrupted
from chatseal.errors import ChatsealError, SourceChangedError

_PIECE = 1 << 20
_FAILURES = (PipelineError, OSError, subprocess.SubprocessError)

Step = Callable[[str, int, int], object]  # what is done now, bytes done, bytes in all; called now and then


class EmptyFileError(ChatsealError):
    """There is nothing to compare with."""

    remedy = "Name a file with content; `chatseal sample FILE` makes one."


@dataclass(frozen=True, slots=True)
class Laps:
    """One kind of work in all rounds. Sizes in bytes: of the file, and of what was new or changed in the store afterwards."""

    plain: int
    ran: tuple[Ran, ...]
    added: tuple[int, ...]

    @property
    def seconds(self) -> float:
        return median(ran.seconds for ran in self.ran)

    @property
    def cpu_seconds(self) -> float:
        return median(ran.cpu_seconds for ran in self.ran)

    @property
    def peak(self) -> int:
        return round(median(ran.peak for ran in self.ran))

    @property
    def stored(self) -> int:
        return round(median(self.added))

    @property
    def rate(self) -> float:
        """Plaintext bytes a second."""
        return self.plain / self.seconds

    @property
    def spread(self) -> float:
        """The slowest round's time over the fastest one's."""
        return max(ran.seconds for ran in self.ran) / min(ran.seconds for ran in self.ran)

    @property
    def share(self) -> float:
        """Bytes stored for each byte of plaintext."""
        return self.stored / self.plain


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one tool at one setting, medians of all rounds. `next_day` is None if there was no second file.

    After a failure there is `error` alone, one line for people, with words from outside."""

    peer: Peer
    setting: Setting
    command: str = ""
    backup: Laps | None = None
    next_day: Laps | None = None
    restore: Laps | None = None
    error: str = ""


class Contest:
    """*peers* at *levels*, on the file *source*, and on *next_day*, the same file a day later, if it is not None.

    All is written below *folder*, and removed as the work goes on. Raises OSError or EmptyFileError if a file cannot be compared."""

    def __init__(
        self, source: Path, next_day: Path | None, *, peers: Sequence[Peer], levels: Sequence[int], threads: int, rounds: int
    ) -> None:
        self.sources = [path.resolve(strict=True) for path in (source, next_day) if path is not None]
        self.before = [_fingerprint(path) for path in self.sources]
        self.sizes = [size for size, *_ in self.before]
        self.threads, self.rounds = threads, rounds
        self.entries = list(dict.fromkeys((peer, peer.setting(level)) for peer in peers for level in levels))

    def run(self, folder: Path, step: Step | None = None) -> list[Outcome]:
        """One outcome for each peer and setting, in the order of the peers. Raises SourceChangedError."""
        step = step or (lambda words, done, total: None)
        found: dict[int, list[_Once]] = {number: [] for number in range(len(self.entries))}
        failed: dict[int, str] = {}
        for path in self.sources:
            _read_once(path)  # now in memory, if it fits there, for all tools alike
        size = sum(self.sizes) + self.sizes[-1]
        total, done = size * self.rounds * len(self.entries), 0
        for lap, (number, (peer, setting)) in itertools.product(range(self.rounds), enumerate(self.entries)):
            words = f"round {lap + 1} of {self.rounds}: {peer.name}, {setting.words}"
            step(words, done, total)
            if number not in failed:
                once = _Once(self.sources, folder / str(number), self.threads, lambda w=words, d=done: step(w, d, total))  # type: ignore[misc]
                try:
                    once.run(peer, setting)
                    found[number].append(once)
                except _FAILURES as error:
                    self._check_sources()
                    failed[number] = " ".join(str(error).split()) or type(error).__name__
            done += size
        self._check_sources()
        return [
            Outcome(peer, setting, error=failed[number]) if number in failed else self._outcome(peer, setting, found[number])
            for number, (peer, setting) in enumerate(self.entries)
        ]

    def _outcome(self, peer: Peer, setting: Setting, found: "list[_Once]") -> Outcome:
        laps = [
            Laps(plain, tuple(once.ran[at] for once in found), tuple(once.added[at] for once in found))
            for at, plain in enumerate([*self.sizes, self.sizes[-1]])
        ]
        return Outcome(peer, setting, found[0].command, laps[0], laps[1] if len(self.sizes) > 1 else None, laps[-1])

    def _check_sources(self) -> None:
        for path, before in zip(self.sources, self.before, strict=True):
            if _fingerprint(path) != before:
                raise SourceChangedError(f"{path} changed while tools were compared on it")


class _Once:
    """One tool once, in a fresh folder: back up each source, restore the last."""

    def __init__(self, sources: Sequence[Path], folder: Path, threads: int, tick: Callable[[], object]) -> None:
        self.sources, self.folder, self.threads, self.tick = sources, folder, threads, tick
        self.ran: list[Ran] = []
        self.added: list[int] = []
        self.command = ""

    def run(self, peer: Peer, setting: Setting) -> None:
        place = None
        try:
            place = Place.make(self.folder, self.threads)
            peer.prepare(place)
            for number, source in enumerate(self.sources):
                work = peer.backup(place, source, setting, number)
                self.command = self.command or _shown(work, place, source)
                self._lap(place, work)
            last = self.sources[-1]
            self._lap(place, peer.restore(place, last, len(self.sources) - 1))
            if not _same(last, peer.restored(place, last)):
                raise PipelineError("what came back is not what went in")
        finally:
            with uninterrupted():
                if place is not None:
                    peer.close(place)
                scratch.remove(self.folder)

    def _lap(self, place: Place, work: Work) -> None:
        before = _contents(place.store)
        stdout = work.stdout or Path(os.devnull)
        ran = pipeline.run(*work.pipeline, stdout=stdout, folder=place.back, environment=place.environment, tick=self.tick)
        after = _contents(place.store)
        self.ran.append(ran)
        self.added.append(sum(size for path, (size, *_) in after.items() if before.get(path) != after[path]))


def _contents(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Size, time and inode of every file below *folder*."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            about = os.lstat(path := os.path.join(place, name))
            found[path] = (about.st_size, about.st_mtime_ns, about.st_ino)
    return found


def _fingerprint(path: Path) -> tuple[int, int, int]:
    with open(path, "rb") as file:  # a folder, or what may not be read, fails here
        about = os.fstat(file.fileno())
        if not about.st_size:
            raise EmptyFileError(f"{path} is empty")
        return about.st_size, about.st_mtime_ns, about.st_ino


def _read_once(path: Path) -> None:
    piece = bytearray(_PIECE)
    with open(path, "rb", buffering=0) as file:
        while file.readinto(piece):
            pass


def _same(one: Path, other: Path) -> bool:
    with open(one, "rb", buffering=_PIECE) as first, open(other, "rb", buffering=_PIECE) as second:
        while True:
            piece = first.read(_PIECE)
            if piece != second.read(_PIECE):
                return False
            if not piece:
                return True


def _shown(work: Work, place: Place, source: Path) -> str:
    """The command line as a person would type it, with names for the places."""

    def named(word: str) -> str:
        for path, name in ((source, "DB"), (place.store, "STORE"), (place.home, "KEYS")):
            if word == str(path) or word.startswith((f"{path}/", f"{path}::")):
                return name + word.removeprefix(str(path))
        return shlex.quote(word)

    python = [sys.executable, "-m"]
    lines = [" ".join(map(named, command[2:] if list(command[:2]) == python else command)) for command in work.pipeline]
    return " | ".join(lines) + (f" > {named(str(work.stdout))}" if work.stdout else "")
