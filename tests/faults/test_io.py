"""A fault at every call that touches a file: its error comes out, nothing is left behind, and the next attempt works."""

import errno
import itertools
from dataclasses import dataclass
from pathlib import Path

import pytest

from chatseal.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_NO_SPACE
from faults.scene import Scene
from faults.stage import Case, Ended, Stage

NOTHING, WHOLE, BEGINNING, NEVER_MIND = "leaves nothing", "leaves the whole target", "leaves a true beginning", "does not matter"
ONE_OF_MANY = "finishes the file under way or drops it"
SOURCE, PART, TARGET, FOLDER = "source", ".*.part", "target", ""


@dataclass(frozen=True)
class Fault:
    """*call* on *file* fails with *error* while *way* is at work; then the target is as *outcome* says."""

    way: str
    call: str
    file: str
    error: int
    outcome: str = NOTHING

    def __str__(self) -> str:
        where = {PART: "the part", FOLDER: "the folder"}.get(self.file, f"the {self.file}")
        return f"{self.way}: {self.call} of {where}, {errno.errorcode[self.error]}, {self.outcome}"

    def environment(self, scene: Scene, nth: int) -> dict[str, str]:
        return at(scene, self.call, self.file, nth) | {"IO_SHIM_ERRNO": str(self.error)}


def at(scene: Scene, call: str, file: str, nth: int) -> dict[str, str]:
    path = f"{scene.folder}/{file}" if file else str(scene.folder)
    return {"IO_SHIM_CALL": call, "IO_SHIM_PATH": path, "IO_SHIM_NTH": str(nth)}


def to_a_path(way: str, source_call: str, *, over: bool) -> list[Fault]:
    naming = [Fault(way, "rename", PART, errno.EIO)] if over else [Fault(way, "link", PART, errno.EPERM, NEVER_MIND)]
    return [
        Fault(way, "open", SOURCE, errno.EACCES),
        Fault(way, source_call, SOURCE, errno.EIO),
        Fault(way, "open", PART, errno.EROFS),
        Fault(way, "pwrite", PART, errno.ENOSPC),
        Fault(way, "fsync", PART, errno.EIO),
        *naming,
        # The name is there and the file was flushed; that the name lasts is not certain, and is said.
        Fault(way, "open", FOLDER, errno.EMFILE, WHOLE),
        Fault(way, "fsync", FOLDER, errno.EIO, WHOLE),
    ]


FAULTS = [
    *to_a_path("seal", "pread", over=False),
    *to_a_path("seal_over", "pread", over=True),
    *to_a_path("seal_by_writing", "read", over=False),
    *to_a_path("seal_many", "pread", over=False),
    *to_a_path("unseal", "pread", over=False),
    *to_a_path("unseal_over", "pread", over=True),
    *(Fault(way, "write", PART, errno.EDQUOT) for way in ("seal", "seal_over", "seal_by_writing", "seal_many")),
    *(Fault("seal_signed_and_padded", call, PART, errno.ENOSPC) for call in ("pwrite", "write")),
    Fault("unseal_signed_and_padded", "pread", SOURCE, errno.EIO),
    *(Fault(way, "unlink", PART, errno.EIO, WHOLE) for way in ("seal", "unseal")),
    *(Fault(way, "read", SOURCE, errno.EIO, BEGINNING) for way in ("seal_in_turn", "unseal_in_turn")),
    *(Fault(way, "write", TARGET, errno.ENOSPC, BEGINNING) for way in ("seal_in_turn", "unseal_in_turn")),
    Fault("unseal_by_reading", "open", SOURCE, errno.ENOENT),
    Fault("unseal_by_reading", "pread", SOURCE, errno.EIO, BEGINNING),
    Fault("verify", "pread", SOURCE, errno.EIO),
]


def play(stage: Stage, scene: Scene, io: dict[str, str], threads: int = 2) -> Ended:
    scene.set()
    return stage.play(Case(scene.way, scene.source, scene.target, threads, io))


