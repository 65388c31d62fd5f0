"""Lists of objects: what is written is read, and a list names packs and maps alone."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatseal import DamagedError
from chatseal.snapshots import name_list

PACK, MAP = "packs/1-" + "0a" * 16, "maps/1-" + "0b" * 16
NAMES = st.builds("{}{}-{:032x}".format, st.sampled_from(["packs/", "maps/"]), st.integers(1, 999_999_999), st.integers(0, 2**128 - 1))


@given(names=st.lists(NAMES, max_size=20))
def test_a_list_comes_back(names: list[str]) -> None:
    assert name_list.parse(name_list.encode([*names, *names])) == frozenset(names)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"version": 1},
        {"version": True, "names": [MAP]},
        {"version": 2, "names": [MAP]},
        {"version": 1, "names": MAP},
        {"version": 1, "names": [1]},
        {"version": 1, "names": [[MAP]]},
        {"version": 1, "names": [MAP, MAP]},
        {"version": 1, "names": [PACK, MAP]},
        {"version": 1, "names": [MAP, "config"]},
        {"version": 1, "names": [MAP + "0"]},
        {"version": 1, "names": ["../" + PACK]},
    ],
)
def test_a_list_that_breaks_a_rule_is_damage(members: object) -> None:
    with pytest.raises(DamagedError):
        name_list.parse(json.dumps(members).encode())


@pytest.mark.parametrize("folder", ["snapshots/", "pending/", "condemned/", "forgets/"])
def test_nobody_can_condemn_a_snapshot_or_another_list(folder: str) -> None:
    """Else whoever prunes would remove it."""
    with pytest.raises(DamagedError):
        name_list.parse(name_list.encode([folder + PACK.partition("/")[2]]))


def test_any_changed_byte_is_damage_or_another_list() -> None:
    data = name_list.encode([PACK, MAP])
    for at in range(len(data)):
        for byte in {data[at] ^ 1, data[at] ^ 0x80, 0x22, 0x30, 0x61} - {data[at]}:
            try:
                found = name_list.parse(data[:at] + bytes([byte]) + data[at + 1 :])
            except DamagedError:
                continue
            assert name_list.parse(name_list.encode(found)) == found
