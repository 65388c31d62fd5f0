"""A vault that lies, and whoever stands before it: what the client notices, and what it then does not do."""

import base64
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from chatseal.errors import ChatsealError, VaultChangedError, VaultMessageError, VaultSignatureError, VaultUnreachableError
from chatseal.keys.password import Password
from chatseal.keys.secret import Secret
from chatseal.vault.client import VaultClient, first_key
from chatseal.vault.identity import ServiceIdentity
from chatseal.vault.pins import Pins, Sight
from chatseal.vault.stretch import Stretch
from vault.client.liar import Liar
from vault.service.person import Told
from vault.service.running import Running

CHEAP = Stretch(64 << 10, 3)
RIGHT = Password("correct horse battery staple")


@pytest.fixture(scope="module")
def registered(service: Running) -> tuple[str, Secret]:
    """An account with a record, for all tests that spend nothing of it."""
    secret = Secret.random(32)
    with VaultClient(service.url, "registered", service.tokens["registered"], service.key) as client:
        client.register(secret.view, RIGHT, stretch=CHEAP)
    return "registered", secret


@pytest.fixture
def name(registered: tuple[str, Secret]) -> str:
    return registered[0]


@pytest.fixture
def secret(registered: tuple[str, Secret], client: VaultClient) -> Secret:
    """What the account has registered; the device has seen it."""
    client.status()
    return registered[1]


@pytest.fixture
def signer(service: Running) -> ServiceIdentity:
    """The service's own key, with which its operator can sign what he likes."""
    with service.files.keeper() as keeper:
        return keeper.identity


def signed(signer: ServiceIdentity, change: Callable[[str, dict[str, object]], None]) -> Callable[[str, bytes, Told], Told]:
    """What the operator makes of the service's answers: *change* is done to their members, and they are signed again."""

    def script(operation: str, body: bytes, told: Told) -> Told:
        members = json.loads(told.body)
        change(operation, members)
        data = json.dumps(members).encode()
        signature = base64.b64encode(signer.sign(operation, body, data)).decode()
        return Told(told.status, {**told.headers, "vault-signature": signature}, data)

    return script


def unchanged_but(**new: object) -> Callable[[str, dict[str, object]], None]:
    def change(operation: str, members: dict[str, object]) -> None:
        if operation == "status":
            members.update(new)

    return change


def spends_nothing(client: VaultClient, liar: Liar, error: type[ChatsealError], match: str | None = None) -> None:
    """A recovery fails so, and no guess is spent on it."""
    liar.seen.clear()
    with pytest.raises(error, match=match):
        client.recover(RIGHT)
    assert "login/start" not in liar.operations


# --- without the service's key ----------------------------------------------------------------------------------------


def test_an_answer_that_is_not_signed_is_not_looked_into(client: VaultClient, liar: Liar, secret: Secret) -> None:
    liar.script = lambda operation, body, told: Told(200, {}, told.body)
    spends_nothing(client, liar, VaultSignatureError, "not signed")


def test_an_answer_with_one_bit_changed_is_not_looked_into(client: VaultClient, liar: Liar, secret: Secret) -> None:
    changed = (b'"guesses_left":10', b'"guesses_left":11')
    liar.script = lambda operation, body, told: Told(told.status, told.headers, told.body.replace(*changed))
    spends_nothing(client, liar, VaultSignatureError)


def test_an_answer_that_was_given_before_does_not_serve_again(client: VaultClient, liar: Liar, secret: Secret) -> None:
    client.status()
    kept = liar.seen[-1][2]
    liar.script = lambda operation, body, told: kept if operation == "status" else told
    spends_nothing(client, liar, VaultSignatureError)


def test_the_answer_to_another_operation_does_not_serve(client: VaultClient, liar: Liar, secret: Secret) -> None:
    def script(operation: str, body: bytes, told: Told) -> Told:
        return liar.seen[0][2] if operation == "status" else told

    client.history()
    liar.seen.sort(key=lambda seen: seen[0] != "history")
    liar.script = script
    with pytest.raises(VaultSignatureError):
        client.status()


def test_a_refusal_that_the_service_did_not_sign_is_none(client: VaultClient, liar: Liar, secret: Secret) -> None:
    refusal = b'{"answer":"refusal","reason":"destroyed","wait":0}'
    liar.script = lambda operation, body, told: Told(409, told.headers, refusal)
    spends_nothing(client, liar, VaultSignatureError)


