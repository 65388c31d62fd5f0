"""`chatseal vault ...` as people and scripts call it, with a real service: what comes of it, and that no secret shows."""

import json
import os
import time
from pathlib import Path

import pexpect

import chatseal
from chatseal import BackupKey
from chatseal.vault.rehearsal import Rehearsal, keep, read
from cli.command import COMMAND, started
from vault.client.commands import PASSWORD, Vault, forget, private
from vault.service.running import Running


def digits(path: Path) -> str:
    return BackupKey.from_file(path).digits


def test_a_key_is_registered_and_recovered_by_a_script(
    vault: Vault, key: Path, tmp_path: Path, service: Running, name: str, env: dict[str, str]
) -> None:
    forget(tmp_path)
    script = {**env, "CHATSEAL_VAULT_TOKEN_FILE": str(tmp_path / "token")}
    words = ["--vault", service.url, "--user", name]
    ran = started("vault", "register", *words, "--key-file", key, "--password-file", tmp_path / "password", env=script)
    assert ran.code == 0, ran.err
    assert f"has not met; its fingerprint, remembered from now on, is {service.fingerprint}" in ran.err
    ran = started("vault", "recover", *words, "--password-file", tmp_path / "password", "--out", tmp_path / "again.key", env=script)
    assert ran.code == 0, ran.err
    assert "fingerprint" not in ran.err
    assert digits(tmp_path / "again.key") == digits(key)
    assert os.stat(tmp_path / "again.key").st_mode & 0o777 == 0o600
    status = json.loads(vault("status", "--json").out)
    assert (status["generation"], status["record"]["guesses_left"]) == (2, 10)


def test_a_wrong_password_says_how_many_guesses_are_left_and_the_next_success_tells_of_it(vault: Vault, key: Path, tmp_path: Path) -> None:
    assert vault("register", "--key-file", key, "--password-file", tmp_path / "password").code == 0
    vault("recover", "--password-file", tmp_path / "other", "--out", tmp_path / "k").remedied(12, "9 guesses are left")
    assert not (tmp_path / "k").exists()
    assert b"1 wrong password tried since the last success" in vault("status").out
    ran = vault("recover", "--password-file", tmp_path / "password", "--out", tmp_path / "k")
    assert ran.code == 0
    assert "1 wrong password tried before this success" in ran.err
    history = json.loads(vault("history", "--json").out)["events"]
    assert [event["event"] for event in history] == ["registered", "claimed", "claimed", "succeeded"] or "expired" in str(history)


def test_no_guess_is_spent_where_the_key_could_not_be_written(vault: Vault, key: Path, tmp_path: Path) -> None:
    assert vault("register", "--key-file", key, "--password-file", tmp_path / "password").code == 0
    vault("recover", "--password-file", tmp_path / "other", "--out", key).remedied(1, "never overwritten")
    vault("recover", "--password-file", tmp_path / "other", "--out", tmp_path / "no" / "k").failed(2, "no folder")
    assert json.loads(vault("status", "--json").out)["record"]["guesses_left"] == 10


def test_a_weak_password_is_refused_and_why_unless_its_owner_insists(vault: Vault, key: Path, tmp_path: Path) -> None:
    weak = private(tmp_path / "weak", "letmein1")
    ran = vault("register", "--key-file", key, "--password-file", weak)
    ran.remedied(2, "scores 0 of 4", "--weak")
    assert "letmein" not in ran.err
    assert vault("status").code == 10
    ran = vault("register", "--key-file", key, "--password-file", weak, "--weak")
    assert ran.code == 0
    assert "nothing from the vault's operator" in ran.err


def test_the_password_is_changed_with_the_key_or_with_the_old_one(vault: Vault, key: Path, tmp_path: Path) -> None:
    assert vault("register", "--key-file", key, "--password-file", tmp_path / "password").code == 0
    assert vault("change-password", "--key-file", key, "--new-password-file", tmp_path / "other").code == 0
    words = ["--password-file", tmp_path / "other", "--new-password-file", tmp_path / "password"]
    assert vault("change-password", *words).code == 0
    vault("change-password", *words).remedied(12, "9 guesses are left")
    assert vault("recover", "--password-file", tmp_path / "password", "--out", tmp_path / "k").code == 0
    assert digits(tmp_path / "k") == digits(key)


def test_a_record_is_replaced_only_by_who_says_so_and_has_the_old_key(vault: Vault, key: Path, tmp_path: Path) -> None:
    words = ["--password-file", tmp_path / "password"]
    assert vault("register", "--key-file", key, *words).code == 0
    vault("register", "--key-file", key, *words).remedied(1, "has a record of this account already")
    BackupKey.generate().write(tmp_path / "new.key")
    vault("register", "--key-file", tmp_path / "new.key", *words, "--replace").remedied(1, "for whoever has the key that it keeps")
    ran = vault("register", "--key-file", tmp_path / "new.key", *words, "--replace", "--announce")
    assert b"announced: from" in ran.out
    assert b"may be replaced without your key" in vault("status").out
    assert vault("withdraw", "--key-file", key).code == 0
    assert b"announced" not in vault("status").out
    assert vault("register", "--key-file", tmp_path / "new.key", *words, "--replace", "--old-key-file", key).code == 0


