"""Changing who may open a file, under faults, Ctrl-C and SIGKILL at every call: the old holders open it or the new ones do, never none."""

import errno
import itertools
import signal
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pytest

import chatseal
from chatseal import BackupKey, WrongKeyError
from chatseal.errors import EXIT_BUSY, EXIT_INTERRUPTED, EXIT_NO_SPACE
from faults import tracing, work
from faults.stage import Case, Ended, Stage
from faults.work import FRAME, KEY, NEW, PLAIN, SECOND

KEYS = {"first": KEY, "second": SECOND, "new": NEW}
AFTER = {
    "add_holder": {"first", "second", "new"},
    "remove_holder": {"first"},
    "rotate_key": {"first", "new"},
    "reseal": {"first", "new"},
}
PART, TARGET, FOLDER = ".*.part", "target", ""


@lru_cache
def sealed() -> bytes:
    """For KEY and SECOND, without a size line."""
    return b"".join(chatseal.seal_chunks([PLAIN], [KEY, SECOND], frame_size=FRAME, threads=1))


@dataclass(frozen=True)
class Scene:
    """A folder with the file whose holders *way* changes."""

    way: str
    folder: Path

    @property
    def target(self) -> Path:
        return self.folder / TARGET

    def begin(self) -> None:
        self.folder.mkdir(exist_ok=True)
        for left in self.folder.iterdir():
            left.unlink()
        self.target.write_bytes(sealed())

    def play(self, stage: Stage, io: dict[str, str], threads: int = 1) -> Ended:
        self.begin()
        return stage.play(Case(self.way, self.target, self.target, threads, io))

    def at(self, call: str, file: str, nth: int) -> dict[str, str]:
        path = f"{self.folder}/{file}" if file else str(self.folder)
        return {"IO_SHIM_CALL": call, "IO_SHIM_PATH": path, "IO_SHIM_NTH": str(nth)}

    def holders(self) -> set[str]:
        data = self.target.read_bytes()
        return {name for name, key in KEYS.items() if _opens(data, key)}

    def is_untouched(self) -> bool:
        assert self.target.read_bytes() == sealed()
        return True

    def is_done(self) -> bool:
        assert self.holders() == AFTER[self.way]
        return True

    def is_old_or_done(self) -> bool:
        return self.target.read_bytes() == sealed() or self.is_done()

    def is_tidy(self) -> bool:
        assert [path.name for path in self.folder.iterdir()] == [TARGET]
        return True

    def next_run_works(self) -> bool:
        """Whatever the one before has left there."""
        if self.target.read_bytes() == sealed():
            work.HOLDER_WAYS[self.way](self.target, self.target, 1)
        else:
            chatseal.rotate_key(self.target, KEY, [KEY, BackupKey.generate()], reseal=True, force=True)
            return _opens(self.target.read_bytes(), KEY)
        return self.is_done()


def _opens(data: bytes, key: BackupKey) -> bool:
    try:
        assert chatseal.unseal_bytes(data, key) == PLAIN
    except WrongKeyError:
        return False
    return True


UNTOUCHED, DONE, NEVER_MIND = "leaves the old file", "is told, and the new file is there", "does not matter"
OF_ALL = [
    ("open", TARGET, errno.EACCES, UNTOUCHED),
    ("lock", TARGET, errno.EWOULDBLOCK, UNTOUCHED),
    ("lock", TARGET, errno.ENOLCK, NEVER_MIND),
    ("pread", TARGET, errno.EIO, UNTOUCHED),
    ("open", PART, errno.EROFS, UNTOUCHED),
    ("write", PART, errno.ENOSPC, UNTOUCHED),
    ("chown", PART, errno.EPERM, NEVER_MIND),
    ("chmod", PART, errno.EPERM, NEVER_MIND),
    ("chmod", PART, errno.EIO, UNTOUCHED),
    ("utime", PART, errno.EIO, UNTOUCHED),
    ("fsync", PART, errno.EIO, UNTOUCHED),
    ("rename", PART, errno.EIO, UNTOUCHED),
    ("open", FOLDER, errno.EMFILE, DONE),
    ("fsync", FOLDER, errno.EIO, DONE),
]
OF_COPIES = [
    ("clone", PART, errno.EIO, UNTOUCHED),
    ("clone", PART, errno.EOPNOTSUPP, NEVER_MIND),
    ("copy", PART, errno.ENOSPC, UNTOUCHED),
    ("copy", PART, errno.EDQUOT, UNTOUCHED),
    ("copy", PART, errno.EXDEV, NEVER_MIND),
    ("copy", PART, errno.ENOSYS, NEVER_MIND),
]
FAULTS = [(way, *fault) for way in work.HOLDER_WAYS for fault in (OF_ALL if way == "reseal" else [*OF_ALL, *OF_COPIES])]


