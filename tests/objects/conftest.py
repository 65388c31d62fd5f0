"""Stores of every kind, each empty, for the one suite that all of them pass."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chatseal.objects.local_store import LocalStore
from chatseal.objects.memory_store import MemoryStore
from chatseal.objects.object_store import ObjectStore
from faults.conftest import folder, io_shim, io_stage
from servers.fixtures import azurite_bucket, moto_bucket, sftp_remote, swift_bucket, webdav_remote

__all__ = [
    "azurite_bucket",
    "folder",
    "io_shim",
    "io_stage",
    "moto_bucket",
    "sftp_remote",
    "store",
    "swift_bucket",
    "webdav_remote",
]

SERVERS = ["swift", "azurite", "moto"]
REMOTES = ["webdav", "sftp"]  # by rclone
KINDS = ["memory", "folder", *SERVERS, *REMOTES]


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    made: ObjectStore
    match request.param:
        case "memory":
            made = MemoryStore()
        case "folder":
            made = LocalStore(tmp_path / "store", create=True)
        case "webdav" | "sftp" as kind:
            made = request.getfixturevalue(f"{kind}_remote").open()
        case server:
            made = request.getfixturevalue(f"{server}_bucket").open()
    yield made
    made.close()
