"""The page in a browser: 64 digits come back with account, token and password, and everything else is said in words.

Every state leaves a picture in build/page/pictures, to be looked at."""

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from chatseal.keys.backup_key import BackupKey
from chatseal.vault.identity import ServiceIdentity
from chatseal.vault.messages import Refusal, encode
from cli.command import environment, started
from vault.page.built import ROOT, needs_page
from vault.page.chromium import DESK, PHONE, Chromium, Tab, needs_chromium
from vault.page.gateway import Change, Gateway, Passed, honest
from vault.page.owner import COST, PASSWORD, register
from vault.service.person import Person
from vault.service.running import Running, running

pytestmark = [needs_page, needs_chromium]

PICTURES = ROOT / "build/page/pictures"
NAMES = [f"person-{number}" for number in range(60)]
WRONG = "not the password"
pictured: set[str] = set()


def changed(operation: str, change: Callable[[dict[str, Any]], None], identity: ServiceIdentity) -> Change:
    """An answer of the operation with other members, signed by the vault."""

    def edit(passed: Passed) -> None:
        if passed.operation == operation:
            members = json.loads(passed.body)
            change(members)
            passed.body = json.dumps(members).encode()
            passed.sign(identity)

    return edit


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def chromium(place: Path) -> Iterator[Chromium]:
    with Chromium(place) as started:
        yield started


@pytest.fixture(scope="module")
def service(place: Path) -> Iterator[Running]:
    with running(place / "vault", *NAMES) as started:
        yield started


@pytest.fixture(scope="module")
def names() -> Iterator[str]:
    return iter(NAMES)


@pytest.fixture(scope="module")
def anna(service: Running, names: Iterator[str], place: Path) -> Person:
    """Somebody who registered by the command, with what a registration costs by default."""
    person = Person(service, next(names))
    token, key, password = (place / name for name in ("token", "key", "password"))
    for path, text in ((token, service.tokens[person.name]), (key, digits(person)), (password, PASSWORD)):
        path.write_text(text + "\n")
        path.chmod(0o600)
    named = ("--vault", service.url, "--user", person.name, "--token-file", token, "--fingerprint", service.fingerprint)
    places = {f"CHATSEAL_{name}_DIR": str(place / name) for name in ("STATE", "CACHE", "CONFIG")}
    ended = started("vault", "register", *named, "--key-file", key, "--password-file", password, env=environment(**places))
    assert ended.code == 0, ended.err
    return person


@pytest.fixture
def person(service: Running, names: Iterator[str]) -> Person:
    made = Person(service, next(names))
    register(made)
    return made


@pytest.fixture(scope="module")
def identity(service: Running) -> ServiceIdentity:
    """The service's own key: of a vault that is not honest, its answers are signed all the same."""
    with service.files.keeper() as keeper:
        return keeper.identity


@pytest.fixture
def gateway(service: Running, identity: ServiceIdentity) -> Iterator[Gateway]:
    with Gateway(service).open() as started:
        started.always = changed("status", partial(ask_for, COST.memory, COST.passes, COST.lanes), identity)
        yield started


def digits(person: Person) -> str:
    return BackupKey(person.secret).digits


def enter(tab: Tab, url: str, person: Person, token: str | None = None) -> None:
    """Account and token, up to the button."""
    tab.open(url)
    tab.until("document.querySelectorAll('#fingerprint span').length === 8")
    tab.type("name", person.name)
    tab.type("token", person.service.tokens[person.name] if token is None else token)
    tab.run("document.querySelector('#account button').click()")


def guess(tab: Tab, password: str) -> None:
    tab.shown("password-form")
    tab.type("password", password)
    tab.press("recover")


def trouble(tab: Tab, name: str) -> str:
    tab.shown("trouble")
    if name not in pictured:  # drawing one takes longer than the rest
        tab.picture(PICTURES / f"{name}.png", is_whole=False)
        pictured.add(name)
    assert tab.run("document.activeElement.id") == "trouble"
    return tab.text("trouble")


def ask_for(memory: int, passes: int, lanes: int, members: dict[str, Any]) -> None:
    """In a status: this cost of the stretching, and no wait."""
    if members["record"]:
        members["record"].update(stretch={"memory": memory, "passes": passes, "lanes": lanes}, wait=0)


