"""Peers: whole processes on the same file in the same run: `python bench/peers.py [--size 1G] [--folder /dev/shm] [--json FILE]`.

chatseal's command beside `zstd -T | age`, restic and borg, at zstd's levels 3 and 1. Seconds are wall clock from start to exit; memory is
the sum of the largest resident sets of a pipeline's processes. What is not installed is left out, and named.

restic knows no levels of zstd: "auto" (about level 3) stands at both. restic and borg also cut, hash and index what they
store, and get that back the next day; what is compared here is the first backup alone. Each gets a fresh repository, made before its
time begins."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import child
import inputs
import machine
import subjects

LEVELS = (3, 1)
PASSWORD = "a password for a bench"


@dataclass(frozen=True)
class Place:
    """Where one run works: the source, an empty folder for its result, an environment with the folder as home."""

    source: Path
    folder: Path
    threads: int

    @property
    def environment(self) -> dict[str, str]:
        home = str(self.folder / "home")
        passwords = {"RESTIC_PASSWORD": PASSWORD, "BORG_PASSPHRASE": PASSWORD, "BORG_BASE_DIR": home, "RESTIC_CACHE_DIR": home}
        quiet = {"BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes", "GOMAXPROCS": str(self.threads)}
        return {**subjects.environment(), **passwords, **quiet, "HOME": home}


@dataclass(frozen=True)
class Peer:
    """One way to make an encrypted backup. *prepare* is not timed; *run* is."""

    name: str
    needs: tuple[str, ...]
    prepare: Callable[[Place], None]
    run: Callable[[Place, int], child.Ran]


@dataclass(frozen=True)
class Row:
    """What one peer took at one level: medians of the rounds."""

    name: str
    level: int
    seconds: float
    stored: int
    peak: int


def _quietly(command: list[str], place: Place) -> None:
    subprocess.run(command, env=place.environment, check=True, capture_output=True)


def _chatseal_key(place: Place) -> None:
    subjects.KEY.write(place.folder / "home" / "key")


def _chatseal(place: Place, level: int) -> child.Ran:
    command = [sys.executable, "-m", "chatseal", "seal", str(place.source), "-o", str(place.folder / "out.seal")]
    options = ["--key-file", str(place.folder / "home" / "key"), "--level", str(level), "--threads", str(place.threads), "--quiet"]
    return child.run(command + options, environment=place.environment)


def _age_key(place: Place) -> None:
    _quietly(["age-keygen", "-o", str(place.folder / "home" / "age")], place)


def _zstd_age(place: Place, level: int) -> child.Ran:
    identity = (place.folder / "home" / "age").read_text()
    recipient = next(line.split()[-1] for line in identity.splitlines() if "public key" in line)
    zstd = ["zstd", "-q", f"-{level}", f"-T{place.threads}", "-c", str(place.source)]
    return child.run(zstd, ["age", "-r", recipient], stdout=str(place.folder / "out.age"), environment=place.environment)


def _restic_init(place: Place) -> None:
    _quietly(["restic", "-q", "init", "--repo", str(place.folder / "repo")], place)


def _restic(place: Place, _level: int) -> child.Ran:
    options = ["--repo", str(place.folder / "repo"), "--compression", "auto"]
    return child.run(["restic", "-q", "backup", *options, str(place.source)], environment=place.environment)


def _borg_init(place: Place) -> None:
    _quietly(["borg", "init", "--encryption", "repokey", str(place.folder / "repo")], place)


def _borg(place: Place, level: int) -> child.Ran:
    archive = f"{place.folder / 'repo'}::one"
    return child.run(["borg", "create", "--compression", f"zstd,{level}", archive, str(place.source)], environment=place.environment)


PEERS = (
    Peer("chatseal seal", (), _chatseal_key, _chatseal),
    Peer("zstd -T | age", ("zstd", "age", "age-keygen"), _age_key, _zstd_age),
    Peer("borg create", ("borg",), _borg_init, _borg),
    Peer("restic backup", ("restic",), _restic_init, _restic),
)


def once(peer: Peer, level: int, source: Path, scratch: Path, threads: int) -> tuple[child.Ran, int]:
    """One fresh backup; what it took and the bytes it stored."""
    place = Place(source, Path(tempfile.mkdtemp(dir=scratch)), threads)
    (place.folder / "home").mkdir()
    try:
        peer.prepare(place)
        before = _stored(place.folder)
        ran = peer.run(place, level)
        return ran, _stored(place.folder) - before
    finally:
        shutil.rmtree(place.folder)


def _stored(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and folder / "home" not in path.parents)


def compare(level: int, source: Path, scratch: Path, threads: int, rounds: int) -> list[Row]:
    """All peers that are here, in turn, *rounds* times."""
    here = [peer for peer in PEERS if all(map(shutil.which, peer.needs))]
    ran: dict[str, list[tuple[child.Ran, int]]] = {peer.name: [] for peer in here}
    for _ in range(rounds):
        for peer in here:
            ran[peer.name].append(once(peer, level, source, scratch, threads))
    return [
        Row(
            name,
            level,
            median(one.seconds for one, _ in runs),
            int(median(stored for _, stored in runs)),
            int(median(sum(one.peaks) for one, _ in runs)),
        )
        for name, runs in ran.items()
    ]


def versions() -> dict[str, str]:
    """The peers' own words for what they are."""
    commands = {"zstd": ["--version"], "age": ["--version"], "borg": ["--version"], "restic": ["version"]}
    found = {}
    for name, arguments in commands.items():
        if shutil.which(name):
            said = subprocess.run([name, *arguments], capture_output=True, text=True, check=False).stdout.strip()
            found[name] = said.strip("* ")
        else:
            found[name] = "not installed: left out"
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=inputs.size, default="1G")
    parser.add_argument("--folder", type=Path, help="where inputs and outputs are; default BENCH_FOLDER, or /dev/shm where it is")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    inputs.choose_folder(given.folder)
    source = inputs.chat(given.size)
    size = source.stat().st_size
    print(machine.describe())
    for name, version in versions().items():
        print(f"{name:12} {version}")
    print(f"\n{size / 1e6:.0f} MB of chat database, {given.threads} threads, medians of {given.rounds} rounds in turn\n")
    print("| | level | seconds | MB/s | stored, MB | peak memory, MiB | chatseal is faster |\n|---|---|---|---|---|---|---|")
    rows: list[Row] = []
    with inputs.scratch() as scratch:
        for level in LEVELS:
            found = compare(level, source, scratch, given.threads, given.rounds)
            for row in found:
                cells = (f"{row.seconds:.2f}", f"{size / row.seconds / 1e6:.0f}", f"{row.stored / 1e6:.1f}", f"{row.peak / 2**20:.0f}")
                print(f"| {row.name} | {level} | {' | '.join(cells)} | {row.seconds / found[0].seconds:.2f} x |", flush=True)
            rows += found
    if given.json:
        report = {"machine": machine.facts(), "versions": versions(), "rows": [asdict(row) for row in rows]}
        given.json.write_text(json.dumps(report, indent=1) + os.linesep)
    return 0


if __name__ == "__main__":
    sys.exit(main())
