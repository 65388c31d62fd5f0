"""Uploads: several at a time within bounds, the first error stops them, and nothing is left behind."""

import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chatseal.errors import StoreFailedError
from chatseal.objects import uploads as module
from chatseal.objects.memory_store import MemoryStore
from chatseal.objects.pieces import Pieces
from chatseal.objects.throttle import BURST, Throttle, ThrottleStoppedError
from chatseal.objects.uploads import Uploads
from corpus import noise

PATIENCE = 20  # seconds; only a test that hangs meets it


class GatedStore(MemoryStore):
    """A real store whose puts wait at a gate, so that a test decides when they end."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Semaphore(0)
        self.arrived = threading.Semaphore(0)
        self.failing: dict[str, BaseException] = {}
        self.puts: list[str] = []
        self.most_bytes = self.most = self._now = self._now_bytes = 0
        self._counting = threading.Lock()

    def put(self, name: str, data: Any, *, absent: bool = False) -> None:
        with Pieces(data) as pieces:
            length = pieces.length
        with self._counting:
            self._now += 1
            self._now_bytes += length
            self.most, self.most_bytes = max(self.most, self._now), max(self.most_bytes, self._now_bytes)
            self.puts.append(name)
        self.arrived.release()
        assert self.gate.acquire(timeout=PATIENCE)
        with self._counting:
            self._now -= 1
            self._now_bytes -= length
        if name in self.failing:
            raise self.failing[name]
        super().put(name, data, absent=absent)

    def open(self) -> None:
        self.gate.release(10_000)

    def wait_for(self, count: int) -> None:
        for _ in range(count):
            assert self.arrived.acquire(timeout=PATIENCE)


@pytest.fixture
def gated() -> Iterator[GatedStore]:
    store = GatedStore()
    yield store
    store.open()


def submit_many(uploads: Uploads) -> None:
    for number in range(2, 5000):
        uploads.submit(f"packs/{number}", b"x")


def in_background(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("objects", [1, 2, 4, 9])
@pytest.mark.parametrize("count", [0, 1, 5, 40])
def test_all_that_was_submitted_is_put_and_told(objects: int, count: int) -> None:
    store, told = MemoryStore(), []
    with Uploads(store, objects=objects) as uploads:
        for number in range(count):
            uploads.submit(f"packs/{number}", [noise(number), b"!"], lambda number=number: told.append(number))  # type: ignore[misc]
    assert {info.name: info.size for info in store.list("")} == {f"packs/{number}": number + 1 for number in range(count)}
    assert sorted(told) == list(range(count))


def test_done_is_called_when_the_object_is_safe_and_one_at_a_time() -> None:
    store, inside = MemoryStore(), threading.Lock()
    seen = []

    def done(name: str) -> None:
        assert inside.acquire(blocking=False), "two at once"
        seen.append(store.get(name, 1))
        inside.release()

    with Uploads(store, objects=8) as uploads:
        for number in range(100):
            name = f"packs/{number}"
            uploads.submit(name, b"x", lambda name=name: done(name))  # type: ignore[misc]
    assert seen == [b"x"] * 100


@pytest.mark.parametrize("objects", [1, 3])
def test_no_more_objects_than_allowed_are_under_way(gated: GatedStore, objects: int) -> None:
    submitted = []

    def work() -> None:
        with Uploads(gated, objects=objects) as uploads:
            for number in range(10):
                uploads.submit(f"packs/{number}", b"x")
                submitted.append(number)

    thread = in_background(work)
    gated.wait_for(objects)
    assert len(submitted) <= objects
    gated.open()
    thread.join(PATIENCE)
    assert len(submitted) == 10
    assert gated.most == objects


@pytest.mark.parametrize(("lengths", "most"), [([100] * 6, 300), ([301, 301], 301), ([10, 500, 10], 500), ([299, 1, 1, 0, 0], 300)])
def test_no_more_bytes_than_allowed_are_under_way_but_for_one_larger_object(gated: GatedStore, lengths: list[int], most: int) -> None:
    gated.open()
    with Uploads(gated, objects=8, memory=300) as uploads:
        for number, length in enumerate(lengths):
            uploads.submit(f"packs/{number}", [bytes(length)])
    assert gated.most_bytes <= most
    assert len(list(gated.list(""))) == len(lengths)


def test_data_is_let_go_when_it_is_put() -> None:
    class Held(bytearray):
        pass

    data = Held(b"x" * 1000)
    gone = weakref.ref(data)
    store = MemoryStore()
    with Uploads(store) as uploads:
        uploads.submit("a", data)
        uploads.wait()
        del data
        assert gone() is None
        uploads.submit("b", b"more after a wait")
    assert len(list(store.list(""))) == 2


ERRORS = [StoreFailedError("the store failed"), OSError(28, "No space left on device"), MemoryError()]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_stops_what_has_not_begun_and_reaches_submit_and_finish(gated: GatedStore, error: Exception) -> None:
    gated.failing = {"packs/1": error}
    uploads = Uploads(gated, objects=2)
    told: list[str] = []
    uploads.submit("packs/0", b"x", lambda: told.append("0"))
    uploads.submit("packs/1", b"x", lambda: told.append("1"))
    gated.wait_for(2)
    gated.open()
    with pytest.raises(type(error)) as raised:
        submit_many(uploads)
    assert raised.value is error
    with pytest.raises(type(error)):
        uploads.submit("packs/again", b"x")
    with pytest.raises(type(error)):
        uploads.wait()
    with pytest.raises(type(error)):
        uploads.finish()
    assert told == ["0"]
    assert "packs/again" not in gated.puts
    assert len(gated.puts) < 5000
    with pytest.raises(ValueError, match="finished or cancelled"):
        uploads.submit("packs/later", b"x")


def test_an_error_wakes_a_submit_that_waits_for_room(gated: GatedStore) -> None:
    gated.failing = {"packs/0": StoreFailedError("no")}
    raised: list[BaseException] = []

    def work() -> None:
        uploads = Uploads(gated, objects=1)
        try:
            for number in range(3):
                uploads.submit(f"packs/{number}", b"x")
        except StoreFailedError as error:
            raised.append(error)
        uploads.cancel()

    thread = in_background(work)
    gated.wait_for(1)
    gated.open()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert len(raised) == 1


def test_of_what_was_put_before_the_end_all_is_told_though_another_failed(gated: GatedStore) -> None:
    """A pack that is safe is not sent again."""
    gated.failing = {"packs/0": StoreFailedError("no")}
    told: list[int] = []
    uploads = Uploads(gated, objects=3)
    for number in range(3):
        uploads.submit(f"packs/{number}", b"x", lambda number=number: told.append(number))  # type: ignore[misc]
    gated.wait_for(3)
    gated.open()
    with pytest.raises(StoreFailedError):
        uploads.finish()
    assert sorted(told) == [1, 2]


def test_the_first_error_is_the_one_that_is_raised(gated: GatedStore) -> None:
    gated.failing = {f"packs/{number}": StoreFailedError(str(number)) for number in range(3)}
    uploads = Uploads(gated, objects=3)
    for number in range(3):
        uploads.submit(f"packs/{number}", b"x")
    gated.wait_for(3)
    gated.open()
    with pytest.raises(StoreFailedError) as first:
        uploads.wait()
    with pytest.raises(StoreFailedError) as second:
        uploads.finish()
    assert first.value is second.value


def test_a_done_that_fails_is_an_error_of_the_upload() -> None:
    def done() -> None:
        raise OSError(28, "no space for the journal")

    with pytest.raises(OSError, match="journal"), Uploads(MemoryStore()) as uploads:
        uploads.submit("a", b"x", done)


def test_an_error_of_the_caller_cancels_and_is_not_hidden(gated: GatedStore) -> None:
    gated.failing = {"packs/0": StoreFailedError("hidden")}
    gated.open()

    def work() -> None:
        with Uploads(gated) as uploads:
            uploads.submit("packs/0", b"x")
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        work()


def test_after_cancel_nothing_begins_and_nothing_is_told(gated: GatedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    told: list[str] = []
    uploads = Uploads(gated, objects=2)
    for number in range(2):
        uploads.submit(f"packs/{number}", b"x", lambda: told.append("done"))
    gated.wait_for(2)
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("chatseal-upload")]
    uploads.cancel()  # returns although the puts hang
    uploads.cancel()
    gated.open()
    for thread in threads:
        thread.join(PATIENCE)
    assert told == []
    assert sorted(gated.puts) == ["packs/0", "packs/1"]
    with pytest.raises(ValueError, match="finished or cancelled"):
        uploads.submit("packs/2", b"x")


def test_ctrl_c_while_submit_waits_leaves_no_thread(gated: GatedStore) -> None:
    def interrupt() -> None:
        gated.wait_for(1)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        gated.open()

    thread = in_background(interrupt)
    with pytest.raises(KeyboardInterrupt), Uploads(gated, objects=1) as uploads:
        submit_many(uploads)
    thread.join(PATIENCE)


def test_uploads_are_closed_once_and_again() -> None:
    uploads = Uploads(MemoryStore())
    uploads.submit("a", b"x")
    uploads.finish()
    uploads.finish()
    uploads.cancel()


@pytest.mark.parametrize("given", [{"objects": 0}, {"memory": 0}, {"limit": 0}, {"limit": -5}])
def test_bounds_that_let_nothing_through_are_refused(given: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        Uploads(MemoryStore(), **given)


# --- pace ---------------------------------------------------------------------------------------------------------------


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 100.0
        self.sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds

    def throttle(self, rate: int) -> Throttle:
        return Throttle(rate, clock=lambda: self.now, sleep=self.sleep)


@pytest.mark.parametrize("amount", [1, 100, 1000, 5000])
def test_the_rate_is_kept_over_time_whatever_the_amounts(amount: int) -> None:
    clock = Clock()
    throttle = clock.throttle(1000)
    for _ in range(20_000 // amount):
        throttle.take(amount)
    assert clock.now - 100 == pytest.approx(20 - BURST)


def test_what_was_not_used_for_long_allows_a_short_burst_only() -> None:
    clock = Clock()
    throttle = clock.throttle(1000)
    throttle.take(1000)
    clock.now += 3600
    before = clock.now
    throttle.take(10_000)
    assert clock.now - before == pytest.approx(10 - BURST)


@pytest.mark.parametrize("rate", [1, 1000, 100_000, 10_000_000, 10**12])
def test_one_large_object_flows_smoothly(rate: int) -> None:
    """No wait is longer than a tenth of a second, but for rates below what is worth cutting that fine."""
    clock = Clock()
    throttle = clock.throttle(rate)
    for _ in range(100):
        throttle.take(throttle.slice_bytes)
    assert max(clock.sleeps, default=0) <= max(0.1, 1025 / rate)


def test_stop_ends_a_wait_that_would_take_days() -> None:
    throttle = Throttle(1)
    entered = threading.Event()
    raised: list[BaseException] = []

    def wait() -> None:
        entered.set()
        try:
            throttle.take(10**6)
        except ThrottleStoppedError as error:
            raised.append(error)

    thread = in_background(wait)
    entered.wait(PATIENCE)
    throttle.stop()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert len(raised) == 1
    with pytest.raises(ThrottleStoppedError):
        throttle.take(1)


def test_paced_uploads_arrive_whole() -> None:
    store, data = MemoryStore(), noise(300_000)
    with Uploads(store, limit=100_000_000) as uploads:
        for number in range(5):
            uploads.submit(f"packs/{number}", [data[:70_000], data[70_000:]])
    assert all(store.get(f"packs/{number}", 300_000) == data for number in range(5))


def test_cancel_stops_a_paced_upload_in_its_middle() -> None:
    store = MemoryStore()
    uploads = Uploads(store, limit=1000)
    uploads.submit("a", bytes(10**8))
    uploads.cancel()
    assert list(store.list("")) == []
