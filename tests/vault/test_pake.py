"""OPAQUE behind our interface: what it gives, whom it understands, and what it makes of hostile bytes."""

import contextlib
import hashlib
import pickle
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatseal.errors import VaultMessageError, VaultPasswordError
from chatseal.keys.secret import Secret
from chatseal.vault import labels, pake
from chatseal.vault.pake import ClientLogin, ClientRegistration, RecordServer
from vault import rfc9807
from vault.halves import (
    AKE,
    GHOST,
    OPRF,
    OTHER_RECORD,
    RECORD,
    RIGHT,
    WRONG,
    oracle_client,
    oracle_server,
    our_login,
    our_server,
    registered,
)
from vault.rfc9807 import needs_libsodium

IDENTITY = bytes(32)
NOT_CANONICAL = bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")  # the field's prime: another zero
NEGATIVE = bytes.fromhex("0100000000000000000000000000000000000000000000000000000000000000")
NOT_A_SQUARE = bytes.fromhex("26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371")  # RFC 9496, A.3
LOW_ORDER = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")  # of order 8 on the curve beneath
NO_POINTS = [IDENTITY, NOT_CANONICAL, NEGATIVE, NOT_A_SQUARE, LOW_ORDER, b"\xff" * 32]


@pytest.fixture(scope="module")
def upload() -> bytes:
    return registered()[0]


def test_the_right_password_gives_the_export_key_of_the_registration() -> None:
    upload, export_key = registered()
    login = our_login()
    ke2, waiting = our_server().login(login.ke1, upload)
    ke3, found = login.finish(ke2)
    waiting.finish(ke3)
    assert found.view == export_key
    assert (len(upload), len(login.ke1), len(ke2), len(ke3), len(found.view)) == (192, 96, 320, 64, 64)


def test_a_wrong_password_another_record_and_a_record_that_does_not_exist_look_alike(upload: bytes) -> None:
    said = set()
    for stretched, server, kept in (
        (WRONG, our_server(), upload),
        (RIGHT, our_server(OTHER_RECORD), upload),
        (RIGHT, our_server(oprf=b"\1" * 64), upload),
        (RIGHT, our_server(ake=b"\1" * 64), upload),
        (RIGHT, our_server(), registered(server=our_server(OTHER_RECORD))[0]),
        (RIGHT, our_server(), GHOST),
    ):
        login = our_login(stretched)
        ke2, waiting = server.login(login.ke1, kept)
        assert len(ke2) == 320
        with pytest.raises(VaultPasswordError) as raised:
            login.finish(ke2)
        said.add((str(raised.value), raised.value.__cause__))
        with pytest.raises(VaultPasswordError):
            waiting.finish(bytes(64))
    assert len(said) == 1


def test_the_private_key_is_a_number_from_1_to_the_order_less_1() -> None:
    for mac in (bytes(64), (pake.ORDER - 2).to_bytes(64, "little"), (pake.ORDER - 1).to_bytes(64, "little"), b"\xff" * 64):
        registered(server=our_server(ake=mac))
    zero, wrapped = our_server(ake=bytes(64)), our_server(ake=(pake.ORDER - 1).to_bytes(64, "little"))
    request = ClientRegistration(Secret(RIGHT)).request
    assert zero.respond(request) == wrapped.respond(request)


@needs_libsodium
def test_nobody_knows_a_private_key_to_the_fixed_point() -> None:
    assert rfc9807.point_from_hash(hashlib.sha512(labels.FIXED_POINT).digest()) == pake.FIXED_POINT


@needs_libsodium
def test_our_client_and_the_oracles_server_agree() -> None:
    client, server, name = ClientRegistration(Secret(RIGHT)), oracle_server(), RECORD.hex().encode()
    upload, export_key = client.finish(server.response(client.request, name))
    login = our_login()
    ke2, expected, _ = server.ke2(login.ke1, name, upload)
    ke3, found = login.finish(ke2)
    assert (ke3, bytes(found.view)) == (expected, bytes(export_key.view))
    with pytest.raises(VaultPasswordError):
        (wrong := our_login(WRONG)).finish(server.ke2(wrong.ke1, name, upload)[0])


