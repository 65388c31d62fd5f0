"""Whatever bytes a holder of the key has sealed, the store and the independent reader make the same of them, or both nothing.

Not the bytes of an object are changed here, which its tags protect, but what is in it: only the rules of the format are in the way."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatseal import DamagedError, rescue_store
from chatseal.format.manifest import Manifest
from chatseal.rescue import RescueError
from chatseal.snapshots.config import Config
from chatseal.snapshots.page_table import PageTable
from slow_store import json_line
from vectors import make_store_vectors as vectors

FULL, DELTA = vectors.first_map(), vectors.second_map()
MANIFEST, CONFIG = json_line(vectors.manifest_of(vectors.S3)), json_line(vectors.S.config_members())
PIECES = [
    b"",
    b"0",
    b"1",
    b"-1",
    b"0.5",
    b"1e1",
    b"true",
    b"null",
    b"[]",
    b"{}",
    b'"',
    b"\\u0061",
    b",",
    b" ",
    b"\n",
    b"\0",
    b"\xff",
    b"99999999999999999999",
]


@st.composite
def changed(draw: st.DrawFn, data: bytes) -> bytes:
    """*data* with one or two stretches of up to eight bytes replaced."""
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(data)))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=4))
        data = data[:at] + piece + data[at + draw(st.integers(0, 8)) :]
    return data


@st.composite
def members_changed(draw: st.DrawFn, data: bytes) -> bytes:
    """A JSON object with some member taken away or given another value."""
    found = json.loads(data)
    for name in draw(st.lists(st.sampled_from(sorted(found)), min_size=1, max_size=2, unique=True)):
        value = found[name]
        values: list[Any] = [
            None,
            True,
            0,
            1,
            -1,
            2**63 - 1,
            2**63,
            1.5,
            "",
            "x",
            [],
            [[]],
            {},
            [value],
            [value, value],
            str(value),
            f"{value}\n",
        ]
        if isinstance(value, str):
            values += [value.upper(), value + " ", value[:-1], value + "0", value.replace("0", "\u0660")]
        if isinstance(value, list):
            values += [value[::-1], value + value, value[1:]]
        found[name] = draw(st.sampled_from(values))
        if draw(st.integers(0, 9)) == 0:
            del found[name]
    return json.dumps(found).encode()


def same(ours: Callable[[], Any], theirs: Callable[[], Any]) -> None:
    try:
        found = ours()
    except DamagedError:
        with pytest.raises(RescueError):
            theirs()
        return
    assert theirs() == found


def table_of_the_store(*maps: bytes) -> dict[str, tuple[Any, ...]]:
    table, found = PageTable(), {}
    for number, data in enumerate(maps):
        table.apply(io.BufferedReader(io.BytesIO(data)), full=number == 0)
    for path, units in table.entries.items():
        entry = units.entry
        packs = [table.packs[pack] if pack < len(table.packs) else None for pack in units.packs.tolist()]
        about = (entry.type, entry.size, entry.mode, entry.mtime_ns, entry.target, entry.same_as)
        found[path] = (*about, packs, units.at.tolist(), units.prints.tobytes())
    return found


def table_of_rescue(*maps: bytes) -> dict[str, tuple[Any, ...]]:
    table, found = rescue_store.Table(), {}
    for number, data in enumerate(maps):
        table.apply(rescue_store.Map(iter([data] if data else [])), "map", full=number == 0)
    for path, entry in table.entries.items():
        packs = [table.packs[pack] if pack < len(table.packs) else None for pack in entry.packs]
        about = (entry.type, entry.size, entry.mode, entry.mtime_ns, entry.target, entry.same_as)
        found[path] = (*about, packs, entry.at.tolist(), bytes(entry.prints))
    return found


@given(full=changed(FULL))
def test_both_read_the_same_in_a_full_map(full: bytes) -> None:
    same(lambda: table_of_the_store(full, DELTA), lambda: table_of_rescue(full, DELTA))


@given(delta=changed(DELTA))
def test_both_read_the_same_in_a_delta(delta: bytes) -> None:
    same(lambda: table_of_the_store(FULL, delta), lambda: table_of_rescue(FULL, delta))


def test_both_read_the_same_where_nothing_is_changed() -> None:
    assert table_of_the_store(FULL, DELTA) == table_of_rescue(FULL, DELTA)
    assert len(table_of_the_store(FULL, DELTA)) == 9


class Given(rescue_store.Store):
    """The independent reader of objects that hold what the test says."""

    def __init__(self, plain: bytes, config: bytes = CONFIG) -> None:
        self.plain, self.config = plain, config
        super().__init__("/dev", b"")

    def unseal(self, name: str, key: Any, kind: str, longest: int) -> bytes:
        return self.config if name == "config" else self.plain


@pytest.fixture(autouse=True)
def any_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatseal.rescue_store.os.path.getsize", lambda path: 0)


@given(data=changed(MANIFEST) | members_changed(MANIFEST))
def test_both_read_the_same_in_a_manifest(data: bytes) -> None:
    def ours() -> Any:
        found = Manifest.parse(data)
        maps = [list(parts) for parts in found.maps]
        return found.time.replace(tzinfo=None), found.host, list(found.sources), maps, found.entries, found.size

    same(ours, lambda: Given(data).manifest(vectors.S3)[1:])


@given(data=changed(CONFIG) | members_changed(CONFIG))
def test_both_read_the_same_in_a_config(data: bytes) -> None:
    def ours() -> Any:
        found = Config._parse(data)
        return found.store_id, bytes(found.fingerprint_key.view), [(epoch.number, bytes(epoch.secret)) for epoch in found.epochs]

    def theirs() -> Any:
        found = Given(b"", data)
        return found.id, found.fingerprints, [tuple(epoch) for epoch in found.epochs.values()]

    same(ours, theirs)
