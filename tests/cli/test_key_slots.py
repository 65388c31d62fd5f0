"""`chatseal key list, add, remove, rotate`: who can open a file, changed by a person, and what the person is told."""

import fcntl
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

import chatseal
from chatseal import BackupKey
from cli.command import COMMAND, PATIENCE, RECORDS_AT, Run, environment, flip, with_header

IN = "chat.db.seal"
Words = list[str | Path]


@pytest.fixture
def second(keys: Path) -> Path:
    """A key file whose key opens nothing yet."""
    return keys / "other.key"


def opens(run: Run, key: Path, name: str | Path = IN) -> bool:
    code = run("verify", name, "--key-file", key).code
    assert code in (0, 12)
    return code == 0


def test_list_shows_slots_and_with_keys_which_open_them(run: Run, keys: Path, my: Path, second: Path, sealed: Path) -> None:
    assert run("key", "add", sealed, "--key-file", my, "--to", keys / "pair.key.pub").code == 0
    bare = run("key", "list", sealed)
    assert bare.out.decode().splitlines() == [
        "slot  opens with",
        "1     backup key",
        "2     public key",
        "not checked with a key: anybody could have written this",
    ]
    ran = run("key", "list", sealed, "--key-file", my, "--key-file", second, "--key-file", keys / "pair.key")
    assert ran.out.decode().splitlines() == [
        "slot  opens with  of the keys given",
        "1     backup key  my.key",
        "2     public key  pair.key",
        "other.key opens none of them",
        "the header is authentic",
    ]
    run("key", "list", sealed, "--key-file", second).remedied(12, IN, "wrong key")


def test_list_in_json_names_every_slot(run: Run, my: Path, second: Path, sealed: Path) -> None:
    assert json.loads(run("key", "list", sealed, "--json").out) == {
        "target": IN,
        "authentic": False,
        "slots": [{"number": 1, "type": "key", "arguments": []}],
    }
    listed = json.loads(run("key", "list", sealed, "--key-file", second, "--key-file", my, "--json").out)
    assert listed["authentic"]
    assert listed["slots"] == [{"number": 1, "type": "key", "arguments": [], "opened_by": [str(my)]}]


def test_list_shows_a_type_of_a_later_release_with_its_arguments_and_not_its_body(run: Run, sealed: Path) -> None:
    line = b"slot future m=19456 \\x1b[31m " + b"B" * 100 + b"\n"

    def change(text: bytes) -> bytes:
        before, pad = text.split(b"pad ")
        return before + line + b"pad " + pad[len(line) :]

    sealed.write_bytes(with_header(sealed.read_bytes(), change))
    text = run("key", "list", sealed).out.decode()
    assert "2     unknown type future (m=19456 \\x1b[31m)\n" in text
    assert "BBB" not in text


def test_a_key_is_added_and_removed_again(run: Run, my: Path, second: Path, sealed: Path, plain: bytes) -> None:
    payload = sealed.read_bytes()[4096:]
    added = run("key", "add", sealed, "--key-file", my, "--new-key-file", second)
    assert (added.code, added.out, added.err) == (0, b"added slot 2 to chat.db.seal; it has 2 slots now\n", "")
    assert opens(run, my)
    assert opens(run, second)
    removed = run("key", "remove", sealed, "--key-file", second, "--remove-key-file", my)
    assert removed.code == 0
    assert removed.out.startswith(b"removed slot 1 from chat.db.seal; it has 1 slot now\n")
    assert not opens(run, my)
    assert opens(run, second)
    assert sealed.read_bytes()[4096:] == payload
    assert run("cat", sealed, "--key-file", second).out == plain
    assert sorted(os.listdir()) == ["chat.db", IN]


