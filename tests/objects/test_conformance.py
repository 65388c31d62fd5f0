"""What every store promises (chatseal.objects.object_store), asked of each of them."""

import array
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from typing_extensions import Buffer

from chatseal.errors import ObjectChangedError, ObjectExistsError, ObjectMissingError, StoreFailedError
from chatseal.objects.object_store import ObjectStore, SwappingObjects
from chatseal.objects.rclone_store import RcloneStore
from corpus import KIB, MIB, noise

LENGTHS = [0, 1, 1000, 64 * KIB, 3 * MIB + 1]
NAME = "packs/0a1b"


def names(store: ObjectStore, prefix: str) -> list[str]:
    return sorted(info.name for info in store.list(prefix))


def few(store: ObjectStore, count: int) -> int:
    """A third of *count* where each call is slow: rclone waits 10 ms before each request of WebDAV."""
    return max(3, count // 3) if isinstance(store, RcloneStore) else count


def test_what_is_put_is_what_is_got(store: ObjectStore) -> None:
    for length in LENGTHS:
        data = noise(length)
        store.put(NAME, data)
        assert store.get(NAME, length) == data
        assert store.get_range(NAME, 0, length) == data
        info = store.info(NAME)
        assert (info.name, info.size) == (NAME, length)
        assert [(found.name, found.size) for found in store.list("packs/")] == [(NAME, length)]


@pytest.mark.parametrize("wrap", [list, tuple], ids=["list", "tuple"])
def test_pieces_follow_each_other(store: ObjectStore, wrap: type[list[Buffer]] | type[tuple[Buffer, ...]]) -> None:
    data = noise(2 * MIB + 5)
    pieces: list[Buffer] = [data[:7], b"", bytearray(data[7:MIB]), memoryview(data)[MIB : MIB + 1], memoryview(data)[MIB + 1 :]]
    store.put(NAME, wrap(pieces))
    assert store.get(NAME, len(data)) == data


def test_buffers_of_any_item_size_are_put_as_bytes(store: ObjectStore) -> None:
    numbers = array.array("Q", range(1000))
    store.put(NAME, numbers)
    assert store.get(NAME, 8000) == numbers.tobytes()


def test_the_callers_buffers_are_let_go_and_not_changed(store: ObjectStore) -> None:
    data = bytearray(noise(MIB))
    before = bytes(data)
    store.put(NAME, [data, data])
    assert data == before
    data.extend(b"x")  # BufferError if a view were left
    assert store.get(NAME, 2 * MIB) == before * 2


def test_an_object_is_put_over_whole(store: ObjectStore) -> None:
    store.put(NAME, noise(5000))
    store.put(NAME, b"short")
    assert store.get(NAME, 5000) == b"short"
    assert store.info(NAME).size == 5


RANGES = [(0, 0), (0, 1), (0, 1000), (1, 998), (999, 1), (999, 2), (500, 5000), (1000, 1), (1001, 1), (5000, 7), (3, 0), (1000, 0)]


def test_a_range_ends_where_the_object_ends(store: ObjectStore) -> None:
    data = noise(1000)
    store.put(NAME, data)
    for offset, length in RANGES:
        assert store.get_range(NAME, offset, length) == data[offset : offset + length], (offset, length)


def test_a_range_of_an_empty_object_is_empty(store: ObjectStore) -> None:
    store.put(NAME, b"")
    assert store.get_range(NAME, 0, 100) == b""


def test_a_range_that_cannot_be_is_refused(store: ObjectStore) -> None:
    for offset, length in [(-1, 5), (0, -1), (-5, -5)]:
        with pytest.raises(ValueError, match="negative"):
            store.get_range(NAME, offset, length)


def test_a_huge_range_allocates_no_more_than_there_is(store: ObjectStore) -> None:
    store.put(NAME, b"little")
    assert store.get_range(NAME, 2, 1 << 50) == b"ttle"


def test_an_object_longer_than_the_limit_is_refused(store: ObjectStore) -> None:
    store.put(NAME, noise(1001))
    with pytest.raises(StoreFailedError, match="1001 bytes"):
        store.get(NAME, 1000)
    assert len(store.get(NAME, 1001)) == 1001


def test_an_object_that_is_not_there_is_missing(store: ObjectStore) -> None:
    calls: list[Callable[[], object]] = [
        lambda: store.get(NAME, 10),
        lambda: store.get_range(NAME, 0, 10),
        lambda: store.get_range(NAME, 5, 0),
        lambda: store.info(NAME),
    ]
    for others in (False, True):
        if others:
            store.put(NAME + "0", b"another")
            store.put(NAME[:-1], b"another")
        for call in calls:
            with pytest.raises(ObjectMissingError):
                call()


def test_a_deleted_object_is_gone_and_may_be_deleted_again(store: ObjectStore) -> None:
    store.delete(NAME)
    store.put(NAME, b"x")
    store.put(NAME + "1", b"y")
    for _ in range(2):
        store.delete(NAME)
        assert names(store, "") == [NAME + "1"]
        with pytest.raises(ObjectMissingError):
            store.get(NAME, 10)


def test_a_list_is_of_one_folder_or_of_everything(store: ObjectStore) -> None:
    given = ["config", "packs/a", "packs/b.c-d", "packs/sub/e", "packs-not/f", "snapshots/g", "pack/h"]
    for name in given:
        store.put(name, name.encode())
    assert names(store, "") == sorted(given)
    assert names(store, "packs/") == ["packs/a", "packs/b.c-d", "packs/sub/e"]
    assert names(store, "packs/sub/") == ["packs/sub/e"]
    assert names(store, "maps/") == []
    assert {info.name: info.size for info in store.list("")} == {name: len(name) for name in given}


def test_a_list_of_no_folder_is_refused(store: ObjectStore) -> None:
    for prefix in ["packs", "/", "Packs/", "../", "packs//", "a/../", "./"]:
        with pytest.raises(ValueError, match="a list is"):
            store.list(prefix)


def test_an_empty_store_lists_nothing(store: ObjectStore) -> None:
    assert list(store.list("")) == []


BAD_NAMES = [
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "a/..",
    "a/../b",
    "a/.",
    "a/...",
    "-a",
    ".a",
    "A",
    "a_b",
    "a b",
    "a\n",
    "ä",
    "a\0",
    "%61",
    "a\\b",
]
BAD_NAMES += ["a" * 129]


def test_a_name_that_is_none_is_refused_by_every_call(store: ObjectStore) -> None:
    for name in BAD_NAMES:
        calls: list[Callable[[str], object]] = [
            lambda name: store.put(name, b"x"),
            lambda name: store.get(name, 1),
            lambda name: store.get_range(name, 0, 1),
            store.info,
            store.delete,
        ]
        for call in calls:
            with pytest.raises(ValueError, match="not a name"):
                call(name)
    assert list(store.list("")) == []


def test_names_to_the_limits_of_the_grammar_work(store: ObjectStore) -> None:
    given = ["a", "0", "a.b", "x/b/c/d", "a" * 128, "packs/.hidden", "packs/-", "y/..b", "con", "y/b.."]
    for name in given:
        store.put(name, name.encode())
        assert store.get(name, 128) == name.encode()
    assert names(store, "") == sorted(given)


def test_times_are_by_one_clock_and_do_not_go_back(store: ObjectStore) -> None:
    """Ages come from the store's own clock: an older object is never shown as newer than a later one, to the second that some keep."""
    store.put("probe/1", b"")
    store.put(NAME, b"")
    store.put("probe/2", b"")
    before, mine, after = (store.info(name).modified for name in ("probe/1", NAME, "probe/2"))
    assert before <= mine <= after
    assert after - before < 60


def test_putting_over_renews_the_time(store: ObjectStore) -> None:
    store.put(NAME, b"1")
    first = store.info(NAME).modified
    store.put(NAME, b"2")
    assert store.info(NAME).modified >= first


# --- put absent ---------------------------------------------------------------------------------------------------------


def test_the_probe_of_put_absent_leaves_nothing(store: ObjectStore) -> None:
    store.put(NAME, b"x")
    store.can_put_absent()
    assert names(store, "") == [NAME]


def test_put_absent_keeps_what_is_there(store: ObjectStore) -> None:
    if not store.can_put_absent():
        pytest.skip("this store cannot")
    store.put(NAME, noise(100), absent=True)
    with pytest.raises(ObjectExistsError):
        store.put(NAME, b"another", absent=True)
    assert store.get(NAME, 100) == noise(100)
    store.delete(NAME)
    store.put(NAME, b"after a delete", absent=True)


@pytest.mark.parametrize("store", ["memory", "folder", "azurite", "swift"], indirect=True)
def test_of_several_that_put_absent_one_wins(store: ObjectStore) -> None:
    """Not asked of moto, which looks first and stores later, so that it can go either way."""
    if not store.can_put_absent():
        pytest.skip("this store cannot")
    racers = 8
    for race in range(5):
        start = threading.Barrier(racers)

        def put(number: int, name: str = f"packs/{race}", start: threading.Barrier = start) -> bool:
            start.wait()
            try:
                store.put(name, bytes([number]) * 100_000, absent=True)
            except ObjectExistsError:
                return False
            return True

        with ThreadPoolExecutor(racers) as pool:
            won = list(pool.map(put, range(racers)))
        assert won.count(True) == 1
        assert store.get(f"packs/{race}", 100_000) == bytes([won.index(True)]) * 100_000


@pytest.mark.parametrize("store", ["memory", "folder", "azurite", "swift", "moto"], indirect=True)
def test_an_object_is_swapped_only_if_it_is_what_it_was(store: ObjectStore) -> None:
    assert isinstance(store, SwappingObjects)
    with pytest.raises(ObjectMissingError):
        store.swap("config", b"new", b"old")
    store.put("config", noise(5000))
    store.swap("config", b"two", noise(5000))
    assert store.get("config", 9) == b"two"
    for before in (noise(5000), b"twO", b""):
        with pytest.raises(ObjectChangedError):
            store.swap("config", b"three", before)
    assert store.get("config", 9) == b"two"


@pytest.mark.parametrize("store", ["memory", "folder", "azurite"], indirect=True)
def test_of_several_that_swap_one_object_at_once_one_wins(store: ObjectStore) -> None:
    """Not asked of Swift, which puts over in any case, nor of moto, which looks first and stores later."""
    assert isinstance(store, SwappingObjects)
    racers, swapping = 6, store
    store.put("config", b"before")
    for race in range(3):
        start, before = threading.Barrier(racers), store.get("config", 64)

        def swap(number: int, race: int = race, start: threading.Barrier = start, before: bytes = before) -> bool:
            start.wait()
            try:
                swapping.swap("config", f"{race} {number}".encode(), before)
            except ObjectChangedError:
                return False
            return True

        with ThreadPoolExecutor(racers) as pool:
            won = list(pool.map(swap, range(racers)))
        assert won.count(True) == 1
        assert store.get("config", 64) == f"{race} {won.index(True)}".encode()


# --- several at once ----------------------------------------------------------------------------------------------------


def test_calls_from_several_threads_do_not_mix(store: ObjectStore) -> None:
    def work(number: int) -> None:
        name, data = f"packs/{number:02x}", noise(100_000 + number)
        store.put(name, data)
        assert store.get(name, len(data)) == data
        assert store.get_range(name, 99_990, 1000) == data[99_990:]
        assert store.info(name).size == len(data)
        assert name in names(store, "packs/")
        if number % 2:
            store.delete(name)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(count := few(store, 16))))
    assert names(store, "packs/") == [f"packs/{number:02x}" for number in range(0, count, 2)]