@needs_libsodium
def test_the_oracles_client_and_our_server_agree() -> None:
    client, server = oracle_client(), our_server()
    upload, export_key = client.upload(server.respond(client.request()))
    pake.check_upload(upload)
    client = oracle_client()
    ke2, waiting = server.login(client.ke1(), upload)
    ke3, _, found = client.ke3(ke2)
    waiting.finish(ke3)
    assert found == export_key
    wrong = oracle_client(WRONG)
    with pytest.raises(rfc9807.Refused):
        wrong.ke3(server.login(wrong.ke1(), upload)[0])


@needs_libsodium
def test_each_half_opens_what_the_other_registered() -> None:
    upload, export_key = registered()
    client = oracle_client()
    ke2, expected, _ = oracle_server().ke2(client.ke1(), RECORD.hex().encode(), upload)
    ke3, _, found = client.ke3(ke2)
    assert (ke3, found) == (expected, export_key)


@pytest.mark.parametrize("point", NO_POINTS, ids=["identity", "not canonical", "negative", "not a square", "low order", "too large"])
def test_bytes_that_are_no_point_other_than_the_identity_are_refused_wherever_a_point_is_due(point: bytes, upload: bytes) -> None:
    server, login = our_server(), our_login()
    ke2, _ = server.login(login.ke1, upload)
    registration = ClientRegistration(Secret(RIGHT))
    response = server.respond(registration.request)
    for call in (
        lambda: server.respond(point),
        lambda: server.login(point + login.ke1[32:], upload),
        lambda: server.login(login.ke1[:64] + point, upload),
        lambda: pake.check_ke1(login.ke1[:64] + point),
        lambda: pake.check_upload(point + upload[32:]),
        lambda: server.login(login.ke1, point + upload[32:]),
        lambda: ClientRegistration(Secret(RIGHT)).finish(point + response[32:]),
        lambda: ClientRegistration(Secret(RIGHT)).finish(response[:32] + point),
        lambda: our_login().finish(point + ke2[32:]),
        lambda: our_login().finish(ke2[:224] + point + ke2[256:]),
    ):
        with pytest.raises(VaultMessageError) as raised:
            call()
        assert raised.value.__cause__ is None
        assert str(raised.value) == "this is no message of the vault's protocol, or not the one that is due"


