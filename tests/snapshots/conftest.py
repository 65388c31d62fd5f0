"""A store in an empty folder, with places of its own for state and copies."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chatseal import BackupKey, Store
from servers.fixtures import moto_bucket

__all__ = ["moto_bucket"]

KEY = BackupKey(bytes(range(32)))


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this machine remembers stores, for one test."""
    folder = tmp_path / "places"
    monkeypatch.setenv("CHATSEAL_STATE_DIR", str(folder / "state"))
    monkeypatch.setenv("CHATSEAL_CACHE_DIR", str(folder / "cache"))
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store in `tmp_path/store`, opened by KEY."""
    with Store.create(tmp_path / "store", KEY) as store:
        yield store


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An empty folder to be backed up."""
    folder = tmp_path / "source"
    folder.mkdir()
    return folder
