"""`key repair`: what is wrong is said, the right key goes where it was asked for and nowhere else, and exit codes tell the rest."""

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from chatseal import BackupKey
from cli.command import COMMAND, PATIENCE, Run, environment

OPENERS = ["unseal chat.db.seal -o back", "verify chat.db.seal", "cat chat.db.seal", "inspect chat.db.seal"]


@pytest.fixture
def digits(my: Path) -> str:
    return BackupKey.from_file(my).digits


def change(digits: str, at: int) -> tuple[str, str]:
    """*digits* with the one at *at* of the text wrong, and what was wrong."""
    new = "0" if digits[at] != "0" else "1"
    return digits[:at] + new + digits[at + 1 :], f"digit {at % 5 + 1} of group {at // 5 + 1} is {digits[at]}, not {new}"


def typed(text: str) -> Path:
    path = Path("typed.key")
    path.write_text(f"# typed from the sheet\n{text}\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("at", [0, 33, 78])
def test_the_wrong_digit_is_named_and_the_key_is_not_shown(run: Run, sealed: Path, digits: str, at: int) -> None:
    wrong, what = change(digits, at)
    ran = run("key", "repair", sealed, "--key-file", typed(wrong))
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.decode() == f"{what}; the right key opens chat.db.seal\n"
    assert sorted(os.listdir()) == ["chat.db", "chat.db.seal", "typed.key"]
    assert run("key", "repair", sealed, "--key-file", "typed.key", "--quiet").out == b""


def test_the_right_key_goes_into_a_new_file_of_its_owner_alone(run: Run, my: Path, sealed: Path, digits: str, plain: bytes) -> None:
    wrong, what = change(digits, 10)
    before = typed(wrong).read_bytes()
    ran = run("key", "repair", sealed, "--key-file", "typed.key", "--out", "right.key")
    assert ran.out.decode() == f"{what}; the right key opens chat.db.seal\nwrote the right key to right.key\n"
    assert BackupKey.from_file("right.key").digits == digits
    assert os.stat("right.key").st_mode & 0o777 == 0o600
    assert Path("typed.key").read_bytes() == before
    assert run("unseal", sealed, "-o", "-", "--key-file", "right.key").out == plain
    run("key", "repair", sealed, "--key-file", "typed.key", "--out", "typed.key").remedied(1, "typed.key exists", "Choose another name")
    assert Path("typed.key").read_bytes() == before


def test_show_prints_the_digits(run: Run, sealed: Path, digits: str) -> None:
    wrong, what = change(digits, 10)
    typed(wrong)
    for words in ([], ["--quiet"]):
        assert digits in " ".join(run("key", "repair", sealed, "--key-file", "typed.key", "--show", *words).out.decode().split())
    told = json.loads(run("key", "repair", sealed, "--key-file", "typed.key", "--show", "--json", "--out", "right.key").out)
    assert told == {"target": "chat.db.seal", "changed": True, "what": what, "key_file": "right.key", "digits": digits}
    told = json.loads(run("key", "repair", sealed, "--key-file", "typed.key", "--json").out)
    assert told == {"target": "chat.db.seal", "changed": True, "what": what}


def test_a_key_that_is_right_is_said_to_be(run: Run, my: Path, sealed: Path, digits: str) -> None:
    ran = run("key", "repair", sealed, "--key-file", my, "--out", "same.key")
    assert ran.code == 0
    assert ran.out.decode().startswith("the key is right: it opens chat.db.seal\n")
    assert BackupKey.from_file("same.key").digits == digits
    assert json.loads(run("key", "repair", sealed, "--key-file", my, "--json").out)["changed"] is False


def test_what_cannot_be_repaired_is_a_wrong_key_with_a_remedy(run: Run, keys: Path, sealed: Path, digits: str) -> None:
    for text in (digits[4:], "zz" + digits[2:], BackupKey.from_file(keys / "other.key").digits, "nothing"):
        ran = run("key", "repair", sealed, "--key-file", typed(text), "--out", "x")
        ran.remedied(12, "chat.db.seal: the key cannot be repaired", "Type the digits again")
        assert not os.path.exists("x")
        assert "".join(digits.split())[8:24] not in "".join(ran.err.split())


def test_a_key_of_a_pair_is_named_and_not_taken_for_a_mistyped_one(run: Run, keys: Path, sealed: Path) -> None:
    for name in ("pair.key", "pair.key.pub"):
        run("key", "repair", sealed, "--key-file", keys / name).remedied(2, "holds a key of a pair")
    assert run("seal", "chat.db", "-o", "pair.seal", "--to", keys / "pair.key.pub").code == 0
    run("key", "repair", "pair.seal", "--key-file", keys / "my.key").remedied(12, "no backup key opens the file")


def test_a_key_or_a_file_can_come_through_a_pipe(run: Run, sealed: Path, digits: str) -> None:
    wrong, what = change(digits, 20)
    assert what in run("key", "repair", sealed, "--key-file", "-", stdin=wrong.encode()).out.decode()
    ran = run("key", "repair", "-", "--key-file", typed(wrong), stdin=sealed.read_bytes())
    assert ran.out.decode() == f"{what}; the right key opens standard input\n"
    run("key", "repair", "-", "--key-file", "-", stdin=sealed.read_bytes()).remedied(2, "both the sealed file and the key")
    run("key", "repair", sealed).remedied(2, "no terminal to ask", "--key-file")
    run("key", "repair", sealed, "--key-file", "-", stdin=b"\xff" * 100).remedied(2, "standard input is not a key file")
    run("key", "repair", sealed, "--key-file", "-", stdin=b"0" * 70_000).remedied(2, "standard input is too long")


def test_at_a_terminal_it_asks_and_shows_nothing_of_what_is_typed(sealed: Path, digits: str) -> None:
    wrong, what = change(digits, 20)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "key", "repair", "chat.db.seal"], stdin=theirs, stdout=theirs, stderr=theirs, env=environment(), start_new_session=True
    ) as command:
        os.close(theirs)
        shown = b""
        while b"not shown" not in shown:
            shown += os.read(ours, 4096)
        os.write(ours, wrong.encode() + b"\n")
        try:
            while piece := os.read(ours, 4096):
                shown += piece
        except OSError:  # how Linux says that the other side is closed
            pass
        assert command.wait(PATIENCE) == 0
    os.close(ours)
    assert what in shown.decode()
    assert wrong[:9] not in shown.decode()


