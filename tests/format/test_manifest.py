"""The manifest: what is written is read, and nothing else."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatseal import DamagedError
from chatseal.format.manifest import Manifest

MAP, OTHER = "maps/1-" + "0a" * 16, "maps/2-" + "0b" * 16
PACK, SNAPSHOT = "packs/1-" + "0c" * 16, "snapshots/1-" + "0d" * 16
TIME = datetime(2026, 11, 25, 10, 11, 12, 345678, UTC)
PLAIN = Manifest(TIME, "host", "user", "writer", 1, ("/home/ada",), ((MAP,), (OTHER,)))
NAMES = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\udc80\udcff"), max_size=20)


@given(
    time=st.datetimes(datetime(1000, 1, 2), datetime(9999, 12, 30), timezones=st.just(timezone(timedelta(hours=-3)))),
    texts=st.tuples(NAMES, NAMES, NAMES),
    lists=st.tuples(st.lists(NAMES, max_size=3), st.lists(NAMES, max_size=3)),
    chain=st.lists(st.lists(st.sampled_from([MAP, OTHER]), min_size=1, max_size=3), min_size=1, max_size=4),
    numbers=st.lists(st.integers(0, 2**63 - 1), min_size=5, max_size=5),
    sequence=st.integers(1, 2**63 - 1),
    previous=st.sampled_from(["", SNAPSHOT]),
    seconds=st.floats(0, 1e9),
)
def test_a_manifest_comes_back(
    time: datetime,
    texts: tuple[str, str, str],
    lists: tuple[list[str], list[str]],
    chain: list[list[str]],
    numbers: list[int],
    sequence: int,
    previous: str,
    seconds: float,
) -> None:
    maps = tuple(map(tuple, chain))
    entries, size, was_read, added, skipped = numbers
    manifest = Manifest(
        time, *texts, sequence, tuple(lists[0]), maps, previous, tuple(lists[1]), entries, size, was_read, added, skipped, seconds
    )
    found = Manifest.parse(manifest.encode())
    assert found == manifest
    assert found.time.tzinfo is UTC
    assert abs(found.seconds - seconds) <= 0.001


def parsed(**changes: Any) -> Manifest:
    """What is made of PLAIN with some members of others' making; Ellipsis takes one away."""
    members = json.loads(PLAIN.encode()) | changes
    return Manifest.parse(json.dumps({name: value for name, value in members.items() if value is not ...}).encode())


def test_members_that_nobody_knows_are_ignored() -> None:
    assert parsed(later={"a": [1, None]}) == PLAIN


@pytest.mark.parametrize("name", json.loads(PLAIN.encode()))
@pytest.mark.parametrize("value", [..., None, True, -1, 2**63, 1.0, "x" * 65537, {}, [[]], [1], "snapshots/1-" + "0D" * 16])
def test_a_member_that_is_missing_or_of_another_form_is_damage(name: str, value: object) -> None:
    if name in ("host", "user") and isinstance(value, str) and len(value) < 65536:
        return
    if name in ("sources", "tags") and value == []:
        return
    if name in ("host", "user", "writer") and value == "snapshots/1-" + "0D" * 16:
        return
    with pytest.raises(DamagedError):
        parsed(**{name: value})


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("version", 1, 2),
        ("sequence", 1, 0),
        ("host", "x" * 65536, "x" * 65537),
        ("writer", "x" * 64, "x" * 65),
        ("sources", ["x"] * 4096, ["x"] * 4097),
        ("tags", ["x"] * 64, ["x"] * 65),
        ("maps", [[MAP]] * 64, [[MAP]] * 65),
        ("maps", [[MAP] * 65536], [[MAP] * 65537]),
        ("maps", [[MAP]], []),
        ("maps", [[MAP]], [[]]),
        ("maps", [[MAP]], [[MAP], []]),
        ("maps", [[MAP]], MAP),
        ("maps", [[MAP]], [MAP]),
        ("maps", [[MAP]], [[PACK]]),
        ("maps", [[MAP]], [["maps/../" + MAP]]),
        ("maps", [[MAP]], [[MAP + "\n"]]),
        ("maps", [[MAP]], [[None]]),
        ("previous", "", PACK),
        ("previous", SNAPSHOT, SNAPSHOT + "0"),
        ("time", "2026-11-25T10:11:12.345678Z", "2026-11-25T10:11:12Z"),
        ("time", "2026-11-25T10:11:12.345678Z", "2026-11-25T10:11:12.3Z"),
        ("time", "2026-11-25T10:11:12.345678Z", "2026-11-25T10:11:12.345678+00:00"),
        ("size", 2**63 - 1, 2**63),
        ("milliseconds", 0, 0.5),
    ],
)
def test_the_limits_hold(name: str, good: object, bad: object) -> None:
    parsed(**{name: good})
    with pytest.raises(DamagedError):
        parsed(**{name: bad})


def test_any_changed_byte_is_damage_or_another_manifest() -> None:
    data = PLAIN.encode()
    for at in range(len(data)):
        for byte in {data[at] ^ 1, data[at] ^ 0x20, data[at] ^ 0x80, 0x22, 0x30, 0x7D} - {data[at]}:
            changed = data[:at] + bytes([byte]) + data[at + 1 :]
            try:
                found = Manifest.parse(changed)
            except DamagedError:
                continue
            assert Manifest.parse(found.encode()) == found


@given(data=st.binary(max_size=60))
def test_noise_is_damage(data: bytes) -> None:
    with pytest.raises(DamagedError):
        Manifest.parse(data)
