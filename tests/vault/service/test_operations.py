"""Every operation, between the real halves over HTTP."""

import pytest

from chatseal.errors import VaultPasswordError
from chatseal.vault import messages
from chatseal.vault.owner import OwnerOperation
from chatseal.vault.stretch import Stretch
from vault.service.person import RIGHT, WRONG, Person, RefusedError, nonce


def test_the_service_says_who_it_is(person: Person) -> None:
    answer = person.ask(messages.AskService(nonce=nonce()), messages.ServiceAnswer)
    assert answer.key == bytes(person.service.key)
    assert (answer.guesses, answer.attempt_seconds, answer.announced_seconds) == (10, 60, 7 * 24 * 3600)


def test_a_secret_comes_back_with_its_password_and_the_guesses_start_anew(person: Person) -> None:
    assert person.status().generation == 0
    assert person.register().generation == 1
    assert person.recover() == person.secret
    assert person.status().generation == 2
    with pytest.raises(VaultPasswordError):
        person.recover(WRONG)
    assert person.guess_wrong() == "wrong"
    found = person.status().record
    assert found is not None
    assert (found.guesses_left, found.open, len(found.failures), found.life) == (8, 1, 2, 2)
    login, start = person.login_start()
    begun = person.ask(start, messages.LoginStartAnswer)
    ended = person.ask(person.login_finish(begun.attempt, login.finish(begun.ke2)[0]), messages.LoginFinishAnswer)
    assert (ended.generation, len(ended.failures)) == (3, 2)


def test_an_attempt_ends_once_and_for_its_account_alone(person: Person, service: object) -> None:
    person.register()
    login, start = person.login_start()
    begun = person.ask(start, messages.LoginStartAnswer)
    ke3 = login.finish(begun.ke2)[0]
    stranger = Person(person.service, "person-39")
    with pytest.raises(RefusedError, match="no-attempt"):
        stranger.ask(stranger.login_finish(begun.attempt, ke3), messages.LoginFinishAnswer)
    person.ask(person.login_finish(begun.attempt, ke3), messages.LoginFinishAnswer)
    with pytest.raises(RefusedError, match="no-attempt"):
        person.ask(person.login_finish(begun.attempt, ke3), messages.LoginFinishAnswer)


def test_a_login_for_another_record_or_generation_costs_no_guess(person: Person) -> None:
    person.register()
    person.generation += 1
    with pytest.raises(RefusedError, match="changed"):
        person.recover()
    person.generation, person.record_id = 1, bytes(16)
    with pytest.raises(RefusedError, match="changed"):
        person.recover()
    found = person.status().record
    assert found is not None
    assert found.guesses_left == 10


def test_a_new_password_takes_the_owners_signature_or_seven_days(person: Person) -> None:
    person.register()
    announced = person.register(WRONG).announced
    assert announced is not None
    found = person.status()
    assert found.record is not None
    assert found.record.announcement is not None
    assert (found.record.announcement.operation, found.record.announcement.time) == ("replace", announced)
    assert announced - found.time in range(7 * 24 * 3600 - 60, 7 * 24 * 3600 + 2)
    withdraw = messages.AskWithdraw(
        nonce=nonce(),
        account=person.name,
        record_id=person.record_id,
        generation=person.generation,
        signature=person.sign(OwnerOperation.WITHDRAW),
    )
    person.ask(withdraw, messages.WithdrawAnswer)
    found = person.status()
    assert found.record is not None
    assert found.record.announcement is None
    assert person.register(WRONG, signed=True).generation == 2
    assert person.recover(WRONG) == person.secret


def test_a_deletion_is_announced_or_signed_and_leaves_a_tombstone_that_gives_way_to_the_owner(person: Person) -> None:
    person.register()
    ask = messages.AskDelete(nonce=nonce(), account=person.name, record_id=person.record_id, generation=person.generation, signature=None)
    assert person.ask(ask, messages.DeleteAnswer).announced is not None
    wrong = messages.AskDelete(
        nonce=nonce(), account=person.name, record_id=person.record_id, generation=person.generation, signature=bytes(64)
    )
    with pytest.raises(RefusedError, match="not-allowed"):
        person.ask(wrong, messages.DeleteAnswer)
    right = messages.AskDelete(
        nonce=nonce(),
        account=person.name,
        record_id=person.record_id,
        generation=person.generation,
        signature=person.sign(OwnerOperation.DELETE),
    )
    assert person.ask(right, messages.DeleteAnswer).announced is None
    found = person.status()
    assert found.record is None
    assert found.tombstone is not None
    assert found.tombstone.reason == "owner"
    assert person.register(signed=True).generation == found.generation + 1


