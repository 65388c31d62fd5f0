"""The header: what is written is read, the slow writer agrees, and what breaks the grammar is damage."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chatseal
from chatseal import BackupKey, HeaderAlteredError, HeaderDamagedError, NotSealedError
from chatseal.format.base64 import decode64, encode64
from chatseal.format.header import Header, Slot, parse
from chatseal.rescue import RescueError
from chatseal.rescue import read_header as rescue_header
from chatseal.sealing.opening import read_header
from corpus import KEY_BYTES, chat
from oracle import header_length
from slow_store import epoch_slot
from slow_writer import Draw, base64_text, end_line, header_lines, key_slot, padded, password_slot

FILE_KEY, PREFIX = Draw("file key")(32), Draw("prefix")(56)
KEY_SLOT = Slot("key", (), Draw("body")(104))
HPKE_SLOT = Slot("hpke", (), Draw("body")(1168))


@given(data=st.binary(max_size=200))
def test_base64_is_unpadded_and_comes_back(data: bytes) -> None:
    text = encode64(data)
    assert "=" not in text
    assert decode64(text.encode()) == data


@given(text=st.binary(max_size=12))
def test_base64_has_one_spelling(text: bytes) -> None:
    try:
        data = decode64(text)
    except ValueError:
        return
    assert encode64(data).encode() == text


@pytest.mark.parametrize("text", [b"A", b"AB", b"AAA=", b"AA==", b"A-A_", b"A A", b"AAAA\n", b"AAB", b"\xff\xff"])
def test_other_base64_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="base64"):
        decode64(text)


@given(
    size=st.one_of(st.none(), st.integers(72, 2**63 - 1)),
    slots=st.lists(st.sampled_from([KEY_SLOT, HPKE_SLOT]), min_size=1, max_size=32),
)
def test_a_header_comes_back_and_is_the_slow_writers(size: int | None, slots: list[Slot]) -> None:
    header = Header(size, tuple(slots))
    raw = header.encode(FILE_KEY, PREFIX)
    assert len(raw) == header.length == Header(None, header.slots).length, "the payload does not move when the size becomes known"
    assert len(raw) % 4096 == 0
    assert len(raw) <= 65536
    assert parse(raw) == header
    parse(raw).authenticate(FILE_KEY, raw, PREFIX)
    before = padded(header_lines([slot.line().encode() for slot in slots], size), len(raw))
    assert raw == before + end_line(before, FILE_KEY, PREFIX)


def test_the_mac_covers_every_byte_before_it_the_prefix_and_the_file_key() -> None:
    header = Header(None, (KEY_SLOT,))
    raw = header.encode(FILE_KEY, PREFIX)
    for at in range(0, len(raw) - 44, 61):
        changed = bytearray(raw)
        changed[at] ^= 1
        with pytest.raises(HeaderAlteredError):
            header.authenticate(FILE_KEY, bytes(changed), PREFIX)
    for at in range(56):
        prefix = bytearray(PREFIX)
        prefix[at] ^= 1
        with pytest.raises(HeaderAlteredError):
            header.authenticate(FILE_KEY, raw, bytes(prefix))
    with pytest.raises(HeaderAlteredError):
        header.authenticate(bytes(32), raw, PREFIX)


def raw_header(text: bytes, *, total: int | None = None) -> bytes:
    """A header of any lines with a right checksum and MAC."""
    before = padded(text, total)
    return before + end_line(before, FILE_KEY, PREFIX)


VERSION = b"chatseal/v1 sealed\n"
SLOT = key_slot(KEY_BYTES, FILE_KEY, Draw("salt")(24)) + b"\n"
SALT = base64_text(Draw("salt")(16))
PASSWORD_SLOT = password_slot(b"", FILE_KEY, Draw("salt")(24), b"argon2id m=262144 t=8 p=1 " + SALT, stretched=bytes(32)) + b"\n"
EPOCH_SLOT = epoch_slot(7, KEY_BYTES, FILE_KEY, Draw("salt")(24)) + b"\n"


@pytest.mark.parametrize(
    "text",
    [
        VERSION + b"slot future " + b"!~" * 20 + b"\n" + SLOT,
        VERSION + b"slot abcdefghijklmnop a b c\n" + SLOT,
        VERSION + b"slot future " + b"x" * (4096 - 12) + b"\n" + SLOT,
        VERSION + b"slot passkey 1 2 AAAA\nslot passkeys AAAA\n",
    ],
)
def test_slots_of_types_to_come_are_skipped(text: bytes) -> None:
    assert parse(raw_header(text)).slots


@pytest.mark.parametrize(
    "text",
    {
        "no slot": VERSION,
        "33 slots": VERSION + SLOT * 33,
        "two sizes": VERSION + b"size 1000\nsize 1000\n" + SLOT,
        "a size with a leading zero": VERSION + b"size 0100\n" + SLOT,
        "a negative size": VERSION + b"size -100\n" + SLOT,
        "a size of 2^63": VERSION + b"size 9223372036854775808\n" + SLOT,
        "a size of other digits": VERSION + "size 1\u06600\n".encode() + SLOT,
        "a size after the slots": VERSION + SLOT + b"size 1000\n",
        "two spaces": VERSION + SLOT.replace(b"slot key ", b"slot  key "),
        "a space at the end": VERSION + SLOT[:-1] + b" \n",
        "a carriage return": VERSION + SLOT[:-1] + b"\r\n",
        "an empty line": VERSION + b"\n" + SLOT,
        "an argument to a backup key's slot": VERSION + SLOT.replace(b"slot key ", b"slot key x "),
        "a body of another length": VERSION + SLOT[:-2] + b"\n",
        "a type in capitals": VERSION + b"slot Key AAAA\n",
        "a type of 17 letters": VERSION + b"slot abcdefghijklmnopq AAAA\n" + SLOT,
        "a type without a body": VERSION + b"slot future\n" + SLOT,
        "a line of 4097 characters": VERSION + b"slot future " + b"x" * (4097 - 12) + b"\n" + SLOT,
        "a line that is not ascii": VERSION + b"slot future \xc3\xa9\n" + SLOT,
        "a tab": VERSION + b"slot future\tAAAA\n" + SLOT,
        "another line": VERSION + b"comment hello\n" + SLOT,
        "two pads": VERSION + SLOT + b"pad ....\n",
        "an end line in the middle": VERSION + b"end AAAAAAAAAAA " + b"A" * 43 + b"\n" + SLOT,
    }.values(),
)
def test_lines_that_break_the_grammar_are_damage_even_with_a_right_checksum(text: bytes) -> None:
    with pytest.raises(HeaderDamagedError):
        parse(raw_header(text))


@pytest.mark.parametrize("total", [4095, 4097, 69632])
def test_a_header_of_another_length_is_damage(total: int) -> None:
    with pytest.raises(HeaderDamagedError):
        parse(raw_header(VERSION + SLOT, total=total))


def test_a_wrong_checksum_is_damage() -> None:
    raw = raw_header(VERSION + SLOT)
    at = raw.index(b"\nend ") + 5
    with pytest.raises(HeaderDamagedError):
        parse(raw[:at] + (b"B" if raw[at : at + 1] == b"A" else b"A") + raw[at + 1 :])


def test_another_first_line_is_no_sealed_file() -> None:
    for line in (b"chatseal/v2 sealed\n", b"chatseal/v1 store\n", b"Chatseal/v1 sealed\n"):
        with pytest.raises(NotSealedError):
            parse(raw_header(line + SLOT))


@given(raw=st.binary(max_size=300))
def test_noise_is_refused(raw: bytes) -> None:
    for data in (raw, VERSION + raw, (VERSION + raw + b"\n" * 4096)[:4096]):
        with pytest.raises((NotSealedError, HeaderDamagedError)):
            parse(data)


@pytest.mark.parametrize("kind", ["sealed", "config", "pack"])
@given(data=st.data())
def test_a_header_with_any_line_changed_is_refused_or_means_the_same_to_rescue(kind: str, data: st.DataObject) -> None:
    """Lines are changed by somebody who can make checksum and MAC right, so that only the grammar is in the way."""
    slots = SLOT + PASSWORD_SLOT + EPOCH_SLOT + b"slot future a AAAA\n"
    lines = (f"chatseal/v1 {kind}\n".encode() + b"size 1000\n" + slots).splitlines(keepends=True)
    for _ in range(data.draw(st.integers(1, 3))):
        line = data.draw(st.integers(0, len(lines) - 1))
        at = data.draw(st.integers(0, max(0, len(lines[line]) - 1)))
        piece = data.draw(st.one_of(st.sampled_from([b"", b" ", b"\n", b"0", b"=", b"\r", b"\xff"]), st.binary(max_size=2)))
        lines[line] = lines[line][:at] + piece + lines[line][at + data.draw(st.integers(0, 2)) :]
    raw = raw_header(b"".join(lines))
    try:
        theirs = rescue_header(io.BytesIO(raw), kind)
    except RescueError:
        with pytest.raises((NotSealedError, HeaderDamagedError, chatseal.TruncatedError)):
            _read(raw, kind)
        return
    ours = _read(raw, kind)
    assert ours.size == theirs.size
    known = [slot for slot in ours.slots if slot.body]
    assert [(slot.type.encode(), " ".join(slot.arguments).encode(), slot.body) for slot in known] == theirs.slots


def _read(raw: bytes, kind: str) -> Header:
    return read_header(io.BytesIO(raw).read, "the file", kind).header


def test_a_person_can_read_what_a_header_says() -> None:
    file = chatseal.seal_bytes(chat(1000), BackupKey(KEY_BYTES))
    text = file[: header_length(file)].decode("ascii")
    assert re.fullmatch(r"chatseal/v1 sealed\nsize [0-9]+\nslot key \S{139}\npad \.+\nend \S{11} \S{43}\n", text)
