"""Object names: what a store's objects are called, what they are bound to, and what is no name at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatseal import DamagedError
from chatseal.format import object_names
from chatseal.format.labels import payload_context

FOLDERS = ("packs/", "maps/", "pending/", "snapshots/", "condemned/")
ID, LAST = "0f" * 16, bytes(range(16))


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("epoch", [1, 10, 999_999_999])
def test_a_name_tells_its_folder_and_epoch_and_nothing_else(folder: str, epoch: int) -> None:
    name = object_names.name_of(folder, epoch, LAST + b"no more than 16 bytes")
    assert name == f"{folder}{epoch}-000102030405060708090a0b0c0d0e0f"
    assert object_names.is_name(name)
    assert [other for other in FOLDERS if object_names.is_name(name, other)] == [folder]
    assert object_names.epoch_of(name) == epoch


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_object_is_bound_to_kind_store_and_name(folder: str) -> None:
    name = object_names.name_of(folder, 7, LAST)
    kind = {"packs/": "pack", "maps/": "map", "pending/": "pending", "snapshots/": "snapshot", "condemned/": "condemned"}[folder]
    assert payload_context(object_names.kind_of(ID, name)) == f"chatseal/v1\0{kind}\0{ID}\0{name}".encode()


def test_the_config_is_bound_to_its_kind_alone() -> None:
    assert payload_context(object_names.kind_of(ID, "config")) == b"chatseal/v1\0config"


GOOD = "packs/1-" + "a0" * 16


@pytest.mark.parametrize(
    "name",
    [
        "",
        "packs/",
        "config",
        "config/1-" + "a0" * 16,
        "sealed/1-" + "a0" * 16,
        GOOD[:-1],
        GOOD + "0",
        GOOD + "\n",
        GOOD + "/",
        " " + GOOD,
        "/" + GOOD,
        "x" + GOOD,
        GOOD.upper(),
        GOOD.replace("a0", "A0"),
        GOOD.replace("/", "//"),
        GOOD.replace("/", "/../packs/"),
        GOOD.replace("packs", "pack"),
        GOOD.replace("1-", "0-"),
        GOOD.replace("1-", "01-"),
        GOOD.replace("1-", "-1-"),
        GOOD.replace("1-", "+1-"),
        GOOD.replace("1-", "-"),
        GOOD.replace("1-", "1_"),
        GOOD.replace("1-", "1000000000-"),
        GOOD.replace("1-", "\u0661-"),
        GOOD.replace("a0a0", "a0 0"),
        GOOD.replace("a0a0", "a0\u06600"),
    ],
)
def test_other_names_are_none(name: str) -> None:
    assert not object_names.is_name(name)
    with pytest.raises(DamagedError):
        object_names.epoch_of(name)
    if name != "config":
        with pytest.raises(DamagedError):
            object_names.kind_of(ID, name)


@given(name=st.text(max_size=50) | st.from_regex(r"\A(packs|maps)/[0-9]{1,10}-[0-9a-fA-F]{31,33}\n?\Z"))
def test_no_two_names_give_one_context(name: str) -> None:
    """A name holds no zero byte and no slash but one, so that what is joined comes apart in one way."""
    if object_names.is_name(name):
        assert name.isascii()
        assert name.count("/") == 1
        assert object_names.kind_of(ID, name).split("\0")[1:] == [ID, name]
        folder, _, rest = name.partition("/")
        assert name == object_names.name_of(folder + "/", object_names.epoch_of(name), bytes.fromhex(rest.partition("-")[2]))


def test_the_pending_of_a_snapshot_has_its_last_part() -> None:
    name = object_names.name_of("snapshots/", 3, LAST)
    assert object_names.sibling(name, "pending/") == object_names.name_of("pending/", 3, LAST)
