"""Setup: at a terminal and without one, and what other commands find afterwards."""

import json
import os
import re
import stat
from pathlib import Path

import pytest

from chatseal import BackupKey
from cli.command import Run
from cli.terminal import Terminal

GROUP = re.compile(r"(?<!\d)(\d{1,2}) ([0-9a-f]{4})(?![0-9a-f])")


@pytest.fixture(autouse=True)
def configuration(configured: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """And no keyring."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.delenv("CHATSEAL_KEY_FILE", raising=False)
    return configured


def test_a_person_sets_up_a_key_and_every_command_finds_it(run: Run, configuration: Path) -> None:
    terminal = Terminal("setup")
    assert "64 digits" in terminal.until("Choose 1 to 2 [1]: ")
    terminal.type("1")
    terminal.until("Where shall this machine keep the key?")
    terminal.until("[1]: ")
    terminal.type("file")
    shown = terminal.until("Press Enter")
    groups = {int(number): group for number, group in GROUP.findall(shown)}
    assert sorted(groups) == list(range(1, 17))
    terminal.type("")
    for wrong in (True, False):
        asked = re.findall(r"group (\d+)", terminal.until("and group ") + terminal.until(": "))
        terminal.type("0000 0000" if wrong else " ".join(groups[int(number)] for number in asked))
    terminal.until("A recovery sheet to print")
    for sheet in ("sheet.png", "sheet.svg"):
        terminal.until("[no]: ")
        terminal.type(sheet)
    terminal.until("A key vault's URL")
    terminal.until("[no]: ")
    terminal.type("")
    code, rest = terminal.end()
    assert code == 0
    key = BackupKey.from_file(configuration.parent / "backup.key")
    assert key.digits.split()[0] in Path("sheet.svg").read_text()
    assert key.digits == " ".join(groups[number] for number in range(1, 17))
    assert stat.S_IMODE(configuration.stat().st_mode) == 0o600
    assert key.digits[:9] not in configuration.read_text()
    assert "backup.key" in rest
    Path("chat.db").write_bytes(b"hello")
    assert run("seal", "chat.db", "-o", "chat.db.seal").code == 0
    assert run("unseal", "chat.db.seal", "-o", "-").out == b"hello"
    assert b"authentic" in run("inspect", "chat.db.seal").out


def test_the_key_goes_from_the_screen(configuration: Path) -> None:
    terminal = Terminal("setup", "--lock", "key", "--keep", "nowhere")
    terminal.until("Press Enter")
    terminal.type("")
    terminal.until("To be sure")
    assert "\x1b[J" in terminal.shown
    terminal.child.sendintr()
    assert terminal.end()[0] == 130
    assert not configuration.exists()


def test_who_did_not_write_the_key_down_gets_nothing(configuration: Path) -> None:
    terminal = Terminal("setup")
    terminal.until("[1]: ")
    terminal.type("key")
    terminal.until("[1]: ")
    terminal.type("")
    terminal.until("Press Enter")
    terminal.type("")
    for _ in range(3):
        terminal.until("and group ")
        terminal.until(": ")
        terminal.type("never mind")
    code, rest = terminal.end()
    assert code == 1
    assert "nothing was set up" in rest
    assert list(configuration.parent.parent.iterdir()) == []


def test_a_password_is_set_up_with_a_warning_and_asked_for(run: Run, configuration: Path) -> None:
    terminal = Terminal("setup")
    terminal.until("[1]: ")
    terminal.type("2")
    code, rest = terminal.end()
    assert code == 0
    assert "can be guessed" in rest
    assert "password = true" in configuration.read_text()
    Path("chat.db").write_bytes(b"hello")
    sealing = Terminal("seal", "chat.db", "-o", "chat.db.seal")
    for prompt in ("New password: ", "The same again: "):
        sealing.until(prompt)
        sealing.type("one two three four")
    code, rest = sealing.end()
    assert code == 0, rest
    assert "one two" not in sealing.shown
    opening = Terminal("unseal", "chat.db.seal", "-o", "back.db")
    opening.until("Password: ")
    opening.type("one two three four")
    assert opening.end()[0] == 0
    assert Path("back.db").read_bytes() == b"hello"


def test_two_different_passwords_seal_nothing(here: Path) -> None:
    Path("chat.db").write_bytes(b"hello")
    sealing = Terminal("seal", "chat.db", "-o", "chat.db.seal", "--password")
    for prompt, text in (("New password: ", "one"), ("The same again: ", "two")):
        sealing.until(prompt)
        sealing.type(text)
    code, rest = sealing.end()
    assert code == 1
    assert "the two passwords differ" in rest
    assert not Path("chat.db.seal").exists()


def test_without_a_terminal_flags_do_it(run: Run, configuration: Path) -> None:
    ran = run("setup", "--lock", "key", "--keep", "file", "--json")
    assert json.loads(ran.out)["keep"] == "file"
    key = BackupKey.from_file(configuration.parent / "backup.key")
    assert key.digits.split()[0] + " " + key.digits.split()[1] not in ran.out.decode() + ran.err
    Path("chat.db").write_bytes(b"hello")
    assert run("seal", "chat.db", "-o", "s").code == 0
    assert run("verify", "s", "--key-file", configuration.parent / "backup.key").code == 0


def test_a_recovery_sheet_is_written_with_the_key(run: Run, configuration: Path) -> None:
    Path("there.svg").write_text("older")
    set_up = ["setup", "--lock", "key", "--keep", "file"]
    run(*set_up, "--sheet", "there.svg").remedied(1, "there.svg exists")
    run(*set_up, "--sheet", "sheet.png").remedied(2, "does not end in")
    run("setup", "--lock", "password", "--sheet", "sheet.svg").remedied(2, "a password is not written down")
    assert not configuration.exists()
    assert not (configuration.parent / "backup.key").exists()
    assert run(*set_up, "--sheet", "sheet.svg").code == 0
    assert stat.S_IMODE(os.stat("sheet.svg").st_mode) == 0o600
    assert BackupKey.from_file(configuration.parent / "backup.key").digits.split()[7] in Path("sheet.svg").read_text()


@pytest.mark.parametrize("words", [[], ["--lock", "key"], ["--keep", "file"], ["--lock", "key", "--keep", "nowhere"]], ids=" ".join)
def test_without_a_terminal_nobody_is_asked(run: Run, configuration: Path, words: list[str]) -> None:
    run("setup", *words).remedied(1, "no terminal", "--keep")
    assert not configuration.exists()


def test_nothing_is_overwritten(run: Run, configuration: Path) -> None:
    assert run("setup", "--lock", "key", "--keep", "file").code == 0
    before = (configuration.parent / "backup.key").read_bytes()
    run("setup", "--lock", "key", "--keep", "file").remedied(1, "never overwritten", "--use")
    assert (configuration.parent / "backup.key").read_bytes() == before


def test_from_a_key_to_a_password_and_back_says_what_stays(run: Run, configuration: Path) -> None:
    run("setup", "--lock", "key", "--keep", "file")
    to_password = run("setup", "--lock", "password")
    assert to_password.code == 0
    assert "with the old key only" in to_password.err
    assert "can be guessed" in to_password.err
    back = run("setup", "--lock", "key", "--use", configuration.parent / "backup.key")
    assert "with the old password only" in back.err
    assert "backup.key" in configuration.read_text()


def test_opting_out_says_what_becomes_of_old_backups(run: Run, configuration: Path) -> None:
    run("setup", "--lock", "key", "--keep", "file")
    ran = run("setup", "--opt-out")
    assert ran.code == 0
    for part in ("What was sealed stays", "is still there", "delete them yourself"):
        assert part in ran.err
    assert not configuration.exists()
    assert (configuration.parent / "backup.key").exists()
    Path("chat.db").write_bytes(b"hello")
    run("seal", "chat.db", "-o", "s").remedied(2, "no key is given, and none is set up", "chatseal setup")
    assert run("setup", "--opt-out").code == 0


def test_a_key_set_up_in_a_file_that_is_none_is_refused(run: Run, configuration: Path) -> None:
    Path("note").write_text("hello")
    os.chmod("note", 0o600)
    run("setup", "--lock", "key", "--use", "note").remedied(2, "64 hexadecimal digits")
    assert not configuration.exists()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[key]\n", "exactly one of"),
        ("[key]\nfile = 'a'\nkeyring = 'b'\n", "exactly one of"),
        ("[key]\ncolour = 'a'\n", "exactly one of"),
        ("[key]\nfile = 3\n", "is a text"),
        ("[key]\nfile = ''\n", "is a text"),
        ("[key]\npassword = 'hunter2'\n", "does not belong here"),
        ("key = 1\n", "exactly one of"),
        ("[key\n", "not TOML"),
        ("\xff", "not TOML"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(run: Run, configuration: Path, text: str, why: str) -> None:
    configuration.parent.mkdir()
    configuration.write_bytes(text.encode("latin-1"))
    configuration.chmod(0o600)
    ran = run("verify", "x")
    ran.remedied(2, "chatseal.toml", why)
    assert "hunter2" not in ran.err


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_configuration_that_others_can_change_runs_nothing(run: Run, configuration: Path, mode: int) -> None:
    configuration.parent.mkdir()
    configuration.write_text("[key]\ncommand = 'touch here'\n")
    configuration.chmod(mode)
    run("verify", "x").remedied(2, "others on this machine can change it")
    assert not Path("here").exists()


def test_options_and_the_environment_come_before_the_configuration(
    run: Run, my: Path, sealed: Path, keys: Path, configuration: Path
) -> None:
    assert run("setup", "--lock", "key", "--use", keys / "other.key").code == 0
    run("verify", sealed).failed(12)
    assert run("verify", sealed, CHATSEAL_KEY_FILE=str(my)).code == 0
    assert run("verify", sealed, "--key-file", my).code == 0
    run("verify", sealed, "--key-file", keys / "other.key", CHATSEAL_KEY_FILE=str(my)).failed(12)


@pytest.mark.parametrize(
    "words",
    [
        ["--lock", "password", "--keep", "file"],
        ["--lock", "password", "--use", "my.key"],
        ["--lock", "key", "--use", "my.key", "--keep", "file"],
        ["--lock", "key", "--keep", "keyring", "--key-out", "my.key"],
    ],
    ids=" ".join,
)
def test_options_that_contradict_each_other_are_refused(run: Run, configuration: Path, words: list[str]) -> None:
    run("setup", *words).remedied(2)
    assert not configuration.exists()
    assert not Path("my.key").exists()
