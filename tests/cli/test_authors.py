"""--sign and --from on the command line, and --pad: who sealed it, told, demanded and not shown by its length."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chatseal import BackupKey, SigningKey, VerifyingKey, rescue
from cli.command import PATIENCE, Run
from oracle import take_apart


@pytest.fixture
def signer(here: Path) -> Path:
    """me.sign and me.sign.pub, and those of somebody else."""
    for name in ("me.sign", "you.sign"):
        key = SigningKey.generate()
        key.write(name)
        key.verifying_key.write(f"{name}.pub")
    return Path("me.sign")


@pytest.fixture
def signed(run: Run, my: Path, sealed: Path, signer: Path) -> Path:
    """chat.db, signed in signed.seal."""
    assert run("seal", "chat.db", "-o", "signed.seal", "--key-file", my, "--sign", signer).code == 0
    return Path("signed.seal")


def test_a_signers_key_is_made_in_two_files_and_the_signing_half_is_private(run: Run) -> None:
    ran = run("key", "signer", "--out", "me.sign")
    assert ran.code == 0
    assert ran.out.decode() == "wrote a signing key to me.sign and its verifying key to me.sign.pub\n"
    assert SigningKey.from_file("me.sign").verifying_key == VerifyingKey.from_file("me.sign.pub")
    assert [os.stat(name).st_mode & 0o777 for name in ("me.sign", "me.sign.pub")] == [0o600, 0o644]
    again = run("key", "signer", "--out", "me.sign")
    again.remedied(1, "never overwritten", "Choose another name")
    Path("half.pub").write_text("old")
    run("key", "signer", "--out", "half").remedied(1, "never overwritten")
    assert not Path("half").exists()


def test_what_its_author_signed_is_unsealed_and_verified(run: Run, my: Path, signed: Path, plain: bytes) -> None:
    author = VerifyingKey.from_file("me.sign.pub")
    ran = run("unseal", signed, "-o", "back.db", "--key-file", my, "--from", "me.sign.pub")
    assert ran.out.decode().endswith(f"; signed by {author.text}, as demanded\n")
    assert Path("back.db").read_bytes() == plain
    assert run("verify", signed, "--key-file", my, "--from", "me.sign.pub").out.decode().endswith(", as demanded\n")
    assert run("unseal", signed, "-o", "folder/", "--key-file", my, "--from", "me.sign.pub").code == 0
    assert take_apart(signed.read_bytes(), BackupKey.from_file(my)).is_signed_by(author)


@pytest.mark.parametrize(
    ("source", "author", "why"),
    [("chat.db.seal", "me.sign.pub", "is not signed"), ("signed.seal", "you.sign.pub", "is signed by another: chatseal-verifying-key ")],
)
def test_what_is_not_its_authors_is_refused_and_leaves_nothing(
    run: Run, my: Path, signed: Path, plain: bytes, source: str, author: str, why: str
) -> None:
    words = ["--key-file", str(my), "--from", author]
    run("unseal", source, "-o", "back.db", *words).remedied(13, source, why)
    assert not Path("back.db").exists()
    run("verify", source, *words).remedied(13, source, why)
    run("unseal", source, "-o", "folder/", *words).failed(13, source, why)
    assert os.listdir("folder") == []
    in_a_pipe = run("unseal", source, "-o", "-", *words)
    in_a_pipe.remedied(13, why)
    assert in_a_pipe.out == plain
    failure = json.loads(run("verify", source, *words, "--json").err)
    assert (failure["error"], failure["exit_code"]) == ("AuthorError", 13)


def test_without_the_demand_nobody_is_told_that_a_signature_is_right(run: Run, my: Path, signed: Path) -> None:
    author = VerifyingKey.from_file("me.sign.pub").text
    for words in (["verify", str(signed)], ["unseal", str(signed), "-o", "back.db"]):
        assert run(*words, "--key-file", my).out.decode().endswith(f"; signed by {author}, not checked: no --from\n")
    assert f"signed by   {author}, not checked" in run("inspect", signed, "--key-file", my).out.decode()
    assert json.loads(run("inspect", signed, "--key-file", my, "--json").out)["signer"] == author
    assert json.loads(run("verify", signed, "--key-file", my, "--json").out)["signer"] == author
    assert author.split()[1] not in run("inspect", signed).out.decode(), "it is inside the encryption"
    assert "signed by" not in run("verify", "chat.db.seal", "--key-file", my).out.decode()
    unsigned = json.loads(run("inspect", "chat.db.seal", "--key-file", my, "--json").out)
    assert (unsigned["signer"], unsigned["padding_bytes"]) == (None, 0)
    assert "signed by   nobody" in run("inspect", "chat.db.seal", "--key-file", my).out.decode()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["seal", "chat.db", "-o", "x", "--key-file", "my.key", "--sign", "me.sign.pub"], "holds a verifying key"),
        (["seal", "chat.db", "-o", "x", "--key-file", "my.key", "--sign", "my.key"], "this is not a signing key"),
        (["seal", "chat.db", "-o", "x", "--key-file", "me.sign"], "neither seals nor opens"),
        (["seal", "chat.db", "-o", "x", "--to", "me.sign.pub"], "this is not a public key"),
        (["verify", "chat.db.seal", "--key-file", "me.sign"], "neither seals nor opens"),
        (["verify", "chat.db.seal", "--key-file", "my.key", "--from", "me.sign"], "which is its owner's alone"),
        (["verify", "chat.db.seal", "--key-file", "my.key", "--from", "pair.key.pub"], "this is not a verifying key"),
    ],
)
def test_a_key_of_the_wrong_kind_is_named_and_not_shown(
    run: Run, keys: Path, sealed: Path, signer: Path, words: list[str], why: str
) -> None:
    ran = run(*(keys / word if word.startswith(("pair.", "my.")) else word for word in words))
    ran.remedied(2, why)
    assert signer.read_text().split()[-1] not in ran.err
    assert not Path("x").exists()


def test_a_signing_key_that_others_can_read_is_refused(run: Run, my: Path, sealed: Path, signer: Path) -> None:
    os.chmod(signer, 0o640)
    run("seal", "chat.db", "-o", "x", "--key-file", my, "--sign", signer).remedied(2, "me.sign can be read by others", "chmod 600")
    assert not Path("x").exists()


def test_a_key_in_place_of_a_file_with_one_is_refused_and_not_repeated(run: Run, my: Path, sealed: Path) -> None:
    digits = BackupKey.from_file(my).digits
    for words in (["seal", "chat.db", "-o", "x", "--sign"], ["verify", str(sealed), "--from"]):
        ran = run(*words, digits, "--key-file", my)
        ran.remedied(2)
        assert digits[5:24] not in ran.err


def test_padded_files_of_nearly_one_length_have_one_length(run: Run, my: Path, plain: bytes) -> None:
    lengths: dict[str, set[int]] = {"bare": set(), "padded": set()}
    for length in range(5150, 5200, 10):
        Path("text").write_bytes(plain[:length])
        for name, pad in (("bare", []), ("padded", ["--pad"])):
            assert run("seal", "text", "-o", "text.seal", "--key-file", my, "--force", *pad).code == 0
            lengths[name].add(Path("text.seal").stat().st_size)
    assert {name: len(found) for name, found in lengths.items()} == {"bare": 5, "padded": 1}
    assert run("unseal", "text.seal", "-o", "-", "--key-file", my).out == plain[:5190]
    seen = json.loads(run("inspect", "text.seal", "--key-file", my, "--json").out)
    assert seen["padding_bytes"] == take_apart(Path("text.seal").read_bytes(), BackupKey.from_file(my)).padding_length
    assert f"padding     {seen['padding_bytes']} bytes" in run("inspect", "text.seal", "--key-file", my).out.decode()


def test_many_files_are_signed_and_padded_together(run: Run, my: Path, signed: Path) -> None:
    os.mkdir("in")
    for name in ("a", "b", "c"):
        (Path("in") / name).write_bytes(name.encode() * 1000)
    assert run("seal", "in", "-o", "out", "--key-file", my, "--sign", "me.sign", "--pad").code == 0
    assert run("verify", "out", "--key-file", my, "--from", "me.sign.pub").code == 0
    ran = run("verify", "out", "chat.db.seal", "--key-file", my, "--from", "me.sign.pub")
    assert ran.code == 3, "the one that is not signed"
    assert "chat.db.seal is not signed" in ran.err


def test_rescue_demands_an_author_too(run: Run, my: Path, signed: Path, plain: bytes) -> None:
    def rescued(source: str, author: str, target: str) -> tuple[int, str]:
        words = [sys.executable, rescue.__file__, source, "--key-file", str(my), "--from", author, "-o", target]
        ended = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)
        return ended.returncode, ended.stderr

    assert rescued("signed.seal", "me.sign.pub", "back") == (0, "")
    assert Path("back").read_bytes() == plain
    assert rescued("signed.seal", "you.sign.pub", "other") == (13, "rescue: 'signed.seal': wrong author: signed by another\n")
    assert rescued("chat.db.seal", "me.sign.pub", "other") == (13, "rescue: 'chat.db.seal': wrong author: not signed\n")
    code, said = rescued("signed.seal", "me.sign", "other")
    assert (code, "chatseal-verifying-key" in said) == (1, True)
    assert not Path("other").exists()
