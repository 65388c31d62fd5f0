"""The folder under faults: at every call a failure, a kill or Ctrl-C leaves the object that was there, nothing, or the new one whole."""

import errno
import itertools
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from chatseal.errors import EXIT_INTERRUPTED, EXIT_NO_SPACE
from chatseal.objects.local_store import PARTS, LocalStore
from corpus import noise
from faults.stage import Case, Ended, Stage

OLD, NEW = b"an older object", noise(300_000)
NAME = "packs/a"
PART, OBJECT, FOLDER, ROOT, ABOVE = f"store/{PARTS}/*", f"store/{NAME}", "store/packs", "store", ""
NOTHING_NEW, WHOLE = "nothing new", "whole"


@dataclass(frozen=True)
class Place:
    """A folder with a source and a store, which is not there yet, empty, or has an older object."""

    folder: Path
    beginning: str  # absent, empty or older

    @property
    def store(self) -> LocalStore:
        return LocalStore(self.folder / "store", create=True)

    def set(self) -> None:
        for path in sorted(self.folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (self.folder / "source").write_bytes(NEW)
        if self.beginning == "empty":
            (self.folder / "store").mkdir()
        if self.beginning == "older":
            self.store.put(NAME, OLD)

    def play(self, stage: Stage, way: str, io: dict[str, str]) -> Ended:
        self.set()
        return stage.play(Case(way, self.folder / "source", self.folder / OBJECT, io=io))

    def found(self) -> bytes | None:
        """The object, if there is one. Checks that nothing else is listed."""
        listed = {info.name: info.size for info in self.store.list("")}
        assert set(listed) <= {NAME}
        return self.store.get(NAME, len(NEW)) if listed else None

    @property
    def old(self) -> bytes | None:
        return OLD if self.beginning == "older" else None

    def parts(self) -> list[str]:
        return os.listdir(self.folder / "store" / PARTS) if (self.folder / "store" / PARTS).exists() else []


@pytest.fixture(params=["absent", "empty", "older"])
def place(request: pytest.FixtureRequest, folder: Path) -> Place:
    return Place(folder, request.param)


def at(place: Place, call: str, file: str, nth: int) -> dict[str, str]:
    path = f"{place.folder}/{file}" if file else str(place.folder)
    return {"IO_SHIM_CALL": call, "IO_SHIM_PATH": path, "IO_SHIM_NTH": str(nth)}


FAULTS = [
    ("open", PART, errno.EROFS, NOTHING_NEW),
    ("write", PART, errno.ENOSPC, NOTHING_NEW),
    ("write", PART, errno.EDQUOT, NOTHING_NEW),
    ("fsync", PART, errno.EIO, NOTHING_NEW),
    ("rename", PART, errno.EIO, NOTHING_NEW),
    ("mkdir", f"store/{PARTS}", errno.EACCES, NOTHING_NEW),
    ("mkdir", FOLDER, errno.ENOSPC, NOTHING_NEW),
    ("mkdir", ROOT, errno.EROFS, NOTHING_NEW),
    ("open", ROOT, errno.EMFILE, NOTHING_NEW),
    ("fsync", ROOT, errno.EIO, NOTHING_NEW),
    ("fsync", ABOVE, errno.EIO, NOTHING_NEW),
    # The name is there and the object was flushed; that the name lasts is not certain, and is said.
    ("open", FOLDER, errno.EMFILE, WHOLE),
    ("fsync", FOLDER, errno.EIO, WHOLE),
]
ONLY_WHEN_MADE = {("mkdir", ROOT), ("fsync", ABOVE)}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault[0]} {fault[1]} {errno.errorcode[fault[2]]}")
def test_a_call_that_fails_is_told_by_the_objects_name_and_leaves_no_half(
    fault: tuple[str, str, int, str], place: Place, io_stage: Stage
) -> None:
    call, file, number, outcome = fault
    for nth in itertools.count(1):
        ended = place.play(io_stage, "put_object", at(place, call, file, nth) | {"IO_SHIM_ERRNO": str(number)})
        assert ended.left_nothing()
        if ended.faults == 0:
            assert place.found() == NEW
            break
        assert (ended.errno, f"store/{NAME}" in ended.text) == (number, True), ended
        if number in (errno.ENOSPC, errno.EDQUOT):
            assert ended.code == EXIT_NO_SPACE
        assert place.found() == (NEW if outcome == WHOLE else place.old)
        assert place.parts() == []
    assert nth > 1 or ((call, file) in ONLY_WHEN_MADE and place.beginning != "absent"), "no call was disturbed"


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_file_systems_that_cannot_flush_folders_are_taken_as_they_are(number: int, place: Place, io_stage: Stage) -> None:
    ended = place.play(io_stage, "put_object", at(place, "fsync", FOLDER, 1) | {"IO_SHIM_ERRNO": str(number)})
    assert (ended.faults, ended.error) == (1, "")
    assert place.found() == NEW


