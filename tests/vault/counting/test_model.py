"""The model: the rules of guessing over a database that fails in every way. Each rule that is taken away is missed."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from chatseal.errors import OutcomeUnknownError
from chatseal.vault import budgets
from chatseal.vault.audit import Event, Kind
from chatseal.vault.book import Book, Page, Step
from chatseal.vault.guesses import Guesses
from chatseal.vault.records import Change, RecordStore
from chatseal.vault.sqlite_records import SqliteRecords
from vault.counting.conftest import MEMORY
from vault.counting.ledger import Violation
from vault.counting.machine import Machine
from vault.counting.scene import DAY, HOUR, SECOND, START_MS
from vault.counting.simulated import Outcome

RUN = settings(stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck))
SEARCH = settings(RUN, max_examples=200, phases=[Phase.generate], derandomize=True, database=None, report_multiple_bugs=False)


def test_the_rules_hold_whatever_fails() -> None:
    run_state_machine_as_test(Machine, settings=settings(RUN, max_examples=2 * settings().max_examples))


class OnSqlite(Machine):
    """The same on the database that a service has."""

    def made_store(self) -> RecordStore:
        self.folder = TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.records = SqliteRecords.create(Path(self.folder.name) / "records", Event(Kind.CREATED, START_MS))
        return self.records

    def teardown(self) -> None:
        super().teardown()
        self.records.verify()
        self.records.close()
        self.folder.cleanup()


def test_the_rules_hold_on_sqlite() -> None:
    run_state_machine_as_test(OnSqlite, settings=settings(RUN, max_examples=settings().max_examples))


def without(kind: Kind, *prefixes: str) -> Callable[[Change], Change]:
    """Changes with an event of that kind lose their conditions on keys that begin so, or all."""

    def altered(change: Change) -> Change:
        if kind not in {event.kind for event in change.events}:
            return change
        return replace(change, conditions={key: value for key, value in change.conditions.items() if not key.startswith(prefixes or "")})

    return altered


def answers_although_refused(self: Book, step: Step, leap: int = 0, *, commit: Callable[..., bool] = Book.commit) -> bool:
    commit(self, step, leap)
    return True


def believes_what_nobody_knows(self: Book, step: Step, leap: int = 0, *, commit: Callable[..., bool] = Book.commit) -> bool:
    try:
        return commit(self, step, leap)
    except OutcomeUnknownError:
        return True


def removed_condition(kind: Kind, *prefixes: str) -> Callable[[], Any]:
    return lambda: patch.object(Machine, "altered", staticmethod(without(kind, *prefixes)))


def changed(owner: Any, name: str, other: Any) -> Callable[[], Any]:
    return lambda: patch.object(owner, name, other)


# Found by search, without being told where to look.
SEARCHED: dict[str, Callable[[], Any]] = {
    "a claim is of the record that was read": removed_condition(Kind.CLAIMED, "account/", "salt/"),
    "a claim creates its guess": removed_condition(Kind.CLAIMED, "slot/"),
    "the answer waits for the anchor": changed(Book, "_reached", lambda self, head: None),
}


@pytest.mark.parametrize("rule", SEARCHED)
def test_without_a_rule_a_search_finds_a_violation(rule: str) -> None:
    with SEARCHED[rule](), pytest.raises(Violation):
        run_state_machine_as_test(Machine, settings=SEARCH)


# The shortest way to each violation as a scene: nothing is wrong in it with the rule, and without it there is a violation.


def overtaken(machine: Machine, operation: str, by: str, *, steps: int = 1, wait: int = 0) -> None:
    """An operation has read the account; another is done; then it goes on."""
    machine.do("claim")
    machine.time_passes(wait)
    first = machine.start(operation, "anna")
    for _ in range(steps):
        first.step()
    machine.do(by)
    first.finish()
    machine.do("status")


def an_attempt_of_the_last_generation(machine: Machine) -> None:
    machine.do("claim", "finish", "claim")
    machine.pick = -2
    machine.do("finish")


def the_last_two_fail_at_once(machine: Machine) -> None:
    """The 29th and the 30th failure of 90 days: the pacing of one generation leaves no two of its last open at a time."""
    for _ in range(3):
        machine.burn("anna", 9, wait=False)
        machine.time_passes(HOUR)
        machine.do("claim", "finish")
    machine.do("claim", "fail", "claim", "claim")
    machine.pick = -2
    first = machine.start("fail", "anna")
    first.step()
    machine.pick = -1
    machine.do("fail")
    first.finish()
    machine.do("status")


def a_claim_fails_meanwhile(machine: Machine) -> None:
    """The 29th failure is to be told when the 30th is claimed, and that one fails before."""
    for _ in range(3):
        machine.burn("anna", 9, wait=False)
        machine.time_passes(HOUR)
        machine.do("claim", "finish")
    machine.do("claim", "fail", "claim")
    first = machine.start("fail", "anna")
    first.step()
    machine.do("claim", "fail")
    first.finish()
    machine.do("status")


def generations(machine: Machine, days: int) -> None:
    """Ten failures each, and another registration at once."""
    for _ in range(11):
        machine.burn("anna", 10, wait=False)
        machine.do("register")
        machine.time_passes(days * DAY)


def nobody_knows(machine: Machine) -> None:
    """A claim that was not made, of which nobody says so."""
    claim = machine.start("claim", "anna")
    for outcome in (Outcome.DONE, Outcome.DONE, Outcome.DONE, Outcome.NEVER):
        claim.step(outcome)
    claim.finish()
    machine.do("status")


def an_older_salt(machine: Machine) -> None:
    """The account is read as it is, its salt as it was for the record before, which had the same id."""
    machine.do("status", "replace", *3 * ["claim", "fail"])  # as many changes as the past has states since the first record
    machine.time_passes(HOUR)
    claim = machine.start("claim", "anna")
    claim.step(Outcome.DONE)
    claim.step(Outcome.STALE)
    claim.finish()
    machine.do("status")


def late_success(machine: Machine) -> None:
    machine.do("claim")
    machine.time_passes(60 * SECOND)
    machine.do("finish")


ALTERED = removed_condition
SCENES: dict[str, tuple[Callable[[Machine], None], Callable[[], Any]]] = {
    "a claim is of the generation that was read": (lambda one: overtaken(one, "claim", "finish"), ALTERED(Kind.CLAIMED, "account/")),
    "a claim is of the salt that was read": (an_older_salt, ALTERED(Kind.CLAIMED, "salt/")),
    "a claim creates its guess": (lambda one: overtaken(one, "claim", "claim"), ALTERED(Kind.CLAIMED, "slot/")),
    "a success is of an attempt that has not ended": (lambda one: overtaken(one, "finish", "fail"), ALTERED(Kind.SUCCEEDED, "slot/")),
    "a success counts every guess beside it": (lambda one: overtaken(one, "finish", "claim"), ALTERED(Kind.SUCCEEDED, "slot/")),
    "a success is of the generation that was read": (lambda one: overtaken(one, "finish", "replace"), ALTERED(Kind.SUCCEEDED)),
    "a replacement is of the generation that was read": (
        lambda one: overtaken(one, "replace", "replace"),
        ALTERED(Kind.REPLACED, "account/"),
    ),
    "a replacement counts every guess before it": (lambda one: overtaken(one, "replace", "claim"), ALTERED(Kind.REPLACED, "slot/")),
    "a deletion is of the generation that was read": (lambda one: overtaken(one, "delete", "replace"), ALTERED(Kind.DESTROYED)),
    "a deletion counts every guess before it": (lambda one: overtaken(one, "delete", "claim"), ALTERED(Kind.DESTROYED, "slot/")),
    "an attempt fails only while it is open": (lambda one: overtaken(one, "fail", "fail"), ALTERED(Kind.FAILED, "slot/")),
    "an attempt expires only while it is open": (
        lambda one: overtaken(one, "sweep", "sweep", steps=3, wait=60 * SECOND),
        ALTERED(Kind.EXPIRED, "slot/"),
    ),
    "the answer waits for the claim": (lambda one: overtaken(one, "claim", "claim"), changed(Book, "commit", answers_although_refused)),
    "an unknown claim is looked up": (nobody_knows, changed(Book, "commit", believes_what_nobody_knows)),
    "the answer waits for the anchor": (lambda one: one.do("claim"), changed(Book, "_reached", lambda self, head: None)),
    "an attempt has a minute": (late_success, changed(budgets, "is_open", lambda slot, now: slot.closed == 0)),
    "a success needs its own attempt": (
        an_attempt_of_the_last_generation,
        changed(Guesses, "_attempt", staticmethod(lambda page, attempt: 0)),
    ),
    "the last failure destroys": (
        lambda one: one.burn("anna", 10, wait=False),
        changed(budgets, "left", lambda account, slots, now: 1),
    ),
    "the last failure destroys, also of two at once": (the_last_two_fail_at_once, changed(Page, "same_slots", lambda self: Step())),
    "the last failure destroys, also of one that was claimed meanwhile": (
        a_claim_fails_meanwhile,
        changed(Page, "no_more_slots", lambda self: Step()),
    ),
    "a claim looks at the budgets": (
        lambda one: one.do(*11 * ["claim"]),
        changed(Guesses, "_check_budgets", staticmethod(lambda page, now: None)),
    ),
    "guesses wait for each other": (lambda one: one.do(*5 * ["claim"]), changed(budgets, "wait", lambda slots, now: 0)),
    "failures count in later generations": (
        lambda one: one.do("claim", "claim", "finish"),
        changed(budgets, "counted", lambda account, slots, now: (account.life, account.recent)),
    ),
    "90 days have thirty failures": (lambda one: generations(one, 1), changed(budgets, "window_wait", lambda account, slots, now: 0)),
    "a life has a hundred failures": (lambda one: generations(one, 91), changed(budgets, "is_life_spent", lambda account, slots: False)),
}


@pytest.mark.parametrize("rule", SCENES)
@pytest.mark.parametrize("is_kept", [True, False])
def test_a_scene_violates_a_rule_only_without_it(rule: str, is_kept: bool) -> None:
    play, removed = SCENES[rule]
    with ExitStack() as stack:
        if not is_kept:
            stack.enter_context(removed())
        machine = Machine()
        stack.callback(machine.teardown)
        machine.both_register()
        if not is_kept:
            stack.enter_context(pytest.raises(Violation))
        play(machine)
        machine.nothing_is_spent_in_silence()
