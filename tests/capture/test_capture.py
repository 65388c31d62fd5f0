"""A run: databases first, everything once, failures told and stepped over."""

import io
import os
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from capture.sources import content, database, everything, lying_still, plant
from chatseal.capture.capture import HELD_MAX, Capture
from chatseal.capture.image import Image
from chatseal.capture.options import CaptureOptions
from chatseal.errors import CaptureError, SourceBusyError, SourceChangedError


def capture(*sources: Path, **more: Any) -> Capture:
    return Capture(sources, **{"open_database": lying_still, **more})


def test_a_run_keeps_everything_once(tmp_path: Path) -> None:
    chat = plant(tmp_path / "chat", {"media/a": b"a" * 70_000, "media/b": b"", "z": b"z"})
    database(chat / "msgstore.db")
    os.link(chat / "z", chat / "media" / "c")
    os.symlink("z", chat / "link")
    words = [sys.executable, "-I", "-c", "print('dump')"]
    with capture(chat, chat / "z", streams={"stdin": io.BytesIO(b"in"), "z": words}) as run:
        kept = everything(run)
    assert kept == {
        "chat": None,
        "chat/link": None,
        "chat/media": None,
        "chat/media/a": b"a" * 70_000,
        "chat/media/b": b"",
        "chat/media/c": b"z",
        "chat/msgstore.db": (chat / "msgstore.db").read_bytes(),
        "chat/z": None,
        "z": b"z",
        "stdin": b"in",
        "z-2": b"dump\n",
    }
    assert (run.skipped, run.warnings) == ([], [])


def test_all_databases_are_opened_before_the_first_entry_is_yielded(tmp_path: Path) -> None:
    for name in ("a/1.db", "b/2.db", "b/c/3.db"):
        database(tmp_path / name)
    plant(tmp_path, {"a/0": b"first"})
    opened: list[str] = []

    def note(path: str, options: CaptureOptions) -> Image:
        opened.append(os.path.basename(path))
        return lying_still(path, options)

    with capture(tmp_path / "a", tmp_path / "b", open_database=note) as run:
        assert opened == ["1.db", "2.db", "3.db"]
        everything(run)
    assert opened == ["1.db", "2.db", "3.db"], "none of them twice"


def test_of_very_many_databases_the_last_ones_are_opened_in_their_turn_and_a_warning_says_so(tmp_path: Path) -> None:
    image = database(tmp_path / "first.db").read_bytes()
    plant(tmp_path / "many", {f"{i:03}": image for i in range(HELD_MAX + 3)})
    open_now: set[str] = set()
    most = 0

    class Watched:
        def __init__(self, path: str, options: CaptureOptions) -> None:
            nonlocal most
            self._inner, self._path = lying_still(path, options), path
            open_now.add(path)
            most = max(most, len(open_now))

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

        def close(self) -> None:
            open_now.discard(self._path)
            self._inner.close()

    with capture(tmp_path / "many", open_database=Watched) as run:
        assert len(open_now) == HELD_MAX
        kept = everything(run)
    assert sum(data == image for data in kept.values()) == HELD_MAX + 3
    assert most == HELD_MAX
    assert not open_now
    assert run.warnings == ["3 of 67 databases are not read as they are at the same moment as the first 64, but later"]


def test_databases_that_are_never_read_are_closed_at_the_end(tmp_path: Path) -> None:
    database(tmp_path / "a.db")
    database(tmp_path / "b.db")
    before = len(os.listdir("/proc/self/fd"))
    with capture(tmp_path) as run:
        next(run.entries)
        assert len(os.listdir("/proc/self/fd")) > before
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_failure_while_databases_are_opened_closes_those_that_are(tmp_path: Path) -> None:
    database(tmp_path / "a.db")
    database(tmp_path / "b.db")
    before = len(os.listdir("/proc/self/fd"))

    def fail(path: str, options: CaptureOptions) -> Image:
        if path.endswith("b.db"):
            raise KeyboardInterrupt
        return lying_still(path, options)

    with pytest.raises(KeyboardInterrupt), capture(tmp_path, open_database=fail):
        pass
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_database_that_cannot_be_opened_is_told_in_its_turn_and_the_run_goes_on(tmp_path: Path) -> None:
    for name in ("a.db", "b.db", "c.db"):
        database(tmp_path / name)

    def refuse(path: str, options: CaptureOptions) -> Image:
        if path.endswith("a.db"):
            raise SourceBusyError("a.db is busy")
        if path.endswith("b.db"):
            raise CaptureError("b.db cannot be read")
        return lying_still(path, options)

    with capture(tmp_path, open_database=refuse) as run:
        kept = everything(run)
    assert list(kept) == [tmp_path.name, f"{tmp_path.name}/c.db"]
    assert run.skipped == [(str(tmp_path / "a.db"), "a.db is busy"), (str(tmp_path / "b.db"), "b.db cannot be read")]