@pytest.mark.parametrize("place", ["absent", "empty"], indirect=True)
def test_a_part_that_cannot_be_removed_does_not_undo_the_put(place: Place, io_stage: Stage) -> None:
    ended = place.play(io_stage, "put_object_absent", at(place, "unlink", PART, 1) | {"IO_SHIM_ERRNO": str(errno.EIO)})
    assert (ended.faults, ended.error) == (1, "")
    assert place.found() == NEW
    assert len(place.parts()) == 1


CALLS = [
    ("put_object", "mkdir", "*"),
    ("put_object", "open", PART),
    ("put_object", "write", PART),
    ("put_object", "fsync", PART),
    ("put_object", "rename", PART),
    ("put_object", "fsync", FOLDER),
    ("put_object", "fsync", ROOT),
    ("put_object_absent", "write", PART),
    ("put_object_absent", "link", PART),
    ("put_object_absent", "unlink", PART),
]
CALLS_AND_PLACES = [
    (*call, beginning)
    for call in CALLS
    for beginning in ("absent", "empty", "older")
    if (call[0], beginning) != ("put_object_absent", "older")
]


@pytest.mark.parametrize(("way", "call", "file", "place"), CALLS_AND_PLACES, indirect=["place"])
def test_killed_after_any_call_it_leaves_the_old_nothing_or_the_new(way: str, call: str, file: str, place: Place, io_stage: Stage) -> None:
    for nth in itertools.count(1):
        ended = place.play(io_stage, way, at(place, call, file, nth) | {"IO_SHIM_SIGNAL": str(int(signal.SIGKILL))})
        if ended.status == 0:
            break
        assert ended.status == -signal.SIGKILL
        assert place.found() in (place.old, NEW)
        place.store.put(NAME, NEW)
        assert place.found() == NEW
    assert nth > 1 or (call == "mkdir" and place.beginning == "older"), "nothing was killed"


@pytest.mark.parametrize(("way", "call", "file", "place"), CALLS_AND_PLACES, indirect=["place"])
def test_ctrl_c_at_any_call_leaves_the_old_nothing_or_the_new_and_no_part(
    way: str, call: str, file: str, place: Place, io_stage: Stage
) -> None:
    for nth in itertools.count(1):
        ended = place.play(io_stage, way, at(place, call, file, nth) | {"IO_SHIM_SIGNAL": str(int(signal.SIGINT))})
        assert ended.left_nothing()
        if ended.faults == 0:
            break
        assert (ended.error, ended.code) == ("KeyboardInterrupt", EXIT_INTERRUPTED)
        assert place.found() in (place.old, NEW)
        assert place.parts() == []
    assert nth > 1 or (call == "mkdir" and place.beginning == "older"), "nothing was interrupted"


@pytest.mark.parametrize("count", [1, 1000])
def test_writes_and_reads_that_move_few_bytes_make_no_difference(count: int, place: Place, io_stage: Stage) -> None:
    nths = [0] if count > 1 else [1, 2, 3]
    for nth in nths:
        ended = place.play(io_stage, "put_object", at(place, "write", PART, nth) | {"IO_SHIM_COUNT": str(count)})
        assert (ended.error, place.found()) == ("", NEW)
    for nth in nths:
        place.set()
        place.store.put(NAME, NEW)
        io = at(place, "read", OBJECT, nth) | {"IO_SHIM_COUNT": str(count)}
        ended = io_stage.play(Case("get_object", place.folder / "source", place.folder / OBJECT, io=io))
        assert ended.error == ""
        assert ended.left_nothing()


def test_a_disk_that_takes_no_more_bytes_is_full(place: Place, io_stage: Stage) -> None:
    ended = place.play(io_stage, "put_object", at(place, "write", PART, 1) | {"IO_SHIM_COUNT": "0"})
    assert (ended.errno, ended.code) == (errno.ENOSPC, EXIT_NO_SPACE)
    assert place.found() == place.old


@pytest.mark.parametrize(
    ("way", "call", "file"), [("get_object", "open", OBJECT), ("get_object", "read", OBJECT), ("delete_object", "unlink", OBJECT)]
)
def test_what_cannot_be_read_or_deleted_is_told_by_its_name(way: str, call: str, file: str, folder: Path, io_stage: Stage) -> None:
    place = Place(folder, "older")
    ended = place.play(io_stage, way, at(place, call, file, 1) | {"IO_SHIM_ERRNO": str(errno.EIO)})
    assert ended.left_nothing()
    assert (ended.faults, ended.errno, f"store/{NAME}" in ended.text) == (1, errno.EIO, True)
    assert place.found() == OLD