@pytest.mark.parametrize("words", OPENERS)
def test_nothing_else_repairs_silently_but_says_what_does(run: Run, sealed: Path, digits: str, words: str) -> None:
    ran = run(*words.split(), "--key-file", typed(change(digits, 20)[0]))
    ran.remedied(12, "wrong key", "`chatseal key repair FILE`")
    for text in (digits[1:], digits + "0", "O" + digits[1:]):
        ran = run(*words.split(), "--key-file", typed(text))
        ran.remedied(2, "64 hexadecimal digits", "`chatseal key repair FILE`")
        assert digits[5:9] not in ran.err
    assert sorted(os.listdir()) == ["chat.db", "chat.db.seal", "typed.key"]


@pytest.mark.parametrize("text", ["missing", "extra", "wrong"])
def test_a_mistyped_key_in_place_of_its_file_is_refused_and_not_repeated(run: Run, sealed: Path, digits: str, text: str) -> None:
    text = {"missing": digits[1:], "extra": digits + "0", "wrong": digits[:36] + "O" + digits[37:]}[text]
    for option, value in (("--key-file", text), ("--nonsense", text.replace(" ", ""))):
        ran = run("key", "repair", sealed, option, value)
        ran.remedied(2)
        for part in (digits[5:24], digits[50:69]):
            assert part.replace(" ", "") not in ran.err.replace(" ", "")
