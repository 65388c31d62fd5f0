"""Scrubbing: what was deleted is in no byte, what was not is the same to every reader, and no file can make it take anything else away."""

import os
import random
import sqlite3
import struct
import threading
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from capture.sources import content, everything
from chatseal._scrub import NotScrubbable, Scrubber
from chatseal.capture.capture import Capture
from chatseal.capture.database import open_database
from chatseal.capture.image import Image
from chatseal.capture.options import CaptureOptions
from chatseal.capture.plain_file import PlainFile
from chatseal.capture.scrub import ScrubbedImage

PAGE_LENGTHS = pytest.mark.parametrize("page_length", [512, 1024, 4096, 65536])


class Stored(PlainFile):
    """A file that lies still, in units that suit databases."""

    unit = 4096


def image_of(path: Path) -> Stored:
    return Stored(os.open(path, os.O_RDONLY), str(path))


def scrubbed(path: Path, step: int = 1 << 16) -> tuple[bytes, list[str]]:
    with closing(ScrubbedImage(image_of(path))) as image:
        data = content(image, step)
        assert image.settle()
        return data, image.warnings()


def connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA secure_delete = off")  # which some distributions have on by default
    connection.execute("PRAGMA synchronous = off")
    return connection


def seen(path: Path) -> list[Any]:
    """All that a reader can see of a database, in order; an error ends what is seen of a table."""
    found: list[Any] = []
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes

        def ask(question: str) -> list[tuple[Any, ...]]:
            rows: list[tuple[Any, ...]] = []
            try:
                rows.extend(connection.execute(question))
            except (sqlite3.Error, ValueError, OverflowError) as error:
                rows.append((type(error).__name__, str(error)))
            found.extend(rows)
            return rows

        for pragma in ("page_count", "freelist_count", "page_size", "auto_vacuum", "user_version", "encoding", "integrity_check(20)"):
            ask(f"PRAGMA {pragma}")
        for row in ask("SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema"):
            if row[0] == b"table":
                ask('SELECT * FROM "{}"'.format(row[1].decode("utf-8", "replace").replace('"', '""')))
        ask("SELECT text FROM message INDEXED BY by_text WHERE text > ''")
    return found


def same(path: Path, data: bytes) -> bool:
    """Whether a reader sees the same in *data* as in the database at *path*; both are copied, for readers may repair."""
    one, other = path.with_name("one.db"), path.with_name("other.db")
    one.write_bytes(path.read_bytes())
    other.write_bytes(data)
    return seen(one) == seen(other)


def text(seed: int, length: int) -> str:
    """Letters of which no eight in a row are in any other text."""
    return b64encode(random.Random(f"text {seed}").randbytes(length)).decode()[:length]


