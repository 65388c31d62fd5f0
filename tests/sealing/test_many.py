"""Many files: one budget, every failure its own, no two files under one name."""

import io
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import chatseal
from chatseal import BackupKey, DamagedError, FileReport, PrivateKey, TargetExistsError, WrongKeyError
from corpus import KEY_BYTES, MIB, chat, noise
from oracle import check_everything

KEY = BackupKey(KEY_BYTES)
THREADS = pytest.mark.parametrize("threads", [1, 2, 5])


def plant(folder: Path, files: dict[str, bytes]) -> list[Path]:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return [folder / name for name in files]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def by_name(reports: list[FileReport]) -> dict[str, FileReport]:
    return {os.path.basename(report.source): report for report in reports}


@THREADS
def test_files_large_and_small_come_back(threads: int, tmp_path: Path) -> None:
    files = {f"small {i}": chat(i * 7777, i % 3) for i in range(25)} | {"large": chat(17 * MIB), "large noise": noise(16 * MIB)}
    sources = plant(tmp_path / "plain", files)
    sealed = list(chatseal.seal_many(sources, tmp_path / "sealed", KEY, threads=threads, level=1))
    assert [report.error for report in sealed] == [None] * len(files)
    assert sorted(report.source for report in sealed) == sorted(map(str, sources))
    assert set(tree(tmp_path / "sealed")) == {name + ".seal" for name in files}
    for report in sealed:
        assert report.summary is not None
        assert report.summary.plain_bytes == len(files[os.path.basename(report.source)])
        assert report.summary.sealed_bytes == os.path.getsize(report.target)
    for name in ("small 0", "small 1", "small 24"):
        check_everything(tmp_path / "sealed" / f"{name}.seal", KEY, files[name], command=False)
    unsealed = list(chatseal.unseal_many([Path(report.target) for report in sealed], tmp_path / "back", KEY, threads=threads))
    assert [report.error for report in unsealed] == [None] * len(files)
    assert tree(tmp_path / "back") == files


@THREADS
def test_trees_keep_their_form(threads: int, tmp_path: Path) -> None:
    files = {"top": b"1", "a/one": b"2", "a/b/c/deep": b"3", "a/b/one": b"4", "z/.hidden": b"5", "z/name with spaces.seal": b"6"}
    plant(tmp_path / "tree", files)
    (tmp_path / "tree" / "empty folder").mkdir()
    plant(tmp_path, {"alone": b"7"})
    reports = list(chatseal.seal_many([tmp_path / "tree", str(tmp_path / "alone")], tmp_path / "sealed", KEY, threads=threads))
    assert [report.error for report in reports] == [None] * 7
    assert set(tree(tmp_path / "sealed")) == {f"tree/{name}.seal" for name in files} | {"alone.seal"}
    list(chatseal.unseal_many([tmp_path / "sealed" / "tree", tmp_path / "sealed" / "alone.seal"], tmp_path / "back", KEY, threads=threads))
    assert tree(tmp_path / "back") == {f"tree/{name}": content for name, content in files.items()} | {"alone": b"7"}


@THREADS
def test_a_failure_stops_its_own_file_alone(threads: int, tmp_path: Path) -> None:
    sources = plant(tmp_path, {name: name.encode() * 1000 for name in ("a", "b", "c", "d")})
    (tmp_path / "sealed").mkdir()
    (tmp_path / "sealed" / "b.seal").write_bytes(b"older")
    sources.insert(2, tmp_path / "not there")
    reports = by_name(list(chatseal.seal_many(sources, tmp_path / "sealed", KEY, threads=threads)))
    assert {name: type(report.error) for name, report in reports.items()} == {
        "a": type(None),
        "b": TargetExistsError,
        "not there": FileNotFoundError,
        "c": type(None),
        "d": type(None),
    }
    assert reports["b"].summary is None
    assert (tmp_path / "sealed" / "b.seal").read_bytes() == b"older"
    assert set(tree(tmp_path / "sealed")) == {"a.seal", "b.seal", "c.seal", "d.seal"}
    again = list(chatseal.seal_many(sources[:2], tmp_path / "sealed", KEY, threads=threads, overwrite=True))
    assert [report.error for report in again] == [None, None]