def name_of_fault(fault: tuple[str, str, str, int, str]) -> str:
    way, call, file, error, outcome = fault
    return f"{way}: {call} of {file or 'the folder'}, {errno.errorcode[error]}, {outcome}"


@pytest.mark.parametrize("fault", FAULTS, ids=name_of_fault)
def test_a_call_that_fails_is_told_and_leaves_old_or_new_holders(
    fault: tuple[str, str, str, int, str], io_stage: Stage, folder: Path
) -> None:
    way, call, file, error, outcome = fault
    scene = Scene(way, folder / "scene")
    for nth in itertools.count(1):
        ended = scene.play(io_stage, scene.at(call, file, nth) | {"IO_SHIM_ERRNO": str(error)}, threads=2)
        assert ended.left_nothing()
        assert scene.is_tidy()
        if ended.faults == 0:
            break
        if outcome == NEVER_MIND:
            assert ended.error == "", ended
        else:
            assert "OSError" in ended.classes, ended
            assert ended.errno == (errno.EBUSY if call == "lock" else error), ended
            assert str(folder) in ended.text, "the name is not told"
        if error in (errno.ENOSPC, errno.EDQUOT):
            assert ended.code == EXIT_NO_SPACE
        if call == "lock" and outcome == UNTOUCHED:
            assert ended.code == EXIT_BUSY
        assert scene.is_untouched() if outcome == UNTOUCHED else scene.is_done()
        assert scene.next_run_works()
    assert nth > 1, "no call was disturbed"
    assert scene.is_done()


MOVES = [
    *((way, "copy", PART) for way in ("add_holder", "remove_holder", "rotate_key")),
    *((way, call, file) for way in work.HOLDER_WAYS for call, file in (("pread", TARGET), ("write", PART))),
]


@pytest.mark.parametrize(("way", "call", "file"), MOVES)
def test_calls_that_move_few_bytes_make_no_difference(way: str, call: str, file: str, io_stage: Stage, folder: Path) -> None:
    scene = Scene(way, folder / "scene")
    ended = scene.play(io_stage, scene.at(call, file, 0) | {"IO_SHIM_COUNT": "10000"})
    assert ended.left_nothing()
    assert ended.error == "", ended
    assert ended.faults > 0
    assert scene.is_done()


CALLS = [
    *(("open", TARGET), ("lock", TARGET), ("pread", TARGET), ("open", PART), ("clone", PART), ("copy", PART), ("write", PART)),
    *(("chown", PART), ("chmod", PART), ("utime", PART), ("fsync", PART), ("rename", PART), ("open", FOLDER), ("fsync", FOLDER)),
]


OPEN_FOLDER = ("open", FOLDER)  # whose descriptor a Ctrl-C leaves to the end of the process, which is near


def calls_of(way: str) -> list[tuple[str, str]]:
    return [call for call in CALLS if way != "reseal" or call[0] not in ("clone", "copy")]


@pytest.mark.parametrize(("way", "call", "file"), [(way, *call) for way in work.HOLDER_WAYS for call in calls_of(way)])
def test_killed_after_any_call_the_old_holders_open_it_or_the_new_ones(
    way: str, call: str, file: str, io_stage: Stage, folder: Path
) -> None:
    scene = Scene(way, folder / "scene")
    for nth in itertools.count(1):
        ended = scene.play(io_stage, scene.at(call, file, nth) | {"IO_SHIM_SIGNAL": str(int(signal.SIGKILL))})
        if ended.status == 0:
            break
        assert ended.status == -signal.SIGKILL
        assert scene.is_untouched() if call != "rename" and file != FOLDER else scene.is_done()
        assert scene.next_run_works()
    assert nth > 1, "nothing was killed"


