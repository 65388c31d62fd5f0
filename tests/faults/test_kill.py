"""SIGKILL at any moment: afterwards the target is absent, the old one or the whole new one, and the next run works."""

import itertools
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import chatseal
from corpus import MIB, mixed
from faults import command, shims, tracing, work
from faults.scene import OLDER, Scene
from faults.stage import Case, Stage

SEED = 20261124
MOMENTS = [
    ("seal", "pread", "source"),
    ("seal", "pwrite", ".*.part"),
    ("seal", "write", ".*.part"),
    ("seal", "fsync", ".*.part"),
    ("seal", "link", ".*.part"),
    ("seal", "unlink", ".*.part"),
    ("seal_over", "rename", ".*.part"),
    ("seal_over", "fsync", ".*.part"),
    ("seal_signed_and_padded", "write", ".*.part"),
    ("unseal", "open", ".*.part"),
    ("unseal", "pwrite", ".*.part"),
    ("unseal", "link", ".*.part"),
    ("unseal_over", "pwrite", ".*.part"),
    ("unseal_over", "rename", ".*.part"),
]


@pytest.mark.parametrize(("way", "call", "file"), MOMENTS)
def test_killed_after_any_call_it_leaves_all_or_nothing(way: str, call: str, file: str, io_stage: Stage, folder: Path) -> None:
    scene = Scene(way, folder / "scene", older=way.endswith("over"))
    for nth in itertools.count(1):
        scene.set()
        where = {"IO_SHIM_CALL": call, "IO_SHIM_PATH": f"{scene.folder}/{file}", "IO_SHIM_NTH": str(nth)}
        ended = io_stage.play(Case(way, scene.source, scene.target, io=where | {"IO_SHIM_SIGNAL": str(int(signal.SIGKILL))}))
        if ended.status == 0:
            break
        assert ended.status == -signal.SIGKILL
        assert scene.has_all_or_nothing()
        check_next_run(io_stage, scene)
    assert nth > 1, "nothing was killed"


def check_next_run(stage: Stage, scene: Scene) -> None:
    """What the killed one left does not disturb."""
    if not scene.older:
        scene.target.unlink(missing_ok=True)
    ended = stage.play(Case(scene.way, scene.source, scene.target))
    assert ended.left_nothing()
    assert ended.error == ""
    assert scene.has_a_whole_target()
    for part in scene.folder.glob(".*.part"):
        part.unlink()


def is_whole(way: str, target: Path, plain: bytes) -> bool:
    data = target.read_bytes()
    return (chatseal.unseal_bytes(data, work.KEY) if way == "seal" else data) == plain


def tries(request: pytest.FixtureRequest) -> int:
    return 100 if request.node.get_closest_marker("soak") else 4


@pytest.mark.parametrize("force", [False, True], ids=["to a new name", "over an older file"])
@pytest.mark.parametrize("way", ["seal", "unseal"])
@pytest.mark.parametrize("how_often", ["a few times", pytest.param("often", marks=pytest.mark.soak)])
def test_the_command_killed_at_random_moments_leaves_all_or_nothing(
    how_often: str, way: str, force: bool, folder: Path, request: pytest.FixtureRequest
) -> None:
    plain = mixed(16 * MIB)
    source, target, key = folder / "source", folder / "target", command.write_key(folder)
    source.write_bytes(plain if way == "seal" else b"".join(chatseal.seal_chunks([plain], work.KEY)))
    line = command.words(way, source, target, key, *(["--force"] if force else []))
    draw = random.Random(SEED)
    began = time.monotonic()
    assert command.end_of(command.start(line))[0] == 0
    whole_run = time.monotonic() - began
    for _ in range(tries(request)):
        target.unlink(missing_ok=True)
        if force:
            target.write_bytes(OLDER)
        process = command.start(line)
        time.sleep(whole_run * (0.3 + 0.7 * draw.random()))  # the first part is the interpreter's
        process.kill()
        command.end_of(process)
        if force:
            assert target.read_bytes() == OLDER or is_whole(way, target, plain)
        else:
            assert not target.exists() or is_whole(way, target, plain)
    target.unlink(missing_ok=True)
    assert command.end_of(command.start(line))[0] == 0
    assert is_whole(way, target, plain)


SYSTEM_CALLS = ["futex", "mmap", "openat", "pwrite64", "close", "linkat,link", "fsync", "munmap,madvise"]


@tracing.needed
@pytest.mark.parametrize("way", ["seal", "unseal"])
@pytest.mark.parametrize(
    "calls", [pytest.param(calls, marks=[] if calls in ("futex", "pwrite64") else pytest.mark.soak) for calls in SYSTEM_CALLS]
)
def test_killed_at_a_system_call_it_leaves_all_or_nothing(calls: str, way: str, folder: Path) -> None:
    """By strace, at calls that the shim does not see."""
    scene = Scene(way, folder / "scene")
    program = "import sys; from pathlib import Path; from faults import work; work.WAYS[sys.argv[1]](*map(Path, sys.argv[2:]), 2)"
    run = [sys.executable, "-c", program, way, str(scene.source), str(scene.target)]
    killed = 0
    for when in (1, 3, 10, 30, 100, 300):
        scene.set()
        ended = tracing.killed_at(run, calls, when)
        assert scene.has_all_or_nothing()
        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL
        killed += 1
    assert killed, "nothing was killed"
    scene.set()
    subprocess.run(run, env=shims.environment(), check=True)
    assert scene.has_a_whole_target()