@THREADS
def test_damaged_files_and_wrong_keys_are_told_file_by_file(threads: int, tmp_path: Path) -> None:
    good, broken = chatseal.seal_bytes(chat(100_000), KEY), bytearray(chatseal.seal_bytes(noise(100_000), KEY))
    broken[50_000] ^= 1
    other = chatseal.seal_bytes(b"x", PrivateKey.generate().public_key)
    large = bytearray(chatseal.seal_bytes(noise(17 * MIB), KEY, level=-5))
    large[len(large) // 2] ^= 1
    sources = plant(tmp_path / "in", {"good.seal": good, "broken.seal": bytes(broken), "other.seal": other, "large.seal": bytes(large)})
    reports = by_name(list(chatseal.unseal_many(sources, tmp_path / "out", KEY, threads=threads)))
    errors = {name: type(report.error) for name, report in reports.items()}
    assert errors == {"good.seal": type(None), "broken.seal": DamagedError, "other.seal": WrongKeyError, "large.seal": DamagedError}
    assert tree(tmp_path / "out") == {"good": chat(100_000)}, "no part of a failed file is left"


def test_a_file_whose_length_changed_before_its_turn_is_sealed_as_it_is_then(tmp_path: Path) -> None:
    sources = plant(tmp_path, {f"{i}": noise(MIB - i, i) for i in range(4)})
    reports = chatseal.seal_many(sources, tmp_path / "sealed", KEY, threads=1, level=-5)
    errors = [next(reports).error]
    os.truncate(sources[2], 0)
    errors += [report.error for report in reports]
    assert errors == [None] * 4
    for i, source in enumerate(sources):
        assert chatseal.unseal_bytes((tmp_path / "sealed" / f"{i}.seal").read_bytes(), KEY) == source.read_bytes()


def test_two_files_that_would_get_one_name_are_refused_before_any_work(tmp_path: Path) -> None:
    sources = plant(tmp_path, {"one/name": b"1", "two/name": b"2"})
    with pytest.raises(ValueError, match=r"would both become .*name\.seal"):
        chatseal.seal_many(sources, tmp_path / "sealed", KEY)
    plant(tmp_path / "in", {"x": b"", "x.seal": b""})
    with pytest.raises(ValueError, match="would both become"):
        chatseal.unseal_many([tmp_path / "in" / "x", tmp_path / "in" / "x.seal"], tmp_path / "out", KEY)
    assert not (tmp_path / "sealed").exists()
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_named_by_its_ending_alone_keeps_its_name(tmp_path: Path) -> None:
    plant(tmp_path, {"in/.seal": chatseal.seal_bytes(b"x", KEY), "in/other": chatseal.seal_bytes(b"y", KEY)})
    list(chatseal.unseal_many([tmp_path / "in"], tmp_path / "out", KEY))
    assert tree(tmp_path / "out") == {"in/.seal": b"x", "in/other": b"y"}


def test_no_sources_make_no_reports(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert list(chatseal.seal_many([], tmp_path / "sealed", KEY)) == []
    assert list(chatseal.seal_many([tmp_path / "empty"], tmp_path / "sealed", KEY, threads=3)) == []


@THREADS
@pytest.mark.parametrize("taken", [0, 1, 5])
def test_an_iterator_that_is_closed_early_leaves_whole_files_and_no_threads(taken: int, threads: int, tmp_path: Path) -> None:
    sources = plant(tmp_path / "in", {f"{i:02}": chat(200_000, i % 3) for i in range(30)})
    reports = chatseal.seal_many(sources, tmp_path / "out", KEY, threads=threads)
    for _ in range(taken):
        assert next(reports).error is None
    reports.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("chatseal")]
    written = tree(tmp_path / "out") if (tmp_path / "out").exists() else {}
    assert taken <= len(written) < 30
    for name, sealed in written.items():
        assert chatseal.unseal_bytes(sealed, KEY) == (tmp_path / "in" / name.removesuffix(".seal")).read_bytes()


def test_wrong_arguments_are_refused_before_any_work(tmp_path: Path) -> None:
    works: list[Callable[[], object]] = [
        lambda: chatseal.seal_many([], tmp_path, []),
        lambda: chatseal.seal_many([], tmp_path, KEY, level=99),
        lambda: chatseal.seal_many([], tmp_path, KEY, frame_size=5),
        lambda: chatseal.seal_many([], tmp_path, KEY, threads=0),
        lambda: chatseal.unseal_many([], tmp_path, KEY, memory=0),
    ]
    for work in works:
        with pytest.raises(ValueError, match=r"holders|level|frame_size|threads|memory"):
            work()
    with pytest.raises(TypeError):
        chatseal.unseal_many([], tmp_path, PrivateKey.generate().public_key)  # type: ignore[arg-type]


@pytest.mark.parametrize("memory", [1, 8 * MIB, 64 * MIB])
def test_little_memory_means_fewer_threads_and_the_same_files(memory: int, tmp_path: Path) -> None:
    sources = plant(tmp_path / "in", {"large": chat(17 * MIB), "small": chat(1000)})
    reports = list(chatseal.seal_many(sources, tmp_path / "out", KEY, threads=4, memory=memory))
    assert [report.error for report in reports] == [None, None]
    reports = list(chatseal.unseal_many([tmp_path / "out"], tmp_path / "back", KEY, threads=4, memory=memory))
    assert [report.error for report in reports] == [None, None]
    assert tree(tmp_path / "back") == {"out/large": chat(17 * MIB), "out/small": chat(1000)}


def test_seal_many_and_seal_make_files_of_one_kind(tmp_path: Path) -> None:
    (source,) = plant(tmp_path, {"name": chat(300_000)})
    (report,) = chatseal.seal_many([source], tmp_path / "out", KEY)
    single = io.BytesIO()
    chatseal.seal(source, single, KEY)
    parts = [check_everything(sealed, KEY, chat(300_000), command=False) for sealed in (Path(report.target), single.getvalue())]
    assert parts[0].stream == parts[1].stream