def check_next_attempt(stage: Stage, scene: Scene) -> None:
    ended = play(stage, scene, {})
    assert ended.error == "", ended
    if scene.way != "verify":
        assert scene.has_a_whole_target()
    assert scene.is_tidy()
    scene.target.unlink(missing_ok=True)


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_call_that_fails_is_told_and_leaves_what_it_should(fault: Fault, io_stage: Stage, folder: Path) -> None:
    scene = Scene(fault.way, folder / "scene", older=fault.way.endswith("over"))
    for nth in itertools.count(1):
        ended = play(io_stage, scene, fault.environment(scene, nth))
        assert ended.left_nothing()
        if ended.faults == 0:
            break
        if fault.outcome == NEVER_MIND:
            assert ended.error == ""
        else:
            assert "OSError" in ended.classes, ended
            assert ended.errno == fault.error, ended
            assert ended.code != 0
            if fault.error in (errno.ENOSPC, errno.EDQUOT):
                assert ended.code == EXIT_NO_SPACE
        if fault.outcome in (WHOLE, NEVER_MIND):
            assert scene.has_a_whole_target()
        elif fault.outcome == BEGINNING:
            assert scene.has_a_true_beginning()
        else:
            assert scene.has_nothing_new()
        assert scene.is_tidy()
    assert nth > 1, "no call was disturbed"
    check_next_attempt(io_stage, scene)


MOVES = [
    ("seal", "pread", SOURCE),
    ("seal", "pwrite", PART),
    ("seal", "write", PART),
    ("seal_by_writing", "pwrite", PART),
    ("seal_in_turn", "read", SOURCE),
    ("seal_in_turn", "write", TARGET),
    ("unseal", "pread", SOURCE),
    ("unseal", "pwrite", PART),
    ("unseal_in_turn", "read", SOURCE),
    ("unseal_in_turn", "write", TARGET),
    ("unseal_by_reading", "pread", SOURCE),
    ("verify", "pread", SOURCE),
]
CALLS = [*MOVES, ("seal", "open", SOURCE), ("seal", "open", PART), ("seal", "fsync", PART), ("seal", "fsync", FOLDER)]


@pytest.mark.parametrize("count", [1, 1000])
@pytest.mark.parametrize(("way", "call", "file"), MOVES)
def test_calls_that_move_few_bytes_make_no_difference(way: str, call: str, file: str, count: int, io_stage: Stage, folder: Path) -> None:
    scene = Scene(way, folder / "scene")
    nths = [0] if count > 1 else [1, 2, 3]  # all of them; byte by byte it would take too long
    for nth in nths:
        ended = play(io_stage, scene, at(scene, call, file, nth) | {"IO_SHIM_COUNT": str(count)})
        assert ended.error == "", ended
        assert ended.faults > 0 or nth == 3
        assert way == "verify" or scene.has_a_whole_target()
        assert scene.is_tidy()


@pytest.mark.parametrize(("way", "call", "file"), CALLS)
def test_a_call_that_is_interrupted_is_made_again(way: str, call: str, file: str, io_stage: Stage, folder: Path) -> None:
    scene = Scene(way, folder / "scene")
    for nth in itertools.count(1):
        ended = play(io_stage, scene, at(scene, call, file, nth) | {"IO_SHIM_ERRNO": str(errno.EINTR)})
        assert ended.error == "", ended
        assert way == "verify" or scene.has_a_whole_target()
        assert scene.is_tidy()
        if ended.faults == 0:
            break
    assert nth > 1, "no call was disturbed"


@pytest.mark.parametrize("way", ["seal", "unseal"])
def test_a_file_that_takes_no_more_bytes_is_a_full_disk(way: str, io_stage: Stage, folder: Path) -> None:
    scene = Scene(way, folder / "scene")
    ended = play(io_stage, scene, at(scene, "pwrite", PART, 2) | {"IO_SHIM_COUNT": "0"})
    assert (ended.errno, ended.code) == (errno.ENOSPC, EXIT_NO_SPACE)
    assert scene.has_nothing_new()
    assert scene.is_tidy()


THREADS_FAIL = [("seal", 2), ("seal_by_writing", 3), ("seal_many", 2), ("unseal", 3), ("unseal_in_turn", 2), ("verify", 2)]


