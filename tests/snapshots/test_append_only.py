"""A store to which a machine may add, and from which it may not delete, at a place that keeps versions: what the machine can do, and what
whoever takes it over cannot."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from chatseal.errors import EXIT_FAILED, EXIT_OK
from cli.command import Ran, environment, started
from servers import moto
from servers.bucket import NO_FILES, Bucket
from servers.locked import NAME, LockedBucket
from snapshots.scene import noise

REMEDY = "Use a credential that may delete. Backups need none: keep it elsewhere than on their machines."


class Scene:
    """A store that its owner made, with two snapshots that a machine has added."""

    def __init__(self, folder: Path, locked: LockedBucket) -> None:
        self.folder, self.locked = folder, locked
        (folder / "photo.jpg").touch()
        self.run(locked.owner, "key", "new", "--out", "my.key", "--quiet")
        self.run(locked.owner, "init", locked.owner.url)
        self.ids = [self.backup(seed) for seed in range(2)]

    def run(self, bucket: Bucket, *words: str, code: int = EXIT_OK) -> Ran:
        env = environment(
            **NO_FILES,
            **bucket.environment,
            CHATSEAL_STORE=bucket.url,
            CHATSEAL_KEY_FILE=str(self.folder / "my.key"),
            CHATSEAL_STATE_DIR=str(self.folder / "state"),
            CHATSEAL_CACHE_DIR=str(self.folder / "cache"),
        )
        ran = started(*words, env=env, cwd=self.folder)
        assert ran.code == code, ran.err
        return ran

    def told(self, bucket: Bucket, *words: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run(bucket, *words, "--json").out.splitlines()[-1])
        return found

    def backup(self, seed: int) -> str:
        (self.folder / "photo.jpg").write_bytes(noise(100_000, seed))
        return str(self.told(self.locked.writer, "backup", "photo.jpg")["snapshot"])

    def all_come_back(self, folder: str) -> bool:
        for seed, snapshot in enumerate(self.ids):
            self.run(self.locked.owner, "restore", snapshot, "--to", f"{folder}{seed}")
            if (self.folder / f"{folder}{seed}/photo.jpg").read_bytes() != noise(100_000, seed):
                return False
        return True


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    if reason := moto.missing():
        pytest.skip(reason)
    locked = LockedBucket()
    try:
        yield Scene(tmp_path, locked)
    finally:
        locked.stop()


def test_a_machine_that_may_not_delete_backs_up_and_checks_and_is_refused_forget_and_prune(scene: Scene) -> None:
    writer, owner = scene.locked.writer, scene.locked.owner
    assert scene.told(writer, "check", "--read-data")["snapshots"] == 2
    for words in (["forget", scene.ids[0]], ["forget", "--keep-last", "1", "--at-least-days", "1"], ["prune"]):
        refused = scene.run(writer, *words, code=EXIT_FAILED)
        refused.remedied(EXIT_FAILED, "cannot delete", "the server refuses it (AccessDenied)", REMEDY)
        assert not any(secret in refused.err for secret in writer.secrets)
    assert scene.all_come_back("before")
    assert scene.told(writer, "backup", "photo.jpg")["bytes_added"] > 0
    scene.run(owner, "forget", scene.ids[0])
    assert len(scene.run(owner, "snapshots", "--json").out.splitlines()) == 2
    assert scene.told(owner, "prune")["removed"] == 0


def test_whoever_takes_the_machine_over_destroys_nothing_that_is_there(scene: Scene) -> None:
    """He has its credential and its key, may not delete, and puts garbage over everything: what was there is still below."""
    from botocore.exceptions import ClientError  # type: ignore[import-untyped]

    scene.locked.lock()
    thief, owner = scene.locked.client("writer"), scene.locked.client("owner")
    before = scene.locked.versions()
    assert all(len(versions) == 1 for versions in before.values())
    for name, versions in before.items():
        for version in ({}, {"VersionId": versions[0]}):
            with pytest.raises(ClientError, match="AccessDenied"):
                thief.delete_object(Bucket=NAME, Key=name, **version)
        with pytest.raises(ClientError, match="AccessDenied"):
            owner.delete_object(Bucket=NAME, Key=name, VersionId=versions[0])  # not even he, until the lock ends
        with suppress(ClientError):
            thief.put_object(Bucket=NAME, Key=name, Body=b"give me a bitcoin")
    assert all(len(versions) == 2 for versions in scene.locked.versions().values())
    assert scene.run(scene.locked.owner, "snapshots", code=13).out == b""
    for name, versions in before.items():  # objects are never changed, so the oldest version is the right one
        source = {"Bucket": NAME, "Key": name, "VersionId": versions[0]}
        owner.copy_object(Bucket=NAME, Key=name, CopySource=source)
    assert scene.told(scene.locked.owner, "check", "--read-data")["snapshots"] == 2
    assert scene.all_come_back("after")
