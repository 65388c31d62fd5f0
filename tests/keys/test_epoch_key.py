"""The epoch key: what it wraps it opens, for its own number alone, and nothing shows it."""

import copy
import pickle
import traceback

import pytest
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chatseal import BackupKey, HeaderDamagedError, WrongKeyError
from chatseal.format.base64 import encode64
from chatseal.format.header import Header, Slot, parse
from chatseal.format.labels import CONFIG, OBJECT_NAMES, SEALED, object_kind
from chatseal.keys.epoch_key import EpochKey
from chatseal.keys.secret import Secret
from chatseal.keys.slots import find_file_key, unwrap, wrap
from slow_writer import cobblestone

KEY = bytes(range(100, 132))
NAME = "packs/7-" + "0a" * 16
KIND = object_kind("pack", "0f" * 16, NAME)
FILE_KEY, PREFIX = bytes(range(32)), bytes(range(56))


def slot_of(epoch: EpochKey) -> Slot:
    (slot,) = wrap(Secret(FILE_KEY), [epoch], KIND)
    return slot


def opened(slot: Slot, epoch: EpochKey) -> bytes | None:
    found = unwrap(slot, epoch, KIND)
    return None if found is None else bytes(found.view)


def test_a_slot_opens_with_its_epochs_key_and_no_other() -> None:
    slot = slot_of(EpochKey(7, KEY))
    assert (slot.type, slot.arguments, len(slot.body)) == ("epoch", ("7",), 104)
    assert opened(slot, EpochKey(7, KEY)) == FILE_KEY
    assert opened(slot, EpochKey(7, KEY[::-1])) is None


def test_a_slot_does_not_open_under_another_number() -> None:
    slot = slot_of(EpochKey(7, KEY))
    assert opened(slot, EpochKey(8, KEY)) is None
    moved = Slot("epoch", ("8",), slot.body)
    assert opened(moved, EpochKey(8, KEY)) is None, "the number is in the context of the body"


def test_the_slot_is_what_the_document_says() -> None:
    slot = slot_of(EpochKey(7, KEY))
    kek = HKDF(SHA512(), 32, None, b"chatseal/v1 slot epoch").derive(KEY)
    assert slot.body == cobblestone(kek, b"chatseal/v1 slot epoch 7", FILE_KEY, slot.body[:24])
    assert bytes(EpochKey(7, KEY).derived(OBJECT_NAMES).view) == HKDF(SHA512(), 32, None, b"chatseal/v1 names").derive(KEY)


def test_a_backup_key_of_the_same_bytes_opens_no_objects_slot_nor_the_other_way_round() -> None:
    assert unwrap(slot_of(EpochKey(7, KEY)), BackupKey(KEY), KIND) is None
    (slot,) = wrap(Secret(FILE_KEY), [BackupKey(KEY)], SEALED)
    assert unwrap(slot, EpochKey(7, KEY), SEALED) is None
    with pytest.raises(WrongKeyError):
        find_file_key(Header(None, (slot,)), [EpochKey(7, KEY)], SEALED)


@pytest.mark.parametrize("number", [1, 2, 999_999_999])
def test_the_line_comes_back_in_the_header_of_an_object(number: int) -> None:
    header = Header(None, (slot_of(EpochKey(number, KEY)),), KIND)
    raw = header.encode(FILE_KEY, PREFIX)
    assert raw.startswith(f"chatseal/v1 pack\nslot epoch {number} ".encode())
    assert parse(raw, KIND) == header
    assert bytes(find_file_key(parse(raw, KIND), [EpochKey(number, KEY)], KIND).view) == FILE_KEY


BODY = encode64(bytes(104))


@pytest.mark.parametrize(
    "line",
    [
        f"slot epoch {BODY}",
        f"slot epoch 0 {BODY}",
        f"slot epoch 01 {BODY}",
        f"slot epoch -1 {BODY}",
        f"slot epoch 1000000000 {BODY}",
        f"slot epoch 1x {BODY}",
        f"slot epoch 1 2 {BODY}",
        f"slot epoch 1 {BODY[:-2]}",
        f"slot epoch 1 {BODY}A",
        f"slot epoch 1 {BODY[:-1]}=",
        "slot epoch 1",
    ],
)
def test_a_line_that_breaks_the_grammar_is_a_damaged_header(line: str) -> None:
    with pytest.raises(HeaderDamagedError):
        parse(with_line(line, "pack"), KIND)


def with_line(line: str, kind: str) -> bytes:
    """A header whose only slot is *line*."""
    type_, *words = line.removeprefix("slot ").split(" ")
    return Header(None, (Slot(type_, tuple(words), b""),), kind).encode(FILE_KEY, PREFIX)


PASSWORD = f"slot password argon2id m=19456 t=1 p=1 {encode64(bytes(16))} {BODY}"


@pytest.mark.parametrize(
    ("kind", "line", "is_known"),
    [
        (SEALED, f"slot key {BODY}", True),
        (SEALED, f"slot hpke {encode64(bytes(1168))}", True),
        (SEALED, PASSWORD, True),
        (SEALED, f"slot epoch 1 {BODY}", False),
        (CONFIG, f"slot key {BODY}", True),
        (CONFIG, PASSWORD, True),
        (CONFIG, f"slot hpke {encode64(bytes(1168))}", False),
        (CONFIG, f"slot epoch 1 {BODY}", False),
        ("map", f"slot epoch 1 {BODY}", True),
        ("snapshot", f"slot key {BODY}", False),
        ("pending", f"slot hpke {encode64(bytes(1168))}", False),
        ("condemned", PASSWORD, False),
        ("condemned", "slot password x", False),
    ],
)
def test_each_kind_has_its_own_types_of_slots_and_skips_the_others(kind: str, line: str, is_known: bool) -> None:
    (slot,) = parse(with_line(line, kind), kind).slots
    assert bool(slot.body) is is_known
    assert slot.line() == line


@pytest.mark.parametrize("number", [0, -1, 1_000_000_000])
def test_an_epoch_has_nine_digits_at_most(number: int) -> None:
    with pytest.raises(ValueError, match="number"):
        EpochKey(number, KEY)
    EpochKey(1, KEY)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_has_32_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        EpochKey(1, bytes(length))


def test_no_two_keys_are_the_same() -> None:
    assert bytes(EpochKey.generate(1).secret) != bytes(EpochKey.generate(1).secret)


def test_nothing_shows_or_pickles_an_epoch_key() -> None:
    epoch = EpochKey(7, KEY)
    assert repr(epoch) == str(epoch) == "EpochKey(7, ...)"
    try:
        raise ValueError(epoch)
    except ValueError as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    for form in (KEY.hex(), repr(KEY)[2:-1]):
        assert form not in shown
    with pytest.raises(TypeError):
        pickle.dumps(epoch)
    with pytest.raises(TypeError):
        copy.copy(epoch)
