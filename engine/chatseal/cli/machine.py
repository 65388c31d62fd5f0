"""Machine: what chatseal runs on: versions, processor, and measured speeds of the parts of a seal."""

import os
import platform
import random
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import accumulate
from pathlib import Path

from chatseal import _core
from chatseal._version import VERSION
from chatseal.sealing.budget import FRAME_SIZE, cores

LEVELS = (1, 3, -5)
FEATURES = ("aes", "pclmulqdq", "vaes", "vpclmulqdq", "avx2", "avx512f", "pmull", "sha2", "sve2")  # x86 and ARM
ROWS_LENGTH = 8 << 20
RECORDS_LENGTH = 4 << 20
COPY_LENGTH = 64 << 20
DISK_LENGTH = 128 << 20
DISK_PIECE = 4 << 20
MOMENT = 0.3  # seconds for each measurement


@dataclass(frozen=True, slots=True)
class Processor:
    """The processor, as the system describes it. Features are those that matter here; `load` is the system's, of the last minute."""

    model: str
    cores: int
    features: tuple[str, ...]
    load: float


@dataclass(frozen=True, slots=True)
class Speeds:
    """Bytes a second. `compress` and `encrypt` on all cores together; compression counts plaintext, with its ratio."""

    compress: dict[int, float]
    ratio: dict[int, float]
    encrypt: float
    copy: float
    disk: float


def versions() -> dict[str, str]:
    """Versions of everything that touches the bytes."""
    found = {"chatseal": VERSION, "python": platform.python_version(), **_core.versions()}
    for package in ("cryptography", "pyzstd"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> Processor:
    """What the system says of its processor; little where there is no *cpuinfo*."""
    lines: dict[str, str] = {}
    try:
        for line in cpuinfo.read_text("utf-8", "replace").splitlines():
            name, _, value = line.partition(":")
            lines.setdefault(name.strip().lower(), value.strip())
    except OSError:
        pass
    flags = set(lines.get("flags", lines.get("features", "")).split())
    model = lines.get("model name") or platform.processor() or platform.machine()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return Processor(model, cores(), tuple(feature for feature in FEATURES if feature in flags), load)


def measure(folder: str | None, tick: Callable[[str], None]) -> Speeds:
    """Measure for about five seconds; *tick* hears what comes next. Writes and removes a file in *folder*, the temporary one if None."""
    _disk_usable(folder)
    tick("rows of messages to compress")
    rows = _rows(ROWS_LENGTH)
    compress, ratio = {}, {}
    for level in LEVELS:
        tick(f"zstd level {level}")
        compress[level], ratio[level] = _compression(rows, level)
    tick("AES-256-GCM")
    encrypt = _encryption()
    tick("memory copy")
    copy = _copy()
    tick("disk, with fsync")
    return Speeds(compress, ratio, encrypt, copy, _disk(folder))


def _disk_usable(folder: str | None) -> None:
    """Raise OSError now rather than after all the other measurements."""
    with tempfile.TemporaryFile(dir=folder):
        pass


def _rows(length: int) -> bytes:
    """Rows like those of a table of messages: what somebody says, counters and times, identifiers and pictures that do not compress."""
    dice = random.Random(1)
    words = ["".join(dice.choices("etaoinshrdlucmfw", k=dice.randint(1, 9))) for _ in range(20_000)]
    weights = list(accumulate(1 / (rank + 3) for rank in range(len(words))))  # frequencies of words of a language
    said = dice.choices(words, cum_weights=weights, k=length // 32)
    rows, size, number, at = [], 0, 1000, 0
    while size < length:
        count, number = dice.randint(1, 13), number + 1
        text = " ".join(said[at : at + count]).encode()
        at = (at + count) % len(said)
        when = 1_577_836_800_000 + 20_000 * number
        row = b"".join((b"\x81\x1c\x13\0\x08\x09\x4d", number.to_bytes(4), b"\x01\0\x0d", when.to_bytes(6), dice.randbytes(8), text))
        index = b"".join((number - back).to_bytes(4) + b"\x05\x01\x03\x01" for back in range(6))
        picture = dice.randbytes(400) if number % 12 == 0 else b""
        rows += [row, index, picture]
        size += len(row) + len(index) + len(picture)
    return b"".join(rows)[:length]


def _on_all_cores(make: Callable[[], Callable[[], int]]) -> float:
    """Bytes a second of functions made by *make*, one a core, each called again and again for a MOMENT."""
    total, began, ready = [0] * cores(), 0.0, threading.Barrier(cores() + 1)

    def work(number: int) -> None:
        once = make()
        once()  # memory is touched for the first time before the clock runs
        ready.wait()
        total[number] += once()  # at least one, however busy the machine is
        while time.perf_counter() - began < MOMENT:
            total[number] += once()

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(cores())]
    for thread in threads:
        thread.start()
    began = time.perf_counter() + MOMENT  # not over before it has begun
    ready.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    return sum(total) / (time.perf_counter() - began)


def _compression(rows: bytes, level: int) -> tuple[float, float]:
    frames = [memoryview(rows)[at : at + FRAME_SIZE] for at in range(0, len(rows), FRAME_SIZE)]
    sizes: list[int] = []

    def make() -> Callable[[], int]:
        compressor, out, numbers = _core.FrameCompressor(level), bytearray(_core.frame_bound(FRAME_SIZE)), iter(range(1 << 62))

        def once() -> int:
            frame = frames[next(numbers) % len(frames)]
            sizes.append(compressor.compress_into(frame, out))
            return len(frame)

        return once

    speed = _on_all_cores(make)
    return speed, FRAME_SIZE * len(sizes) / sum(sizes)


def _encryption() -> float:
    def make() -> Callable[[], int]:
        plain, out = bytearray(RECORDS_LENGTH), bytearray(RECORDS_LENGTH + RECORDS_LENGTH // 16384 * 16)
        sealer = _core.RecordSealer(bytes(32), bytes(12))

        def once() -> int:
            sealer.seal_into(0, plain, out)
            return RECORDS_LENGTH

        return once

    return _on_all_cores(make)


def _copy() -> float:
    source, target = memoryview(bytearray(COPY_LENGTH)), memoryview(bytearray(COPY_LENGTH))
    target[:] = source
    copied, began = 0, time.perf_counter()
    while copied == 0 or time.perf_counter() - began < MOMENT:
        target[:] = source
        copied += COPY_LENGTH
    return copied / (time.perf_counter() - began)


def _disk(folder: str | None) -> float:
    """Bytes a second written and flushed to stable storage."""
    piece = random.Random(2).randbytes(DISK_PIECE)
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        written, began = 0, time.perf_counter()
        while written == 0 or (written < DISK_LENGTH and time.perf_counter() - began < 2 * MOMENT):
            written += file.write(piece)
        os.fsync(file.fileno())
        return written / (time.perf_counter() - began)
