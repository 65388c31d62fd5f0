"""`chatseal forget` and `prune`, as people and scripts call them."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from chatseal.errors import EXIT_DAMAGED, EXIT_FAILED, EXIT_NOT_THERE, EXIT_OK, EXIT_USAGE
from cli.command import COMMAND, PATIENCE, environment
from snapshots.scene import noise


class Place:
    """A folder with a key and a store with three snapshots of a file that has nothing in common from one to the next."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store, self.source = folder, folder / "store", folder / "photo.jpg"
        self.env = environment(
            CHATSEAL_STATE_DIR=str(folder / "state"),
            CHATSEAL_CACHE_DIR=str(folder / "cache"),
            CHATSEAL_STORE=str(self.store),
            CHATSEAL_KEY_FILE=str(folder / "my.key"),
        )
        self.run("key", "new", "--out", str(folder / "my.key"), "--quiet")
        self.run("init", str(self.store))
        self.ids = [self.backup(number) for number in range(3)]

    def backup(self, number: int) -> str:
        self.source.write_bytes(noise(100_000, number))
        return str(self.told("backup", str(self.source), "--tag", f"day{number}")["snapshot"])

    def run(self, *words: str, code: int = EXIT_OK) -> "subprocess.CompletedProcess[str]":
        ran = subprocess.run([*COMMAND, *words], env=self.env, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert ran.returncode == code, ran.stderr
        return ran

    def told(self, *words: str, code: int = EXIT_OK) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run(*words, "--json", code=code).stdout.splitlines()[-1])
        return found

    def left(self) -> list[str]:
        return [json.loads(line)["snapshot"] for line in self.run("snapshots", "--json").stdout.splitlines()]

    def objects(self) -> set[str]:
        return {str(path.relative_to(self.store)) for path in self.store.rglob("*") if path.is_file()}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_policy_says_why_and_a_dry_run_changes_nothing(place: Place) -> None:
    before = place.objects()
    text = place.run("forget", "--keep-last", "1", "--keep-tag", "day0", "--dry-run").stdout
    assert [line.split()[-1] for line in text.splitlines()[1:4]] == ["last", "forget", "tag"]
    assert text.splitlines()[-1] == "would forget 1 snapshot, 2 left"
    assert place.objects() == before


def test_what_is_forgotten_and_pruned_alone_is_gone_and_the_rest_comes_back(place: Place, tmp_path: Path) -> None:
    done = place.told("forget", "--keep-last", "1")
    assert (sorted(done["forgotten"]), done["left"], done["kept"]) == (sorted(place.ids[:2]), 1, {place.ids[2]: ["last"]})
    assert place.left() == place.ids[2:]
    done = place.told("prune")
    assert (done["removed"], done["young"], done["condemned"]) == (0, 4, 0)
    done = place.told("prune", "--exclusive")
    assert (done["removed"], done["young"], done["condemned"]) == (4, 0, 0)
    assert place.told("check", "--read-data")["unreferred"] == 0
    place.run("restore", "latest", "--to", str(tmp_path / "out"))
    assert (tmp_path / "out" / "photo.jpg").read_bytes() == place.source.read_bytes()


def test_snapshots_are_forgotten_by_name_and_no_others(place: Place) -> None:
    place.run("forget", place.ids[1][:8], place.ids[1])
    assert place.left() == [place.ids[0], place.ids[2]]
    ran = place.run("forget", place.ids[1], code=EXIT_NOT_THERE)
    assert f"there is no snapshot {place.ids[1]}" in ran.stderr


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["latest", "--keep-last", "1"],
        ["latest", "--tag", "day0"],
        ["--keep-last", "some"],
        ["--keep-last", "-1"],
        ["--keep-within", "1w"],
        ["--keep-last", "0"],
    ],
)
def test_what_does_not_say_what_to_keep_forgets_nothing(place: Place, words: list[str]) -> None:
    before = place.objects()
    place.run("forget", *words, code=EXIT_USAGE)
    assert place.objects() == before


def test_forget_and_prune_in_one_command_tell_both(place: Place) -> None:
    done = place.told("forget", "--keep-last", "2", "--prune")
    assert len(done["forgotten"]) == 1
    assert done["pruned"]["young"] == 2
    assert "forgot 0 snapshots, 2 left; removed 0 objects" in place.run("forget", "--keep-last", "2", "--prune").stdout


def test_a_damaged_snapshot_stops_a_prune_and_forgetting_it_helps(place: Place) -> None:
    place.run("forget", "--keep-last", "2")
    (damaged,) = place.store.glob(f"snapshots/1-{place.ids[1]}")
    data = bytearray(damaged.read_bytes())
    data[-1] ^= 1
    damaged.write_bytes(data)
    for copy in place.folder.glob(f"cache/**/1-{place.ids[1]}"):
        copy.unlink()
    before = place.objects()
    ran = place.run("prune", "--exclusive", code=EXIT_DAMAGED)
    assert place.ids[1] in ran.stderr
    assert place.objects() == before
    damaged.unlink()
    assert place.told("prune", "--exclusive")["removed"] == 4


def test_a_store_that_went_back_is_not_pruned(place: Place) -> None:
    """Its config is older than what this machine has seen: nothing there is to be believed."""
    (pin,) = (place.folder / "state" / "stores").glob("*.json")
    members = json.loads(pin.read_text())
    pin.write_text(json.dumps(members | {"generation": 2}))
    before = place.objects()
    place.run("prune", "--exclusive", code=EXIT_DAMAGED)
    place.run("forget", "latest", code=EXIT_DAMAGED)
    assert place.objects() == before


def test_times_that_writers_made_up_are_not_counted_unasked(place: Place) -> None:
    for path in place.store.glob("snapshots/*"):
        path.touch()
        os.utime(path, (path.stat().st_mtime + 20 * 86400,) * 2)
    ran = place.run("forget", "--keep-last", "1", code=EXIT_FAILED)
    assert "--trust-times" in ran.stderr
    assert len(place.left()) == 3
    assert place.told("forget", "--keep-last", "1", "--trust-times")["left"] == 1
