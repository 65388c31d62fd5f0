"""The browser's OPAQUE and ours, in both directions: a record made by one opens with the other."""

from collections.abc import Iterator

import pytest

from chatseal.errors import VaultPasswordError
from chatseal.keys.secret import Secret
from chatseal.vault.pake import FIXED_POINT, ClientRegistration, check_upload
from vault.browser import STRETCHING, Browser, needs_browser
from vault.halves import OPRF, PRIVATE, RECORD, RIGHT, WRONG, our_login, our_server, registered

pytestmark = needs_browser

SETUP = OPRF + PRIVATE + FIXED_POINT


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as started:
        yield started


def register_in_browser(browser: Browser) -> tuple[bytes, bytes]:
    begun = browser.ask("client.startRegistration", password=RIGHT.hex())
    made = browser.ask(
        "client.finishRegistration",
        password=RIGHT.hex(),
        registrationResponse=our_server().respond(begun["registrationRequest"]),
        clientRegistrationState=begun["clientRegistrationState"],
        keyStretching=STRETCHING,
    )
    check_upload(made["registrationRecord"])
    return made["registrationRecord"], made["exportKey"]


def log_in_browser(browser: Browser, upload: bytes, password: bytes) -> bytes | None:
    """With our server. The export key, if the server believed it."""
    begun = browser.ask("client.startLogin", password=password.hex())
    ke2, waiting = our_server().login(begun["startLoginRequest"], upload)
    ended = browser.call(
        "client.finishLogin",
        password=password.hex(),
        clientLoginState=begun["clientLoginState"],
        loginResponse=ke2,
        keyStretching=STRETCHING,
    )
    if ended is None:
        return None
    waiting.finish(ended["finishLoginRequest"])
    return ended["exportKey"]


def log_in_here(browser: Browser, upload: bytes) -> bytes:
    """With the browser's package as the server."""
    login = our_login()
    answer = browser.ask(
        "server.startLogin", serverSetup=SETUP, registrationRecord=upload, startLoginRequest=login.ke1, userIdentifier=RECORD.hex()
    )
    ke3, export_key = login.finish(answer["loginResponse"])
    assert browser.ask("server.finishLogin", serverLoginState=answer["serverLoginState"], finishLoginRequest=ke3)["sessionKey"]
    return bytes(export_key.view)


def test_a_browser_opens_what_was_registered_here(browser: Browser) -> None:
    upload, export_key = registered()
    assert log_in_browser(browser, upload, RIGHT) == export_key


def test_what_a_browser_registered_opens_here_and_there(browser: Browser) -> None:
    upload, export_key = register_in_browser(browser)
    login = our_login()
    ke2, waiting = our_server().login(login.ke1, upload)
    ke3, found = login.finish(ke2)
    waiting.finish(ke3)
    assert found.view == export_key
    assert log_in_browser(browser, upload, RIGHT) == export_key


def test_a_wrong_password_in_a_browser_opens_nothing(browser: Browser) -> None:
    assert log_in_browser(browser, registered()[0], WRONG) is None


def test_the_browsers_server_answers_our_client(browser: Browser) -> None:
    client = ClientRegistration(Secret(RIGHT))
    answer = browser.ask(
        "server.createRegistrationResponse", serverSetup=SETUP, userIdentifier=RECORD.hex(), registrationRequest=client.request
    )
    upload, export_key = client.finish(answer["registrationResponse"])
    assert log_in_here(browser, upload) == export_key.view
    assert log_in_browser(browser, upload, RIGHT) == bytes(export_key.view)


def test_our_client_takes_no_record_of_the_browsers_server_for_a_right_password(browser: Browser) -> None:
    login = our_login()
    answer = browser.ask(
        "server.startLogin", serverSetup=SETUP, registrationRecord=None, startLoginRequest=login.ke1, userIdentifier=RECORD.hex()
    )
    with pytest.raises(VaultPasswordError):
        login.finish(answer["loginResponse"])
