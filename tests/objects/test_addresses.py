"""Addresses: which store a text names, and that a text that names none is not repeated."""

from pathlib import Path

import pytest

from chatseal.errors import exit_code
from chatseal.objects.addresses import StoreAddressError, open_store
from chatseal.objects.local_store import LocalStore


@pytest.mark.parametrize("form", ["{}", "file://{}", "file://localhost{}", "FILE://{}"])
def test_a_path_and_a_file_address_are_a_folder(tmp_path: Path, form: str) -> None:
    store = open_store(form.format(tmp_path / "s"), create=True)
    assert isinstance(store, LocalStore)
    assert store.url == str(tmp_path / "s")
    store.put("a", b"x")
    assert (tmp_path / "s/a").exists()


def test_opening_makes_nothing(tmp_path: Path) -> None:
    for create in (False, True):
        open_store(str(tmp_path / "s"), create=create)
        assert not (tmp_path / "s").exists()
    with pytest.raises(FileNotFoundError):
        open_store(str(tmp_path / "s")).put("a", b"x")


def test_a_file_address_is_decoded_and_a_path_is_not(tmp_path: Path) -> None:
    assert open_store(f"file://{tmp_path}/a%20%3F%23b").url == str(tmp_path / "a ?#b")
    assert open_store(f"{tmp_path}/a%20?#b").url == str(tmp_path / "a%20?#b")


def test_a_path_that_looks_like_an_address_can_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_store("./memory:").url == str(tmp_path / "memory:")
    assert open_store("c:/x").url == str(tmp_path / "c:/x")


SECRET = "hunter2swordfish"
BAD = [
    "",
    "a\0b",
    "memory:",
    "memory://",
    f"https://user:{SECRET}@example.org/x",
    f"{SECRET}://bucket",
    f"{SECRET}:bucket",
    f"sftp:user:{SECRET}@host:/x",
    f"file://{SECRET}/x",
    f"file://user:{SECRET}@localhost/x",
    f"file:relative/{SECRET}",
    f"file:///x?{SECRET}",
    f"file:///x#{SECRET}",
    f"file:///x%00{SECRET}",
]


@pytest.mark.parametrize("url", BAD)
def test_what_is_no_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(StoreAddressError) as raised:
        open_store(url)
    assert exit_code(raised.value) == 2
    assert raised.value.remedy
    told = f"{raised.value!r} {raised.value} {raised.value.remedy} {raised.value.__context__!r} {raised.value.__cause__!r}"
    assert SECRET not in told
