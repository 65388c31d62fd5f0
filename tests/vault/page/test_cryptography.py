"""What the page computes, against what the client in Python computes."""

import secrets

import pytest
from cryptography.cobblestone import Cobblestone256Encryptor

from chatseal.errors import VaultMessageError
from chatseal.keys.password import Password
from chatseal.keys.secret import Secret
from chatseal.vault.identity import ServiceIdentity
from chatseal.vault.stretch import Stretch, stretched
from chatseal.vault.wrapping import wrap
from vault.halves import RIGHT, WRONG, our_server, registered
from vault.page.built import needs_node
from vault.page.scripts import PageError, Scripts

pytestmark = needs_node

RECORD = bytes(range(16))
CHEAP = Stretch(memory=19 << 10, passes=1)
IDENTITY = ServiceIdentity(b"\x07" * 32)


def cobblestone(key: bytes, context: bytes, plain: bytes) -> bytes:
    message = Cobblestone256Encryptor(key, context)
    return message.update(plain) + message.finalize()


@pytest.mark.parametrize("length", [0, 1, 15, 16, 31, 32, 33, 16383])
def test_a_message_of_one_record_opens(scripts: Scripts, length: int) -> None:
    key, context, plain = secrets.token_bytes(32), secrets.token_bytes(length % 100), secrets.token_bytes(length)
    assert scripts.call("cobblestone", "open", key, context, cobblestone(key, context, plain)) == plain


def test_a_message_of_another_key_or_context_or_with_a_changed_bit_does_not_open(scripts: Scripts) -> None:
    key, context = secrets.token_bytes(32), b"context"
    message = cobblestone(key, context, bytes(32))
    assert scripts.call("cobblestone", "open", WRONG, context, message) is None
    assert scripts.call("cobblestone", "open", key, b"contexu", message) is None
    for at in range(len(message)):
        changed = bytearray(message)
        changed[at] ^= 1
        assert scripts.call("cobblestone", "open", key, context, bytes(changed)) is None
    for length in (0, 55, 56, 71, 72, 103):
        assert scripts.call("cobblestone", "open", key, context, message[:length]) is None
    assert scripts.call("cobblestone", "open", key, context, message + b"\0") is None


def test_a_message_of_two_records_is_not_taken(scripts: Scripts) -> None:
    assert scripts.call("cobblestone", "open", RIGHT, b"", cobblestone(RIGHT, b"", bytes(16384))) is None


def test_the_secret_is_unwrapped_for_its_service_and_record_alone(scripts: Scripts) -> None:
    secret, export_key, service = secrets.token_bytes(32), secrets.token_bytes(64), IDENTITY.public.fingerprint
    wrapped = wrap(memoryview(secret), Secret(export_key), service=service, record_id=RECORD)
    assert scripts.call("wrapping", "unwrap", wrapped, export_key, service, RECORD) == secret
    for other in (
        (wrapped, export_key, bytes(32), RECORD),
        (wrapped, export_key, service, bytes(16)),
        (wrapped, bytes(64), service, RECORD),
    ):
        with pytest.raises(PageError, match="wrapped"):
            scripts.call("wrapping", "unwrap", *other)


@pytest.mark.parametrize("cost", [CHEAP, Stretch(memory=19457, passes=2, lanes=3), Stretch(memory=(24 << 10) + 5, passes=1, lanes=4)])
@pytest.mark.parametrize("typed", ["correct horse", "ﬁve Å ǆ ①", "ключ🔑", " x "])
def test_a_password_is_stretched_to_the_same_bytes(scripts: Scripts, typed: str, cost: Stretch) -> None:
    given = {"memory": cost.memory, "passes": cost.passes, "lanes": cost.lanes}
    data = scripts.call("stretch", "passwordBytes", typed)
    assert scripts.call("stretch", "stretched", data, RECORD, given) == stretched(Password(typed), RECORD, cost).view


@pytest.mark.soak
@pytest.mark.parametrize("cost", [Stretch(memory=512 << 10, passes=4, lanes=1), Stretch(memory=256 << 10, passes=8, lanes=4)])
def test_the_dearest_stretching_is_computed_too(scripts: Scripts, cost: Stretch) -> None:
    given = {"memory": cost.memory, "passes": cost.passes, "lanes": cost.lanes}
    assert scripts.call("stretch", "stretched", b"x", RECORD, given) == stretched(Password("x"), RECORD, cost).view


@pytest.mark.parametrize(
    ("memory", "passes", "lanes"),
    [
        ((19 << 10) - 1, 1, 1),
        ((512 << 10) + 1, 1, 1),
        (19 << 10, 0, 1),
        (19 << 10, 9, 1),
        (19 << 10, 1, 0),
        (19 << 10, 1, 5),
        (512 << 10, 5, 1),
        (2**31, 1, 1),
        (19457.5, 1, 1),
    ],
)
def test_a_cost_outside_the_limits_allocates_nothing(scripts: Scripts, memory: float, passes: int, lanes: int) -> None:
    with pytest.raises(PageError, match="cost"):
        scripts.call("stretch", "stretched", b"x", RECORD, {"memory": memory, "passes": passes, "lanes": lanes})


