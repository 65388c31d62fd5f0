"""The client with a real service: what a person does, and what becomes of answers that are lost."""

import os
from pathlib import Path

import pytest

from chatseal.errors import (
    KeyFormatError,
    VaultMessageError,
    VaultNoRecordError,
    VaultPasswordError,
    VaultRefusedError,
    VaultUnauthenticatedError,
    VaultUnreachableError,
    VaultWaitError,
)
from chatseal.keys.password import Password
from chatseal.keys.secret import Secret
from chatseal.vault.client import VaultClient, first_key
from chatseal.vault.pins import Pins
from chatseal.vault.stretch import Stretch
from vault.client.liar import Liar
from vault.service.person import Told
from vault.service.running import Running

CHEAP = Stretch(64 << 10, 3)
RIGHT, WRONG, NEW = Password("correct horse battery staple"), Password("incorrect horse"), Password("another horse entirely")


def kept(client: VaultClient, password: Password = RIGHT) -> Secret:
    """A new secret, registered."""
    secret = Secret.random(32)
    assert client.register(secret.view, password, stretch=CHEAP).announced is None
    return secret


def left(client: VaultClient) -> int:
    record = client.status().record
    assert record is not None
    return record.guesses_left


def lose(operation: str) -> object:
    return lambda asked, body, told: None if asked == operation else told


def test_the_first_key_is_the_services_and_no_token_is_sent_for_it(service: Running, liar: Liar) -> None:
    assert first_key(liar.url) == service.key
    assert "authorization" not in liar.headers[0]


def test_a_secret_comes_back_with_its_password_and_failures_are_told(client: VaultClient) -> None:
    secret = kept(client)
    with pytest.raises(VaultPasswordError, match="9 guesses are left"):
        client.recover(WRONG)
    found = client.recover(RIGHT)
    assert found.secret.view == secret.view
    assert (len(found.failures), found.generation) == (1, 2)
    assert left(client) == 10


def test_the_password_is_changed_with_the_key_alone_and_with_it_the_record(client: VaultClient) -> None:
    secret = kept(client)
    before = client.status()
    again = client.register(secret.view, NEW, stretch=CHEAP)
    assert before.record is not None
    assert again.record_id != before.record.record_id
    assert again.generation == before.generation + 1
    assert client.recover(NEW).secret.view == secret.view
    with pytest.raises(VaultPasswordError):
        client.recover(RIGHT)


def test_another_key_takes_the_place_of_the_old_one_with_its_signature_or_an_announcement(client: VaultClient) -> None:
    old, new = kept(client), Secret.random(32)
    with pytest.raises(VaultRefusedError) as caught:
        client.register(new.view, NEW, stretch=CHEAP)
    assert caught.value.reason == "not-allowed"
    assert client.register(new.view, NEW, stretch=CHEAP, announce=True).announced is not None
    record = client.status().record
    assert record is not None
    assert record.announcement is not None
    client.withdraw(old.view)
    assert client.register(new.view, NEW, stretch=CHEAP, signer=old.view).announced is None
    assert client.recover(NEW).secret.view == new.view


def test_a_record_is_deleted_at_once_with_its_key_and_announced_without(client: VaultClient) -> None:
    secret = kept(client)
    announced = client.delete(None)
    assert announced is not None
    assert announced > client.status().time + 6 * 86400
    assert client.delete(secret.view) is None
    with pytest.raises(VaultNoRecordError, match="destroyed"):
        client.recover(RIGHT)
    assert client.register(secret.view, RIGHT, stretch=CHEAP).announced is None
    kinds = [event.event for event in client.history()]
    assert kinds == ["registered", "announced", "destroyed", "registered"]


def test_a_history_of_several_answers_is_read_to_its_end(client: VaultClient, liar: Liar) -> None:
    secret = kept(client)
    for _ in range(10):
        client.delete(None)
        client.withdraw(secret.view)
    assert [event.event for event in client.history()] == ["registered", *10 * ["announced", "withdrawn"]]
    assert liar.operations.count("history") == 2


def test_an_account_without_a_record_is_told_so(client: VaultClient) -> None:
    with pytest.raises(VaultNoRecordError, match="no record"):
        client.recover(RIGHT)
    assert client.history() == []


def test_whoever_has_no_token_is_told_that_no_guess_was_spent(service: Running, name: str) -> None:
    for token in ("", "another"):
        with (
            VaultClient(service.url, name, token, service.key) as client,
            pytest.raises(VaultUnauthenticatedError, match="no guess was spent"),
        ):
            client.status()


def test_after_four_failures_the_next_guess_waits_and_none_is_spent(client: VaultClient, liar: Liar) -> None:
    kept(client)
    for _ in range(5):
        with pytest.raises((VaultPasswordError, VaultWaitError)) as caught:
            client.recover(WRONG)
    assert isinstance(caught.value, VaultWaitError)
    assert 0 < caught.value.seconds <= 60
    assert left(client) == 6
    assert liar.operations.count("login/start") == 4


