"""Stretching: one password in all its spellings, its own salt for each record, limits before memory."""

import hashlib
import unicodedata

import msgspec
import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import given, settings
from hypothesis import strategies as st

from chatseal import Argon2Cost, Password
from chatseal.errors import VaultMessageError, VaultPasswordError
from chatseal.vault.pake import ClientLogin, ClientRegistration
from chatseal.vault.stretch import Stretch, stretched
from vault.halves import OTHER_RECORD, RECORD, our_server

CHEAP = Stretch(19 << 10, 1, 1)
WORD = "Äpfel und Bäume, ﬁnal"


def test_it_is_argon2id_over_the_normalised_password_with_a_salt_from_the_record() -> None:
    salt = hashlib.sha256(b"chatseal/v1 vault stretch\0" + RECORD).digest()[:16]
    wanted = Argon2id(salt=salt, length=32, iterations=1, lanes=1, memory_cost=19 << 10).derive(
        unicodedata.normalize("NFKC", WORD).encode()
    )
    assert stretched(Password(WORD), RECORD, CHEAP).view == wanted


def test_a_password_opens_in_whatever_spelling_it_is_typed() -> None:
    composed, decomposed = unicodedata.normalize("NFC", WORD), unicodedata.normalize("NFD", WORD)
    assert composed != decomposed
    registration, server = ClientRegistration(stretched(Password(composed), RECORD, CHEAP)), our_server()
    upload, export_key = registration.finish(server.respond(registration.request))
    login = ClientLogin(stretched(Password(decomposed), RECORD, CHEAP))
    assert login.finish(server.login(login.ke1, upload)[0])[1].view == export_key.view
    login = ClientLogin(stretched(Password(composed.lower()), RECORD, CHEAP))
    with pytest.raises(VaultPasswordError):
        login.finish(server.login(login.ke1, upload)[0])


def test_each_record_and_each_cost_has_a_result_of_its_own_and_the_cost_for_files_none() -> None:
    word = Password(WORD)
    found = [
        stretched(word, RECORD, CHEAP),
        stretched(word, OTHER_RECORD, CHEAP),
        stretched(word, RECORD, Stretch(19 << 10, 2, 1)),
        stretched(word, RECORD, Stretch(20 << 10, 1, 1)),
        stretched(word, RECORD, Stretch(19 << 10, 1, 2)),
    ]
    assert len({bytes(one.view) for one in found}) == len(found)
    assert stretched(Password(WORD, cost=Argon2Cost(19 << 10, 1)), RECORD, CHEAP).view == found[0].view


@pytest.mark.parametrize("memory", [19 << 10, 512 << 10])
@pytest.mark.parametrize("lanes", [1, 4])
def test_the_limits_themselves_are_allowed(memory: int, lanes: int) -> None:
    most = min(8, (2 << 20) // memory)
    for passes in (1, most):
        cost = Stretch(memory, passes, lanes)
        assert msgspec.json.decode(msgspec.json.encode(cost), type=Stretch) == cost


@pytest.mark.parametrize(
    ("memory", "passes", "lanes"),
    [
        ((19 << 10) - 1, 3, 1),
        ((512 << 10) + 1, 1, 1),
        (512 << 10, 5, 1),
        (64 << 10, 0, 1),
        (64 << 10, 9, 1),
        (64 << 10, 3, 0),
        (64 << 10, 3, 5),
        (2**63, 1, 1),
        (-1, 1, 1),
    ],
)
def test_a_service_that_asks_for_more_or_less_than_the_limits_is_refused(memory: int, passes: int, lanes: int) -> None:
    with pytest.raises(ValueError):
        Stretch(memory, passes, lanes)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(f'{{"memory":{memory},"passes":{passes},"lanes":{lanes}}}', type=Stretch)


def test_a_registration_costs_at_least_what_rfc_9106_recommends() -> None:
    Stretch().check_registration()
    Stretch(64 << 10, 3).check_registration()
    for cost in (CHEAP, Stretch((64 << 10) - 1, 8), Stretch(64 << 10, 2), Stretch((192 << 10) - 1, 1)):
        with pytest.raises(VaultMessageError):
            cost.check_registration()


@settings(max_examples=10)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_all_spellings_of_any_password_stretch_alike(text: str) -> None:
    found = {bytes(stretched(Password(unicodedata.normalize(form, text)), RECORD, CHEAP).view) for form in ("NFC", "NFD", "NFKC", "NFKD")}
    assert len(found) == 1
