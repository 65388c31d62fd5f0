"""`chatseal copy`, as scripts call it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from chatseal.errors import EXIT_DAMAGED, EXIT_FAILED, EXIT_OK, EXIT_PARTLY, EXIT_USAGE, EXIT_WRONG_KEY
from cli.command import Ran, environment, started
from snapshots.scene import noise

OTHER = "second"


class Place:
    """A folder with a key and a store with two snapshots."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = environment(
            CHATSEAL_STATE_DIR=str(folder / "state"), CHATSEAL_CACHE_DIR=str(folder / "cache"), CHATSEAL_KEY_FILE=str(folder / "my.key")
        )
        self.run("key", "new", "--out", "my.key", "--quiet")
        self.run("init", "store")
        for number in range(2):
            (folder / "photo.jpg").write_bytes(noise(100_000, number))
            self.run("backup", "photo.jpg", "--store", "store")

    def run(self, *words: str, code: int = EXIT_OK) -> Ran:
        ran = started(*words, env=self.env, cwd=self.folder)
        assert ran.code == code, ran.err
        return ran

    def told(self, *words: str, code: int = EXIT_OK) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run(*words, "--json", code=code).out.splitlines()[-1])
        return found


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_copy_restores_by_itself_and_the_next_sends_nothing(place: Place) -> None:
    done = place.told("copy", "--from", "store", "--to", OTHER)
    assert set(done) == {"snapshots", "there", "skipped", "objects", "bytes", "bytes_per_second", "seconds"}
    assert (done["snapshots"], done["there"], done["skipped"]) == (2, 0, [])
    assert done["bytes"] > 200_000
    assert place.told("copy", "--from", "store", "--to", OTHER, "--read-back")["objects"] == 0
    shutil.rmtree(place.folder / "store")
    place.run("restore", "latest", "--to", "out", "--store", OTHER)
    assert (place.folder / "out/photo.jpg").read_bytes() == noise(100_000, 1)


def test_what_is_damaged_is_left_out_and_named(place: Place) -> None:
    pack = max((place.folder / "store/packs").iterdir(), key=lambda path: path.stat().st_mtime)
    pack.write_bytes(pack.read_bytes()[:-1])
    ran = place.run("copy", "--from", "store", "--to", OTHER, code=EXIT_PARTLY)
    assert "left out snapshot" in ran.err
    assert pack.name in ran.err
    assert ran.out.startswith(b"copied 1 snapshot: ")
    assert place.told("check", "--read-data", "--store", OTHER)["snapshots"] == 1


def test_a_backup_to_several_stores_is_in_each_of_them(place: Place) -> None:
    """Also if the others lie in the source."""
    (place.folder / "chats").mkdir()
    (place.folder / "chats/photo.jpg").write_bytes(noise(100_000, 5))
    words = ("backup", "chats", "--store", "store", "--store", "chats/second", "--store", "third")
    first = place.told(*words)
    assert [(mirror["store"], mirror["snapshots"], mirror["there"]) for mirror in first["mirrors"]] == [
        ("chats/second", 3, 0),
        ("third", 3, 0),
    ]
    again = place.run(*words).out.decode().splitlines()
    assert again[0].startswith("snapshot ")
    assert [line.split(":")[0] for line in again[1:]] == ["chats/second", "third"]
    assert "copied 1 snapshot, 3 were there: 2 objects of " in again[1]
    for store in ("chats/second", "third"):
        assert place.told("check", "--read-data", "--store", store)["snapshots"] == 4
    assert b"second" not in place.run("ls", "latest", "--store", "third").out


def test_a_copy_that_fails_is_told_and_the_backup_and_the_other_copies_are_made(place: Place) -> None:
    place.run("init", "another")
    ran = place.run("backup", "photo.jpg", "--store", "store", "--store", "another", "--store", "third", "--json", code=EXIT_PARTLY)
    assert "not copied to another: the store at" in ran.err
    mirrors = json.loads(ran.out)["mirrors"]
    assert "not a copy of" in mirrors[0]["error"]
    assert mirrors[1]["snapshots"] == 3
    assert place.told("check", "--store", "store")["snapshots"] == 3


def test_the_variable_is_one_store_with_spaces_in_it_perhaps(place: Place) -> None:
    place.run("init", "a b")
    place.env["CHATSEAL_STORE"] = "a b"
    assert "mirrors" not in place.told("backup", "photo.jpg")
    place.run("backup", "photo.jpg", "--store", "a b", "--store", "a b", code=EXIT_USAGE)


def test_what_cannot_be_is_refused(place: Place) -> None:
    place.run("copy", "--from", "store", "--to", "store", code=EXIT_FAILED).failed(EXIT_FAILED, "itself")
    place.run("copy", "--to", OTHER, code=EXIT_USAGE)
    place.run("init", "another")
    place.run("copy", "--from", "store", "--to", "another", code=EXIT_DAMAGED).remedied(EXIT_DAMAGED, "not a copy of")
    place.run("key", "new", "--out", "other.key", "--quiet")
    place.env["CHATSEAL_KEY_FILE"] = str(place.folder / "other.key")
    place.run("copy", "--from", "store", "--to", OTHER, code=EXIT_WRONG_KEY)
    assert not (place.folder / OTHER).exists()