# --- lost answers -----------------------------------------------------------------------------------------------------


def test_a_lost_answer_to_a_guess_is_told_as_spent_and_never_asked_again(client: VaultClient, liar: Liar) -> None:
    kept(client)
    liar.script = lose("login/start")  # type: ignore[assignment]
    with pytest.raises(VaultUnreachableError, match="may be spent on it; 9 guesses are left"):
        client.recover(RIGHT)
    assert liar.operations.count("login/start") == 1


def test_a_guess_that_never_arrived_is_told_as_not_spent(client: VaultClient, liar: Liar) -> None:
    kept(client)
    liar.before, liar.script = frozenset({"login/start"}), lose("login/start")  # type: ignore[assignment]
    with pytest.raises(VaultUnreachableError, match="no guess was spent; 10 guesses are left"):
        client.recover(RIGHT)


def test_a_lost_key_is_told_as_a_right_password_and_the_next_try_brings_it(client: VaultClient, liar: Liar) -> None:
    secret = kept(client)
    honest, liar.script = liar.script, lose("login/finish")  # type: ignore[assignment]
    with pytest.raises(VaultUnreachableError, match="took the password, and the key was lost") as caught:
        client.recover(RIGHT)
    assert "costs no guess" in caught.value.remedy
    liar.script = honest
    assert client.recover(RIGHT).secret.view == secret.view


def test_a_proof_that_never_arrived_is_told_as_a_spent_guess(client: VaultClient, liar: Liar) -> None:
    kept(client)
    liar.before, liar.script = frozenset({"login/finish"}), lose("login/finish")  # type: ignore[assignment]
    with pytest.raises(VaultUnreachableError, match="the password is right, and the guess is spent; 9 guesses are left"):
        client.recover(RIGHT)


def test_a_registration_whose_answer_is_lost_is_looked_up(client: VaultClient, liar: Liar) -> None:
    liar.script = lose("register/finish")  # type: ignore[assignment]
    secret = kept(client)
    assert client.recover(RIGHT).secret.view == secret.view
    liar.before = frozenset({"register/finish"})
    with pytest.raises(VaultUnreachableError, match="has not taken the new password"):
        client.register(secret.view, NEW, stretch=CHEAP)
    assert client.recover(RIGHT).secret.view == secret.view


def test_a_deletion_whose_answer_is_lost_is_looked_up(client: VaultClient, liar: Liar) -> None:
    secret = kept(client)
    liar.script = lose("delete")  # type: ignore[assignment]
    assert client.delete(None) is not None
    liar.script = lose("withdraw")  # type: ignore[assignment]
    client.withdraw(secret.view)
    liar.script = lose("delete")  # type: ignore[assignment]
    assert client.delete(secret.view) is None


def test_what_became_of_it_is_said_to_be_unknown_where_nothing_answers(client: VaultClient, liar: Liar) -> None:
    kept(client)
    gone = False

    def silent(operation: str, body: bytes, told: Told) -> Told | None:
        nonlocal gone
        gone = gone or operation == "login/start"
        return None if gone else told

    liar.script = silent
    with pytest.raises(VaultUnreachableError, match="what became of it is not known"):
        client.recover(RIGHT)


def test_a_vault_that_is_not_there_has_nothing_of_it(service: Running, name: str) -> None:
    with (
        VaultClient("http://127.0.0.1:9/", name, service.tokens[name], service.key) as client,
        pytest.raises(VaultUnreachableError) as caught,
    ):
        client.status()
    assert not caught.value.was_sent


# --- what is refused before anything is sent --------------------------------------------------------------------------


@pytest.mark.parametrize("account", ["", "two words", "a" * 129, "a\n"])
def test_what_is_no_account_is_refused(service: Running, account: str) -> None:
    with pytest.raises(VaultMessageError):
        VaultClient(service.url, account, "token", service.key)


@pytest.mark.parametrize("token", ["two words", "line\nend", "t" * 4001, "\u00e9"])
def test_what_is_no_token_is_refused_and_not_shown(service: Running, token: str) -> None:
    with pytest.raises(KeyFormatError) as caught:
        VaultClient(service.url, "somebody", token, service.key)
    assert token not in str(caught.value)


def test_what_a_device_remembers_has_no_secret_and_is_its_users_alone(
    client: VaultClient, memory: Pins, service: Running, name: str
) -> None:
    secret = kept(client)
    client.recover(RIGHT)
    path = memory.path(client.url)
    data = path.read_bytes()
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.stat(Path(path).parent).st_mode & 0o777 == 0o700
    hidden = (service.tokens[name].encode(), bytes(secret.view), secret.view.hex().encode(), b"horse")
    assert not any(word in data for word in hidden)