def test_remove_and_rotate_say_what_they_cannot_undo_and_what_remains_to_be_done(
    run: Run, keys: Path, my: Path, second: Path, sealed: Path
) -> None:
    assert run("key", "add", sealed, "--key-file", my, "--new-key-file", second).code == 0
    remove: Words = ["remove", sealed, "--key-file", my, "--slot", "2"]
    rotate: Words = ["rotate", sealed, "--key-file", my, "--new-key-file", second]
    for words in (remove, rotate):
        text = run("key", *words).out.decode()
        for part in (
            "Copies of the old file still open with the old keys: delete them",
            "snapshots",
            "rsync: --checksum",
            "kept its file key",
        ):
            assert part in text
        assert "key rotate --reseal" in text
        assert all(line.startswith("  ") for line in text.splitlines()[1:])
    resealed = run("key", "rotate", sealed, "--key-file", second, "--new-key-file", my, "--reseal").out.decode()
    assert resealed.startswith("resealed chat.db.seal under a fresh file key; it has 1 slot now\n")
    assert "Copies of the old file" in resealed
    assert "file key, which" not in resealed
    quiet = run("key", "rotate", sealed, "--key-file", my, "--new-key-file", second, "--quiet")
    assert (quiet.code, quiet.out, quiet.err) == (0, b"", "")
    record = json.loads(run("key", "rotate", sealed, "--key-file", second, "--to", keys / "pair.key.pub", "--json").out)
    assert len(record.pop("remains")) == 3
    assert record == {
        "target": IN,
        "changed": True,
        "added": [1],
        "removed": [1],
        "slots": 1,
        "resealed": False,
        "other_names": 0,
    }


def test_a_reseal_changes_every_byte_of_the_payload_and_none_of_the_plaintext(
    run: Run, my: Path, second: Path, sealed: Path, plain: bytes
) -> None:
    before = sealed.read_bytes()[4096:]
    assert (
        run("key", "rotate", sealed, "--key-file", my, "--new-key-file", second, "--reseal", "--threads", "2", "--memory", "20M").code == 0
    )
    after = sealed.read_bytes()[4096:]
    assert len(after) == len(before)
    assert sum(a == b for a, b in zip(after, before, strict=True)) < len(before) // 100
    assert run("cat", sealed, "--key-file", second).out == plain
    assert not opens(run, my)


REFUSED: dict[str, tuple[Words, str]] = {
    "a holder again": (["add", IN, "--key-file", "my.key", "--new-key-file", "my.key"], "already, by slot 1"),
    "the last slot": (["remove", IN, "--key-file", "my.key", "--slot", "1", "--force"], "takes its last slot"),
    "a slot that is not there": (["remove", IN, "--key-file", "my.key", "--slot", "2"], "has no slot 2"),
    "somebody who is no holder": (["remove", IN, "--key-file", "my.key", "--remove-key-file", "other.key"], "does not open with the key"),
    "the old key as the new one": (["rotate", IN, "--key-file", "my.key", "--new-key-file", "my.key"], "is an old one"),
}


@pytest.mark.parametrize(("words", "why"), REFUSED.values(), ids=REFUSED)
def test_a_change_that_would_be_a_mistake_is_refused_with_a_remedy(run: Run, keys: Path, sealed: Path, words: Words, why: str) -> None:
    before = sealed.read_bytes()
    run("key", *(keys / word if str(word).endswith(".key") else word for word in words)).remedied(1, IN, why)
    assert sealed.read_bytes() == before


def test_ones_own_last_slot_goes_only_by_force(run: Run, my: Path, second: Path, sealed: Path) -> None:
    assert run("key", "add", sealed, "--key-file", my, "--new-key-file", second).code == 0
    words: Words = ["remove", sealed, "--key-file", my, "--remove-key-file", my]
    run("key", *words).remedied(1, "your own key", "--force")
    assert run("key", *words, "--force").code == 0
    assert not opens(run, my)


USAGE: dict[str, tuple[Words, str]] = {
    "nobody to add": (["add", IN, "--key-file", "my.key"], "no new key is named"),
    "nobody to rotate to": (["rotate", IN, "--key-file", "my.key"], "no new key is named"),
    "nobody to remove": (["remove", IN, "--key-file", "my.key"], "nobody is named to remove"),
    "nothing that opens": (["add", IN, "--new-key-file", "my.key"], "--key-file"),
    "numbers for several files": (["remove", IN, "chat.db", "--key-file", "my.key", "--slot", "1"], "numbers of their own"),
    "numbers for a folder": (["remove", ".", "--key-file", "my.key", "--slot", "1"], "numbers of their own"),
    "slot 0": (["remove", IN, "--key-file", "my.key", "--slot", "0"], "0"),
    "a private key as holder": (["add", IN, "--key-file", "my.key", "--new-key-file", "pair.key"], "which only opens"),
    "a public key that opens": (["add", IN, "--key-file", "pair.key.pub", "--new-key-file", "my.key"], "which only seals"),
    "a public key to remove": (["remove", IN, "--key-file", "my.key", "--remove-key-file", "pair.key.pub"], "which only seals"),
}