def test_who_reads_while_it_is_put_over_finds_one_of_both_whole(store: ObjectStore) -> None:
    old, new = b"a" * MIB, b"b" * MIB
    store.put(NAME, old)
    done = threading.Event()

    def write() -> None:
        for turn in range(few(store, 6)):
            store.put(NAME, old if turn % 2 else new)
        done.set()

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while not done.is_set() and not writing.done():
            assert store.get(NAME, MIB) in (old, new)
            assert [info.size for info in store.list("packs/")] == [MIB]
        writing.result()


PAGES = [("memory", 1050), ("folder", 1050), ("swift", 45)]
LARGE_PAGES = [("moto", 1020), ("azurite", 5020)]


@pytest.mark.parametrize(
    ("store", "count"), [*PAGES, *(pytest.param(*case, marks=pytest.mark.soak) for case in LARGE_PAGES)], indirect=["store"]
)
def test_a_list_goes_on_beyond_a_page(store: ObjectStore, count: int) -> None:
    """The Swift here gives 20 objects at a time; S3 gives 1000, Azure 5000."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store.put(f"packs/{number:04}", b"x"), range(count)))
    assert names(store, "packs/") == [f"packs/{number:04}" for number in range(count)]
    assert sum(1 for _ in store.list("")) == count


def test_a_list_that_is_not_read_to_its_end_holds_nothing_up(store: ObjectStore) -> None:
    for number in range(count := few(store, 10)):
        store.put(f"packs/{number}", b"")
    found = store.list("packs/")
    next(found)
    del found
    store.put("packs/10", b"")
    assert len(names(store, "packs/")) == count + 1


def test_deleting_while_listing_loses_none_of_the_others(store: ObjectStore) -> None:
    for number in range(count := few(store, 30)):
        store.put(f"packs/{number:02}", b"")
    seen = set()
    for info in store.list("packs/"):
        seen.add(info.name)
        store.delete(info.name)
    assert len(seen) == count
    assert names(store, "") == []


# --- nothing is told ----------------------------------------------------------------------------------------------------


def test_repr_and_address_are_short_and_plain(store: ObjectStore) -> None:
    assert "\n" not in repr(store)
    assert type(store).__name__ in repr(store)
    assert store.url