@pytest.mark.parametrize(
    ("memory", "passes", "is_taken"),
    [
        (64 << 10, 3, True),
        (96 << 10, 2, True),
        (64 << 10, 2, False),
        ((64 << 10) - 1, 4, False),
        (192 << 10, 1, True),
        (191 << 10, 1, False),
    ],
)
def test_a_record_that_is_cheaper_than_any_registration_gets_no_guess(scripts: Scripts, memory: int, passes: int, is_taken: bool) -> None:
    cost = {"memory": memory, "passes": passes, "lanes": 1}
    if is_taken:
        Stretch(**cost).check_registration()
        scripts.call("stretch", "checkRegistered", cost)
        return
    with pytest.raises(VaultMessageError):
        Stretch(**cost).check_registration()
    with pytest.raises(PageError, match="cost"):
        scripts.call("stretch", "checkRegistered", cost)


@pytest.mark.parametrize("typed", ["x" * 1024, "ﬃ" * 341, "é" * 512])
def test_a_password_of_1024_bytes_is_one(scripts: Scripts, typed: str) -> None:
    Password(typed)
    assert len(scripts.call("stretch", "passwordBytes", typed)) <= 1024


@pytest.mark.parametrize(
    ("typed", "reason"),
    [("", "empty"), ("x" * 1025, "too-long"), ("ﬃ" * 342, "too-long"), ("\ud800", "not-unicode"), ("a\udc00b", "not-unicode")],
)
def test_what_is_no_password_here_is_none_there(scripts: Scripts, typed: str, reason: str) -> None:
    with pytest.raises(PageError, match=reason):
        scripts.call("stretch", "passwordBytes", typed)


def test_a_login_opens_what_python_registered(scripts: Scripts) -> None:
    upload, export_key = registered()
    ke2, waiting = our_server().login(scripts.call("own", "begin", RIGHT), upload)
    found = scripts.call("own", "finish", ke2)
    waiting.finish(found["ke3"])
    assert found["exportKey"] == export_key


def test_a_login_with_a_wrong_password_or_other_bytes_opens_nothing(scripts: Scripts) -> None:
    upload, _ = registered()
    ke2, _ = our_server().login(scripts.call("own", "begin", WRONG), upload)
    with pytest.raises(PageError, match="password"):
        scripts.call("own", "finish", ke2)
    scripts.call("own", "begin", RIGHT)
    with pytest.raises(PageError, match="message"):
        scripts.call("own", "finish", b"\xff" * 320)


def test_the_fingerprint_is_the_same_for_people_and_for_keys(scripts: Scripts) -> None:
    for seed in range(5):
        public = ServiceIdentity(bytes([seed]) * 32).public
        assert "-".join(scripts.call("own", "shown", bytes(public))) == public.shown
        assert scripts.call("own", "fingerprint", bytes(public)) == public.fingerprint


def test_a_fingerprint_is_compared_however_it_is_grouped(scripts: Scripts) -> None:
    public = IDENTITY.public
    for text in (public.shown, public.shown.upper(), public.shown.replace("-", " "), public.shown.replace("-", ""), f" {public.shown}\n"):
        scripts.call("own", "checkShown", bytes(public), text)
    with pytest.raises(PageError, match=r"^fingerprint$"):
        scripts.call("own", "checkShown", bytes(public), ServiceIdentity(bytes(32)).public.shown)
    for text in ("", public.shown[:-1], public.shown + "a", public.shown[:-1] + "1"):
        with pytest.raises(PageError, match="not-a-fingerprint"):
            scripts.call("own", "checkShown", bytes(public), text)


@pytest.mark.parametrize("has_ed25519", [True, False])
def test_an_answer_with_its_signature_is_taken_and_no_other(scripts: Scripts, has_ed25519: bool) -> None:
    if not has_ed25519:
        scripts.call("own", "withoutEd25519")  # from here on: it is the last test of signatures
    key, request, answer = bytes(IDENTITY.public), b'{"ask":1}', b'{"answer":1}'
    signature = IDENTITY.sign("login/start", request, answer)
    scripts.call("own", "verify", key, signature, "login/start", request, answer)
    other = ServiceIdentity(bytes(32))
    for given in (
        (key, signature, "login/finish", request, answer),
        (key, signature, "login/start", request + b" ", answer),
        (key, signature, "login/start", request, answer + b" "),
        (key, signature[:63], "login/start", request, answer),
        (key, bytes(64), "login/start", request, answer),
        (key, other.sign("login/start", request, answer), "login/start", request, answer),
        (bytes(other.public), signature, "login/start", request, answer),
        (b"\xff" * 32, signature, "login/start", request, answer),
    ):
        with pytest.raises(PageError, match="unsigned"):
            scripts.call("own", "verify", *given)