@pytest.mark.parametrize(("words", "why"), USAGE.values(), ids=USAGE)
def test_wrong_usage_is_told_before_anything_is_touched(run: Run, keys: Path, sealed: Path, words: Words, why: str) -> None:
    before = sealed.read_bytes()
    run("key", *(keys / word if re.search(r"\.(key|pub)$", str(word)) else word for word in words)).remedied(2, why)
    assert sealed.read_bytes() == before


@pytest.mark.parametrize("option", ["--key-file", "--new-key-file", "--to"])
def test_a_key_in_place_of_its_file_is_refused_and_not_repeated(run: Run, my: Path, sealed: Path, option: str) -> None:
    digits = BackupKey.from_file(my).digits
    ran = run("key", "add", sealed, option, digits)
    ran.remedied(2)
    assert digits.split()[3] not in ran.err


BAD: dict[str, tuple[object, int, str]] = {
    "not sealed": (lambda data: b"SQLite format 3\0" + data, 13, "not a sealed file"),
    "damaged header": (lambda data: flip(data, 300), 13, "header is damaged"),
    "altered header": (lambda data: flip(data, 4096), 13, "header was altered"),
    "cut": (lambda data: data[: RECORDS_AT + 20_000], 14, "bytes of payload are missing"),
    "empty": (lambda data: b"", 14, "ends inside its header"),
    "longer": (lambda data: data + b"x", 13, "goes on after its end"),
}


@pytest.mark.parametrize("what", ["remove", "reseal"])
@pytest.mark.parametrize(("spoil", "code", "why"), BAD.values(), ids=BAD)
def test_a_bad_file_is_named_and_left_as_it_is(
    run: Run, my: Path, second: Path, sealed: Path, spoil: object, code: int, why: str, what: str
) -> None:
    assert callable(spoil)
    spoilt = spoil(sealed.read_bytes())
    sealed.write_bytes(spoilt)
    words: dict[str, Words] = {
        "remove": ["remove", sealed, "--remove-key-file", second],
        "reseal": ["rotate", sealed, "--new-key-file", second, "--reseal"],
    }
    run("key", *words[what], "--key-file", my).remedied(code, IN, why)
    assert sealed.read_bytes() == spoilt
    assert sorted(os.listdir()) == ["chat.db", IN]


def test_what_is_no_file_to_change_is_told(run: Run, my: Path, second: Path) -> None:
    os.mkfifo("pipe")
    words: Words = ["--key-file", my, "--new-key-file", second]
    run("key", "add", "pipe", *words).failed(1, "pipe: not a regular file")
    run("key", "add", "gone", *words).remedied(10, "gone does not exist")
    run("key", "add", "-", *words).remedied(10, "does not exist")
    run("key", "list", ".").remedied(1, "is a folder")