def test_another_service_under_the_same_url_gets_no_guess(liar: Liar, client: VaultClient, secret: Secret) -> None:
    other = ServiceIdentity(os.urandom(32))
    liar.script = signed(other, lambda operation, members: None)
    spends_nothing(client, liar, VaultSignatureError)


def test_another_service_under_a_known_url_is_not_trusted_instead(liar: Liar, memory: Pins, service: Running) -> None:
    memory.trust(liar.url, service.key)
    other = ServiceIdentity(os.urandom(32)).public
    with pytest.raises(VaultChangedError, match="another signing key"):
        memory.trust(liar.url, other)
    pin = memory.read(liar.url)
    assert pin is not None
    assert pin.service == service.key


@pytest.mark.parametrize("length", [4097, 1 << 20])
def test_an_answer_that_is_too_long_is_read_no_further(client: VaultClient, liar: Liar, secret: Secret, length: int) -> None:
    liar.script = lambda operation, body, told: Told(200, told.headers, told.body.ljust(length))
    spends_nothing(client, liar, VaultMessageError, "longer than the 4096 bytes")


def test_an_answer_that_would_unpack_to_much_is_not_unpacked(client: VaultClient, liar: Liar, secret: Secret) -> None:
    import gzip

    bomb = gzip.compress(bytes(2_000_000))
    assert len(bomb) < 4096
    liar.script = lambda operation, body, told: Told(200, {**told.headers, "content-encoding": "gzip"}, bomb)
    spends_nothing(client, liar, VaultSignatureError)


def test_a_redirection_is_not_followed(client: VaultClient, liar: Liar, secret: Secret) -> None:
    liar.script = lambda operation, body, told: Told(307, {"location": f"{liar.url}elsewhere"}, b"")
    before = len(liar.seen)
    with pytest.raises(VaultSignatureError):
        client.status()
    assert len(liar.seen) == before + 1


def test_a_proxy_that_has_lost_the_vault_is_told_from_an_attack(client: VaultClient, liar: Liar, secret: Secret) -> None:
    liar.script = lambda operation, body, told: Told(502, {"content-type": "text/html"}, b"<h1>Bad Gateway</h1>")
    spends_nothing(client, liar, VaultUnreachableError, "what stands before it")


def test_a_first_key_that_did_not_sign_the_answer_is_not_shown(liar: Liar) -> None:
    other = bytes(ServiceIdentity(os.urandom(32)).public)

    def script(operation: str, body: bytes, told: Told) -> Told:
        members = json.loads(told.body)
        members["key"] = base64.b64encode(other).decode()
        return Told(told.status, told.headers, json.dumps(members).encode())

    liar.script = script
    with pytest.raises(VaultSignatureError):
        first_key(liar.url)


# --- with the service's key: its operator, or whoever put an old copy back ---------------------------------------------


def test_a_vault_that_went_back_a_generation_gets_no_guess(
    client: VaultClient, liar: Liar, secret: Secret, signer: ServiceIdentity
) -> None:
    now = client.recover(RIGHT).generation
    liar.script = signed(signer, unchanged_but(generation=now - 1))
    spends_nothing(client, liar, VaultChangedError, f"generation {now - 1}, and {now} has been there")


def test_a_vault_that_says_no_record_where_there_was_one_is_not_believed(
    client: VaultClient, liar: Liar, secret: Secret, signer: ServiceIdentity
) -> None:
    liar.script = signed(signer, unchanged_but(record=None))
    spends_nothing(client, liar, VaultChangedError, "there is no record, and there was one")
    liar.script = signed(signer, unchanged_but(record=None, generation=0))
    spends_nothing(client, liar, VaultChangedError, "generation 0")


def test_an_audit_chain_that_ends_sooner_or_otherwise_is_noticed(
    client: VaultClient, liar: Liar, secret: Secret, signer: ServiceIdentity, memory: Pins, name: str
) -> None:
    client.status()
    seen = memory.sight(client.url, name)
    assert seen is not None
    shorter = {"index": seen.index - 1, "digest": base64.b64encode(bytes(32)).decode()}
    liar.script = signed(signer, unchanged_but(head=shorter))
    spends_nothing(client, liar, VaultChangedError, "audit chain ends at")
    liar.script = signed(signer, unchanged_but(head={**shorter, "index": seen.index}))
    spends_nothing(client, liar, VaultChangedError, "another event")
    liar.script = signed(signer, lambda operation, members: members.update(head=shorter) if operation == "history" else None)
    with pytest.raises(VaultChangedError, match="audit chain"):
        client.history()