def refused(operation: str, reason: Any, wait: int, identity: ServiceIdentity) -> Change:
    def edit(passed: Passed) -> None:
        if passed.operation == operation:
            passed.status, passed.body = 409, encode(Refusal(reason=reason, wait=wait))
            passed.sign(identity)

    return edit


@pytest.mark.parametrize(("look", "screen", "is_dark"), [("phone", PHONE, False), ("desk", DESK, False), ("dark", PHONE, True)])
def test_the_password_gives_the_64_digits_back(
    chromium: Chromium,
    service: Running,
    gateway: Gateway,
    anna: Person,
    person: Person,
    place: Path,
    look: str,
    screen: tuple[int, int, int, bool],
    is_dark: bool,
) -> None:
    is_real = look == "phone"  # the others are about looks
    url, person = (service.url, anna) if is_real else (gateway.url, person)
    with chromium.tab(screen, is_dark=is_dark) as tab:
        tab.open(url)
        tab.until("document.querySelectorAll('#fingerprint span').length === 8")
        assert tab.text("fingerprint").split() == service.fingerprint.split("-")
        assert tab.run("document.documentElement.scrollWidth <= innerWidth")
        tab.picture(PICTURES / f"{look}-1-start.png")
        enter(tab, url, person)
        tab.shown("password-form")
        assert "10 of 10 guesses left" in tab.text("guesses-said")
        assert tab.run("document.getElementById('token').value") == ""
        tab.picture(PICTURES / f"{look}-2-password.png")
        guess(tab, PASSWORD)
        tab.shown("work")
        tab.picture(PICTURES / f"{look}-3-work.png")
        assert tab.run("document.getElementById('password').value") == ""
        tab.shown("found")
        assert tab.run("document.activeElement.id") == "found-title"
        assert digits(person).split()[0] not in tab.run("document.documentElement.outerHTML")  # until asked for
        tab.picture(PICTURES / f"{look}-4-found.png")
        tab.press("digits-show")
        assert tab.text("digits").split() == digits(person).split()
        assert tab.run("document.documentElement.scrollWidth <= innerWidth")
        tab.picture(PICTURES / f"{look}-5-digits.png")
        tab.press("digits-show")
        assert digits(person).split()[0] not in tab.run("document.documentElement.outerHTML")
        if is_real:
            take_away(chromium, tab, person, place / "downloads")
        tab.press("done")
        tab.shown("account")
        assert digits(person).split()[0] not in tab.run("document.documentElement.outerHTML")


def take_away(chromium: Chromium, tab: Tab, person: Person, folder: Path) -> None:
    """Copy, and the key file."""
    chromium.call("Browser.grantPermissions", browserContextId=tab.context, permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    tab.press("digits-copy")
    tab.until("document.getElementById('found-said').innerText.startsWith('Copied')")
    assert tab.run("navigator.clipboard.readText()") == digits(person)
    folder.mkdir()
    chromium.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder), browserContextId=tab.context)
    tab.press("digits-save")
    until = time.monotonic() + 10
    while not (file := folder / "backup.key").exists():
        assert time.monotonic() < until
        tab.run("0")
        time.sleep(0.05)
    assert bytes(BackupKey.from_digits("".join(file.read_text().splitlines()[1:])).secret) == person.secret


def test_a_wrong_password_is_said_with_the_guesses_that_are_left(chromium: Chromium, service: Running, person: Person) -> None:
    with chromium.tab() as tab:
        enter(tab, service.url, person)
        guess(tab, WRONG)
        said = trouble(tab, "wrong-password")
        assert "This password is wrong" in said
        assert "9 guesses are left" in said
        tab.press("trouble-again")
        guess(tab, PASSWORD)
        tab.shown("found")
        assert "1 wrong guess" in tab.text("before")
        tab.press("digits-show")
        assert tab.text("digits").split() == digits(person).split()


def test_failures_before_are_shown_before_a_guess_and_the_next_one_waits(chromium: Chromium, service: Running, person: Person) -> None:
    for _ in range(4):
        assert person.guess_wrong() == "wrong"
    with chromium.tab() as tab:
        enter(tab, service.url, person)
        tab.shown("password-form")
        assert "6 of 10 guesses left" in tab.text("guesses-said")
        assert "4 guesses failed since the last success, all from the same place" in tab.text("failures")
        assert tab.run("document.getElementById('recover').disabled")
        assert "The next guess in" in tab.text("recover")
        tab.picture(PICTURES / "failures.png")


