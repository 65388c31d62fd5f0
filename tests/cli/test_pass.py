"""Setup with the real `pass`: what it keeps is found by every command, and what it has is never overwritten."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import password_stores
from chatseal.automatic.configuration import KeyChoice, read
from cli.command import Run
from password_stores import lock, password_store, quietly

pytestmark = password_stores.needed
SET_UP = ["setup", "--lock", "key", "--keep", "pass"]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with password_store(tmp_path, monkeypatch) as store:
        yield store


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A store from which nothing can be read while nobody types the passphrase."""
    with password_store(tmp_path, monkeypatch, passphrase="correct horse") as store:
        yield store


def test_pass_keeps_a_key_and_every_command_finds_it(run: Run, store: Path, configured: Path) -> None:
    ran = run(*SET_UP, "--name", "backups/phone")
    assert ran.code == 0, ran.err
    assert read(configured).key == KeyChoice("command", "pass show backups/phone")
    assert (store / "backups" / "phone.gpg").exists()
    Path("chat.db").write_bytes(b"hello")
    assert run("seal", "chat.db", "-o", "s").code == 0
    assert run("unseal", "s", "-o", "-").out == b"hello"


def test_what_pass_has_is_not_overwritten_though_gpg_is_locked(run: Run, locked: Path, configured: Path) -> None:
    quietly(["pass", "insert", "--multiline", "chatseal"], input=b"the key of all backups\n")
    lock()
    before = (locked / "chatseal.gpg").read_bytes()
    run(*SET_UP).remedied(1, "pass has something under the name chatseal already", "--name")
    assert (locked / "chatseal.gpg").read_bytes() == before
    assert not configured.exists()
    ran = run(*SET_UP, "--name", "another")
    assert ran.code == 0, ran.err
    assert sorted(path.name for path in locked.glob("*.gpg")) == ["another.gpg", "chatseal.gpg"]


def test_a_link_in_the_store_is_something(run: Run, store: Path, configured: Path) -> None:
    os.symlink("nowhere", store / "chatseal.gpg")
    run(*SET_UP).remedied(1, "pass has something under the name chatseal already")
    assert not configured.exists()


def test_a_store_that_is_not_set_up_is_said_before_a_key_is_shown(run: Run, store: Path, configured: Path) -> None:
    (store / ".gpg-id").unlink()
    run(*SET_UP).remedied(1, "pass is not set up", "pass init")
    run(*SET_UP, PATH="/nowhere").remedied(1, "pass is not installed", "apt-get install pass")
    assert not configured.exists()


def test_a_key_that_pass_does_not_take_is_not_configured(run: Run, store: Path, configured: Path) -> None:
    (store / ".gpg-id").write_text("nobody@example.org\n")
    ran = run(*SET_UP, "--sheet", "sheet.svg")
    assert ran.code == 1
    assert "pass did not take the key" in ran.err
    assert "sheet.svg shows a key that is kept nowhere else, and nothing was set up: delete it" in ran.err
    assert Path("sheet.svg").exists()
    assert not configured.exists()


@pytest.mark.parametrize("name", ["-f", "a/-f", "../up", "a//b", "/a", "a/", "a b", "", "$HOME"])
def test_a_name_that_pass_could_take_for_something_else_is_refused(run: Run, store: Path, configured: Path, name: str) -> None:
    run(*SET_UP, f"--name={name}").remedied(2, "a name for pass")
    assert not configured.exists()
