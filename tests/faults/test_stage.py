"""The stage itself notices what it is there to notice."""

import signal
from pathlib import Path

import pytest

from faults import work
from faults.scene import Scene
from faults.stage import Case, Ended, Stage


def play(stage: Stage, way: str, folder: Path) -> Ended:
    scene = Scene("seal", folder / "scene")
    scene.set()
    return stage.play(Case(way, scene.source, scene.target, 1))


def test_a_crash_is_noticed(io_stage: Stage, folder: Path) -> None:
    assert play(io_stage, "crash", folder).status == -signal.SIGABRT


def test_a_descriptor_that_stays_open_is_noticed(io_stage: Stage, folder: Path) -> None:
    with pytest.raises(AssertionError, match="scene/source"):
        play(io_stage, "keep_open", folder).left_nothing()


def test_a_thread_that_stays_is_noticed(io_stage: Stage, folder: Path) -> None:
    with pytest.raises(AssertionError, match="threads=1"):
        play(io_stage, "keep_a_thread", folder).left_nothing()


def test_an_allocation_that_is_not_freed_is_noticed(malloc_stage: Stage, folder: Path) -> None:
    with pytest.raises(AssertionError, match=r"allocations=[1-9]"):
        play(malloc_stage, "keep_a_pipeline", folder).left_nothing()


def test_every_way_works_without_a_fault(io_stage: Stage, folder: Path) -> None:
    for way in work.WAYS:
        scene = Scene(way, folder / way)
        scene.set()
        ended = io_stage.play(Case(way, scene.source, scene.target))
        assert ended.left_nothing()
        assert ended.error == ""
        assert way == "verify" or scene.has_a_whole_target()
        assert scene.is_tidy()
