"""Sources of keys: each gives what it has, refuses what others can see, and says nothing of what came instead."""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import password_stores
from chatseal import BackupKey, KeyExposedError, KeyFormatError, KeySourceError, PrivateKey, TargetExistsError, rescue
from chatseal.keys import key_file, sources
from corpus import KEY_BYTES, PAIR_BYTES
from password_stores import password_store, quietly

DIGITS = BackupKey(KEY_BYTES).digits


def private(path: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path


# --- Files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700, 0o500])
def test_a_file_of_ones_own_is_read(tmp_path: Path, mode: int) -> None:
    assert key_file.read_private(private(tmp_path / "key", DIGITS, mode)) == DIGITS.encode()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o444])
def test_a_file_that_others_can_open_is_refused(tmp_path: Path, mode: int) -> None:
    path = private(tmp_path / "key", DIGITS, mode)
    for read in (key_file.read_private, BackupKey.from_file):
        with pytest.raises(KeyExposedError, match="can be read by others") as raised:
            read(path)
        assert "chmod 600" in raised.value.remedy


def test_a_file_in_the_credentials_folder_may_have_any_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "credentials"
    folder.mkdir()
    path = private(folder / "chatseal-key", DIGITS, 0o444)
    outside = private(tmp_path / "key", DIGITS, 0o444)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    assert BackupKey.from_file(path).digits == DIGITS
    for other in (outside, folder / ".." / "key", private(tmp_path / "credentials2", DIGITS, 0o444)):
        with pytest.raises(KeyExposedError):
            BackupKey.from_file(other)


def test_a_public_key_is_no_secret(tmp_path: Path) -> None:
    pair = PrivateKey(PAIR_BYTES)
    pair.public_key.write(tmp_path / "pub")
    with pytest.raises(sources.WrongKindError, match="only seals"):
        sources.opener_of(key_file.read_private(tmp_path / "pub"), "pub")


@pytest.mark.parametrize("word", ["chatseal-public-key", "chatseal-verifying-key"])
def test_a_secret_that_mentions_a_public_key_is_still_a_secret(tmp_path: Path, word: str) -> None:
    for text in (f"# beside my {word}\n{DIGITS}\n", f"{DIGITS}\n{word}\n"):
        with pytest.raises(KeyExposedError):
            BackupKey.from_file(private(tmp_path / "key", text, 0o644))


def test_a_long_file_is_no_key_and_is_not_read_to_its_end(tmp_path: Path) -> None:
    with pytest.raises(KeyFormatError, match="too long"):
        key_file.read_private("/dev/zero")


# --- Descriptors and the environment ----------------------------------------------------------------------------------


def test_a_descriptor_is_read_and_closed() -> None:
    reading, writing = os.pipe()
    os.write(writing, DIGITS.encode())
    os.close(writing)
    assert key_file.read_descriptor(reading) == DIGITS.encode()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(reading)


def test_the_environment_names_a_file_and_systemd_a_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHATSEAL_KEY_FILE", raising=False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert sources.unattended_file() is None
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert sources.unattended_file() is None
    (tmp_path / "chatseal-key").write_text(DIGITS)
    assert sources.unattended_file() == str(tmp_path / "chatseal-key")
    monkeypatch.setenv("CHATSEAL_KEY_FILE", "my.key")
    assert sources.unattended_file() == "my.key"


# --- Commands ---------------------------------------------------------------------------------------------------------


def python(code: str) -> str:
    return f"{sys.executable} -c '{code}'"


def test_a_command_gives_what_it_prints() -> None:
    assert sources.from_command(python(f'print("{DIGITS}")')) == f"{DIGITS}\n".encode()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "no words"),
        ("echo 'open", "open quote"),
        ("no-such-command-here x", "no such file"),
        (python("import sys; print(1234567890); sys.exit(3)"), "exit code 3"),
        ("/", "permission denied"),
    ],
)
def test_a_command_that_fails_gives_no_key_and_is_not_quoted(line: str, why: str) -> None:
    with pytest.raises(KeySourceError, match=why) as raised:
        sources.from_command(line)
    assert "1234567890" not in str(raised.value)


def test_a_command_goes_through_no_shell(tmp_path: Path) -> None:
    sources.from_command(f"echo $(touch {tmp_path}/x) ; touch {tmp_path}/y")
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "COMMAND_SECONDS", 0.2)
    with pytest.raises(KeySourceError, match="did not end"):
        sources.from_command("sleep 600")


def test_a_command_that_prints_without_end_is_stopped_at_once() -> None:
    with pytest.raises(KeySourceError, match="printed too much"):
        sources.from_command("yes 0123456789")


def test_a_child_that_keeps_the_pipe_open_does_not_keep_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "COMMAND_SECONDS", 0.3)
    began = time.monotonic()
    with pytest.raises(KeySourceError, match="did not end"):
        sources.from_command("sh -c 'sleep 20 & echo 1234'")
    assert time.monotonic() - began < 10