def test_a_destroyed_record_and_an_account_without_one_are_told_apart(
    chromium: Chromium, service: Running, gateway: Gateway, anna: Person, names: Iterator[str], identity: ServiceIdentity
) -> None:
    with chromium.tab() as tab:
        enter(tab, service.url, Person(service, next(names)))
        assert "no record of this account" in trouble(tab, "no-record")
        tombstone = {"reason": "limit", "time": 1_780_000_000, "until": 1_790_000_000}
        gateway.change = changed("status", lambda members: members.update(record=None, tombstone=tombstone), identity)
    with chromium.tab() as tab:
        enter(tab, gateway.url, anna)
        said = trouble(tab, "destroyed")
        assert "All guesses were used up" in said
        assert "Use the 64 digits" in said


def test_a_wrong_token_is_said_in_words(chromium: Chromium, service: Running, anna: Person) -> None:
    with chromium.tab() as tab:
        enter(tab, service.url, anna, "x" * 40)
        assert "Account and token do not match" in trouble(tab, "wrong-token")
        tab.press("trouble-again")
        enter(tab, service.url, anna, "two words")
        assert "That is no access token" in trouble(tab, "no-token")


def test_a_vault_that_is_gone_is_said_in_words(chromium: Chromium, gateway: Gateway, person: Person) -> None:
    def gone(passed: Passed) -> None:
        raise ConnectionError

    def proxy(passed: Passed) -> None:
        passed.status, passed.body, passed.signature = 502, b"Bad Gateway", ""

    with chromium.tab() as tab:
        for change in (gone, proxy):
            gateway.change = honest
            enter(tab, gateway.url, person)
            tab.shown("password-form")
            gateway.change = change
            guess(tab, PASSWORD)
            assert "The vault does not answer" in trouble(tab, "unreachable")


def only(operation: str, change: Change) -> Change:
    return lambda passed: change(passed) if passed.operation == operation else None


def no_signature(passed: Passed) -> None:
    passed.signature = ""


def signed_by_another(passed: Passed) -> None:
    passed.sign(ServiceIdentity(b"\x09" * 32))


def signed_for_another(passed: Passed) -> None:
    passed.body += b" "


def test_an_answer_that_the_vault_did_not_sign_is_not_looked_into(chromium: Chromium, gateway: Gateway, person: Person) -> None:
    with chromium.tab() as tab:
        for operation, change in (
            ("service", signed_by_another),
            ("status", no_signature),
            ("login/start", signed_for_another),
            ("login/finish", signed_by_another),
        ):
            gateway.change = only(operation, change)
            if operation == "service":
                tab.open(gateway.url)
            else:
                enter(tab, gateway.url, person)
            if operation.startswith("login"):
                guess(tab, PASSWORD)
            assert "This answer is not the vault’s" in trouble(tab, "unsigned")


def test_a_vault_that_asks_for_too_cheap_or_too_dear_a_stretching_gets_no_password(
    chromium: Chromium, gateway: Gateway, person: Person, identity: ServiceIdentity
) -> None:
    with chromium.tab() as tab:
        for cost in (
            (1024, 1, 1),
            (64 << 10, 2, 1),
            (4 << 20, 1, 1),
            (512 << 10, 8, 1),
        ):
            gateway.always = changed("status", partial(ask_for, *cost), identity)
            enter(tab, gateway.url, person)
            assert "something it must not" in trouble(tab, "cost")


