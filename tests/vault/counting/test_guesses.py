"""The rules of guessing, one by one, on the real database."""

import pytest

from chatseal.errors import OutcomeUnknownError, VaultRefusedError
from chatseal.vault import budgets
from chatseal.vault.audit import Kind
from chatseal.vault.book import Step
from chatseal.vault.guesses import Refusal
from chatseal.vault.records import SLOTS, Intent, Reason
from vault.counting.scene import DAY, HOUR, SECOND, WHERE, Vault, account_of, registration_of

ANNA = account_of("anna")


def refused(reason: Refusal) -> "pytest.RaisesExc[VaultRefusedError]":
    return pytest.raises(VaultRefusedError, check=lambda error: error.reason == reason)


def test_a_claim_gives_what_was_registered(vault: Vault) -> None:
    salt = vault.register("anna")
    claimed = vault.claim("anna")
    assert (claimed.salt, claimed.registration) == (salt, registration_of("anna"))
    assert (claimed.generation, claimed.slot, claimed.left) == (1, 1, 9)
    assert salt.hex() not in repr(claimed)
    assert str(salt) not in repr(claimed)


def test_success_gives_the_wrapped_secret_once_and_begins_a_generation(vault: Vault) -> None:
    vault.register("anna")
    vault.guess_wrong("anna", 2)
    attempt = vault.claim("anna").attempt
    released = vault.guesses.finish(ANNA, attempt)
    assert released.wrapped == registration_of("anna").wrapped
    assert [failure.where for failure in released.failures] == [WHERE, WHERE]
    assert released.generation == 2
    with refused(Refusal.NO_ATTEMPT):
        vault.guesses.finish(ANNA, attempt)
    status = vault.guesses.status(ANNA)
    assert (status.generation, status.left, status.since, len(status.failures), status.life) == (2, 10, 0, 2, 2)


