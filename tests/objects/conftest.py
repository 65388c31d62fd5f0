"""Stores of every kind, each empty, for the one suite that all of them pass."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chatseal.objects.local_store import LocalStore
from chatseal.objects.memory_store import MemoryStore
from chatseal.objects.object_store import ObjectStore

KINDS = ["memory", "folder"]


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    made: ObjectStore
    match request.param:
        case "memory":
            made = MemoryStore()
        case _:
            made = LocalStore(tmp_path / "store", create=True)
    yield made
    made.close()
