"""Memory: a hard bar over the bare interpreter, however long the input is and however it comes."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import chatseal
from chatseal import BackupKey, SigningKey
from corpus import MIB, chat, noise
from faults import measured, shims

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")

KEY, SIGNER = BackupKey(bytes(32)), SigningKey(bytes(32))  # of measured.py
BAR = 64 * MIB
GROWTH = 4 * MIB
SHORT, LONG, HUGE = 64, 256, 4096  # MiB
PIECE = chat(3 * MIB) + noise(MIB)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """In memory where it can be, for the files are long."""
    memory = Path("/dev/shm")
    path = memory / f"chatseal-tests-{os.getpid()}" if memory.is_dir() else tmp_path_factory.mktemp("memory")
    path.mkdir(exist_ok=True)
    yield path
    shutil.rmtree(path)


def plain_file(folder: Path, size: int) -> Path:
    path = folder / f"{size}"
    if not path.exists():
        with open(path, "wb") as file:
            for _ in range(size * MIB // len(PIECE)):
                file.write(PIECE)
    return path


def source_of(way: str, folder: Path, size: int) -> Path:
    plain = plain_file(folder, size)
    if way.startswith("seal"):
        return plain
    more = way.endswith("signed and padded")
    sealed = folder / f"{size}{'.signed' if more else ''}.seal"
    if not sealed.exists():
        chatseal.seal(plain, sealed, KEY, level=-5, sign=SIGNER if more else None, padded=more)
    return sealed


def pump(source: Path, into: int) -> None:
    with open(into, "wb", buffering=0) as pipe, open(source, "rb") as file, suppress(BrokenPipeError):
        shutil.copyfileobj(file, pipe, MIB)


def peak(way: str, source: Path | None, folder: Path, *, piped: bool, threads: int) -> int:
    """Bytes that the work took at most."""
    names = ["-", "-"] if piped else [str(source), str(folder / "target")]
    command = [sys.executable, measured.__file__, way, *names, str(threads)]
    pipe = subprocess.PIPE if piped else subprocess.DEVNULL
    with subprocess.Popen(command, stdin=pipe, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=shims.environment()) as process:
        assert process.stderr is not None
        feeder = None
        if piped and source:
            assert process.stdin is not None
            feeder = threading.Thread(target=pump, args=(source, os.dup(process.stdin.fileno())))
            feeder.start()
            process.stdin.close()
        said = process.stderr.read().decode()
        if feeder:
            feeder.join()
    (folder / "target").unlink(missing_ok=True)
    assert process.returncode == 0, said
    return int(said)


@pytest.fixture(scope="module")
def bare(folder: Path) -> int:
    return peak("bare", None, folder, piped=False, threads=1)


WAYS = [("seal", False), ("seal", True), ("unseal", False), ("unseal", True), ("reseal", False)]
MORE = [("seal signed and padded", False), ("unseal signed and padded", True)]
IDS = ["seal a file", "seal a pipe", "unseal a file", "unseal a pipe", "reseal a file"]


@pytest.mark.parametrize(("way", "piped"), WAYS, ids=IDS)
def test_memory_stays_below_the_bar_and_does_not_grow_with_the_input(way: str, piped: bool, bare: int, folder: Path) -> None:
    short, long = (peak(way, source_of(way, folder, size), folder, piped=piped, threads=2) for size in (SHORT, LONG))
    assert short - bare < BAR
    assert long - bare < BAR
    assert long - short < GROWTH


@pytest.mark.parametrize(("way", "piped"), MORE, ids=[way for way, _ in MORE])
def test_signing_and_padding_stay_below_the_bar_too(way: str, piped: bool, bare: int, folder: Path) -> None:
    assert peak(way, source_of(way, folder, SHORT), folder, piped=piped, threads=2) - bare < BAR


@pytest.mark.soak
@pytest.mark.parametrize(("way", "piped"), WAYS + MORE, ids=IDS + [way for way, _ in MORE])
def test_memory_stays_below_the_bar_for_four_gigabytes(way: str, piped: bool, bare: int, folder: Path) -> None:
    here = sum(path.stat().st_size for path in folder.iterdir())
    if shutil.disk_usage(folder).free + here < 3 * HUGE * MIB:
        pytest.skip("too little room for 4 GB, sealed and unsealed")
    assert peak(way, source_of(way, folder, HUGE), folder, piped=piped, threads=2) - bare < BAR