@password_stores.needed
def test_pass_gives_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with password_store(tmp_path, monkeypatch):
        quietly(["pass", "insert", "-m", "chatseal"], input=f"{DIGITS}\nnote: of the phone\n".encode())
        assert sources.opener_of(sources.from_command("pass show chatseal"), "pass").secret == KEY_BYTES  # type: ignore[union-attr]


@pytest.mark.skipif(not shutil.which("keepassxc-cli"), reason="needs keepassxc-cli, of Debian's package keepassxc")
def test_keepassxc_gives_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    base, open_file = tmp_path / "home.kdbx", tmp_path / "open"
    run = ["keepassxc-cli"]
    quietly([*run, "db-create", "--set-key-file", str(open_file), str(base)])
    options = ["--quiet", "--no-password", "--key-file", str(open_file)]
    quietly([*run, "add", *options, "--password-prompt", str(base), "chatseal"], input=f"{DIGITS}\n".encode())
    line = f"keepassxc-cli show {' '.join(options)} -s -a Password {base} chatseal"
    assert sources.opener_of(sources.from_command(line), "keepassxc").secret == KEY_BYTES  # type: ignore[union-attr]


# --- The keyring ------------------------------------------------------------------------------------------------------


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[Path]:
    """A backend for the real library that keeps passwords in a folder."""
    keyring = pytest.importorskip("keyring")
    folder = tmp_path / "ring"
    folder.mkdir()

    class FolderKeyring(keyring.backend.KeyringBackend):  # type: ignore[misc, name-defined]
        priority = 9

        def get_password(self, service: str, name: str) -> str | None:
            path = folder / f"{service}-{name}"
            return path.read_text() if path.exists() else None

        def set_password(self, service: str, name: str, text: str) -> None:
            if name == "locked":
                raise RuntimeError(f"the secret is {text}")
            (folder / f"{service}-{name}").write_text(text)

    before = keyring.get_keyring()
    keyring.set_keyring(FolderKeyring())
    yield folder
    keyring.set_keyring(before)


def test_the_keyring_keeps_a_key_and_gives_it_back(ring: Path) -> None:
    sources.into_keyring("phone", DIGITS)
    assert sources.from_keyring("phone") == DIGITS.encode()
    with pytest.raises(TargetExistsError, match="already") as raised:
        sources.into_keyring("phone", "other")
    assert "another name" in raised.value.remedy
    assert sources.from_keyring("phone") == DIGITS.encode()


def test_a_keyring_without_the_key_says_so(ring: Path) -> None:
    with pytest.raises(KeySourceError, match="no key named laptop"):
        sources.from_keyring("laptop")


def test_a_keyring_that_refuses_is_not_quoted(ring: Path) -> None:
    with pytest.raises(KeySourceError, match=r"refused \(RuntimeError\)") as raised:
        sources.into_keyring("locked", DIGITS)
    assert DIGITS not in str(raised.value)
    assert raised.value.__cause__ is None
    assert "Unlock it" in raised.value.remedy


def test_no_keyring_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = pytest.importorskip("keyring")
    from keyring.backends import fail

    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]
    try:
        with pytest.raises(KeySourceError, match="no keyring") as raised:
            sources.from_keyring("phone")
        assert "--key-file" in raised.value.remedy
    finally:
        keyring.set_keyring(before)


# --- What a source gave -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [DIGITS, DIGITS.upper() + "\n", f"{DIGITS}\nuser: me\nurl: x\n", f"# key\n{DIGITS}\n"])
def test_a_key_is_told_by_its_content(text: str) -> None:
    assert sources.opener_of(text.encode(), "it").secret == KEY_BYTES  # type: ignore[union-attr]


@pytest.mark.parametrize("data", [b"", b"hello\n", b"\xff" * 64, DIGITS[1:].encode(), b"note\n" + DIGITS.encode()])
def test_what_is_no_key_is_refused_and_not_shown(data: bytes) -> None:
    with pytest.raises(KeyFormatError) as raised:
        sources.opener_of(data, "it")
    assert "hello" not in str(raised.value)
    assert DIGITS[5:20] not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        DIGITS,
        DIGITS.replace(" ", ""),
        DIGITS.replace(" ", "-").upper(),
        DIGITS.replace(" ", "\t") + "\r\n",
        DIGITS.replace(" ", "\n\n  "),
        f"  # my key\n\t{DIGITS}  \n",
        f"chatseal:1:{DIGITS}",
    ],
)
def test_recovery_reads_every_spelling_of_a_key_that_is_read_here(tmp_path: Path, text: str) -> None:
    assert BackupKey.from_file(private(tmp_path / "key", text)).secret == KEY_BYTES
    assert rescue.read_key_file(str(tmp_path / "key")) == KEY_BYTES