def test_a_record_is_deleted_by_who_is_sure(vault: Vault, key: Path, tmp_path: Path) -> None:
    assert vault("register", "--key-file", key, "--password-file", tmp_path / "password").code == 0
    vault("delete", "--key-file", key).remedied(1, "no terminal", "--yes")
    assert b"announced: from" in vault("delete", "--announce", "--yes").out
    assert vault("delete", "--key-file", key, "--yes").code == 0
    assert vault("status").code == 10
    vault("recover", "--password-file", tmp_path / "password", "--out", tmp_path / "k").remedied(10, "the record is destroyed", "64 digits")


def test_another_fingerprint_than_the_one_given_gets_nothing(vault: Vault, key: Path, tmp_path: Path, service: Running) -> None:
    forget(tmp_path)
    wrong = "-".join(["aaaa"] * 8)
    words = ["register", "--key-file", key, "--password-file", tmp_path / "password"]
    vault(*words, "--fingerprint", wrong).remedied(13, "another signing key")
    vault(*words, "--fingerprint", "hello").failed(2, "8 groups of 4")
    assert not list((tmp_path / "state").rglob("*.json"))
    ran = vault(*words, "--fingerprint", service.fingerprint.upper().replace("-", " "))
    assert ran.code == 0
    assert "has not met" not in ran.err


def test_a_wrong_token_a_public_one_and_none_are_told_apart(vault: Vault, tmp_path: Path) -> None:
    vault("status", CHATSEAL_VAULT_TOKEN_FILE=str(private(tmp_path / "t", "cvt-no"))).failed(1, "no guess was spent")
    (tmp_path / "t").chmod(0o644)
    vault("status", CHATSEAL_VAULT_TOKEN_FILE=str(tmp_path / "t")).remedied(2, "can be read by others")
    vault("status", CHATSEAL_VAULT_TOKEN_FILE="").remedied(1, "wants the token")
    vault("status", "--token-command", "echo two words").remedied(2, "one word")
    vault("status", "--token-file", private(tmp_path / "none", "")).remedied(2, "one word")


def test_no_vault_there_is_busy_and_not_an_attack(tmp_path: Path, here: Vault) -> None:
    words = ["--user", "ada", "--token-file", str(private(tmp_path / "t", "cvt-x")), "--fingerprint", "-".join(["aaaa"] * 8)]
    here("vault", "status", "--vault", "http://127.0.0.1:9", *words).remedied(11, "cannot be reached")
    here("vault", "status", "--vault", "http://vault.example", *words).remedied(2, "https")
    here("vault", "status", "--vault", "https://a:hunter2@b", *words).remedied(2, "not the URL of a vault")
    here("vault", "status").failed(2, "no vault is named")


def test_the_device_knows_its_vault_and_account_from_then_on(vault: Vault, key: Path, tmp_path: Path, here: Vault) -> None:
    assert vault("register", "--key-file", key, "--password-file", tmp_path / "password").code == 0
    ran = here("vault", "status", "--token-file", tmp_path / "token")
    assert ran.code == 0, ran.err


def test_a_person_at_a_terminal_confirms_the_fingerprint_and_types_the_password(
    service: Running, name: str, key: Path, tmp_path: Path, env: dict[str, str]
) -> None:
    words = ["vault", "register", "--vault", service.url, "--user", name, "--key-file", str(key)]
    for answer in ("no", "yes"):
        child = pexpect.spawn(COMMAND[0], [*COMMAND[1:], *words], env=env, encoding="utf-8", timeout=60)
        child.expect_exact(service.fingerprint)
        child.expect_exact("Is it the same?")
        child.sendline(answer)
        if answer == "yes":
            for prompt, typed in (("Token", service.tokens[name]), ("New password", PASSWORD), ("The same again", PASSWORD)):
                child.expect(prompt)
                child.sendline(typed)
            child.expect_exact("the vault keeps the key")
        said = child.read()
        child.close()
        assert child.exitstatus == (0 if answer == "yes" else 1)
        assert PASSWORD not in said
        assert service.tokens[name] not in said


def test_a_rehearsal_moves_the_next_one_and_other_commands_remind(vault: Vault, key: Path, tmp_path: Path, env: dict[str, str]) -> None:
    assert vault("register", "--key-file", key, "--password-file", tmp_path / "password").code == 0
    begun = read(tmp_path / "state")
    assert begun is not None
    assert 0 < begun.due - time.time() <= 86400
    keep(tmp_path / "state", Rehearsal(1, 5))
    sealed = tmp_path / "sealed"
    chatseal.seal(b"content", sealed, BackupKey.from_file(key))
    for words, reminded in ((["inspect", str(sealed)], True), (["inspect", str(sealed), "--quiet"], False)):
        said = pexpect.run(" ".join([*COMMAND, *words]), env=env, encoding="utf-8", timeout=60)
        assert ("time to try your password" in said) == reminded
    assert "time to try" not in started("inspect", sealed, env=env).err  # nobody is there
    assert vault("rehearse", "--password-file", tmp_path / "password").code == 0
    after = read(tmp_path / "state")
    assert after is not None
    assert after.step == 2
    vault("rehearse", "--password-file", tmp_path / "other").remedied(12, "9 guesses are left")
    assert read(tmp_path / "state") is not None
    assert vault("rehearse", sealed, "--key-file", key).code == 0
    vault("rehearse", sealed, "--password-file", tmp_path / "password").failed(12, "wrong kind of key")
    assert vault("rehearse", "--off").code == 0
    assert read(tmp_path / "state") is None
