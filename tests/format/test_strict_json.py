"""Strict JSON: what is written is read, and of what a stranger writes only what means one thing."""

import json
import sys
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatseal import DamagedError
from chatseal.format import strict_json

TIME = "%Y-%m-%dT%H:%M:%SZ"
VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64) + 1, 2**64 - 1)
    | st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\udc80\udcff"), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(value=VALUE)
def test_values_come_back_as_one_line_of_ascii(value: Any) -> None:
    line = strict_json.encode(value)
    assert line.isascii()
    assert b"\n" not in line
    assert strict_json.parse(line) == value


def test_names_that_are_no_text_come_back() -> None:
    name = b"caf\xe9 \xff".decode("utf-8", "surrogateescape")
    assert strict_json.parse(strict_json.encode(name)) == name


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b" ",
        b"{",
        b"{} {}",
        b"{}x",
        b"\xef\xbb\xbf{}",
        b'"\xc3\xa9"',
        b'"\x00"',
        b'"\n"',
        b"'x'",
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'[{"x":{"a":1,"a":1}}]',
        b"1.0",
        b"1e0",
        b"1E5",
        b"-0.0",
        b"1e999",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"18446744073709551616",
        b"-18446744073709551616",
        b"1" * 100_000,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"01",
        b"+1",
        b"[1,]",
        b"// x\n1",
    ],
)
def test_what_is_not_strict_is_damage(line: bytes) -> None:
    with pytest.raises(DamagedError):
        strict_json.parse(line)


def test_a_long_number_is_refused_before_it_is_converted() -> None:
    """Also in a program that took Python's own limit away: the conversion of 16 million digits takes an hour."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        with pytest.raises(DamagedError):
            strict_json.parse(b"1" * (16 << 20))
    finally:
        sys.set_int_max_str_digits(before)


@given(line=st.binary(max_size=40) | st.text(alphabet='{}[]":,0123456789.eE+-\\untrfalse ', max_size=40).map(str.encode))
def test_noise_is_damage_or_a_value(line: bytes) -> None:
    try:
        value = strict_json.parse(line)
    except DamagedError:
        return
    assert strict_json.parse(strict_json.encode(value)) == value == json.loads(line)


@pytest.mark.parametrize("value", [[], "x", 1, None, True])
def test_an_object_is_an_object(value: object) -> None:
    with pytest.raises(DamagedError):
        strict_json.parse_object(strict_json.encode(value))


def refused(call: Any, *words: Any) -> None:
    with pytest.raises(DamagedError):
        call(*words)


@pytest.mark.parametrize("value", [None, True, 1, [], {}, "xxxx"])
def test_a_text_is_a_string_within_its_length(value: object) -> None:
    assert strict_json.text({"a": "xxx"}, "a", 3) == "xxx"
    assert strict_json.text({}, "a", 3, "") == ""
    refused(strict_json.text, {"a": value}, "a", 3)
    refused(strict_json.text, {}, "a", 3)
    refused(strict_json.a_text(3), value)


@pytest.mark.parametrize("value", [None, True, False, "1", [], {}, 0, 8])
def test_a_number_is_an_integer_within_its_limits(value: object) -> None:
    assert [strict_json.number({"a": n}, "a", 1, 7) for n in (1, 7)] == [1, 7]
    refused(strict_json.number, {"a": value}, "a", 1, 7)
    refused(strict_json.number, {}, "a", 1, 7)


@pytest.mark.parametrize("value", [None, 0, 1, "true", []])
def test_a_boolean_is_true_or_false(value: object) -> None:
    assert strict_json.boolean({"a": True}, "a") is True
    assert strict_json.boolean({"a": False}, "a") is False
    refused(strict_json.boolean, {"a": value}, "a")
    refused(strict_json.boolean, {}, "a")


@pytest.mark.parametrize("value", [None, True, 0, 2, "1", [1]])
def test_another_version_is_refused_and_true_is_none(value: object) -> None:
    strict_json.version({"version": 1}, 1)
    refused(strict_json.version, {"version": value}, 1)
    refused(strict_json.version, {}, 1)


@pytest.mark.parametrize("value", [None, "xx", {}, 2, [1, 2, 3]])
def test_a_list_is_there_and_within_its_length(value: object) -> None:
    assert strict_json.items({"a": [1, 2]}, "a", 2, str) == ("1", "2")
    assert strict_json.items({"a": []}, "a", 2, str) == ()
    refused(strict_json.items, {"a": value}, "a", 2, str)
    refused(strict_json.items, {}, "a", 2, str)


@given(time=st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31)))
def test_a_time_comes_back(time: datetime) -> None:
    written = time.strftime(TIME)
    assert strict_json.time({"a": written}, "a", TIME).strftime(TIME) == written


@pytest.mark.parametrize(
    "written",
    [
        "",
        "2026-11-25",
        "2026-11-25T10:11:12",
        "2026-11-25t10:11:12Z",
        "2026-11-25T10:11:12z",
        "2026-1-2T3:4:5Z",
        "2026-11-25T10:11:12Z ",
        "2026-11-25T10:11:12+00:00",
        "2026-11-25T10:11:12.000000Z",
        "2026-11-25 10:11:12Z",
        "2026-11-25\ud80010:11:12Z",
        "20261125T101112Z",
        "2026-W48-3T10:11:12Z",
        "2026-330T10:11:12Z",
        "2026-13-25T10:11:12Z",
        "2026-11-31T10:11:12Z",
        "2026-11-25T24:11:12Z",
        "\u0662\u0660\u0662\u0666-11-25T10:11:12Z",
        "2026-11-25T10:11:12Z" + "x" * 100,
    ],
)
def test_a_time_has_one_spelling(written: str) -> None:
    refused(strict_json.time, {"a": written}, "a", TIME)
