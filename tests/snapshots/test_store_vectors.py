"""The vectors of docs/format.md, section 10, through the store and through the independent reader: both come as far, and no farther."""

import base64
import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pyzstd

from chatseal import BackupKey, PrivateKey, Store, rescue_store
from chatseal.errors import ChatsealError, DroppedEpochError, NoStoreError, ObjectMissingError
from chatseal.rescue import RescueError
from chatseal.snapshots import catalogue, map_chain
from oracle import rescue_key
from sealing.ways import WORDS
from vectors import make_store_vectors

DOCUMENT = make_store_vectors.read()
VECTORS = DOCUMENT["vectors"]
GOOD = {name: pyzstd.decompress(base64.b64decode(text)) for name, text in DOCUMENT["objects"].items()}
Vector = dict[str, Any]
End = tuple[str, str]  # the stage at which reading ended, and how


def key_of(vector: Vector) -> BackupKey | PrivateKey:
    return BackupKey(bytes.fromhex(vector["key"])) if "key" in vector else PrivateKey(base64.b64decode(vector["private_key"]))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The good store."""
    folder = tmp_path_factory.mktemp("vectors") / "store"
    for name, data in GOOD.items():
        put(folder / name, data)
    return folder


def put(path: Path, data: bytes | None) -> None:
    path.unlink(missing_ok=True)
    if data is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@pytest.fixture
def folder(good: Path, vector: Vector) -> Iterator[Path]:
    """The store of a vector."""
    for name, text in vector["objects"].items():
        put(good / name, None if text is None else pyzstd.decompress(base64.b64decode(text)))
    yield good
    for name in vector["objects"]:
        put(good / name, GOOD.get(name))


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def ended(stage: str, work: Callable[[], Any]) -> tuple[Any, End | None]:
    """What *work* gives, or how it ended."""
    try:
        return work(), None
    except DroppedEpochError:  # the engine's word for it, so that it is no reason to stop; the format calls it damaged
        return None, (stage, "damaged")
    except (ObjectMissingError, NoStoreError, FileNotFoundError):
        return None, (stage, "missing")
    except RescueError as error:
        return None, (stage, str(error.failure))
    except ChatsealError as error:
        return None, (stage, WORDS[type(error)])


def told(path: str, entry: Any, size: int, content: Callable[[], bytes]) -> dict[str, Any]:
    """An entry as a vector describes it."""
    if entry.same_as:
        return {"same_as": entry.same_as}
    if entry.type in ("folder", "link"):
        return {"type": entry.type} | ({"target": entry.target} if entry.target else {})
    found = content()
    assert len(found) == size, path
    return {"size": size, "sha256": digest(found)} | ({"type": entry.type} if entry.type != "file" else {})


def through_the_store(vector: Vector, folder: Path) -> End | dict[str, Any]:
    """How reading a snapshot ended, or all that is in it."""
    store, end = ended("store", lambda: Store(folder, key_of(vector)))
    if end:
        return end
    with store:
        known = catalogue.read(store.sealed)
        damaged = dict(known.damaged)
        if vector["snapshot"] in damaged:
            return "manifest", WORDS[type(damaged[vector["snapshot"]])]
        snapshot = store.snapshot(vector["snapshot"].rpartition("-")[2])
        table, end = ended("map", lambda: map_chain.load(store.sealed, snapshot.record.manifest.maps))
        if end:
            return end
        found = {}
        for path, units in table.entries.items():

            def content(path: str = path) -> bytes:
                out = io.BytesIO()
                snapshot.write_to(path, out, threads=1)
                return out.getvalue()

            found[path], end = ended("content", lambda: told(path, units.entry, units.entry.size, content))  # noqa: B023
            if end:
                assert path == vector["path"]
                return end
        checked = store.check(share=1.0, threads=1)
        assert checked.broken == () or vector["snapshot"][10:] not in checked.hurt or vector["stage"] == "check"
        return ("check", "damaged") if vector["snapshot"].rpartition("-")[2] in checked.hurt else found


def through_rescue(vector: Vector, folder: Path) -> End | dict[str, Any]:
    """The same."""
    store, end = ended("store", lambda: rescue_store.Store(str(folder), rescue_key(key_of(vector))))
    if end:
        return end
    manifest, end = ended("manifest", lambda: store.manifest(vector["snapshot"]))
    if end:
        return end
    table, end = ended("map", lambda: store.table(manifest))
    if end:
        return end
    found = {}
    for path, entry in table.entries.items():

        def content(entry: rescue_store.Entry = entry) -> bytes:
            out = io.BytesIO()
            store.rebuild(table, entry, out)
            return out.getvalue().ljust(entry.size, b"\0")

        found[path], end = ended("content", lambda: told(path, entry, entry.size, content))  # noqa: B023
        if end:
            assert path == vector["path"]
            return end
    return found


def content_of(vector: Vector) -> dict[str, Any]:
    return dict(vector.get("content", DOCUMENT["content"][vector["snapshot"]]))


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["stage"] != "path"], ids=lambda vector: vector["name"])
def test_each_vector_ends_as_it_says_in_both_readers(vector: Vector, folder: Path) -> None:
    expected = (vector["stage"], vector["result"]) if vector["result"] != "ok" else content_of(vector)
    assert through_the_store(vector, folder) == expected
    if vector["stage"] == "check":  # rescue compares every unit at once
        expected = ("content", vector["result"])
    assert through_rescue(vector, folder) == expected


def made(folder: Path) -> dict[str, Any]:
    """What lies below *folder*, as a vector describes it."""
    found: dict[str, Any] = {}
    for root, folders, files in os.walk(folder):
        for name in folders + files:
            path = Path(root, name)
            mode = path.lstat().st_mode
            key = str(path.relative_to(folder))
            if stat.S_ISLNK(mode):
                found[key] = {"type": "link", "target": os.readlink(path)}
            elif stat.S_ISREG(mode):
                found[key] = {"size": path.stat().st_size, "sha256": digest(path.read_bytes())}
    return found


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["stage"] == "path"], ids=lambda vector: vector["name"])
def test_an_entry_that_leads_elsewhere_is_refused_by_both_readers_and_the_others_come_back(
    vector: Vector, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store(folder, key_of(vector)) as store:
        result = store.snapshot(vector["snapshot"].rpartition("-")[2]).restore(tmp_path / "inside" / "ours")
    assert result.failed
    assert made(tmp_path / "inside" / "ours") == content_of(vector)
    (tmp_path / "my.key").write_text(vector["key"])
    words = [str(folder), "--key-file", str(tmp_path / "my.key"), vector["snapshot"].rpartition("-")[2], "--to"]
    assert rescue_store.main([*words, str(tmp_path / "inside" / "theirs")]) == 3
    assert made(tmp_path / "inside" / "theirs") == content_of(vector)
    assert capsys.readouterr().err.count("rescue: ") == len(result.failed)
    assert set(os.listdir(tmp_path)) == {"inside", "my.key", "places"}
    assert set(os.listdir(tmp_path / "inside")) == {"ours", "theirs"}


def test_the_vectors_are_those_that_their_writer_makes() -> None:
    assert make_store_vectors.build(DOCUMENT["hpke_slots"]) == DOCUMENT
