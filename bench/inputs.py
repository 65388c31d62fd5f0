"""Inputs: what every bench works on, made once and kept below one folder.

BENCH_FOLDER names that folder; on a tmpfs (/dev/shm) no disk takes part. Otherwise it is chatseal-bench in XDG_CACHE_HOME, or build/bench.
The generator is the one of this tree, loaded by its path, so that every commit that asv installs is measured on the same bytes."""

import hashlib
import importlib.util
import os
import random
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType

TREE = Path(__file__).resolve().parent.parent
SAMPLE = TREE / "engine" / "chatseal" / "sample.py"
MIB = 1 << 20
PIECE = b"\x55" * MIB
SEED = 1
FILE_MIN, FILE_MAX, FILE_SIGMA = 4 << 10, 200_000_000, 2.0  # bytes, bytes, and the spread of the logarithm
UNITS = {"K": 10**3, "M": 10**6, "G": 10**9}


def folder() -> Path:
    """Where inputs are kept; made if it is not there."""
    chosen = os.environ.get("BENCH_FOLDER")
    cache = os.environ.get("XDG_CACHE_HOME")
    found = Path(chosen) if chosen else Path(cache, "chatseal-bench") if cache else TREE / "build" / "bench"
    found.mkdir(parents=True, exist_ok=True)
    return found


def choose_folder(chosen: Path | None) -> None:
    """For programs: *chosen*, or BENCH_FOLDER, or a tmpfs if there is one."""
    shared = Path("/dev/shm")
    if chosen is not None:
        os.environ["BENCH_FOLDER"] = str(chosen)
    elif "BENCH_FOLDER" not in os.environ and os.access(shared, os.W_OK):
        os.environ["BENCH_FOLDER"] = str(shared / "chatseal-bench")


def size(text: str) -> int:
    """Bytes meant by 64M, 1G, 1GB or a plain number; units are decimal, as on a disk's label."""
    text = text.upper().removesuffix("B")
    unit = UNITS.get(text[-1:], 1)
    return int(float(text[:-1] if unit > 1 else text) * unit)


def load(path: Path) -> bytearray:
    """A file in memory of our own: no page of it faults again when it is read."""
    data = bytearray(path.stat().st_size)
    with path.open("rb", buffering=0) as file:
        view, done = memoryview(data), 0
        while done < len(data) and (n := file.readinto(view[done:])):
            done += n
    return data


def warm(where: Path, size: int) -> None:
    """Have the kernel give out *size* bytes of pages for a file in the folder *where*, and take them back at once.

    Whatever a run writes next gets pages that the machine has in hand. In a virtual machine they may otherwise be ones that the host has
    taken back because they lay free for seconds; to be given them again costs more than to fill them, and is no work of a run."""
    with tempfile.TemporaryFile(dir=where, buffering=0) as file:
        for _ in range(-(-size // MIB)):
            file.write(PIECE)


def chat(size: int) -> Path:
    """A chat database of about *size* bytes."""
    module = generator()
    digest = hashlib.sha256(SAMPLE.read_bytes()).hexdigest()[:8]
    path = folder() / f"chat-{size}-{digest}.db"
    if not path.exists():
        print(f"making a chat database of {size / 1e6:.0f} MB, about 12 MB a second ...", file=sys.stderr)
        module.write_sample(path, size, seed=SEED)
    return path


def text(size: int) -> bytes:
    """The messages of a chat database alone, one a line, again and again."""
    with closing(sqlite3.connect(f"file:{chat(8_000_000)}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT text_data FROM message WHERE text_data IS NOT NULL ORDER BY _id")
        once = "\n".join(row[0] for row in rows).encode()
    return (once * (size // len(once) + 1))[:size]


def noise(size: int) -> bytes:
    """What no compressor makes smaller, such as photographs."""
    return random.Random(SEED).randbytes(size)


def file_sizes(count: int, total: int) -> list[int]:
    """*count* sizes between FILE_MIN and FILE_MAX, log-normal, that add up to about *total*."""
    chance = random.Random(SEED)
    raw = [chance.lognormvariate(0, FILE_SIGMA) for _ in range(count)]
    low, high = 0.0, float(total)
    for _ in range(60):  # the bounds clip, so the scale is searched for
        scale = (low + high) / 2
        sizes = [min(FILE_MAX, max(FILE_MIN, int(x * scale))) for x in raw]
        low, high = (scale, high) if sum(sizes) < total else (low, scale)
    return sizes


def files(count: int = 2000, total: int = 4_000_000_000, source_size: int = 1_000_000_000) -> Path:
    """A folder of *count* files, log-normal in size: stretches of a chat database, cut at random places."""
    target = folder() / f"files-{count}-{total}"
    if target.exists():
        return target
    data, chance = memoryview(load(chat(source_size))), random.Random(SEED)
    part = target.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    for number, length in enumerate(file_sizes(count, total)):
        at = chance.randrange(max(1, len(data) - length))
        with (part / f"{number:04}").open("wb") as file:
            while length > 0:
                piece = data[at : at + length]
                file.write(piece)
                length, at = length - len(piece), 0
    part.rename(target)
    return target


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for one bench's outputs, beside the inputs, gone afterwards; those of benches that were killed go now."""
    for left in folder().glob("scratch-*"):
        if not _is_alive(int(left.name.partition("-")[2])):
            shutil.rmtree(left, ignore_errors=True)
    path = folder() / f"scratch-{os.getpid()}"
    path.mkdir()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def generator() -> ModuleType:
    """`chatseal.sample` of this tree."""
    name = "bench_sample"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, SAMPLE)
        if spec is None or spec.loader is None:
            raise ImportError(f"{SAMPLE} cannot be loaded")
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]
