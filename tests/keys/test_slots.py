"""Slots: each holder finds the file key in its own, nobody else in any; lists of keys and their limits."""

from typing import Any

import pytest

from chatseal import BackupKey, PrivateKey, WrongKeyError
from chatseal.format.base64 import encode64
from chatseal.format.header import Header, Slot
from chatseal.format.labels import hpke_info
from chatseal.keys.key_pair import SUITE
from chatseal.keys.secret import Secret
from chatseal.keys.slots import find_file_key, holders_of, openers_of, wrap
from corpus import KEY_BYTES, PAIR_BYTES
from oracle import file_key_of
from slow_writer import Draw, key_slot

KEY, PAIR = BackupKey(KEY_BYTES), PrivateKey(PAIR_BYTES)
FILE_KEY = Draw("file key")(32)


def header_for(*holders: Any) -> Header:
    return Header(None, wrap(Secret(FILE_KEY), holders, "sealed"))


def found(header: Header, *openers: Any) -> bytes:
    secret = find_file_key(header, openers, "sealed")  # kept while it is looked at: it wipes itself when it goes
    return bytes(secret.view)


def test_each_holder_finds_the_file_key() -> None:
    first, second, pair = BackupKey.generate(), BackupKey.generate(), PrivateKey.generate()
    header = header_for(first, PAIR.public_key, KEY, pair.public_key, second)
    for opener in (KEY, PAIR, first, second, pair):
        assert found(header, opener) == FILE_KEY
    assert found(header, BackupKey.generate(), PrivateKey.generate(), PAIR) == FILE_KEY


def test_slots_are_those_of_the_document() -> None:
    header = header_for(KEY, PAIR.public_key)
    assert [(slot.type, slot.arguments, len(slot.body)) for slot in header.slots] == [("key", (), 104), ("hpke", (), 1168)]
    text = "".join(slot.line() + "\n" for slot in header.slots).encode()
    assert file_key_of(text, KEY) == file_key_of(text, PAIR) == FILE_KEY
    line = key_slot(KEY_BYTES, FILE_KEY, header.slots[0].body[:24]).decode()
    assert line == header.slots[0].line(), "the slow writer makes the same slot of the same salt"


def test_two_slots_for_one_holder_differ() -> None:
    header = header_for(KEY, KEY, PAIR.public_key, PAIR.public_key)
    assert len({slot.body for slot in header.slots}) == 4


def test_a_slot_of_another_kind_of_file_does_not_open() -> None:
    header = Header(None, wrap(Secret(FILE_KEY), [PAIR.public_key], "store"))
    secret = find_file_key(header, [PAIR], "store")
    assert secret.view == FILE_KEY
    with pytest.raises(WrongKeyError):
        found(header, PAIR)


@pytest.mark.parametrize("holder", [KEY, PAIR.public_key], ids=["key", "hpke"])
def test_every_byte_of_a_body_counts(holder: Any) -> None:
    (slot,) = header_for(holder).slots
    opener = KEY if holder is KEY else PAIR
    for at in range(0, len(slot.body), 1 if opener is KEY else 13):
        body = bytearray(slot.body)
        body[at] ^= 1
        with pytest.raises(WrongKeyError):
            found(Header(None, (Slot(slot.type, (), bytes(body)),)), opener)


def test_a_file_key_of_another_length_in_an_hpke_slot_is_no_key() -> None:
    body = SUITE.encrypt(FILE_KEY + b"x", PAIR.public_key.hpke, hpke_info("sealed"))
    with pytest.raises(WrongKeyError):
        found(Header(None, (Slot("hpke", (), body),)), PAIR)


def test_the_text_of_a_wrong_key_names_the_kinds_that_would_do_and_no_key() -> None:
    with pytest.raises(WrongKeyError, match=r"opens with a private key or backup key$"):
        find_file_key(Header(None, (Slot("key", (), bytes(104)), Slot("hpke", (), bytes(1168)))), [], "sealed")
    with pytest.raises(WrongKeyError, match=r"opens with a passkey$"):
        find_file_key(Header(None, (Slot("passkey", ("x",), b""),)), [KEY], "sealed")
    with pytest.raises(WrongKeyError) as raised:
        found(header_for(BackupKey.generate()), KEY)
    assert KEY.digits[:9] not in str(raised.value)
    assert encode64(KEY_BYTES)[:9] not in str(raised.value)


def test_a_key_argument_is_one_holder_or_1_to_32_of_them() -> None:
    assert holders_of(KEY) == (KEY,)
    assert holders_of(PAIR.public_key) == (PAIR.public_key,)
    assert holders_of([KEY] * 32) == (KEY,) * 32
    assert holders_of((KEY, PAIR.public_key)) == (KEY, PAIR.public_key)
    for wrong in ([], [KEY] * 33):
        with pytest.raises(ValueError, match="1 to 32"):
            holders_of(wrong)
    assert openers_of(KEY) == (KEY,)
    assert openers_of([PAIR, KEY]) == (PAIR, KEY)


@pytest.mark.parametrize("wrong", [PAIR, [PAIR], [KEY, None], [KEY_BYTES], KEY_BYTES], ids=str)
def test_what_cannot_be_sealed_for_is_refused_and_not_shown(wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError)) as raised:
        holders_of(wrong)
    assert KEY_BYTES.hex()[:8] not in str(raised.value)


@pytest.mark.parametrize("wrong", [PAIR.public_key, [PAIR.public_key], [None], None, 5, KEY_BYTES], ids=lambda wrong: type(wrong).__name__)
def test_what_cannot_open_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError):
        openers_of(wrong)