def test_options_reach_whoever_opens_databases(tmp_path: Path) -> None:
    seen: list[CaptureOptions] = []

    def note(path: str, options: CaptureOptions) -> Image:
        seen.append(options)
        return lying_still(path, options)

    wanted = CaptureOptions(max_hold=1.5, allow_network=True, leave_out=(str(tmp_path / "store"),))
    database(tmp_path / "chat.db")
    database(tmp_path / "store" / "other.db")
    with capture(tmp_path, open_database=note, options=wanted) as run:
        kept = everything(run)
    assert seen == [wanted]
    assert list(kept) == [tmp_path.name, f"{tmp_path.name}/chat.db"]


def test_an_image_is_wrapped_if_it_is_a_databases(tmp_path: Path) -> None:
    database(tmp_path / "chat.db")
    plant(tmp_path, {"x": b"x"})
    wrapped: list[Image] = []

    def wrap(image: Image) -> Image:
        wrapped.append(image)
        return image

    with capture(tmp_path, wrap=wrap) as run:
        everything(run)
    assert len(wrapped) == 1


def test_a_file_that_changes_is_skipped_and_can_be_opened_again(tmp_path: Path) -> None:
    plant(tmp_path, {"a": b"a" * 100, "b": b"b"})
    with capture(tmp_path) as run:
        for entry in run.entries:
            if entry.path.endswith("/a"):
                with closing(run.open(entry)) as image:
                    (tmp_path / "a").write_bytes(b"other")
                    with pytest.raises(SourceChangedError):
                        content(image)
                with closing(run.open(entry)) as image:
                    assert content(image) == b"other"
                    assert image.settle()
                    settled = run.settled(entry, image)
                    assert settled.size == 5
                    assert settled.mtime_ns == (tmp_path / "a").stat().st_mtime_ns
                    assert settled.is_unchanged(settled)
                    assert not settled.is_unchanged(entry)
    assert run.skipped == []


def test_a_file_that_vanished_or_became_something_else_is_skipped_and_the_run_goes_on(tmp_path: Path) -> None:
    plant(tmp_path / "t", {"a": b"a", "b": b"b", "c": b"c", "d/e": b"e", "f": b"f"})
    plant(tmp_path / "secret", {"e": b"not for you"})
    with capture(tmp_path / "t") as run:
        entries = list(run.entries)
        os.unlink(tmp_path / "t/a")
        os.unlink(tmp_path / "t/b")
        os.mkfifo(tmp_path / "t/b")
        os.unlink(tmp_path / "t/c")
        os.symlink(tmp_path / "secret/e", tmp_path / "t/c")
        os.rename(tmp_path / "t/d", tmp_path / "t/gone")
        os.symlink(tmp_path / "secret", tmp_path / "t/d")
        run._entries = iter(entries)
        kept = everything(run)
    assert kept == {"t": None, "t/d": None, "t/f": b"f"}
    assert run.skipped == [
        (str(tmp_path / "t/a"), "it vanished before it was read"),
        (str(tmp_path / "t/b"), f"{tmp_path / 't/b'} is not a file any more"),
        (str(tmp_path / "t/c"), "it was replaced before it was read"),
        (str(tmp_path / "t/d/e"), "it was replaced before it was read"),
    ]


def test_the_next_name_of_a_file_that_could_not_be_read_takes_its_place(tmp_path: Path) -> None:
    plant(tmp_path, {"d/a": b"content"})
    os.link(tmp_path / "d/a", tmp_path / "d/b")
    os.link(tmp_path / "d/a", tmp_path / "d/c")
    with capture(tmp_path / "d") as run:
        same = {}
        for entry in run.entries:
            if entry.path == "d/a":
                run.skip(entry, OSError(5, "Input/output error"))
            same[entry.path] = entry.same_as
    assert same["d/c"] in ("d/a", "d/b")
    assert run.skipped == [(str(tmp_path / "d/a"), "input/output error")]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b"])
def test_a_stream_with_an_impossible_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a stream cannot have the name"):
        capture(streams={name: io.BytesIO()})


def test_a_database_that_appears_during_the_run_is_one(tmp_path: Path) -> None:
    plant(tmp_path / "t", {"a": b"a"})
    with capture(tmp_path / "t") as run:
        database(tmp_path / "t" / "new.db")
        assert [(entry.path, entry.type) for entry in run.entries] == [("t", "folder"), ("t/a", "file"), ("t/new.db", "database")]