def test_of_two_who_end_one_attempt_and_do_not_know_whether_they_did_one_gets_the_secret(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.register("anna")
    attempt = vault.claim("anna").attempt
    released, commit = [], vault.book.commit

    def overtaken(step: Step, leap: int = 0) -> bool:
        monkeypatch.setattr(vault.book, "commit", commit)
        released.append(vault.guesses.finish(ANNA, attempt))
        raise OutcomeUnknownError("not made, which nobody knows")

    monkeypatch.setattr(vault.book, "commit", overtaken)
    with refused(Refusal.NO_ATTEMPT):
        vault.guesses.finish(ANNA, attempt)
    assert [one.generation for one in released] == [2]


def test_the_tenth_wrong_guess_destroys_and_the_right_one_comes_too_late(vault: Vault) -> None:
    vault.register("anna")
    vault.guess_wrong("anna", SLOTS)
    with refused(Refusal.DESTROYED):
        vault.claim("anna")
    status = vault.guesses.status(ANNA)
    assert status.tombstone is not None
    assert status.tombstone.reason == Reason.LIMIT
    assert len(status.failures) == SLOTS
    assert vault.kinds("anna") == [Kind.REGISTERED] + SLOTS * [Kind.CLAIMED, Kind.FAILED] + [Kind.DESTROYED]


def test_the_tenth_guess_may_be_the_right_one(vault: Vault) -> None:
    vault.register("anna")
    vault.guess_wrong("anna", SLOTS - 1)
    vault.clock.now += HOUR
    claimed = vault.claim("anna")
    assert claimed.left == 0
    with refused(Refusal.SPENT):
        vault.claim("anna")
    assert vault.guesses.finish(ANNA, claimed.attempt).generation == 2
    assert vault.guesses.status(ANNA).left == SLOTS


def test_the_last_attempt_destroys_when_it_expires(vault: Vault) -> None:
    vault.register("anna")
    vault.guess_wrong("anna", SLOTS - 1)
    vault.clock.now += HOUR
    claimed = vault.claim("anna")
    vault.clock.now += budgets.ATTEMPT_MS - 1
    assert vault.guesses.expire_due() == 0
    vault.clock.now += 1
    assert vault.guesses.expire_due() == 1
    assert vault.kinds("anna")[-2:] == [Kind.EXPIRED, Kind.DESTROYED]
    with refused(Refusal.DESTROYED):
        vault.guesses.finish(ANNA, claimed.attempt)


@pytest.mark.parametrize(("after", "is_in_time"), [(budgets.ATTEMPT_MS - 1, True), (budgets.ATTEMPT_MS, False)])
def test_success_has_sixty_seconds(vault: Vault, after: int, is_in_time: bool) -> None:
    vault.register("anna")
    attempt = vault.claim("anna").attempt
    vault.clock.now += after
    if is_in_time:
        vault.guesses.finish(ANNA, attempt)
    else:
        with refused(Refusal.EXPIRED):
            vault.guesses.finish(ANNA, attempt)
        assert vault.guesses.status(ANNA).since == 1


def test_an_attempt_that_failed_cannot_succeed_any_more(vault: Vault) -> None:
    vault.register("anna")
    attempt = vault.claim("anna").attempt
    vault.guesses.fail(ANNA, attempt)
    vault.guesses.fail(ANNA, attempt)
    with refused(Refusal.EXPIRED):
        vault.guesses.finish(ANNA, attempt)
    assert vault.kinds("anna").count(Kind.FAILED) == 1


def test_an_attempt_of_another_account_is_nobodys(vault: Vault) -> None:
    vault.register("anna")
    vault.register("bert")
    with refused(Refusal.NO_ATTEMPT):
        vault.guesses.finish(ANNA, vault.claim("bert").attempt)


def test_the_waits_are_nothing_three_times_then_a_minute_five_and_an_hour(vault: Vault) -> None:
    vault.register("anna")
    waits = []
    for _ in range(SLOTS):
        waits.append(vault.guesses.status(ANNA).wait_seconds)
        if waits[-1]:
            vault.clock.now += waits[-1] * SECOND - 1
            with pytest.raises(VaultRefusedError, check=lambda error: (error.reason, error.seconds) == (Refusal.WAIT, 1)):
                vault.claim("anna")
            vault.clock.now += 1
        vault.guesses.fail(ANNA, vault.claim("anna").attempt)
    assert waits == [0, 0, 0, 0, 60, 300, 3600, 3600, 3600, 3600]


def test_thirty_failures_in_ninety_days_destroy_however_often_the_owner_succeeds(vault: Vault) -> None:
    vault.register("anna")
    for count in (9, 9, 9):
        vault.guess_wrong("anna", count)
        vault.clock.now += HOUR
        vault.guesses.finish(ANNA, vault.claim("anna").attempt)
    assert vault.guesses.status(ANNA).left == 3
    vault.guess_wrong("anna", 3)
    assert vault.kinds("anna")[-1] == Kind.DESTROYED
    with pytest.raises(VaultRefusedError) as caught:
        vault.register("anna", 2, by_owner=True)
    assert caught.value.reason == Refusal.WAIT
    vault.clock.now += caught.value.seconds * SECOND
    vault.register("anna", 2, by_owner=True)
    assert vault.guesses.status(ANNA).left == 4  # the first four were made at the same moment


def test_a_hundred_failures_end_an_account_for_ever(vault: Vault) -> None:
    for _ in range(10):
        vault.register("anna", by_owner=True)
        vault.guess_wrong("anna", SLOTS)
        vault.clock.now += 91 * DAY
    assert vault.guesses.status(ANNA).life == 100
    with refused(Refusal.SPENT):
        vault.register("anna", by_owner=True)


def test_generations_only_grow(vault: Vault) -> None:
    vault.register("anna")
    vault.register("anna", 2, by_owner=True)
    vault.guesses.finish(ANNA, vault.claim("anna").attempt)
    vault.registrations.delete(ANNA, generation=3, by_owner=True)
    vault.register("anna", 3)
    assert vault.guesses.status(ANNA).generation == 4


@pytest.mark.parametrize("same_id", [True, False])
def test_replacing_destroys_the_old_salt_and_counts_its_guesses(vault: Vault, same_id: bool) -> None:
    old = vault.register("anna")
    vault.guess_wrong("anna", 3)
    new = registration_of("anna" if same_id else "another id", 2)
    salt = vault.shards.new_salt()
    with refused(Refusal.NOT_ALLOWED):
        vault.registrations.register(ANNA, new, salt, generation=1)
    with refused(Refusal.CHANGED):
        vault.registrations.register(ANNA, new, salt, generation=2, by_owner=True)
    assert vault.registrations.register(ANNA, new, salt, generation=1, by_owner=True) == 2
    claimed = vault.claim("anna")
    assert (claimed.salt, claimed.registration) == (salt, new)
    assert claimed.salt != old
    assert vault.guesses.status(ANNA).life == 4
    assert len(vault.store.list("salt/")) == 1
    assert len(vault.store.list("shard/")) == 2


@pytest.mark.parametrize("intent", list(Intent))
def test_what_is_announced_may_be_done_from_the_seventh_day_to_the_fourteenth(vault: Vault, intent: Intent) -> None:
    vault.register("anna")

    def act() -> None:
        if intent == Intent.DELETE:
            vault.registrations.delete(ANNA, generation=1)
        else:
            vault.register("anna", 2)

    due = vault.registrations.announce(ANNA, intent, generation=1)
    vault.clock.now += DAY
    assert vault.registrations.announce(ANNA, intent, generation=1) == due
    vault.clock.now = due - 1
    with pytest.raises(VaultRefusedError, check=lambda error: (error.reason, error.seconds) == (Refusal.NOT_ALLOWED, 1)):
        act()
    vault.clock.now = due + 7 * DAY
    with refused(Refusal.NOT_ALLOWED):
        act()
    due = vault.registrations.announce(ANNA, intent, generation=1)
    vault.clock.now = due
    act()
    assert vault.kinds("anna")[-1] == (Kind.DESTROYED if intent == Intent.DELETE else Kind.REPLACED)


def test_a_success_or_the_owner_withdraws_an_announcement(vault: Vault) -> None:
    vault.register("anna")
    vault.registrations.announce(ANNA, Intent.DELETE, generation=1)
    vault.guesses.finish(ANNA, vault.claim("anna").attempt)
    assert vault.guesses.status(ANNA).announcement is None
    vault.registrations.announce(ANNA, Intent.DELETE, generation=2)
    vault.registrations.withdraw(ANNA, generation=2)
    assert vault.guesses.status(ANNA).announcement is None
    vault.clock.now += 8 * DAY
    with refused(Refusal.NOT_ALLOWED):
        vault.registrations.delete(ANNA, generation=2)


def test_after_the_last_guess_only_the_owner_registers_at_once(vault: Vault) -> None:
    vault.register("anna")
    vault.guess_wrong("anna", SLOTS)
    with refused(Refusal.NOT_ALLOWED):
        vault.register("anna", 2)
    vault.clock.now += 7 * DAY
    vault.register("anna", 2)


def test_nobody_is_registered_until_he_is(vault: Vault) -> None:
    assert vault.guesses.status(ANNA).generation == 0
    for ask in (lambda: vault.claim("anna"), lambda: vault.guesses.finish(ANNA, bytes(16))):
        with refused(Refusal.NO_RECORD):
            ask()
    vault.guesses.fail(ANNA, bytes(16))
    assert vault.store.head().index == 1