@pytest.mark.parametrize("change", [-1, 1, -32, 32])
def test_a_message_of_another_length_never_reaches_the_library(change: int, upload: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    server, login, registration = our_server(), our_login(), ClientRegistration(Secret(RIGHT))
    ke2, waiting = server.login(login.ke1, upload)
    response = server.respond(registration.request)

    def resized(data: bytes) -> bytes:
        return data[:change] if change < 0 else data + bytes(change)

    monkeypatch.setattr(pake, "opaque_snake", _Untouchable())
    for call in (
        lambda: server.respond(resized(registration.request)),
        lambda: registration.finish(resized(response)),
        lambda: pake.check_upload(resized(upload)),
        lambda: pake.check_ke1(resized(login.ke1)),
        lambda: server.login(resized(login.ke1), upload),
        lambda: login.finish(resized(ke2)),
        lambda: waiting.finish(resized(bytes(64))),
    ):
        with pytest.raises(VaultMessageError):
            call()


class _Untouchable:
    """In the library's place: its readers can be named, and nothing can be called."""

    def __getattr__(self, name: str) -> "_Untouchable":
        return self

    def __call__(self, *_: object) -> None:
        raise AssertionError("the library was given something")


@settings(max_examples=30)
@given(at=st.integers(0, 319), flip=st.integers(1, 255))
def test_an_answer_with_any_byte_changed_gives_nothing(at: int, flip: int) -> None:
    upload, _ = _KEPT
    login = our_login()
    ke2, _waiting = our_server().login(login.ke1, upload)
    with pytest.raises((VaultPasswordError, VaultMessageError)):
        login.finish(_changed(ke2, at, flip))


@settings(max_examples=30)
@given(at=st.integers(0, 63), flip=st.integers(1, 255))
def test_a_third_message_with_any_byte_changed_proves_nothing(at: int, flip: int) -> None:
    login = our_login()
    ke2, waiting = our_server().login(login.ke1, _KEPT[0])
    ke3, _ = login.finish(ke2)
    with pytest.raises(VaultPasswordError):
        waiting.finish(_changed(ke3, at, flip))


@settings(max_examples=30)
@given(at=st.integers(0, 95), flip=st.integers(1, 255))
def test_a_first_message_with_any_byte_changed_opens_nothing(at: int, flip: int) -> None:
    upload, _ = _KEPT
    login = our_login()
    try:
        ke2, _waiting = our_server().login(_changed(login.ke1, at, flip), upload)
    except VaultMessageError:
        return
    with pytest.raises(VaultPasswordError):
        login.finish(ke2)


@settings(max_examples=30)
@given(at=st.integers(0, 191), flip=st.integers(1, 255))
def test_a_record_with_any_byte_changed_opens_with_no_password(at: int, flip: int) -> None:
    upload, _ = _KEPT
    login = our_login()
    try:
        ke2, waiting = our_server().login(login.ke1, _changed(upload, at, flip))
    except VaultMessageError:
        return
    try:
        ke3, _found = login.finish(ke2)  # a changed public key of the client shows only at the end
    except VaultPasswordError:
        return
    with pytest.raises(VaultPasswordError):
        waiting.finish(ke3)


@given(data=st.one_of(*(st.binary(min_size=n, max_size=n) for n in (32, 64, 96, 192, 320)), st.binary(max_size=400)))
def test_bytes_from_anywhere_raise_our_errors_and_no_others(data: bytes) -> None:
    upload, _ = _KEPT
    _, waiting = our_server().login(our_login().ke1, upload)
    for call in (
        lambda: our_server().respond(data),
        lambda: our_server().login(data, upload),
        lambda: our_server().login(our_login().ke1, data),
        lambda: pake.check_upload(data),
        lambda: ClientRegistration(Secret(RIGHT)).finish(data),
        lambda: our_login().finish(data),
        lambda: waiting.finish(data),
    ):
        with contextlib.suppress(VaultMessageError, VaultPasswordError):
            call()


def test_the_answer_to_one_login_is_of_no_use_in_another(upload: bytes) -> None:
    server, first, second = our_server(), our_login(), our_login()
    ke2, _ = server.login(first.ke1, upload)
    with pytest.raises(VaultPasswordError):
        second.finish(ke2)
    other, waiting = server.login(first.ke1, upload)
    ke3, _ = first.finish(ke2)
    assert other != ke2
    with pytest.raises(VaultPasswordError):
        waiting.finish(ke3)


def test_a_login_is_finished_once_on_either_side(upload: bytes) -> None:
    login = our_login()
    ke2, waiting = our_server().login(login.ke1, upload)
    ke3, _ = login.finish(ke2)
    waiting.finish(ke3)
    with pytest.raises(VaultMessageError):
        waiting.finish(ke3)
    with pytest.raises(VaultMessageError):
        login.finish(ke2)
    _, waiting = our_server().login(our_login().ke1, upload)
    with pytest.raises(VaultPasswordError):
        waiting.finish(bytes(64))
    with pytest.raises(VaultMessageError):
        waiting.finish(ke3)


def test_one_server_answers_many_threads(upload: bytes) -> None:
    server, found = our_server(), []

    def log_in() -> None:
        login = our_login()
        ke2, waiting = server.login(login.ke1, upload)
        waiting.finish(login.finish(ke2)[0])
        found.append(1)

    threads = [threading.Thread(target=log_in) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8


def test_what_is_not_of_its_length_makes_no_server_and_no_client() -> None:
    for record_id, oprf, ake in ((RECORD[1:], OPRF, AKE), (RECORD, OPRF[1:], AKE), (RECORD, OPRF, AKE + b"\0")):
        with pytest.raises(ValueError, match="16 bytes"):
            RecordServer(record_id, oprf, ake)
    for make in (ClientLogin, ClientRegistration):
        with pytest.raises(ValueError, match="32 bytes"):
            make(Secret(b"short"))


def test_nothing_shows_or_pickles_a_half_of_a_login(upload: bytes) -> None:
    login = our_login()
    _, waiting = our_server().login(login.ke1, upload)
    for thing in (login, waiting, our_server(), ClientRegistration(Secret(RIGHT))):
        assert repr(thing) == f"{type(thing).__name__}(...)"
        assert not hasattr(thing, "__dict__")
        with pytest.raises(TypeError):
            pickle.dumps(thing)


def _changed(data: bytes, at: int, flip: int) -> bytes:
    return data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]


_KEPT = registered()
