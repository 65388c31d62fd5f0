"""Many files: a tree goes in and comes out, one failure stops nothing but itself, and the exit code tells."""

import json
from pathlib import Path

import pytest

from cli.command import Run


@pytest.fixture
def tree(here: Path) -> Path:
    """A folder with two files, one of them below a folder."""
    (here / "chats/old").mkdir(parents=True)
    (here / "chats/new.db").write_bytes(b"new" * 1000)
    (here / "chats/old/2019.db").write_bytes(b"old" * 100_000)
    return Path("chats")


def test_a_tree_is_sealed_verified_and_comes_back(run: Run, my: Path, tree: Path) -> None:
    Path("loose.db").write_bytes(b"loose")
    sealed = run("seal", tree, "loose.db", "-o", "backup", "--key-file", my)
    assert sealed.code == 0
    assert sealed.out.startswith(b"sealed 3 of 3 files: 303.0 kB of plaintext, ")
    assert {str(path) for path in Path("backup").rglob("*.seal")} == {
        "backup/chats/new.db.seal",
        "backup/chats/old/2019.db.seal",
        "backup/loose.db.seal",
    }
    assert run("verify", "backup", "--key-file", my).out.startswith(b"verified 3 of 3 files")
    assert run("unseal", "backup", "-o", "back", "--key-file", my).code == 0
    for name in ("chats/new.db", "chats/old/2019.db", "loose.db"):
        assert Path("back/backup", name).read_bytes() == Path(name).read_bytes()


def test_json_is_one_line_a_file_with_what_failed_beside_what_did_not(run: Run, my: Path, tree: Path) -> None:
    ran = run("seal", tree, "gone.db", "-o", "backup", "--key-file", my, "--json")
    assert (ran.code, ran.err) == (3, "")
    lines = {line["source"]: line for line in map(json.loads, ran.out.splitlines())}
    assert lines["chats/new.db"]["target"] == "backup/chats/new.db.seal"
    assert lines["chats/new.db"]["plain_bytes"] == 3000
    assert lines["chats/old/2019.db"]["ratio"] > 10
    gone = lines["gone.db"]
    assert (gone["error"], gone["exit_code"], gone["message"]) == ("FileNotFoundError", 10, "gone.db does not exist")


def test_one_that_fails_does_not_stop_the_others(run: Run, my: Path, tree: Path) -> None:
    assert run("seal", tree, "-o", "backup", "--key-file", my).code == 0
    bad = Path("backup/chats/new.db.seal")
    bad.write_bytes(bad.read_bytes()[:-1])
    for words in (["unseal", "backup", "-o", "back"], ["verify", "backup"]):
        ran = run(*words, "--key-file", my)
        ran.remedied(3, "chatseal: new.db.seal is truncated")
        assert b" 1 of 2 files: 300.0 kB of plaintext" in ran.out
        assert ran.out.endswith(b"; 1 failed\n")
    assert Path("back/backup/chats/old/2019.db").exists()
    assert not Path("back/backup/chats/new.db").exists()


def test_all_that_fail_are_a_failure_and_a_single_one_has_its_own_code(run: Run, my: Path, keys: Path, tree: Path) -> None:
    assert run("seal", tree, "-o", "backup", "--key-file", my).code == 0
    assert run("unseal", "backup", "-o", "back", "--key-file", keys / "other.key").code == 1
    assert run("verify", "backup", "--key-file", keys / "other.key").code == 1
    Path("back").mkdir(exist_ok=True)
    alone = run("unseal", "backup/chats/new.db.seal", "-o", "back", "--key-file", keys / "other.key")
    alone.remedied(12, "backup/chats/new.db.seal: wrong key")


def test_a_folder_as_target_takes_one_file_under_its_name(run: Run, my: Path, tree: Path) -> None:
    assert run("seal", "chats/new.db", "-o", "backup/", "--key-file", my).code == 0
    assert Path("backup/new.db.seal").is_file()


def test_a_folder_without_files_is_not_taken_for_a_backup(run: Run, my: Path) -> None:
    Path("empty").mkdir()
    run("seal", "empty", "-o", "backup", "--key-file", my).remedied(10, "no file in empty")
    run("verify", "empty", "--key-file", my).remedied(10, "no file in empty")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["chats", "-o", "-"], "standard output is none"),
        (["chats", "-o", "file"], "file is none"),
        (["-", "file", "-o", "backup"], "standard input has no name"),
        (["chats/new.db", "copy/new.db", "-o", "backup"], "would both become backup/new.db.seal"),
    ],
)
def test_what_cannot_be_many_files_is_wrong_usage(run: Run, my: Path, tree: Path, words: list[str], why: str) -> None:
    Path("file").write_bytes(b"")
    Path("copy").mkdir()
    Path("copy/new.db").write_bytes(b"")
    run("seal", *words, "--key-file", my).remedied(2, why)
    assert not Path("backup").exists()
