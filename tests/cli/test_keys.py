"""Keys on the command line: made, told apart, never shown unasked, never taken from argv."""

import json
import os
import re
from pathlib import Path

import pytest

from chatseal import BackupKey
from cli.command import Run

DIGITS = re.compile(r"(?:[0-9a-f]{4}[\s]*){16}")


def test_a_new_key_is_private_and_works_and_is_not_shown(run: Run) -> None:
    ran = run("key", "new", "--out", "my.key")
    assert ran.code == 0
    assert not DIGITS.search(ran.out.decode() + ran.err)
    assert os.stat("my.key").st_mode & 0o777 == 0o600
    BackupKey.from_file("my.key")


@pytest.mark.parametrize("form", [[], ["--json"], ["--quiet"]], ids=str)
def test_show_prints_the_digits_of_the_key_in_the_file(run: Run, form: list[str]) -> None:
    ran = run("key", "new", "--out", "my.key", "--show", *form)
    text = json.loads(ran.out)["digits"] if form == ["--json"] else ran.out.decode()
    shown = DIGITS.search(text)
    assert shown is not None
    assert " ".join(shown[0].split()) == BackupKey.from_file("my.key").digits


@pytest.mark.parametrize("words", [["new", "--out", "there"], ["pair", "--out", "there"], ["pair", "--out", "half"]], ids=" ".join)
def test_no_key_file_is_ever_overwritten_and_no_half_pair_is_left(run: Run, words: list[str]) -> None:
    Path("there").write_text("old")
    Path("half.pub").write_text("old")
    ran = run("key", *words)
    ran.remedied(1, "never overwritten", "Choose another name")
    assert "--force" not in ran.err
    assert sorted(os.listdir()) == ["half.pub", "there"]


def test_a_pair_seals_with_one_half_and_opens_with_the_other(run: Run) -> None:
    assert run("key", "pair", "--out", "p.key").code == 0
    sealed = run("seal", "-", "-o", "-", "--to", "p.key.pub", stdin=b"for p alone")
    assert run("unseal", "-", "-o", "-", "--key-file", "p.key", stdin=sealed.out).out == b"for p alone"
    assert os.stat("p.key").st_mode & 0o777 == 0o600
    assert os.stat("p.key.pub").st_mode & 0o777 == 0o644


def test_each_of_several_holders_opens_alone_and_a_stranger_does_not(run: Run, keys: Path) -> None:
    pair = keys / "pair.key"
    sealed = run("seal", "-", "-o", "-", "--key-file", keys / "my.key", "--to", f"{pair}.pub", stdin=b"shared")
    for key in (keys / "my.key", pair):
        assert run("unseal", "-", "-o", "-", "--key-file", key, stdin=sealed.out).out == b"shared"
    run("verify", "-", "--key-file", keys / "other.key", stdin=sealed.out).remedied(12, "standard input: wrong key")
    several = run("unseal", "-", "-o", "-", "--key-file", keys / "other.key", "--key-file", pair, stdin=sealed.out)
    assert several.out == b"shared"


def test_a_key_can_come_through_a_pipe(run: Run, my: Path, sealed: Path) -> None:
    assert run("verify", sealed, "--key-file", "/dev/stdin", stdin=my.read_bytes()).code == 0


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["verify", "chat.db.seal", "--key-file", "pair.key.pub"], "holds a public key, which only seals"),
        (["seal", "chat.db", "-o", "x", "--key-file", "pair.key"], "holds a private key, which only opens"),
        (["seal", "chat.db", "-o", "x", "--to", "pair.key"], "this is not a public key"),
        (["seal", "chat.db", "-o", "x", "--to", "my.key"], "this is not a public key"),
    ],
)
def test_a_key_of_the_wrong_kind_is_named_and_not_shown(run: Run, keys: Path, sealed: Path, words: list[str], why: str) -> None:
    secrets = (keys / "pair.key").read_text() + (keys / "my.key").read_text()
    ran = run(*(keys / word if word.startswith(("pair.", "my.")) else word for word in words))
    ran.remedied(2, why)
    for secret in [word for word in secrets.split() if len(word) > 30 or re.fullmatch("[0-9a-f]{4}", word)]:
        assert secret not in ran.err.replace(str(keys), "")


@pytest.mark.parametrize("grouped", [True, False])
@pytest.mark.parametrize("option", ["--key-file", "--to", "--nonsense", ""])
def test_a_key_in_place_of_its_file_is_refused_and_not_repeated(run: Run, my: Path, sealed: Path, option: str, grouped: bool) -> None:
    digits = BackupKey.from_file(my).digits
    words = [f"{option}={digits if grouped else digits.replace(' ', '')}"] if option else ["--to", str(my), "--level", digits]
    ran = run("seal", "chat.db", "-o", "x", *words)
    ran.remedied(2)
    assert digits.replace(" ", "")[8:24] not in ran.err.replace(" ", "")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_file_that_others_can_read_is_refused(run: Run, my: Path, sealed: Path, mode: int) -> None:
    Path("loose.key").write_bytes(my.read_bytes())
    os.chmod("loose.key", mode)
    for words in (["verify", sealed], ["seal", "chat.db", "-o", "x"]):
        run(*words, "--key-file", "loose.key").remedied(2, "loose.key can be read by others on this machine", "chmod 600")
    for mode in (0o600, 0o400):
        os.chmod("loose.key", mode)
        assert run("verify", sealed, "--key-file", "loose.key").err == ""


def test_no_command_shows_the_key_it_uses(run: Run, my: Path, sealed: Path) -> None:
    digits = BackupKey.from_file(my).digits
    first = digits.split()[0] + digits.split()[1]
    for words in (["verify", sealed], ["inspect", sealed], ["cat", sealed, "--range", ":0"], ["verify", "nix"]):
        ran = run(*words, "--key-file", my, "--debug")
        assert first not in (ran.out.decode() + ran.err).replace(" ", "")