def eights(data: bytes) -> NDArray[np.uint64]:
    """All eight bytes in a row that are in *data*, in order of value."""
    found = [np.frombuffer(data[i : i + (len(data) - i) // 8 * 8], np.uint64) for i in range(8)]
    return np.sort(np.concatenate(found))


def are_in(those: NDArray[np.uint64], all_sorted: NDArray[np.uint64]) -> NDArray[np.bool_]:
    if not len(all_sorted):
        return np.zeros(len(those), bool)
    places = np.searchsorted(all_sorted, those)
    return np.equal(np.take(all_sorted, places, mode="clip"), those, dtype=np.bool_)


def lost(gone: list[str], left: list[str]) -> NDArray[np.uint64]:
    """What is in texts that are *gone* and in none that are *left*, eight letters at a time; of shortened texts what was cut off."""
    beginnings = {one[:8]: one for one in left if len(one) >= 8}
    cut = [one[next((i for i, (a, b) in enumerate(zip_longest(one, beginnings.get(one[:8], ""))) if a != b), len(one)) :] for one in gone]
    found = eights("\0".join(cut).encode())
    across = (found.view(np.uint8).reshape(-1, 8) == 0).any(axis=1)
    return np.compress(~across & ~are_in(found, eights("\0".join(left).encode())), found)


def found_in(data: bytes, wanted: NDArray[np.uint64]) -> int:
    return int(are_in(eights(data), wanted).sum())


def written(path: Path, page_length: int, auto_vacuum: int = 0, *, wal: bool = False) -> tuple[list[str], list[str]]:
    """A database in which much was deleted; the texts that are left and those that are gone."""
    texts = [
        text(i, [20, 40, 300, page_length * 3, 30, page_length + 50][i % 6])
        for i in range({512: 300, 1024: 200, 4096: 120, 65536: 15}[page_length])
    ]
    with closing(connect(path)) as connection:
        connection.execute(f"PRAGMA page_size = {page_length}")
        connection.execute(f"PRAGMA auto_vacuum = {auto_vacuum}")
        if wal:
            connection.execute("PRAGMA journal_mode = wal")
        connection.execute("CREATE TABLE message (id INTEGER PRIMARY KEY, chat INTEGER, text TEXT)")
        connection.execute("CREATE INDEX by_text ON message (text)")
        connection.execute("CREATE TABLE gone (text TEXT PRIMARY KEY) WITHOUT ROWID")
        connection.execute("CREATE VIEW v AS SELECT * FROM message")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO message VALUES (?, ?, ?)", [(i, i % 3, one) for i, one in enumerate(texts)])
        connection.executemany("INSERT INTO gone VALUES (?)", [(text(-1 - i, 90),) for i in range(100)])
        connection.execute("COMMIT")
        connection.execute("DELETE FROM message WHERE id % 5 = 1 OR id BETWEEN 60 AND 90")
        connection.execute("UPDATE message SET text = substr(text, 1, 25) WHERE id % 7 = 3")
        connection.execute("DROP TABLE gone")
        left = [row[0] for row in connection.execute("SELECT text FROM message")]
    return left, [one for one in texts if one not in left] + [text(-1 - i, 90) for i in range(100)]


@PAGE_LENGTHS
@pytest.mark.parametrize("auto_vacuum", [0, 1, 2])
def test_what_was_deleted_is_in_no_byte_and_all_else_is_the_same(page_length: int, auto_vacuum: int, tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    left, gone = written(path, page_length, auto_vacuum)
    erased = lost(gone, left)
    assert found_in(path.read_bytes(), erased) > 1000, "there is something to scrub"
    data, warnings = scrubbed(path)
    assert warnings == []
    assert found_in(data, erased) == 0
    assert len(data) == path.stat().st_size
    assert same(path, data)
    # and it can go on to be written to
    (tmp_path / "copy.db").write_bytes(data)
    with closing(connect(tmp_path / "copy.db")) as connection:
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO message (text) VALUES (?)", [(text(i, 700),) for i in range(1000, 1300)])
        connection.execute("DELETE FROM message WHERE id % 3 = 0")
        connection.execute("COMMIT")
        connection.execute("PRAGMA incremental_vacuum")
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.execute("VACUUM")
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@PAGE_LENGTHS
@pytest.mark.parametrize("step", [4096, 65536, 4 * 65536, 65536 + 100])
def test_any_step_gives_the_same_bytes(page_length: int, step: int, tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    written(path, page_length)
    whole, _ = scrubbed(path, 1 << 26)
    with closing(ScrubbedImage(image_of(path))) as image:
        step = max(step, page_length)
        buffer, data = memoryview(bytearray(step)), bytearray(len(whole))
        stride = step // page_length * page_length
        for at in range(0, len(whole), stride):
            n = image.read_into(at, buffer)
            data[at : at + n] = buffer[:n]
        assert data == whole
        with pytest.raises(ValueError, match="beginning of a page"):
            image.read_into(1, buffer)


def test_many_threads_read_one_database(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    written(path, 1024)
    whole, _ = scrubbed(path)
    got = bytearray(len(whole))
    with closing(ScrubbedImage(image_of(path))) as image:

        def read(first: int) -> None:
            for at in range(first * 8192, len(got), 4 * 8192):
                image.read_into(at, memoryview(got)[at : at + 8192])

        threads = [threading.Thread(target=read, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert got == whole


def test_the_pages_of_pointer_maps_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    written(path, 512, 1)
    before, (after, _) = path.read_bytes(), scrubbed(path)
    assert after[:100] == before[:100]
    maps = range(2, len(before) // 512 + 1, 512 // 5 + 1)
    assert len(maps) > 3
    for n in maps:
        assert after[(n - 1) * 512 : n * 512] == before[(n - 1) * 512 : n * 512]


def with_reserved_bytes(path: Path, reserved: int) -> None:
    """An empty database whose pages end with bytes that SQLite does not touch."""
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA page_size = 4096")
        connection.execute("PRAGMA user_version = 1")
    page = bytearray(path.read_bytes())
    page[20] = reserved
    struct.pack_into(">H", page, 105, 4096 - reserved)
    path.write_bytes(page)


def checksum(page: bytes) -> bytes:
    one = two = 0
    for first, second in struct.iter_unpack("<II", page):
        one = (one + first + two) & 0xFFFFFFFF
        two = (two + second + one) & 0xFFFFFFFF
    return struct.pack("<II", one, two)


@pytest.mark.parametrize("reserved", [8, 12, 32])
def test_reserved_bytes_are_kept_and_checksums_in_them_stay_right(reserved: int, tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    with_reserved_bytes(path, reserved)
    left, gone = written(path, 4096)
    pages = [path.read_bytes()[at : at + 4096] for at in range(0, path.stat().st_size, 4096)]
    assert all(len(page) == 4096 for page in pages)
    pages = [
        page[:-reserved] + (checksum(page[:-8]) if reserved == 8 and n % 3 else bytes([n % 256]) * reserved) for n, page in enumerate(pages)
    ]
    path.write_bytes(b"".join(pages))
    data, warnings = scrubbed(path)
    assert (warnings, found_in(data, lost(gone, left))) == ([], 0)
    assert same(path, data)
    for n, page in enumerate(pages):
        after = data[n * 4096 : n * 4096 + 4096]
        if reserved == 8 and n % 3:
            assert after[-8:] == checksum(after[:-8])
        else:
            assert after[-reserved:] == page[-reserved:]


@pytest.mark.parametrize("data", [b"", b"SQLite format 3\0", b"\x8f" * 8192, b"SQLite format 3\0" + bytes(4080)])
def test_what_sqlite_cannot_read_comes_as_it_is_with_a_warning(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(data)
    after, warnings = scrubbed(tmp_path / "x")
    assert after == data
    assert len(warnings) == 1
    assert "not scrubbed" in warnings[0]


# --- files that lie -----------------------------------------------------------------------------------------------------


def put(data: bytearray, at: int, value: int, length: int = 4) -> None:
    data[at : at + length] = value.to_bytes(length, "big")


def get(data: bytes | bytearray, at: int, length: int = 4) -> int:
    return int.from_bytes(data[at : at + length], "big")


def page(number: int) -> int:
    return (number - 1) * 1024


def first_of_type(data: bytes | bytearray, kind: int) -> int:
    """The place of the first page of a type that has cells, after the first page."""
    return next(at for at in range(1024, len(data), 1024) if data[at] == kind and get(data, at + 3, 2) > 2)


def root_of(path: Path, name: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)).fetchone()[0])


def trunk_leads_to_itself(data: bytearray, path: Path) -> None:
    trunk = get(data, 32)
    put(data, page(trunk), trunk)


def trunk_names_a_page_twice(data: bytearray, path: Path) -> None:
    trunk = page(get(data, 32))
    put(data, trunk + 12, get(data, trunk + 8))


def trunk_names_a_page_in_use(data: bytearray, path: Path) -> None:
    put(data, page(get(data, 32)) + 8, first_of_type(data, 13) // 1024 + 1)


def trunk_names_the_root_of_a_table(data: bytearray, path: Path) -> None:
    put(data, page(get(data, 32)) + 8, root_of(path, "message"))


def trunk_names_the_first_page(data: bytearray, path: Path) -> None:
    put(data, page(get(data, 32)) + 8, 1)


def trunk_names_a_page_beyond_the_end(data: bytearray, path: Path) -> None:
    put(data, page(get(data, 32)) + 8, len(data) // 1024 + 1)


def trunk_has_more_names_than_fit(data: bytearray, path: Path) -> None:
    put(data, page(get(data, 32)) + 4, 0xFFFFFFFF)


def first_trunk_is_a_table(data: bytearray, path: Path) -> None:
    put(data, 32, root_of(path, "message"))


def freelist_counts_too_few(data: bytearray, path: Path) -> None:
    put(data, 36, get(data, 36) - 1)


def freelist_counts_too_many(data: bytearray, path: Path) -> None:
    put(data, 36, get(data, 36) + 1)


def page_lost_from_the_freelist(data: bytearray, path: Path) -> None:
    trunk = page(get(data, 32))
    put(data, trunk + 4, get(data, trunk + 4) - 1)
    put(data, 36, get(data, 36) - 1)


def cell_pointer_beyond_the_page(data: bytearray, path: Path) -> None:
    put(data, first_of_type(data, 13) + 8, 1023, 2)


def cell_pointer_into_the_header(data: bytearray, path: Path) -> None:
    put(data, first_of_type(data, 13) + 8, 0, 2)


def more_cells_than_fit(data: bytearray, path: Path) -> None:
    put(data, first_of_type(data, 13) + 3, 0xFFFF, 2)


def content_before_the_pointers(data: bytearray, path: Path) -> None:
    put(data, first_of_type(data, 13) + 5, 9, 2)


def content_after_the_page(data: bytearray, path: Path) -> None:
    put(data, first_of_type(data, 13) + 5, 1025, 2)


def free_block_leads_to_itself(data: bytearray, path: Path) -> None:
    at = first_of_type(data, 13)
    content = get(data, at + 5, 2)
    put(data, at + 1, content, 2)
    put(data, at + content, content, 2)
    put(data, at + content + 2, 8, 2)


def free_block_over_everything(data: bytearray, path: Path) -> None:
    at = first_of_type(data, 13)
    content = get(data, at + 5, 2)
    put(data, at + 1, content, 2)
    put(data, at + content, 0, 2)
    put(data, at + content + 2, 1024 - content, 2)


def payload_longer_than_any(data: bytearray, path: Path) -> None:
    at = first_of_type(data, 13)
    cell = at + get(data, at + 8, 2)
    data[cell : cell + 9] = b"\xff" * 9


def long_values(data: bytearray) -> list[int]:
    """The places of pages that are in the middle of a long value, and of some that were."""

    return [
        at
        for at in range(1024, len(data), 1024)
        if at != page(get(data, 32)) and data[at] == 0 and 1 < get(data, at) <= len(data) // 1024 and data[page(get(data, at))] == 0
    ]


def long_values_in_circles(data: bytearray, path: Path) -> None:
    for at in long_values(data):
        put(data, at, at // 1024 + 1)


def long_values_through_a_table(data: bytearray, path: Path) -> None:
    for at in long_values(data):
        put(data, at, root_of(path, "message"))


def long_values_beyond_the_end(data: bytearray, path: Path) -> None:
    for at in long_values(data):
        put(data, at, len(data) // 1024 + 1)


def long_values_that_go_on_after_their_end(data: bytearray, path: Path) -> None:
    for at in long_values(data):
        last = page(get(data, at))
        if get(data, last) == 0:
            put(data, last, len(data) // 1024)


def long_values_that_end_too_soon(data: bytearray, path: Path) -> None:
    for at in long_values(data):
        put(data, at, 0)


def child_is_its_parent(data: bytearray, path: Path) -> None:
    at = first_of_type(data, 5)
    put(data, at + 8, at // 1024 + 1)


def child_is_the_first_page(data: bytearray, path: Path) -> None:
    put(data, first_of_type(data, 5) + 8, 1)


def child_beyond_the_end(data: bytearray, path: Path) -> None:
    put(data, first_of_type(data, 5) + 8, 0xFFFFFFFF)


def schema_is_no_table(data: bytearray, path: Path) -> None:
    data[100] = 2


def schema_leads_to_itself(data: bytearray, path: Path) -> None:
    data[100] = 5
    put(data, 108, 1)


def schema_row_cut_off(data: bytearray, path: Path) -> None:
    put(data, 108, 1021, 2)


def schema_root_beyond_the_end(data: bytearray, path: Path) -> None:
    at = data.index(b"messagemessage") + len("messagemessage")
    data[at] = 0xFF


def schema_types_of_a_future(data: bytearray, path: Path) -> None:
    row = get(data, 108, 2)
    data[row + 3] = 10


LIES = [
    trunk_leads_to_itself,
    trunk_names_a_page_twice,
    trunk_names_a_page_in_use,
    trunk_names_the_root_of_a_table,
    trunk_names_the_first_page,
    trunk_names_a_page_beyond_the_end,
    trunk_has_more_names_than_fit,
    first_trunk_is_a_table,
    freelist_counts_too_few,
    freelist_counts_too_many,
    cell_pointer_beyond_the_page,
    cell_pointer_into_the_header,
    page_lost_from_the_freelist,
    more_cells_than_fit,
    content_before_the_pointers,
    content_after_the_page,
    free_block_leads_to_itself,
    free_block_over_everything,
    payload_longer_than_any,
    long_values_in_circles,
    long_values_through_a_table,
    long_values_beyond_the_end,
    long_values_that_end_too_soon,
    long_values_that_go_on_after_their_end,
    child_is_its_parent,
    child_is_the_first_page,
    child_beyond_the_end,
    schema_is_no_table,
    schema_leads_to_itself,
    schema_row_cut_off,
    schema_root_beyond_the_end,
    schema_types_of_a_future,
]


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("truth") / "chat.db"
    written(path, 1024)
    assert get(path.read_bytes(), 36) > 20
    return path


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_a_database_that_contradicts_itself_comes_as_it_is_with_a_warning(
    lie: Callable[[bytearray, Path], None], truth: Path, tmp_path: Path
) -> None:
    data = bytearray(truth.read_bytes())
    lie(data, truth)
    assert data != truth.read_bytes()
    (tmp_path / "x").write_bytes(data)
    after, warnings = scrubbed(tmp_path / "x")
    assert after == data
    assert len(warnings) == 1
    assert "something in it contradicts itself" in warnings[0]


def test_cells_all_in_one_place_are_still_what_a_reader_sees(truth: Path, tmp_path: Path) -> None:
    data = bytearray(truth.read_bytes())
    at = first_of_type(data, 10)
    for i in range(get(data, at + 3, 2)):
        put(data, at + 8 + 2 * i, get(data, at + 8, 2), 2)
    (tmp_path / "x").write_bytes(data)
    assert same(tmp_path / "x", scrubbed(tmp_path / "x")[0])


@given(data=st.data())
def test_no_change_of_any_bytes_makes_it_take_away_what_a_reader_sees(data: st.DataObject, truth: Path, tmp_path: Path) -> None:
    original = truth.read_bytes()
    changed = bytearray(original)
    pages = len(original) // 1024
    for _ in range(data.draw(st.integers(1, 3))):
        number = data.draw(st.one_of(st.just(1), st.just(get(original, 32)), st.integers(1, pages)))
        inside = data.draw(st.one_of(st.integers(0, 40), st.integers(100, 140), st.integers(0, 1023)))
        value = data.draw(st.one_of(st.binary(min_size=1, max_size=4), st.integers(0, pages + 1).map(lambda n: n.to_bytes(4, "big"))))
        changed[page(number) + inside : page(number) + inside + len(value)] = value
    changed = changed[: len(original)]
    (tmp_path / "x").write_bytes(changed)
    after, warnings = scrubbed(tmp_path / "x")
    assert len(after) == len(changed)
    if warnings and "not scrubbed: " in warnings[0]:
        assert after == changed
    else:
        assert same(tmp_path / "x", after)


def test_a_page_full_of_overlapping_cells_does_not_cost_the_square_of_its_length() -> None:
    length = 65536
    data = bytearray(2 * length)
    data[:16], data[16:18], data[100] = b"SQLite format 3\0", b"\0\1", 13
    put(data, 105, 0, 2)
    put(data, 56, 1)
    cells = 30_000
    data[length] = 10
    put(data, length + 3, cells, 2)
    content = 8 + 2 * cells
    put(data, length + 5, content, 2)
    for i in range(cells):
        put(data, length + 8 + 2 * i, content, 2)
    data[length + content : length + content + 3] = b"\xa0\x00\x00"  # 4096 bytes
    scrubber = Scrubber(data, len(data))
    scrubber.root(2)
    scrubber.scan(data)
    assert not scrubber.finish()
    with pytest.raises(ValueError, match="not accounted for"):
        scrubber.scrub(1, data)


def test_the_native_part_refuses_what_is_out_of_turn(truth: Path) -> None:
    data = bytearray(truth.read_bytes())
    with pytest.raises(NotScrubbable):
        Scrubber(data[:99], len(data))
    with pytest.raises(NotScrubbable):
        Scrubber(data, len(data) - 1)
    with pytest.raises(NotScrubbable, match="too many pages"):
        Scrubber(data, 0x02000000 * 1024)
    scrubber = Scrubber(data, len(data))
    for wrong in (
        lambda: scrubber.finish(),
        lambda: scrubber.scrub(1, data),
        lambda: scrubber.scan(data[:1000]),
        lambda: scrubber.scan(data + bytes(1024)),
        lambda: scrubber.trunk(scrubber.pages + 1, data[:1024]),
        lambda: scrubber.trunk(2, data[:2048]),
        lambda: scrubber.trunk(2, b""),
    ):
        with pytest.raises(ValueError):
            wrong()
    scrubber.scan(data[:2048])
    with pytest.raises(ValueError):
        scrubber.trunk(2, data[:1024])
    with pytest.raises(ValueError):
        scrubber.scan(data)
    scrubber.scan(data[2048:])
    assert not scrubber.finish(), "no roots were told"
    for again in (scrubber.finish, lambda: scrubber.scan(b""), lambda: scrubber.root(2)):
        with pytest.raises(ValueError):
            again()


# --- databases under way ------------------------------------------------------------------------------------------------

OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), st.integers(1, 30), st.integers(0, 3000)),
        st.tuples(st.just("delete"), st.integers(2, 5), st.integers(0, 4)),
        st.tuples(st.just("shorten"), st.integers(2, 5), st.integers(0, 60)),
        st.tuples(st.just("lengthen"), st.integers(2, 5), st.integers(0, 2000)),
        st.tuples(st.just("drop"), st.just(0), st.just(0)),
        st.tuples(st.just("vacuum"), st.just(0), st.just(0)),
    ),
    max_size=12,
)


@given(operations=OPERATIONS, page_length=st.sampled_from([512, 1024, 4096]), auto_vacuum=st.integers(0, 2))
def test_any_history_leaves_a_database_that_is_the_same_without_its_past(
    operations: list[tuple[str, int, int]], page_length: int, auto_vacuum: int, tmp_path: Path
) -> None:
    path = tmp_path / "chat.db"
    path.unlink(missing_ok=True)
    ever: list[str] = []
    with closing(connect(path)) as connection:
        connection.execute(f"PRAGMA page_size = {page_length}")
        connection.execute(f"PRAGMA auto_vacuum = {auto_vacuum}")
        connection.execute("CREATE TABLE message (id INTEGER PRIMARY KEY, text TEXT)")
        connection.execute("CREATE INDEX by_text ON message (text)")
        for word, one, other in operations:
            if word != "vacuum":
                connection.execute("BEGIN")
            if word == "insert":
                new = [text(len(ever) + i, other + i) for i in range(one)]
                ever += new
                connection.executemany("INSERT INTO message (text) VALUES (?)", [(each,) for each in new])
            elif word == "delete":
                connection.execute("DELETE FROM message WHERE id % ? = ?", (one, other % one))
            elif word == "shorten":
                connection.execute("UPDATE message SET text = substr(text, 1, ?) WHERE id % ? = 0", (other, one))
            elif word == "lengthen":
                connection.execute("UPDATE message SET text = text || zeroblob(?) WHERE id % ? = 0", (other, one))
            elif word == "drop":
                connection.execute("CREATE TABLE short AS SELECT text FROM message")
                connection.execute("DROP TABLE short")
            else:
                connection.execute("PRAGMA incremental_vacuum(3)")
            if word != "vacuum":
                connection.execute("COMMIT")
        left = [bytes(row[0]).decode() for row in connection.execute("SELECT CAST(text AS BLOB) FROM message")]
    data, warnings = scrubbed(path)
    assert warnings == []
    assert same(path, data)
    assert found_in(data, lost(ever, left)) == 0


class Meddled:
    """An image of a database without a log, to which somebody writes at one of its reads."""

    def __init__(self, image: Image, at: int, meddle: Callable[[], None]) -> None:
        self._image, self._at, self._meddle, self._reads = image, at, meddle, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._image, name)

    def read_into(self, offset: int, buffer: memoryview) -> int:
        if self._reads == self._at:
            self._meddle()
        self._reads += 1
        return self._image.read_into(offset, buffer)


@pytest.mark.parametrize("at", [*range(0, 30, 3), 60])
def test_a_database_that_is_written_to_meanwhile_is_scrubbed_as_it_is_in_the_end(at: int, tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    written(path, 1024)
    erased: list[str] = []

    def meddle() -> None:
        with closing(connect(path)) as connection:
            erased.extend(row[0] for row in connection.execute("SELECT text FROM message WHERE id % 2 = 0"))
            connection.execute("BEGIN")
            connection.execute("DELETE FROM message WHERE id % 2 = 0")
            connection.executemany("INSERT INTO message (text) VALUES (?)", [(text(i, 500),) for i in range(5000, 5200)])
            connection.execute("COMMIT")

    with closing(ScrubbedImage(Meddled(open_database(path, CaptureOptions()), at, meddle))) as image:
        data, settled = b"", False
        while not settled:
            data = content(image, 65536)
            settled = image.settle()
        assert not [warning for warning in image.warnings() if "scrubbed" in warning]
    assert data[:16] == b"SQLite format 3\0"
    with closing(connect(path)) as connection:
        left = [row[0] for row in connection.execute("SELECT text FROM message")]
    if erased:
        assert found_in(data, lost(erased, left)) == 0
    assert same(path, data)


def test_a_live_database_is_scrubbed_with_its_log(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    left, gone = written(path, 4096, wal=True)
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("DELETE FROM message WHERE id % 2 = 0")
        left = [row[0] for row in connection.execute("SELECT text FROM message")]
        assert path.with_name("chat.db-wal").stat().st_size > 0
        with Capture([path], open_database=open_database, wrap=ScrubbedImage) as run:
            (data,) = everything(run).values()
        assert run.skipped == []
        connection.execute("PRAGMA wal_checkpoint(truncate)")
    assert data is not None
    assert found_in(data, lost(gone, left)) == 0
    assert same(path, data)


@pytest.mark.soak
def test_the_page_of_the_locks_and_what_is_beyond_it_are_right(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA page_size = 65536")
        connection.execute("PRAGMA journal_mode = off")
        connection.execute("CREATE TABLE message (id INTEGER PRIMARY KEY, text TEXT)")
        connection.execute("CREATE INDEX by_text ON message (substr(text, 1, 50))")
        for i in range(20):
            connection.execute(
                "INSERT INTO message VALUES (?, ? || CAST(zeroblob(60000000) AS TEXT) || ?)", (i, text(i, 100), text(-i, 100))
            )
        connection.execute("DELETE FROM message WHERE id IN (3, 17, 18)")
    assert path.stat().st_size > 1 << 30
    with closing(ScrubbedImage(image_of(path))) as image:
        assert image.warnings() == []
        with open(tmp_path / "copy.db", "wb") as file:
            buffer, at = memoryview(bytearray(1 << 22)), 0
            while n := image.read_into(at, buffer):
                assert text(17, 100).encode() not in bytes(buffer[:n])
                at += file.write(buffer[:n])
        assert image.warnings() == []
    with closing(connect(tmp_path / "copy.db")) as connection, closing(connect(path)) as original:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        question = "SELECT id, length(text), substr(text, 1, 100), substr(text, -100) FROM message"
        assert connection.execute(question).fetchall() == original.execute(question).fetchall()
