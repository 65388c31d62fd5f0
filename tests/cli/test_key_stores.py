"""`chatseal key` on stores: the words of files, told from them by what is there, and what each change says that it does not do."""

import json
import re
from pathlib import Path

import pytest

import chatseal
from cli.command import Run
from cli.terminal import Terminal

STORE = "backups"


@pytest.fixture
def places(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATSEAL_STATE_DIR", str(here.parent / "state"))
    monkeypatch.setenv("CHATSEAL_CACHE_DIR", str(here.parent / "cache"))
    monkeypatch.delenv("CHATSEAL_STORE", raising=False)


@pytest.fixture
def store(here: Path, places: None, my: Path) -> str:
    chatseal.Store.create(STORE, chatseal.BackupKey.from_file(my)).close()
    return STORE


@pytest.fixture
def spare(keys: Path) -> Path:
    return keys / "other.key"


def opens(key: Path) -> bool:
    try:
        chatseal.Store(STORE, chatseal.BackupKey.from_file(key)).close()
    except chatseal.WrongKeyError:
        return False
    return True


def test_a_spare_key_is_added_to_a_store_listed_and_removed_again(run: Run, store: str, my: Path, spare: Path, here: Path) -> None:
    added = run("key", "add", store, "--key-file", my, "--new-key-file", spare)
    assert (added.code, added.out.decode(), added.err) == (0, f"added slot 2 to the store at {here / store}; it has 2 slots now\n", "")
    assert opens(spare)
    listed = run("key", "list", store, "--key-file", spare)
    assert listed.out.decode().splitlines() == [
        "slot  opens with  of the keys given",
        "1     backup key",
        "2     backup key  other.key",
        "the header is authentic",
    ]
    assert "anybody could have written this" in run("key", "list", "--store", store).out.decode()
    (here / "notes.txt").write_text("hello")
    assert run("backup", "notes.txt", "--store", store, "--key-file", my).code == 0
    removed = run("key", "remove", "--store", store, "--key-file", my, "--remove-key-file", spare)
    assert removed.code == 0
    first, *remains = removed.out.decode().splitlines()
    assert first == f"removed slot 2 from the store at {here / store}; it has 1 slot now; epoch 2 has begun"
    assert [line[:30] for line in remains] == [
        "  What is in the store already",
        "  The next backup sends everyt",
        "  Replace copies of the object",
    ]
    assert not opens(spare)
    done = json.loads(run("backup", "notes.txt", "--store", store, "--key-file", my, "--json").out)
    assert done["parent"] is None or done["parent"] == ""


def test_removing_takes_the_keys_of_all_who_stay(run: Run, store: str, my: Path, spare: Path, keys: Path) -> None:
    third = keys / "third.key"
    if not third.exists():
        chatseal.BackupKey.generate().write(third)
    assert run("key", "add", store, "--key-file", my, "--new-key-file", spare, "--new-key-file", third).code == 0
    run("key", "remove", store, "--key-file", my, "--slot", "3").remedied(1, "a slot of another holder would be lost", "--force")
    assert run("key", "remove", store, "--key-file", my, "--key-file", spare, "--slot", "3").code == 0
    assert [opens(key) for key in (my, spare, third)] == [True, True, False]
    run("key", "remove", store, "--key-file", my, "--slot", "1", "--slot", "2", "--force").remedied(1, "takes its last slot")


def test_rotating_says_what_it_does_not_do_and_reseal_does_it(run: Run, store: str, my: Path, spare: Path, here: Path) -> None:
    record = json.loads(run("key", "rotate", store, "--key-file", my, "--new-key-file", spare, "--json").out)
    remains = record.pop("remains")
    assert [sentence for sentence in remains if "until `chatseal key rotate --reseal`" in sentence]
    assert record == {
        "target": str(here / store),
        "changed": True,
        "added": [1],
        "removed": [1],
        "slots": 1,
        "resealed": False,
        "generation": 2,
    }
    assert (opens(my), opens(spare)) == (False, True)
    resealed = run("key", "rotate", store, "--key-file", spare, "--new-key-file", my, "--reseal")
    assert resealed.out.decode().startswith(
        f"made slot 1 under a fresh file key for the store at {here / store}; it has 1 slot now; epoch 2"
    )
    assert "kept the store's keys" not in resealed.out.decode()
    assert (opens(my), opens(spare)) == (True, False)
    run("key", "list", store, "--key-file", spare).failed(12, "wrong key")


def test_a_store_and_a_folder_of_files_are_told_apart(run: Run, store: str, my: Path, spare: Path, sealed: Path, here: Path) -> None:
    (here / "files").mkdir()
    sealed.rename(here / "files" / sealed.name)
    assert run("key", "add", "files", "--key-file", my, "--new-key-file", spare).out.startswith(b"added slot 2 to files/")
    assert run("key", "add", store, "--key-file", my, "--new-key-file", spare).out.startswith(b"added slot 2 to the store")
    for words in (["files", store], ["files", "--store", store]):
        run("key", "add", *words, "--key-file", my, "--new-key-file", spare).failed(2)
    run("key", "add", "--key-file", my, "--new-key-file", spare).failed(2, "nothing is named to change")
    assert run("key", "list", CHATSEAL_STORE=store).code == 0


def test_a_public_key_and_an_address_with_a_secret_in_it_are_refused(run: Run, store: str, my: Path, keys: Path) -> None:
    run("key", "add", store, "--key-file", my, "--to", keys / "pair.key.pub").failed(1, "not by a public key")
    refused = run("key", "list", "https://anna:hunter2@example/store")
    refused.failed(2)
    assert "hunter2" not in refused.err
    run("key", "list", "nowhere", "--store", store).failed(2)
    run("key", "list", "--store", "nowhere").failed(10, "there is no store")


def test_an_epoch_is_begun_listed_and_dropped_only_when_that_is_meant(run: Run, store: str, my: Path, here: Path) -> None:
    (here / "notes.txt").write_text("hello")
    given = "--store", store, "--key-file", my
    assert run("backup", "notes.txt", *given).code == 0
    assert run("epoch", "new", *given).out.decode() == f"epoch 2 of the store at {here / store} has begun\n"
    run("epoch", "drop", "1", "--yes", *given).remedied(1, "no snapshot left")
    assert run("backup", "notes.txt", *given).code == 0
    run("epoch", "drop", "1", *given).remedied(1, "no terminal to ask at", "This destroys epoch 1: 1 snapshot from", "--yes")
    lines = [json.loads(line) for line in run("epoch", "list", *given, "--json").out.splitlines()]
    of_each = [(line["epoch"], line["snapshots"], line["newest"], line["dropped"]) for line in lines]
    assert of_each == [(1, 1, False, False), (2, 1, True, False)]
    record = json.loads(run("epoch", "drop", "1", "--yes", *given, "--json").out)
    assert (record["dropped"], record["generation"]) == (lines[0], 3)
    assert "Older copies of the object `config` still hold the key" in record["remains"][1]
    listed = run("snapshots", *given)
    assert listed.code == 0
    assert len(listed.out.splitlines()) == 2
    assert "1 snapshot of dropped epochs" in listed.err
    assert run("epoch", "list", *given).out.splitlines()[1].endswith(b"dropped")


def test_at_a_terminal_an_epoch_is_dropped_by_its_number_and_by_nothing_else(run: Run, store: str, my: Path, here: Path) -> None:
    (here / "notes.txt").write_text("hello")
    with chatseal.Store(store, chatseal.BackupKey.from_file(my)) as opened:
        opened.backup("notes.txt")
        opened.new_epoch()
        opened.backup("notes.txt")
    for typed, code in (("", 1), ("y", 1), ("2", 1), ("1", 0)):
        terminal = Terminal("epoch", "drop", "1", "--store", store, "--key-file", my)
        asked = terminal.until("Type the number of the epoch to drop it")
        assert re.search(r"This destroys epoch 1: 1 snapshot from .*, .* kB. Nobody can bring that back.", asked)
        terminal.type(typed)
        ended, rest = terminal.end()
        assert ended == code
        assert ("dropped epoch 1: 1 snapshot from" in rest) == (code == 0)
        with chatseal.Store(store, chatseal.BackupKey.from_file(my)) as opened:
            assert [epoch.number for epoch in opened.config.epochs] == ([2] if code == 0 else [1, 2])
