"""The service's identity: the fingerprint that people compare, and answers that nobody else can give."""

import base64
import hashlib
import pickle

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from chatseal.errors import KeyFormatError, VaultSignatureError
from chatseal.vault.identity import ServiceIdentity, ServiceKey

SEED = bytes(range(32))
SERVICE, OTHER = ServiceIdentity(SEED), ServiceIdentity(b"\1" * 32)


def test_key_fingerprint_and_signature_are_what_the_document_says() -> None:
    key = Ed25519PrivateKey.from_private_bytes(SEED)
    public = key.public_key().public_bytes_raw()
    assert bytes(SERVICE.public) == public
    fingerprint = hashlib.sha256(b"chatseal/v1 vault fingerprint\0" + public).digest()
    assert SERVICE.public.fingerprint == fingerprint
    assert SERVICE.public.shown.replace("-", "") == base64.b32encode(fingerprint[:20]).decode().lower()
    said = b"chatseal/v1 vault answer\0\x06status" + hashlib.sha256(b"ask").digest() + hashlib.sha256(b"answer").digest()
    assert SERVICE.sign("status", b"ask", b"answer") == key.sign(said)


def test_a_token_gives_the_seed() -> None:
    assert ServiceIdentity.from_mac(SEED + bytes(32)).public == SERVICE.public
    with pytest.raises(ValueError):
        ServiceIdentity.from_mac(SEED)


def test_an_answer_is_the_services_own_to_this_request_and_no_other() -> None:
    made = SERVICE.sign("status", b"ask", b"answer")
    SERVICE.public.verify(made, "status", b"ask", b"answer")
    for public, signature, operation, request, answer in (
        (OTHER.public, made, "status", b"ask", b"answer"),
        (SERVICE.public, OTHER.sign("status", b"ask", b"answer"), "status", b"ask", b"answer"),
        (SERVICE.public, made, "delete", b"ask", b"answer"),
        (SERVICE.public, made, "status", b"ask again", b"answer"),
        (SERVICE.public, made, "status", b"ask", b"another"),
        (SERVICE.public, made, "status", b"answer", b"ask"),
        (SERVICE.public, made[:-1], "status", b"ask", b"answer"),
        (SERVICE.public, b"", "status", b"ask", b"answer"),
        (SERVICE.public, bytes(64), "status", b"ask", b"answer"),
    ):
        with pytest.raises(VaultSignatureError):
            public.verify(signature, operation, request, answer)


@given(at=st.integers(0, 63), flip=st.integers(1, 255))
def test_a_signature_with_any_byte_changed_is_refused(at: int, flip: int) -> None:
    made = bytearray(SERVICE.sign("status", b"ask", b"answer"))
    made[at] ^= flip
    with pytest.raises(VaultSignatureError):
        SERVICE.public.verify(bytes(made), "status", b"ask", b"answer")


def test_a_fingerprint_is_typed_in_any_grouping_and_case() -> None:
    shown = SERVICE.public.shown
    assert [len(group) for group in shown.split("-")] == [4] * 8
    for text in (shown, shown.upper(), shown.replace("-", ""), shown.replace("-", " "), f" {shown}\n"):
        SERVICE.public.check_shown(text)
    with pytest.raises(VaultSignatureError):
        SERVICE.public.check_shown(OTHER.public.shown)
    for text in ("", shown[:-1], shown + "a", "0" + shown[1:], "ſ" + shown[1:], shown.replace("-", "_")):
        with pytest.raises(KeyFormatError):
            SERVICE.public.check_shown(text)


def test_the_public_half_shows_its_fingerprint_and_the_private_half_nothing() -> None:
    assert repr(SERVICE.public) == f"ServiceKey({SERVICE.public.shown})"
    assert repr(SERVICE) == "ServiceIdentity(...)"
    assert {ServiceKey(bytes(SERVICE.public)), SERVICE.public} == {SERVICE.public}
    with pytest.raises(TypeError):
        pickle.dumps(SERVICE)
    with pytest.raises(KeyFormatError):
        ServiceKey(bytes(31))