def test_the_database_of_yesterday_is_noticed_by_whoever_was_there_since(tmp_path: Path) -> None:
    from vault.service.running import made, start

    (tmp_path / "vault").mkdir()
    files, tokens = made(tmp_path / "vault", "ada")
    secret, memory = Secret.random(32), Pins(tmp_path / "pins")
    service = start(files, tokens)
    port = service.port
    url = f"http://127.0.0.1:{port}/"
    memory.trust(url, service.key)
    with VaultClient(url, "ada", tokens["ada"], service.key, memory=memory) as client:
        client.register(secret.view, RIGHT, stretch=CHEAP)
        service.stop()
        shutil.copytree(tmp_path / "vault", tmp_path / "yesterday")
        service = start(files, tokens, "--listen", f"127.0.0.1:{port}")
        client.recover(RIGHT)
        service.stop()
        shutil.rmtree(tmp_path / "vault")
        shutil.copytree(tmp_path / "yesterday", tmp_path / "vault")  # the anchor too: the operator cannot know
        service = start(files, tokens, "--listen", f"127.0.0.1:{port}")
        try:
            with pytest.raises(VaultChangedError, match="older state"):
                client.recover(RIGHT)
        finally:
            service.stop()


@pytest.mark.parametrize(
    "stretch",
    [
        {"memory": 19 << 10, "passes": 1, "lanes": 1},  # cheaper than any registration
        {"memory": 1 << 20, "passes": 1, "lanes": 1},  # beyond what a client computes
        {"memory": 512 << 10, "passes": 8, "lanes": 1},
        {"memory": 64 << 10, "passes": 0, "lanes": 1},
    ],
)
def test_stretching_that_no_registration_has_is_not_computed(
    client: VaultClient, liar: Liar, secret: Secret, signer: ServiceIdentity, stretch: dict[str, int]
) -> None:
    def change(operation: str, members: dict[str, object]) -> None:
        if operation == "status":
            members["record"]["stretch"] = stretch  # type: ignore[index]

    liar.script = signed(signer, change)
    spends_nothing(client, liar, (VaultChangedError if stretch["memory"] == 19 << 10 else VaultMessageError))


def test_a_success_without_a_new_generation_is_not_believed(
    client: VaultClient, liar: Liar, secret: Secret, signer: ServiceIdentity
) -> None:
    liar.script = signed(signer, lambda operation, members: members.update(generation=1) if operation == "login/finish" else None)
    with pytest.raises(VaultChangedError, match="after a success"):
        client.recover(RIGHT)


def test_a_key_that_was_not_wrapped_under_the_password_is_refused(
    client: VaultClient, liar: Liar, secret: Secret, signer: ServiceIdentity
) -> None:
    other = base64.b64encode(bytes(104)).decode()
    liar.script = signed(signer, lambda operation, members: members.update(wrapped=other) if operation == "login/finish" else None)
    with pytest.raises(VaultMessageError, match="another record's key"):
        client.recover(RIGHT)


def test_a_history_that_is_out_of_order_or_without_end_is_refused(
    client: VaultClient, liar: Liar, secret: Secret, signer: ServiceIdentity
) -> None:
    def twice(operation: str, members: dict[str, object]) -> None:
        members["events"] = 2 * members["events"]  # type: ignore[operator]

    for change in (twice, lambda operation, members: members.update(events=[], more=True)):
        liar.script = signed(signer, change)
        with pytest.raises(VaultMessageError):
            client.history()


# --- on the device ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 10_000, b'{"url":"x"}', bytes(70_000)])
def test_a_memory_that_makes_no_sense_switches_nothing_off(client: VaultClient, liar: Liar, memory: Pins, data: bytes) -> None:
    memory.path(client.url).write_bytes(data)
    liar.seen.clear()
    with pytest.raises(VaultChangedError, match="cannot be read"):
        client.status()
    assert not liar.seen


def test_a_memory_under_another_vaults_name_is_none_of_this_one(client: VaultClient, memory: Pins, service: Running) -> None:
    memory.trust("https://vault.example/", service.key)
    shutil.copy(memory.path("https://vault.example/"), memory.path(client.url))
    with pytest.raises(VaultChangedError, match="cannot be read"):
        memory.read(client.url)


def test_two_looks_written_down_in_the_wrong_order_leave_the_newer(memory: Pins, service: Running) -> None:
    url = "https://vault.example/"
    memory.trust(url, service.key)
    late = Sight(record_id=bytes(16), generation=5, index=9, digest=bytes(32))
    early = Sight(record_id=None, generation=4, index=8, digest=b"x" * 32)
    for sight in (late, early):
        memory.see(url, "ada", sight)
    assert memory.sight(url, "ada") == late
