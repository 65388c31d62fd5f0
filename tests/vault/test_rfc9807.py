"""The oracle itself, against the three vectors that the authors of RFC 9807 made for ristretto255."""

import json
from pathlib import Path
from typing import Any

import pytest

from vault.rfc9807 import Client, Server, Setting, derive_dh_key_pair, needs_libsodium

pytestmark = needs_libsodium

VECTORS: list[dict[str, dict[str, str]]] = json.loads((Path(__file__).parents[1] / "vectors/opaque.json").read_text("utf-8"))
REAL = [vector for vector in VECTORS if vector["config"]["Fake"] == "False"]
FAKE = [vector for vector in VECTORS if vector["config"]["Fake"] == "True"]


class Bytes:
    """The members of a vector, as bytes; what is not there is empty."""

    def __init__(self, members: dict[str, str]) -> None:
        self._members = members

    def __getattr__(self, name: str) -> bytes:
        return bytes.fromhex(self._members.get(name, ""))


def share(seed: bytes) -> bytes:
    return derive_dh_key_pair(seed)[0]


def parts(vector: dict[str, Any]) -> tuple[Setting, Bytes, Bytes]:
    inputs = Bytes(vector["inputs"])
    context = bytes.fromhex(vector["config"]["Context"])
    return Setting(context=context, client=inputs.client_identity, server=inputs.server_identity), inputs, Bytes(vector["outputs"])


def test_the_vectors_are_the_three_of_ristretto255() -> None:
    assert (len(REAL), len(FAKE)) == (2, 1)


@pytest.mark.parametrize("vector", REAL, ids=["without identities", "with identities"])
def test_registration_and_login_give_the_bytes_of_the_vector(vector: dict[str, Any]) -> None:
    setting, given, wanted = parts(vector)
    client = Client(given.password, setting, scalar=given.blind_registration)
    server = Server(given.oprf_seed, given.server_private_key, setting)
    assert client.request() == wanted.registration_request
    assert server.response(client.request(), given.credential_identifier) == wanted.registration_response
    assert client.upload(wanted.registration_response, nonce=given.envelope_nonce) == (wanted.registration_upload, wanted.export_key)
    client = Client(given.password, setting, scalar=given.blind_login)
    assert client.ke1(nonce=given.client_nonce, share=share(given.client_keyshare_seed)) == wanted.KE1
    answer = server.ke2(
        wanted.KE1,
        given.credential_identifier,
        wanted.registration_upload,
        masking_nonce=given.masking_nonce,
        nonce=given.server_nonce,
        share=share(given.server_keyshare_seed),
    )
    assert answer == (wanted.KE2, wanted.KE3, wanted.session_key)
    assert client.ke3(wanted.KE2) == (wanted.KE3, wanted.session_key, wanted.export_key)


def test_a_record_that_does_not_exist_gives_the_bytes_of_the_vector() -> None:
    (vector,) = FAKE
    setting, given, wanted = parts(vector)
    server = Server(given.oprf_seed, given.server_private_key, setting)
    ghost = given.client_public_key + given.masking_key + bytes(96)
    made, _, _ = server.ke2(
        given.KE1,
        given.credential_identifier,
        ghost,
        masking_nonce=given.masking_nonce,
        nonce=given.server_nonce,
        share=share(given.server_keyshare_seed),
    )
    assert made == wanted.KE2
