"""Seal, unseal and verify by level, threads and frame size, in memory and between files, with the limits beside them.

For A/B on one machine: `pytest bench --benchmark-autosave`, change something, `pytest bench --benchmark-compare`. BENCH_SIZE sets the
bytes of the chat database (default 64M), BENCH_FOLDER where it lies."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import inputs
import limit
import subjects
from rounds import Run

SIZE = inputs.size(os.environ.get("BENCH_SIZE", "64M"))
MIB = 1 << 20
LEVELS, THREADS, FRAME_SIZES = (-5, 1, 3, 9), (1, 2), (64 << 10, MIB, 4 * MIB)


@pytest.fixture(scope="module")
def database() -> Path:
    return inputs.chat(SIZE)


@pytest.fixture(scope="module")
def data(database: Path) -> bytearray:
    return inputs.load(database)


@pytest.fixture(scope="module")
def scratch() -> Iterator[Path]:
    with inputs.scratch() as folder:
        yield folder


@pytest.fixture(scope="module")
def sealed(database: Path, scratch: Path) -> Path:
    target = scratch / "source.seal"
    subjects.seal_to_path(database, target, 3, threads=2)()
    return target


def measure(benchmark: BenchmarkFixture, run: Run, group: str, rounds: int = 5) -> None:
    """Rounds of *run*, one call each. The group holds what is to be compared."""
    benchmark.group = group
    benchmark.extra_info["bytes"] = SIZE
    pedantic: Callable[..., object] = benchmark.pedantic  # which has no types of its own
    pedantic(run, rounds=rounds, warmup_rounds=1)


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("level", LEVELS)
class TestSealByLevel:
    """The native pipeline and the limit at each level, 1 MiB frames."""

    def test_seal_a_file_into_a_file(self, benchmark: BenchmarkFixture, database: Path, scratch: Path, level: int, threads: int) -> None:
        run = subjects.seal_to_path(database, scratch / "target.seal", level, threads=threads)
        measure(benchmark, run, f"seal, level {level}, {threads} threads")

    def test_seal_memory_into_a_sink(self, benchmark: BenchmarkFixture, data: bytearray, level: int, threads: int) -> None:
        measure(benchmark, subjects.seal_to_sink(data, level, threads=threads), f"seal, level {level}, {threads} threads")

    def test_libzstd_alone(self, benchmark: BenchmarkFixture, data: bytearray, level: int, threads: int) -> None:
        measure(benchmark, limit.Compression([data], level, MIB, threads).run, f"seal, level {level}, {threads} threads")


@pytest.mark.parametrize("frame_size", FRAME_SIZES)
class TestSealByFrameSize:
    """Level 1 on two threads, by frame size."""

    def test_seal_memory_into_a_sink(self, benchmark: BenchmarkFixture, data: bytearray, frame_size: int) -> None:
        run = subjects.seal_to_sink(data, 1, threads=2, frame_size=frame_size)
        measure(benchmark, run, f"seal, frames of {frame_size >> 10} KiB")

    def test_libzstd_alone(self, benchmark: BenchmarkFixture, data: bytearray, frame_size: int) -> None:
        measure(benchmark, limit.Compression([data], 1, frame_size, 2).run, f"seal, frames of {frame_size >> 10} KiB")


@pytest.mark.parametrize("kind", ["text", "noise"])
class TestSealByContent:
    """The two ends of what can be sealed: messages alone, and what does not shrink."""

    def test_seal_memory_into_a_sink(self, benchmark: BenchmarkFixture, kind: str) -> None:
        content = bytearray(inputs.text(SIZE) if kind == "text" else inputs.noise(SIZE))
        measure(benchmark, subjects.seal_to_sink(content, 3, threads=2), f"seal, {kind}")

    def test_libzstd_alone(self, benchmark: BenchmarkFixture, kind: str) -> None:
        content = bytearray(inputs.text(SIZE) if kind == "text" else inputs.noise(SIZE))
        measure(benchmark, limit.Compression([content], 3, MIB, 2).run, f"seal, {kind}")


@pytest.mark.parametrize("threads", THREADS)
class TestUnseal:
    """Unseal and verify of a level-3 file, and both limits."""

    def test_unseal_a_file_into_a_file(self, benchmark: BenchmarkFixture, sealed: Path, scratch: Path, threads: int) -> None:
        measure(benchmark, subjects.unseal_to_path(sealed, scratch / "target", threads=threads), f"unseal, {threads} threads")

    def test_unseal_into_a_buffer(self, benchmark: BenchmarkFixture, sealed: Path, data: bytearray, threads: int) -> None:
        run = subjects.unseal_to_buffer(sealed, limit.touched(len(data)), threads=threads)
        measure(benchmark, run, f"unseal, {threads} threads")

    def test_verify(self, benchmark: BenchmarkFixture, sealed: Path, threads: int) -> None:
        measure(benchmark, subjects.verify(sealed, threads=threads), f"unseal, {threads} threads")

    @pytest.mark.parametrize("whole", [False, True], ids=["into buffers of each thread", "into one touched buffer"])
    def test_libzstd_alone(self, benchmark: BenchmarkFixture, data: bytearray, threads: int, whole: bool) -> None:
        frames = limit.Compression([data], 3, MIB, 1).frames()
        measure(benchmark, limit.Decompression(frames, threads, whole=whole).run, f"unseal, {threads} threads")
