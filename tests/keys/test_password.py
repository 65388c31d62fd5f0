"""Passwords: NFKC, limits, one derivation for many files, and doors that cost an attacker."""

import contextlib
import pickle
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import given, settings
from hypothesis import strategies as st

import chatseal
from chatseal import Argon2Cost, BackupKey, KeyFormatError, Password, WrongKeyError
from chatseal.format.header import Header, Slot, parse
from chatseal.keys import password, slots
from chatseal.keys.secret import Secret
from corpus import KEY_BYTES, chat
from oracle import check_everything, file_key_of, header_length
from slow_writer import Draw

CHEAP = Argon2Cost(19 << 10, 1)
FILE_KEY = Draw("file key")(32)
WORD = "correct horse battery staple"


def cheap(text: str = WORD) -> Password:
    return Password(text, cost=CHEAP)


def test_a_password_opens_what_it_sealed_and_everybody_elses_reader_agrees() -> None:
    plain = chat(100_000)
    sealed = chatseal.seal_bytes(plain, [cheap(), BackupKey(KEY_BYTES)])
    parts = check_everything(sealed, Password(WORD), plain)
    assert parts.file_key == file_key_of(parts.header, BackupKey(KEY_BYTES))
    with pytest.raises(WrongKeyError):
        chatseal.unseal_bytes(sealed, Password(WORD + " "))


def test_the_default_costs_256_mib_and_4_passes() -> None:
    assert Argon2Cost() == Argon2Cost(256 << 10, 4, 1)
    assert Password("x").arguments[:4] == ("argon2id", "m=262144", "t=4", "p=1")


@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_all_spellings_of_a_password_are_one(text: str) -> None:
    first = Password(text, cost=CHEAP)
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert Password(unicodedata.normalize(form, text))._secret.view == first._secret.view


@pytest.mark.parametrize("text", ["", "x" * 1025, "\ufdfa" * 40, "\ud800"])
def test_a_password_has_1_to_1024_bytes_of_unicode(text: str) -> None:
    with pytest.raises(KeyFormatError) as raised:
        Password(text)
    assert text == "" or text not in str(raised.value)


def test_nothing_shows_or_pickles_a_password(tmp_path: Path) -> None:
    given = cheap()
    assert WORD not in f"{given} {given!r} {[given]}"
    assert not hasattr(given, "__dict__")
    with pytest.raises(TypeError):
        pickle.dumps(given)


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\nnotes below\n"])
def test_the_first_line_of_a_file_is_the_password(tmp_path: Path, end: str) -> None:
    path = tmp_path / "word"
    path.write_bytes((WORD + end).encode())
    path.chmod(0o644)
    with pytest.raises(chatseal.KeyExposedError):
        Password.from_file(path)
    path.chmod(0o600)
    assert Password.from_file(path)._secret.view == WORD.encode()
    path.write_bytes(b"\xff\n")
    with pytest.raises(KeyFormatError, match="UTF-8"):
        Password.from_file(path)


def test_one_derivation_serves_all_files_that_one_password_seals_and_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    count, argon2id = 0, Argon2id

    def counted(**given: Any) -> object:
        nonlocal count
        count += 1
        return argon2id(**given)

    monkeypatch.setattr(password, "Argon2id", counted)
    sealer, opener = cheap(), Password(WORD)
    sealed = [chatseal.seal_bytes(b"%d" % number, sealer) for number in range(5)]
    assert count == 1
    assert [chatseal.unseal_bytes(data, opener) for data in sealed] == [b"%d" % number for number in range(5)]
    assert count == 2
    assert len({data[: header_length(data)].split()[10] for data in sealed}) == 1, "the salt is shared"
    assert len({data[: header_length(data)].split()[11] for data in sealed}) == 5, "the bodies are not"


def test_a_password_can_be_guessed_by_whoever_has_the_file() -> None:
    sealed = chatseal.seal_bytes(b"see you at ten", cheap("sunshine"))
    right = []
    for guess in ("123456", "password", "sunshine", "qwerty"):
        with contextlib.suppress(WrongKeyError):
            right.append((guess, chatseal.unseal_bytes(sealed, Password(guess))))
    assert right == [("sunshine", b"see you at ten")]


def test_two_passwords_of_the_same_text_have_salts_of_their_own() -> None:
    assert cheap().arguments != cheap().arguments


def test_remembered_derivations_are_few() -> None:
    opener = Password(WORD)
    for _ in range(password.KEPT_MAX + 3):
        opener.kek(cheap().arguments)
    assert len(opener._derived) == password.KEPT_MAX


@pytest.mark.parametrize(
    "cost", [(19455, 1, 1), (1048577, 1, 1), (262144, 0, 1), (262144, 9, 1), (262144, 1, 0), (262144, 1, 9), (1048576, 5, 1)]
)
def test_costs_beyond_the_limits_are_refused(cost: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"Argon2id|4 GiB"):
        Argon2Cost(*cost)


def test_a_file_has_at_most_four_passwords_and_four_gib_of_work() -> None:
    assert slots.holders_of([cheap() for _ in range(4)])
    with pytest.raises(ValueError, match="at most 4 passwords"):
        slots.holders_of([cheap() for _ in range(5)])
    dear = [Password("x", cost=Argon2Cost(1 << 20, 2)) for _ in range(3)]
    assert slots.holders_of(dear[:2])
    with pytest.raises(ValueError, match="too much together"):
        slots.holders_of(dear)


def test_a_password_is_the_last_that_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    header = Header(None, slots.wrap(Secret(FILE_KEY), [cheap(), BackupKey(KEY_BYTES)], "sealed"))
    monkeypatch.setattr(Password, "kek", lambda *_: pytest.fail("it was tried"))
    found = slots.find_file_key(header, [Password(WORD), BackupKey(KEY_BYTES)], "sealed")
    assert found.view == FILE_KEY


@settings(max_examples=50)
@given(at=st.integers(0, 103), bit=st.integers(0, 7))
def test_every_bit_of_a_body_counts(at: int, bit: int) -> None:
    opener = _SEALER
    body = bytearray(_SLOT.body)
    body[at] ^= 1 << bit
    assert slots.unwrap(Slot("password", _SLOT.arguments, bytes(body)), opener, "sealed") is None


_SEALER = cheap()
(_SLOT,) = slots.wrap(Secret(FILE_KEY), [_SEALER], "sealed")


def test_a_slot_with_other_arguments_does_not_open() -> None:
    for old, new in (("m=19456", "m=19457"), ("t=1", "t=2"), ("p=1", "p=2")):
        changed = tuple(new if word == old else word for word in _SLOT.arguments)
        assert slots.unwrap(Slot("password", changed, _SLOT.body), _SEALER, "sealed") is None


def test_a_header_with_a_password_comes_back() -> None:
    header = Header(None, (_SLOT,))
    assert parse(header.encode(FILE_KEY, bytes(56))) == header