def test_a_vault_with_another_fingerprint_gets_neither_token_nor_password(chromium: Chromium, service: Running, anna: Person) -> None:
    with chromium.tab() as tab:
        tab.open(service.url)
        tab.until("document.querySelectorAll('#fingerprint span').length === 8")
        tab.run("document.getElementById('compare').open = true")
        tab.type("expected", ServiceIdentity(bytes(32)).public.shown)
        assert "This is another vault" in tab.text("expected-said")
        tab.picture(PICTURES / "fingerprint.png", is_whole=False)
        tab.type("name", anna.name)
        tab.type("token", service.tokens[anna.name])
        tab.run("document.querySelector('#account button').click()")
        assert "This is another vault" in trouble(tab, "another-vault")
        assert not [url for url in tab.requests if url.endswith("/status")]
        tab.open(service.url)
        tab.until("document.querySelectorAll('#fingerprint span').length === 8")
        tab.run("document.getElementById('compare').open = true")
        tab.type("expected", service.fingerprint.upper().replace("-", " "))
        assert "It is the same vault" in tab.text("expected-said")


def test_a_refusal_is_said_in_words(chromium: Chromium, gateway: Gateway, person: Person, identity: ServiceIdentity) -> None:
    with chromium.tab() as tab:
        enter(tab, gateway.url, person)
        for operation, reason, words in (
            ("login/finish", "expired", "That took too long"),
            ("login/start", "destroyed", "This record is destroyed"),
            ("login/start", "spent", "There is no guess left"),
            ("login/start", "wait", "In 5 minutes"),
        ):
            gateway.change = refused(operation, reason, 300 if reason == "wait" else 0, identity)
            guess(tab, PASSWORD)
            assert words in trouble(tab, f"refused-{reason}")
            tab.press("trouble-again")


def test_a_vault_that_speaks_of_another_generation_gets_no_proof_and_gives_no_digits(
    chromium: Chromium, gateway: Gateway, person: Person, identity: ServiceIdentity
) -> None:
    with chromium.tab() as tab:
        for operation in ("login/start", "login/finish"):
            gateway.change = changed(operation, lambda members: members.update(generation=members["generation"] - 1 or 7), identity)
            enter(tab, gateway.url, person)
            guess(tab, PASSWORD)
            assert "The vault contradicts itself" in trouble(tab, "generation")
            assert (operation == "login/start") == (not [url for url in tab.requests if url.endswith("/login/finish")])


def test_a_vault_that_gives_another_wrapped_key_is_found_out(
    chromium: Chromium, gateway: Gateway, person: Person, identity: ServiceIdentity
) -> None:
    def other(members: dict[str, Any]) -> None:
        members["wrapped"] = "A" + members["wrapped"][1:] if members["wrapped"][0] != "A" else "B" + members["wrapped"][1:]

    gateway.change = changed("login/finish", other, identity)
    with chromium.tab() as tab:
        enter(tab, gateway.url, person)
        guess(tab, PASSWORD)
        assert "The vault gave another key" in trouble(tab, "wrapped")


def test_an_answer_too_long_or_with_scripts_in_it_changes_nothing(
    chromium: Chromium, gateway: Gateway, person: Person, identity: ServiceIdentity
) -> None:
    def long(passed: Passed) -> None:
        passed.body = passed.body + b" " * 4096
        passed.sign(identity)

    def scripted(passed: Passed) -> None:
        passed.body = b'{"answer":"refusal","reason":"<img src=x onerror=alert(1)>","wait":0}'
        passed.sign(identity)

    with chromium.tab() as tab:
        for change in (long, scripted):
            gateway.change = only("status", change)
            enter(tab, gateway.url, person)
            assert "makes no sense" in trouble(tab, "no-sense")


def test_a_page_that_is_not_built_says_so(chromium: Chromium, service: Running, place: Path) -> None:
    folder = place / "unbuilt"
    folder.mkdir()
    for file in (ROOT / "engine/chatseal/vault/service/page").iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    with Gateway(service, folder).open() as gateway, chromium.tab() as tab:
        tab.open(gateway.url)
        tab.shown("trouble")
        assert "This page is not built" in tab.text("trouble")


def test_every_field_has_a_label_and_remembers_nothing(chromium: Chromium, service: Running) -> None:
    with chromium.tab() as tab:
        tab.open(service.url)
        tab.until("document.querySelectorAll('#fingerprint span').length === 8")
        assert tab.run("[...document.querySelectorAll('input')].every(input => input.labels.length === 1 && input.autocomplete === 'off')")
        assert tab.run("[...document.querySelectorAll('button')].every(button => button.innerText || button.hidden || button.textContent)")
        assert tab.run("document.querySelectorAll('script:not([src]), style, [style]').length") == 0