@pytest.mark.parametrize(
    ("way", "call", "file"), [(way, *call) for way in work.HOLDER_WAYS for call in calls_of(way) if call != OPEN_FOLDER]
)
def test_ctrl_c_at_any_call_leaves_nothing_beside_old_or_new_holders(way: str, call: str, file: str, io_stage: Stage, folder: Path) -> None:
    scene = Scene(way, folder / "scene")
    for nth in itertools.count(1):
        ended = scene.play(io_stage, scene.at(call, file, nth) | {"IO_SHIM_SIGNAL": str(int(signal.SIGINT))}, threads=2)
        assert ended.left_nothing()
        if ended.faults == 0:
            break
        assert (ended.error, ended.code) == ("KeyboardInterrupt", EXIT_INTERRUPTED), ended
        assert scene.is_tidy()
        assert scene.is_old_or_done()
    assert nth > 1, "no call was disturbed"


@pytest.mark.parametrize("threads", [1, 3])
def test_every_allocation_of_a_reseal_may_fail(threads: int, malloc_stage: Stage, folder: Path) -> None:
    scene = Scene("reseal", folder / "scene")
    failed = 0
    for allocation in itertools.count(1):
        scene.begin()
        ended = malloc_stage.play(Case(scene.way, scene.target, scene.target, threads, allocation=allocation))
        assert ended.left_nothing()
        assert scene.is_tidy()
        if ended.error == "":
            assert scene.is_done()
        else:
            failed += 1
            assert {"MemoryError", "CodecError"} & set(ended.classes), ended
            assert scene.is_untouched()
        if ended.faults < allocation:
            break
    assert ended.error == ""
    assert failed, "nothing failed"


# --- the command, killed at system calls ------------------------------------------------------------------------------


def command_of(way: str, scene: Scene) -> list[str]:
    """The command line for *way*, with key files beside the scene."""
    files = {name: scene.folder.parent / f"{name}.key" for name in KEYS}
    for name, path in files.items():
        if not path.exists():
            KEYS[name].write(path)
    first, second, new = map(str, files.values())
    fresh = ["--reseal", "--threads", "1"]
    words = {
        "add_holder": ["add", "--key-file", first, "--new-key-file", new],
        "remove_holder": ["remove", "--key-file", first, "--remove-key-file", second],
        "rotate_key": ["rotate", "--key-file", second, "--new-key-file", new],
        "reseal": ["rotate", *("--key-file", first, "--key-file", second, "--new-key-file", first, "--new-key-file", new), *fresh],
    }[way]
    return [sys.executable, "-m", "chatseal", "key", words[0], str(scene.target), *words[1:]]


MOMENTS = ("rename", "fsync", "copy_file_range")  # the sample


@tracing.needed
@pytest.mark.parametrize("way", work.HOLDER_WAYS)
@pytest.mark.parametrize("how_often", ["at some", pytest.param("at every", marks=pytest.mark.soak)])
def test_the_command_killed_at_a_system_call_leaves_old_or_new_holders(how_often: str, way: str, folder: Path) -> None:
    scene = Scene(way, folder / "scene")
    run = command_of(way, scene)
    scene.begin()
    tracing.calls_of(run, folder / "log")  # once more than is looked at: bytecode is written
    scene.begin()
    calls = tracing.calls_of(run, folder / "log")[1:]  # without the execve
    assert scene.is_done()
    if how_often == "at some":
        calls = [call for call in calls if call.name in MOMENTS]
    else:  # the 3500 before it looks at the file are the interpreter's
        calls = calls[next(number for number, call in enumerate(calls) if str(scene.target) in call.text) :]
    killed = old = 0
    for call in calls:
        scene.begin()
        ended = tracing.killed_at(run, call.name, call.number)
        assert ended.returncode in (0, -signal.SIGKILL), ended.stderr  # 0: the run made one call fewer of this name
        killed += ended.returncode != 0
        if scene.target.read_bytes() == sealed():
            old += 1
            if not list(scene.folder.glob(PART)):
                continue  # nothing was touched
        else:
            assert scene.is_done(), f"killed at {call}"
        assert scene.next_run_works()
    print(f"{way}: killed at {killed} of {len(calls)} system calls; {old} times the old holders, {len(calls) - old} times the new ones")
    assert killed >= 0.9 * len(calls)
    assert 0 < old < len(calls)
