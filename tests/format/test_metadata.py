"""Metadata: what is written is read, what comes from a stranger is checked."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatseal import DamagedError
from chatseal.format.metadata import (
    CONTENT_MAX,
    Signature,
    head_frame,
    parse_head,
    parse_tail,
    signature_in,
    skippable_frame,
    tail_frame,
)
from slow_writer import HEAD_MAGIC, TAIL_MAGIC, base64_text

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
INTEGER = st.integers(-(2**63) + 1, 2**63 - 1)


def content_of(frame: bytes, magic: int) -> bytes:
    assert int.from_bytes(frame[:4], "little") == magic
    assert int.from_bytes(frame[4:8], "little") == len(frame) - 8
    return frame[8:]


@given(kind=st.sampled_from(["file", "stream"]), name=st.none() | TEXT, mtime=st.none() | INTEGER)
def test_a_head_comes_back(kind: str, name: str | None, mtime: int | None) -> None:
    content = content_of(head_frame(kind, name, mtime), HEAD_MAGIC)
    given_ = {"kind": kind, "name": name, "mtime": mtime}
    assert parse_head(content) == {member: value for member, value in given_.items() if value is not None}
    assert len(content) <= CONTENT_MAX


@given(size=st.integers(0, 2**46))
def test_a_tail_comes_back_and_agrees_with_its_size_alone(size: int) -> None:
    content = content_of(tail_frame(size), TAIL_MAGIC)
    assert parse_tail(content, size) == {"size": size}
    with pytest.raises(DamagedError):
        parse_tail(content, size + 1)


@given(size=st.integers(0, 2**46), signer=st.binary(min_size=32, max_size=32), signature=st.binary(min_size=64, max_size=64))
def test_a_signed_tail_comes_back(size: int, signer: bytes, signature: bytes) -> None:
    content = content_of(tail_frame(size, Signature(signer, signature)), TAIL_MAGIC)
    assert signature_in(parse_tail(content, size)) == Signature(signer, signature)
    assert signature_in(parse_tail(tail_frame(size)[8:], size)) is None
    assert len(content) <= 200


MEMBER = st.none() | st.integers(-5, 5) | st.text(max_size=5) | st.binary(max_size=70).map(lambda data: base64_text(data).decode())


@given(signer=MEMBER, signature=MEMBER)
def test_half_a_signature_or_one_of_another_form_is_damage(signer: str | int | None, signature: str | int | None) -> None:
    members = {"size": 1, "signer": signer, "signature": signature}
    content = json.dumps({name: value for name, value in members.items() if value is not None}).encode()
    if signer is None and signature is None:
        assert parse_tail(content, 1) == {"size": 1}
    elif not (isinstance(signer, str) and isinstance(signature, str) and (len(signer), len(signature)) == (43, 86)):
        with pytest.raises(DamagedError):
            parse_tail(content, 1)


@pytest.mark.parametrize("name", ["\ud800", "a\udcff", "x" * 4000, "\u20ac" * 4000, '"' * 3000])
def test_a_name_that_cannot_be_written_is_left_out(name: str) -> None:
    frame = head_frame("file", name, 5)
    assert parse_head(frame[8:]) == {"kind": "file", "mtime": 5}


def test_a_time_that_cannot_be_written_is_left_out() -> None:
    assert parse_head(head_frame("file", None, 2**63)[8:]) == {"kind": "file"}
    assert parse_head(head_frame("file", None, -(2**63) + 1)[8:])["mtime"] == -(2**63) + 1


def test_members_that_nobody_knows_are_ignored_and_kept() -> None:
    content = json.dumps({"kind": "file", "new": "x", "number": 7, "size": 3}).encode()
    assert parse_head(content)["new"] == "x"
    assert parse_tail(content, 3)["number"] == 7


VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(members=st.dictionaries(st.sampled_from(["kind", "name", "mtime", "size", "x", ""]), VALUE, max_size=5), ascii_=st.booleans())
def test_only_texts_and_integers_below_2_to_63_are_accepted(members: dict[str, object], ascii_: bool) -> None:
    try:
        content = json.dumps(members, ensure_ascii=ascii_).encode()
    except UnicodeEncodeError:
        return
    allowed = all(isinstance(value, str) or (type(value) is int and abs(value) < 2**63) for value in members.values())
    allowed = allowed and not any("\ud800" <= c <= "\udfff" for value in members.values() if isinstance(value, str) for c in value)
    named = members.get("kind") in ("file", "stream") and isinstance(members.get("name", ""), str) and type(members.get("mtime", 0)) is int
    if allowed and named:
        assert parse_head(content) == members
    else:
        with pytest.raises(DamagedError):
            parse_head(content)


@given(content=st.binary(max_size=60))
def test_noise_is_damage(content: bytes) -> None:
    for parse in (parse_head, lambda content: parse_tail(content, 0)):
        with pytest.raises(DamagedError):
            parse(content)


@pytest.mark.parametrize(
    "content",
    [
        b'{"kind":"file","kind":"file"}',
        b'{"kind":"file","x":1.0}',
        b'{"kind":"file","x":1e2}',
        b'{"kind":"file","x":-0}' + b" " * 5000,
        b'{"kind":"file","x":9223372036854775808}',
        b'{"kind":"file","x":-9223372036854775808}',
        b'{"kind":"file","x":' + b"1" * 4000 + b"}",
        b'{"kind":"file","name":5}',
        b'{"kind":"file","mtime":"now"}',
        b'{"kind":"file","\xed\xa0\x80":1}',
        b'{"kind":"file","\\udc00":1}',
        b"[" * 4096,
        b'{"":' * 1000,
        b"",
        b"null",
        b"\xef\xbb\xbf{}",
    ],
    ids=range(16),
)
def test_hostile_content_is_damage_and_says_nothing_of_itself(content: bytes) -> None:
    with pytest.raises(DamagedError, match=r"^the metadata of the file is damaged$") as raised:
        parse_head(content)
    assert raised.value.__context__ is None or raised.value.__suppress_context__


def test_content_of_exactly_4096_bytes_is_read() -> None:
    content = b'{"kind":"file","x":"' + b"a" * (4096 - 22) + b'"}'
    assert len(content) == 4096
    assert parse_head(content)["kind"] == "file"
    with pytest.raises(DamagedError):
        parse_head(content + b" ")
    assert skippable_frame(HEAD_MAGIC, content)[8:] == content
