"""Small things: messages of 1 KiB in memory, 4 KiB at random places of a sealed file, many small files."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import chatseal
import inputs
import subjects
from subjects import KEY

SIZE = 64_000_000
MESSAGE = 1024


@pytest.fixture(scope="module")
def scratch() -> Iterator[Path]:
    with inputs.scratch() as folder:
        yield folder


@pytest.fixture(scope="module")
def message() -> bytes:
    return inputs.text(MESSAGE)


def test_seal_a_message(benchmark: BenchmarkFixture, message: bytes) -> None:
    benchmark.group = "messages of 1 KiB"
    benchmark(chatseal.seal_bytes, message, KEY)


def test_unseal_a_message(benchmark: BenchmarkFixture, message: bytes) -> None:
    benchmark.group = "messages of 1 KiB"
    assert benchmark(chatseal.unseal_bytes, chatseal.seal_bytes(message, KEY), KEY) == message


@pytest.mark.parametrize("frame_size", [64 << 10, 1 << 20])
def test_read_4_kib_at_a_random_place(benchmark: BenchmarkFixture, scratch: Path, frame_size: int) -> None:
    target = scratch / f"reads-{frame_size}.seal"
    chatseal.seal(inputs.chat(SIZE), target, KEY, frame_size=frame_size)
    chance = random.Random(1)
    benchmark.group = "random reads"
    with chatseal.open(target, key=KEY) as file:

        def read() -> int:
            file.seek(chance.randrange(SIZE - 8192))
            return len(file.read(4096))

        assert benchmark(read) == 4096


@pytest.mark.parametrize("threads", [1, 2])
def test_seal_200_files(benchmark: BenchmarkFixture, scratch: Path, threads: int) -> None:
    source = inputs.files(200, 40_000_000, SIZE)
    benchmark.group = "many files"
    run = subjects.seal_files(source, scratch / "many", 3, threads=threads)
    pedantic: Callable[..., object] = benchmark.pedantic  # which has no types of its own
    pedantic(run, rounds=5, warmup_rounds=1)