@pytest.mark.parametrize(("way", "threads"), THREADS_FAIL)
def test_a_thread_that_cannot_be_started_leaves_nothing(way: str, threads: int, io_stage: Stage, folder: Path) -> None:
    scene = Scene(way, folder / "scene")
    for nth in itertools.count(1):
        ended = play(io_stage, scene, {"IO_SHIM_CALL": "thread", "IO_SHIM_NTH": str(nth), "IO_SHIM_ERRNO": str(errno.EAGAIN)}, threads)
        assert ended.left_nothing()
        if ended.faults == 0:
            break
        assert ended.error == "RuntimeError", ended
        assert ended.code == EXIT_FAILED
        if way == "seal_many":
            assert scene.has_all_or_nothing()  # the thread that was started may have done the work
        elif way == "unseal_in_turn":
            assert scene.has_a_true_beginning()
        else:
            assert scene.has_nothing_new()
        assert scene.is_tidy()
    assert nth > 1, "no thread was started"
    check_next_attempt(io_stage, scene)


SIGINT = "2"
INTERRUPTED_AT = [
    ("seal", "open", SOURCE, NOTHING),
    ("seal", "open", PART, NOTHING),
    ("seal", "thread", "", NOTHING),
    ("seal", "pread", SOURCE, NOTHING),
    ("seal", "pwrite", PART, NOTHING),
    ("seal", "write", PART, NOTHING),
    ("seal", "fsync", PART, NOTHING),
    ("seal", "link", PART, WHOLE),
    ("seal", "unlink", PART, WHOLE),
    ("seal", "fsync", FOLDER, WHOLE),
    ("seal_over", "rename", PART, WHOLE),
    ("seal_by_writing", "open", PART, NOTHING),
    ("seal_by_writing", "thread", "", NOTHING),
    ("seal_by_writing", "pwrite", PART, NOTHING),
    ("seal_in_turn", "thread", "", BEGINNING),
    ("seal_in_turn", "read", SOURCE, BEGINNING),
    ("seal_many", "pread", SOURCE, ONE_OF_MANY),
    ("seal_signed_and_padded", "write", PART, NOTHING),
    ("unseal_signed_and_padded", "pread", SOURCE, NOTHING),
    ("unseal", "open", PART, NOTHING),
    ("unseal", "thread", "", NOTHING),
    ("unseal", "pread", SOURCE, NOTHING),
    ("unseal", "pwrite", PART, NOTHING),
    ("unseal", "fsync", PART, NOTHING),
    ("unseal_in_turn", "read", SOURCE, BEGINNING),
    ("verify", "pread", SOURCE, NOTHING),
]


@pytest.mark.parametrize(
    ("way", "call", "file", "outcome", "threads"),
    [(*case, threads) for case in INTERRUPTED_AT for threads in (1, 2) if (case[1], threads) != ("thread", 1)],
)
def test_ctrl_c_at_any_call_stops_the_work_and_leaves_nothing(
    way: str, call: str, file: str, outcome: str, threads: int, io_stage: Stage, folder: Path
) -> None:
    scene = Scene(way, folder / "scene", older=way.endswith("over"))
    for nth in itertools.count(1):
        where = {"IO_SHIM_CALL": "thread", "IO_SHIM_NTH": str(nth)} if call == "thread" else at(scene, call, file, nth)
        ended = play(io_stage, scene, where | {"IO_SHIM_SIGNAL": SIGINT}, threads)
        assert ended.left_nothing()
        if ended.faults == 0:
            break
        assert ended.error == "KeyboardInterrupt", ended
        assert ended.code == EXIT_INTERRUPTED
        assert scene.is_tidy()
        if outcome == WHOLE:
            assert scene.has_a_whole_target()
        elif outcome == NOTHING:
            assert scene.has_nothing_new()
        elif outcome == ONE_OF_MANY:
            assert scene.has_all_or_nothing()
        else:
            assert scene.has_a_true_beginning()
    assert nth > 1, "no call was disturbed"
    check_next_attempt(io_stage, scene)
