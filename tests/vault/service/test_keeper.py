"""The keeper by itself, with a clock that the test moves and parts that fail."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from chatseal.cli import vault_operator
from chatseal.errors import VaultBehindError
from chatseal.vault import messages
from chatseal.vault.anchor import FileAnchor
from chatseal.vault.audit import Head
from chatseal.vault.keeper import Keeper
from chatseal.vault.messages import Ask, encode
from chatseal.vault.sqlite_records import SqliteRecords
from chatseal.vault.token import FileToken
from vault.service.person import RIGHT, WRONG, Person, RefusedError, Told, nonce
from vault.service.running import made

DAY_MS = 24 * 3600 * 1000


@dataclass
class Scene:
    """A keeper, its clock in milliseconds, and whether its anchor fails."""

    keeper: Keeper
    now: int = 1_700_000_000_123
    is_anchor_broken: bool = False


class FailingAnchor:
    def __init__(self, anchor: FileAnchor, scene: list[Scene]) -> None:
        self.anchor, self.scene = anchor, scene

    def read(self) -> Head:
        return self.anchor.read()

    def advance(self, head: Head) -> None:
        if self.scene and self.scene[0].is_anchor_broken:
            raise OSError("the stick is gone")
        self.anchor.advance(head)


class Near(Person):
    """Somebody who asks the keeper without a network."""

    scene: Scene

    def tell(self, ask: Ask) -> Told:
        keeper = self.scene.keeper
        account = keeper.account(self.name)
        answer = keeper.answer(messages.decode_ask(encode(ask), type(ask)), account, keeper.origin(account, "192.0.2.7"))
        return Told(200, {}, encode(answer))


@dataclass
class NoNetwork:
    key: object


@pytest.fixture
def person(place: Path) -> Iterator[Near]:
    files, _ = made(place)
    scenes: list[Scene] = []
    with SqliteRecords(files.database) as store:
        keeper = Keeper(store, FailingAnchor(FileAnchor(files.anchor), scenes), FileToken(files.token), lambda: scenes[0].now)
        scenes.append(Scene(keeper))
        near = Near(NoNetwork(keeper.identity.public), "grandma")  # type: ignore[arg-type]
        near.scene = scenes[0]
        yield near


def test_an_announced_replacement_is_due_after_seven_days_to_the_second_and_lapses(person: Near) -> None:
    scene = person.scene
    person.register()
    announced = person.register(WRONG).announced
    assert announced == -(-(scene.now + 7 * DAY_MS) // 1000)
    scene.now += 7 * DAY_MS - 1
    assert person.register(WRONG).announced == announced  # the same, not put off
    scene.now += 1
    assert person.register(WRONG).announced is None
    assert person.recover(WRONG) == person.secret
    person.register(RIGHT)
    scene.now += 14 * DAY_MS
    assert person.register(RIGHT).announced == -(-(scene.now + 7 * DAY_MS) // 1000)  # forgotten, so it begins again
    assert person.recover(WRONG) == person.secret  # a success withdraws it
    found = person.status().record
    assert found is not None
    assert found.announcement is None


def test_a_third_message_after_a_minute_is_too_late_and_a_lost_login_says_so(person: Near) -> None:
    scene = person.scene
    person.register()
    login, ask = person.login_start()
    begun = person.ask(ask, messages.LoginStartAnswer)
    ke3 = login.finish(begun.ke2)[0]
    scene.now += 60_000
    with pytest.raises(RefusedError, match="expired"):
        person.ask(person.login_finish(begun.attempt, ke3), messages.LoginFinishAnswer)
    login, ask = person.login_start()
    begun = person.ask(ask, messages.LoginStartAnswer)
    assert scene.keeper.attempts.take(begun.attempt, scene.keeper.account("grandma")) is not None  # as a restart does
    with pytest.raises(RefusedError, match="expired"):
        person.ask(person.login_finish(begun.attempt, login.finish(begun.ke2)[0]), messages.LoginFinishAnswer)
    found = person.status().record
    assert found is not None
    assert found.guesses_left == 8


def test_no_answer_leaves_before_the_anchor_and_the_guess_is_spent(person: Near) -> None:
    scene = person.scene
    person.register()
    _, ask = person.login_start()
    scene.is_anchor_broken = True
    with pytest.raises(OSError, match="stick"):
        person.ask(ask, messages.LoginStartAnswer)
    scene.is_anchor_broken = False
    found = person.status().record
    assert found is not None
    assert (found.guesses_left, found.open) == (9, 1)


def test_the_wait_is_told_in_seconds_never_too_few(person: Near) -> None:
    scene = person.scene
    person.register()
    for _ in range(4):
        assert person.guess_wrong() == "wrong"
    scene.now += 1
    found = person.status().record
    assert found is not None
    assert found.wait == 60
    with pytest.raises(RefusedError, match="wait") as refused:
        person.recover()
    assert refused.value.wait == 60
    scene.now += 59_999
    assert person.recover() == person.secret


def test_the_sweeper_destroys_what_nobody_comes_back_to(person: Near) -> None:
    scene = person.scene
    person.register()
    for _ in range(10):
        scene.now += 3_600_000
        person.ask(person.login_start(WRONG)[1], messages.LoginStartAnswer)
    scene.now += 59_999
    assert scene.keeper.sweep() == 0 or scene.keeper.count()["records"] == 1
    scene.now += 1
    assert scene.keeper.sweep() == 1
    assert scene.keeper.count() == {"records": 0, "tombstones": 1}
    found = person.status()
    assert found.tombstone is not None
    assert (found.tombstone.time, found.tombstone.until) == (scene.now // 1000, -(-(scene.now + 7 * DAY_MS) // 1000))


def test_a_history_of_many_events_comes_in_pages(person: Near) -> None:
    person.register()
    for _ in range(12):
        person.recover()
    since, seen = 0, []
    while True:
        answer = person.ask(messages.AskHistory(nonce=nonce(), account="grandma", since=since), messages.HistoryAnswer)
        seen += [event.event for event in answer.events]
        if not answer.more:
            break
        assert len(answer.events) == messages.EVENTS_MAX
        since = answer.events[-1].index + 1
    assert seen == ["registered", *["claimed", "succeeded"] * 12]


def test_another_vaults_database_is_refused(place: Path) -> None:
    one, _ = made(place / "one")
    two, _ = made(place / "two")
    with SqliteRecords(one.database) as store, pytest.raises(VaultBehindError):
        Keeper(store, FileAnchor(two.anchor), FileToken(one.token))


def test_without_its_packages_the_command_says_which(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(vault_operator, "find_spec", lambda name: None if name == "starlette" else object())
    monkeypatch.setattr("chatseal.cli.core_dump.turn_off", lambda: None)
    with pytest.raises(SystemExit) as ended:
        vault_operator.main()
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert "starlette" in told
    assert "vault-server" in told
