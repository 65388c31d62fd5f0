"""seal_many and unseal_many: progress over all files together, and what is no file at all."""

import os
from pathlib import Path

import pytest

import chatseal
from chatseal import BackupKey, Progress
from chatseal.sealing import many
from corpus import KEY_BYTES, chat

KEY = BackupKey(KEY_BYTES)


class Stopped(Exception):
    """Raised by a caller's progress."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three files, of which the first counts as large."""
    monkeypatch.setattr(many, "LARGE", 300_000)
    there = tmp_path / "in"
    there.mkdir()
    for name, size in (("large", 400_000), ("small", 5000), ("tiny", 1)):
        (there / name).write_bytes(chat(size))
    return there


@pytest.mark.parametrize("threads", [1, 2])
def test_progress_of_many_grows_to_the_sum_of_all_files(folder: Path, threads: int, tmp_path: Path) -> None:
    seen: list[Progress] = []
    reports = list(chatseal.seal_many([folder], tmp_path / "out", KEY, threads=threads, progress=seen.append))
    assert all(report.error is None for report in reports)
    amounts = [progress.done for progress in seen]
    assert amounts == sorted(amounts)
    assert seen[-1] == Progress(405_001, 405_001)
    seen.clear()
    assert len(list(chatseal.unseal_many([tmp_path / "out"], tmp_path / "back", KEY, threads=threads, progress=seen.append))) == 3
    assert seen[-1] == Progress(405_001, None)


@pytest.mark.parametrize("at", [0, 400_001, 405_000])
@pytest.mark.parametrize("threads", [1, 2])
def test_what_progress_raises_stops_all_the_work_and_reaches_the_caller(folder: Path, at: int, threads: int, tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.done >= at:
            raise Stopped

    with pytest.raises(Stopped):
        list(chatseal.seal_many([folder], tmp_path / "out", KEY, threads=threads, progress=stop))
    assert not list((tmp_path / "out").rglob("*.part"))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_named_pipe_below_a_folder_fails_alone_and_stalls_nothing(folder: Path, threads: int, tmp_path: Path) -> None:
    os.mkfifo(folder / "pipe")
    reports = {Path(report.source).name: report for report in chatseal.seal_many([folder], tmp_path / "out", KEY, threads=threads)}
    assert isinstance(reports.pop("pipe").error, OSError)
    assert len(reports) == 3
    assert all(report.error is None for report in reports.values())