def test_whoever_has_the_account_alone_signs_nothing(person: Person) -> None:
    person.register()
    thief = Person(person.service, person.name)  # the token, another secret
    thief.status()
    with pytest.raises(RefusedError, match="not-allowed"):
        thief.register(WRONG, signed=True)
    signed_for_another = _changed(person.registration(WRONG, signed=True), wrapped=bytes(104))
    with pytest.raises(RefusedError, match="not-allowed"):
        person.ask(signed_for_another, messages.RegisterFinishAnswer)
    assert thief.register(WRONG).announced is not None
    for withdraw in (thief.sign(OwnerOperation.WITHDRAW), person.sign(OwnerOperation.DELETE), bytes(64)):
        ask = messages.AskWithdraw(
            nonce=nonce(), account=person.name, record_id=person.record_id, generation=person.generation, signature=withdraw
        )
        with pytest.raises(RefusedError, match="not-allowed"):
            person.ask(ask, messages.WithdrawAnswer)
    deletion = messages.AskDelete(
        nonce=nonce(),
        account=person.name,
        record_id=person.record_id,
        generation=person.generation,
        signature=thief.sign(OwnerOperation.DELETE),
    )
    with pytest.raises(RefusedError, match="not-allowed"):
        thief.ask(deletion, messages.DeleteAnswer)
    found = person.status().record
    assert found is not None
    assert found.announcement is not None
    assert person.recover() == person.secret
    gone = messages.AskDelete(
        nonce=nonce(),
        account=person.name,
        record_id=person.record_id,
        generation=person.generation,
        signature=person.sign(OwnerOperation.DELETE),
    )
    person.ask(gone, messages.DeleteAnswer)
    thief.status()
    with pytest.raises(RefusedError, match="not-allowed"):
        thief.register(WRONG, signed=True)


def test_registrations_that_are_refused(person: Person) -> None:
    with pytest.raises(RefusedError, match="too-cheap"):
        person.register(stretch=Stretch(19 << 10, 1))
    finish = person.registration()
    later = _changed(finish, generation=1)
    with pytest.raises(RefusedError, match="changed"):
        person.ask(later, messages.RegisterFinishAnswer)
    with pytest.raises(RefusedError, match="no-attempt"):
        person.ask(_changed(finish, ticket=bytes(116)), messages.RegisterFinishAnswer)
    with pytest.raises(RefusedError, match="malformed"):
        person.ask(_changed(finish, upload=b"\xff" * 192), messages.RegisterFinishAnswer)
    person.ask(finish, messages.RegisterFinishAnswer)
    with pytest.raises(RefusedError, match="changed"):
        person.ask(finish, messages.RegisterFinishAnswer)
    person.status()
    begun = messages.AskRegisterStart(nonce=nonce(), account=person.name, record_id=person.record_id, request=bytes(32))
    with pytest.raises(RefusedError, match="exists"):
        person.ask(begun, messages.RegisterStartAnswer)


def test_the_history_is_the_accounts_own(person: Person) -> None:
    person.register()
    person.guess_wrong()
    person.recover(RIGHT)
    answer = person.ask(messages.AskHistory(nonce=nonce(), account=person.name, since=0), messages.HistoryAnswer)
    assert [event.event for event in answer.events] == ["registered", "claimed", "failed", "claimed", "succeeded"]
    assert not answer.more
    since = answer.events[2].index
    later = person.ask(messages.AskHistory(nonce=nonce(), account=person.name, since=since), messages.HistoryAnswer)
    assert [event.index for event in later.events] == [event.index for event in answer.events[2:]]


def _changed(ask: messages.AskRegisterFinish, **members: object) -> messages.AskRegisterFinish:
    return messages.AskRegisterFinish(**{name: getattr(ask, name) for name in ask.__struct_fields__} | members)
