"""Allocations that fail inside _core, libzstd and libcrypto: an error that says so, or the right file all the same; never a leak."""

import itertools
import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from faults.scene import Scene
from faults.stage import Case, Ended, Stage

WAYS = ["seal", "seal_in_turn", "seal_by_writing", "seal_many", "unseal", "unseal_in_turn", "unseal_by_reading", "verify"]
CASES = [(way, threads) for way in WAYS for threads in (1, 3)] + [("seal_signed_and_padded", 1), ("unseal_signed_and_padded", 3)]
SEED = 20261124
SAMPLE = 10
SCATTER = 50  # by which the number of allocations differs from run to run: several threads may meet an algorithm first


def play(stage: Stage, scene: Scene, threads: int, allocation: int) -> Ended:
    """One case and the checks that hold for every end."""
    scene.set()
    ended = stage.play(Case(scene.way, scene.source, scene.target, threads, allocation=allocation))
    assert ended.left_nothing()
    assert not ended.classes or {"MemoryError", "CodecError"} & set(ended.classes), ended
    if scene.way == "verify":
        return ended
    if ended.error == "":
        assert scene.has_a_whole_target()
    elif "in_turn" in scene.way or scene.way == "unseal_by_reading":
        assert scene.has_a_true_beginning()
    else:
        assert scene.has_nothing_new()
    assert scene.is_tidy()
    return ended


@pytest.mark.parametrize(("way", "threads"), CASES)
def test_every_allocation_of_a_process_that_has_worked_before_may_fail(way: str, threads: int, malloc_stage: Stage, folder: Path) -> None:
    scene = Scene(way, folder / "scene")
    failed = 0
    for allocation in itertools.count(1):
        ended = play(malloc_stage, scene, threads, allocation)
        failed += ended.error != ""
        if ended.faults < allocation:
            break
    assert ended.error == ""
    assert failed, "nothing failed"


FIRST_WORK = ["seal", "unseal", "unseal_by_reading"]


def fail_each(numbers: Iterable[int], stage: Stage, scene: Scene, threads: int) -> None:
    for number in numbers:
        assert play(stage, scene, threads, number).faults >= number - SCATTER


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("way", FIRST_WORK)
def test_some_allocations_of_the_first_work_of_a_process_may_fail(way: str, threads: int, cold_malloc_stage: Stage, folder: Path) -> None:
    """There libcrypto looks up its algorithms, by some thousand allocations."""
    scene = Scene(way, folder / "scene")
    count = play(cold_malloc_stage, scene, threads, 0).faults
    assert count > 1000
    numbers = random.Random(SEED).sample(range(1, count - SCATTER), SAMPLE)
    fail_each(numbers, cold_malloc_stage, scene, threads)


@pytest.mark.soak
@pytest.mark.parametrize("way", FIRST_WORK)
def test_every_allocation_of_the_first_work_of_a_process_may_fail(way: str, cold_malloc_stage: Stage, folder: Path) -> None:
    scene = Scene(way, folder / "scene")
    count = play(cold_malloc_stage, scene, 1, 0).faults
    fail_each(range(1, count + 1), cold_malloc_stage, scene, 1)
