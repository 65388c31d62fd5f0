"""What the service keeps in memory is bounded, and each piece of it serves whom it was made for."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from chatseal.errors import VaultRefusedError
from chatseal.vault.attempts import SECONDS, Attempts
from chatseal.vault.keeper import place as place_of
from chatseal.vault.pake import ServerLogin
from chatseal.vault.rates import Limit, Rates
from chatseal.vault.service import pages
from chatseal.vault.service.app import is_loopback
from chatseal.vault.tickets import LENGTH, LIFE_MS, Tickets
from chatseal.vault.token import FileToken
from vault.halves import our_login, our_server, registered

ACCOUNT, OTHER, RECORD = b"\1" * 32, b"\2" * 32, b"\3" * 16


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def a_login() -> ServerLogin:
    return our_server().login(our_login().ke1, registered()[0])[1]


def test_an_attempt_is_taken_once_by_its_account_within_its_minute() -> None:
    clock = Clock()
    attempts, login = Attempts(clock=clock), a_login()
    attempts.put(b"a", ACCOUNT, login)
    assert attempts.take(b"a", OTHER) is None
    assert attempts.take(b"b", ACCOUNT) is None
    assert attempts.take(b"a", ACCOUNT) is login
    assert attempts.take(b"a", ACCOUNT) is None
    attempts.put(b"a", ACCOUNT, login)
    clock.now += SECONDS
    assert attempts.take(b"a", ACCOUNT) is None
    assert len(attempts) == 0


def test_of_too_many_attempts_the_oldest_gives_way() -> None:
    attempts, login = Attempts(most=3), a_login()
    for number in range(5):
        attempts.put(bytes([number]), ACCOUNT, login)
    assert [attempts.take(bytes([number]), ACCOUNT) is login for number in range(5)] == [False, False, True, True, True]


@given(
    minute=some.integers(1, 1000),
    burst=some.integers(1, 50),
    steps=some.lists(some.floats(0, 30), min_size=1, max_size=200),
)
def test_no_more_pass_than_the_limit_allows_in_any_time(minute: int, burst: int, steps: list[float]) -> None:
    clock = Clock()
    rates, passed = Rates(Limit(minute, burst), clock=clock), []
    for step in steps:
        clock.now += step
        wait = rates.wait(b"somebody")
        if wait == 0:
            passed.append(clock.now)
        else:
            clock.now += wait  # and who waits as long as he is told passes
            assert rates.wait(b"somebody") == 0
            passed.append(clock.now)
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            assert last - first + 1 <= burst + (passed[last] - passed[first]) * minute / 60 + 1e-6


def test_rates_remember_so_many_and_a_stranger_costs_nobody_his_own() -> None:
    rates = Rates(Limit(1, 1), most=100)
    for number in range(1000):
        assert rates.wait(str(number).encode()) == 0
    assert len(rates) == 100
    assert rates.wait(b"999") > 0
    assert rates.wait(b"998") > 0


def test_a_ticket_serves_its_registration_alone(place: Path) -> None:
    token = FileToken.create(place / "token")
    tickets, salt = Tickets(token), b"\7" * 32
    ticket = tickets.write(salt, ACCOUNT, RECORD, 5, 1_000_000)
    assert len(ticket) == LENGTH
    assert tickets.read(ticket, ACCOUNT, RECORD, 5, 1_000_000 + LIFE_MS - 1) == salt
    wrong = [
        (ticket, OTHER, RECORD, 5, 1_000_000),
        (ticket, ACCOUNT, bytes(16), 5, 1_000_000),
        (ticket, ACCOUNT, RECORD, 6, 1_000_000),
        (ticket[:-1], ACCOUNT, RECORD, 5, 1_000_000),
        (b"", ACCOUNT, RECORD, 5, 1_000_000),
        *((ticket[:at] + bytes([ticket[at] ^ 1]) + ticket[at + 1 :], ACCOUNT, RECORD, 5, 1_000_000) for at in range(LENGTH)),
    ]
    for asked in wrong:
        with pytest.raises(VaultRefusedError) as refused:
            tickets.read(*asked)
        assert refused.value.reason == "no-attempt"
    for now in (1_000_000 + LIFE_MS, 999_999):
        with pytest.raises(VaultRefusedError) as refused:
            tickets.read(ticket, ACCOUNT, RECORD, 5, now)
        assert refused.value.reason == "expired"
    token.new_epoch()
    assert tickets.read(ticket, ACCOUNT, RECORD, 5, 1_000_000) == salt
    token.drop_epoch(1)
    with pytest.raises(VaultRefusedError):
        tickets.read(ticket, ACCOUNT, RECORD, 5, 1_000_000)


@pytest.mark.parametrize(
    ("address", "where"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("", "unknown"),
        ("x" * 5000, "unknown"),
    ],
)
def test_a_network_of_ipv6_is_one_place(address: str, where: str) -> None:
    assert place_of(address) == where


def test_this_machine_alone_is_known() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "localhost", "::ffff:127.0.0.1")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.0.2.7", "::ffff:192.0.2.7", "", "localhost.example")))


def test_the_page_is_its_folder_and_nothing_beside_it(place: Path) -> None:
    folder = place / "page"
    (folder / "parts").mkdir(parents=True)
    (place / "secret.txt").write_text("no")
    for name in ("index.html", "parts/opaque.wasm", "parts/main.js", ".hidden.html", "notes", "x.py"):
        (folder / name).write_text(name)
    (folder / "link.txt").symlink_to(place / "secret.txt")
    found = pages.found(folder)
    assert set(found) == {"/", "/index.html", "/parts/opaque.wasm", "/parts/main.js"}
    assert found["/"].body == b"index.html"
    assert found["/parts/opaque.wasm"].media_type == "application/wasm"
    policy = found["/"].headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy
    assert "Strict-Transport-Security" not in found["/"].headers
    assert "Strict-Transport-Security" in pages.found(folder, is_secure=True)["/"].headers
    assert pages.found(place / "missing") == {}