def test_a_file_that_another_changes_is_busy(run: Run, my: Path, second: Path, sealed: Path) -> None:
    with open(sealed, "rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        run("key", "add", sealed, "--key-file", my, "--new-key-file", second).remedied(11, IN, "in use")
    assert run("key", "add", sealed, "--key-file", my, "--new-key-file", second).code == 0


def test_of_many_changes_at_once_each_is_done_or_busy(here: Path, my: Path, sealed: Path) -> None:
    for number in range(6):
        BackupKey.generate().write(f"{number}.key")
    line = [*COMMAND, "key", "add", str(sealed), "--key-file", str(my), "--new-key-file"]
    started = [subprocess.Popen([*line, f"{number}.key"], stderr=subprocess.PIPE, env=environment()) for number in range(6)]
    ended = [(each.communicate(timeout=PATIENCE), each.returncode)[1] for each in started]
    assert set(ended) <= {0, 11}
    assert 0 in ended
    assert len(chatseal.slots(sealed, BackupKey.from_file(my))) == 1 + ended.count(0)
    for number, code in enumerate(ended):
        if code == 0:
            assert chatseal.verify(sealed, BackupKey.from_file(f"{number}.key")).plain_bytes == 200_000
    assert not list(Path().glob(".*"))


def test_another_name_of_the_file_is_warned_about(run: Run, my: Path, second: Path, sealed: Path) -> None:
    os.link(sealed, "hard.seal")
    ran = run("key", "add", sealed, "--key-file", my, "--new-key-file", second)
    assert ran.code == 0
    assert ran.err == "chatseal: warning: chat.db.seal had 1 more name (a hard link) that leads to the old file, with the old holders\n"
    assert not opens(run, second, "hard.seal")


@pytest.fixture
def tree(here: Path, my: Path, second: Path) -> Path:
    """Three files for my.key below a folder, a link out of it, and what a killed run left."""
    key = BackupKey.from_file(my)
    (here / "backup/old").mkdir(parents=True)
    for name in ("backup/one.seal", "backup/old/two.seal", "backup/old/three.seal", "outside.seal"):
        chatseal.seal(name.encode(), here / name, key)
    (here / "backup/link.seal").symlink_to("../outside.seal")
    (here / "backup/.one.seal.0123456789ab.part").write_bytes(b"\0" * 5000)
    return Path("backup")


def test_a_folder_is_all_files_below_it_but_no_links_and_no_leftovers(run: Run, my: Path, second: Path, tree: Path) -> None:
    ran = run("key", "rotate", tree, "--key-file", my, "--new-key-file", second)
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.decode().splitlines()
    assert [line.split(" of ")[1].split(" by ")[0] for line in lines[:3]] == [
        "backup/old/three.seal",
        "backup/old/two.seal",
        "backup/one.seal",
    ]
    assert len([line for line in lines if "Copies of the old file" in line]) == 1
    assert run("verify", tree, "--key-file", second).code == 3, "the link is for the old key still"
    assert opens(run, my, "outside.seal")
    again = run("key", "rotate", tree, "--key-file", my, "--new-key-file", second)
    assert again.code == 0
    assert again.out.count(b"nothing to do for backup/") == 3
    assert b"Copies" not in again.out


def test_a_file_that_fails_does_not_stop_the_others(run: Run, my: Path, second: Path, tree: Path) -> None:
    bad = tree / "old/two.seal"
    bad.write_bytes(bad.read_bytes()[:-1])
    ran = run("key", "add", tree, "outside.seal", "--key-file", my, "--new-key-file", second, "--json")
    assert (ran.code, ran.err) == (3, "")
    lines = {line["target"]: line for line in map(json.loads, ran.out.splitlines())}
    assert {name: line.get("slots") for name, line in lines.items()} == {
        "backup/old/three.seal": 2,
        "backup/old/two.seal": None,
        "backup/one.seal": 2,
        "outside.seal": 2,
    }
    assert (lines["backup/old/two.seal"]["error"], lines["backup/old/two.seal"]["exit_code"]) == ("TruncatedError", 14)
    people = run("key", "add", tree, "--key-file", my, "--new-key-file", second)
    assert people.code == 1
    assert "two.seal is truncated" in people.err
    assert "one.seal opens with the new key already" in people.err
    Path("empty").mkdir()
    run("key", "add", "empty", "--key-file", my, "--new-key-file", second).remedied(10, "no file in empty")


def test_a_hostile_name_is_shown_with_escapes(run: Run, my: Path, second: Path, sealed: Path) -> None:
    hostile = "a\x1b[31m\n\u202eb.seal"
    os.rename(sealed, hostile)
    ran = run("key", "add", hostile, "--key-file", my, "--new-key-file", second)
    assert r"a\x1b[31m\n\u202eb.seal" in ran.out.decode()
    assert "\x1b" not in ran.out.decode()
    shown = run("key", "remove", hostile, "--key-file", my, "--slot", "2").out.decode()
    assert shown.splitlines()[0].isprintable()


def test_a_password_is_added_listed_rotated_away_and_removed(run: Run, my: Path, sealed: Path, plain: bytes) -> None:
    for name, text in {"first": "correct horse", "second": "battery staple"}.items():
        Path(name).write_text(text)
        Path(name).chmod(0o600)
    ran = run("key", "add", sealed, "--key-file", my, "--new-password-file", "first")
    assert ran.out.decode() == f"added slot 2 to {sealed}; it has 2 slots now\n"
    assert "try passwords on it" in ran.err
    listed = run("key", "list", sealed, "--password-file", "first", "--key-file", my).out.decode()
    assert "password (argon2id m=262144 t=4 p=1" in listed
    assert [line.split()[-1] for line in listed.splitlines()[1:3]] == ["my.key", "first"]
    assert run("unseal", sealed, "-o", "-", "--password-file", "first").out == plain
    assert run("key", "rotate", sealed, "--password-file", "first", "--new-password-file", "second").code == 0
    run("verify", sealed, "--password-file", "first").failed(12)
    assert run("verify", sealed, "--password-file", "second").code == 0
    assert run("key", "remove", sealed, "--key-file", my, "--remove-password-file", "second").code == 0
    run("verify", sealed, "--password-file", "second").failed(12, "wrong kind of key")
    assert run("verify", sealed, "--key-file", my).code == 0
