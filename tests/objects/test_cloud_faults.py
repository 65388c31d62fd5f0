"""Stores in clouds when the line or the server fails: what is tried again, what is told, and that nothing half is left or believed."""

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from chatseal.errors import ChatsealError, ObjectExistsError, ObjectMissingError, StoreFailedError, StoreRefusedError
from chatseal.objects import cloud_store
from chatseal.objects.cloud_clients import Patience
from chatseal.objects.cloud_store import CloudStore
from chatseal.objects.uploads import Uploads
from corpus import MIB, noise
from servers.bucket import Bucket
from servers.proxy import Fault, Proxy

HASTY = Patience(connect=5, answer=20, put=20, retries=3, first_pause=0.01, longest_pause=0.05, retry_for=60)
LARGE = noise(2 * MIB + 7)
NAME = "packs/a"


@pytest.fixture(params=["swift", "azurite"])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    found: Bucket = request.getfixturevalue(f"{request.param}_bucket")
    return found


@pytest.fixture
def behind(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[CloudStore, Proxy]]]:
    """Makes a store whose connections meet faults in turn, and those after them *then*."""
    proxies = []

    def make(bucket: Bucket, *faults: Fault, then: Fault | None = None, patience: Patience = HASTY) -> tuple[CloudStore, Proxy]:
        proxy = Proxy(bucket.port, faults, then)
        proxies.append(proxy)
        bucket.through(proxy).enter(monkeypatch)
        return bucket.open(patience), proxy

    yield make
    for proxy in proxies:
        proxy.close()


Behind = Callable[..., tuple[CloudStore, Proxy]]
PASSING = [
    Fault("refuse"),
    Fault("cut request", 20),
    Fault("cut answer"),
    Fault("cut answer", 100),
    Fault.status(500),
    Fault.status(503),
    Fault.status(429),
]
IN_BODY = [Fault("cut request", MIB), Fault("cut answer", MIB)]


def name_of(fault: Fault) -> str:
    return f"{fault.kind} {fault.after or fault.answer[9:12].decode()}"


def all_calls(store: CloudStore, after_each: Callable[[], object]) -> None:
    """Each kind of call, and what it must give, with *after_each* between."""
    store.put(NAME, LARGE)
    after_each()
    assert store.get(NAME, len(LARGE)) == LARGE
    after_each()
    assert store.get_range(NAME, MIB - 5, MIB) == LARGE[MIB - 5 : 2 * MIB - 5]
    after_each()
    assert store.info(NAME).size == len(LARGE)
    after_each()
    assert [info.name for info in store.list("packs/")] == [NAME]
    after_each()
    store.put("packs/b", b"absent", absent=True)
    after_each()
    store.delete(NAME)
    after_each()
    with pytest.raises(ObjectMissingError):
        store.info(NAME)


@pytest.mark.parametrize("fault", [*PASSING, *IN_BODY], ids=name_of)
def test_every_call_gets_over_a_connection_that_breaks(fault: Fault, bucket: Bucket, behind: Behind) -> None:
    store, proxy = behind(bucket, fault)

    def break_the_next() -> None:
        proxy.cut_all()
        proxy.faults = [None] * proxy.connections + [fault]

    all_calls(store, break_the_next)
    assert proxy.connections > 8


@pytest.mark.parametrize("then", [Fault("refuse"), Fault.status(503), Fault("cut answer")], ids=name_of)
def test_a_server_that_goes_on_failing_is_given_up_and_told(then: Fault, bucket: Bucket, behind: Behind) -> None:
    store, proxy = behind(bucket, then=then)
    calls: list[Callable[[], object]] = [
        lambda: store.put(NAME, b"x"),
        lambda: store.put(NAME, b"x", absent=True),
        lambda: store.get(NAME, 10),
        lambda: store.get_range(NAME, 0, 10),
        lambda: store.info(NAME),
        lambda: list(store.list("")),
        lambda: store.delete(NAME),
    ]
    for call in calls:
        before = proxy.connections
        with pytest.raises(StoreFailedError) as raised:
            call()
        assert bucket.url in str(raised.value)
        if then.kind == "answer":
            assert "503" in str(raised.value)
        assert proxy.connections - before <= 2 * (HASTY.retries + 1)
    proxy.then = None
    assert list(store.list("")) == []


@pytest.mark.parametrize("fault", [Fault("cut request", MIB), Fault("cut request", 4000), Fault("refuse")], ids=name_of)
@pytest.mark.parametrize("parts", [False, True], ids=["whole", "in parts"])
def test_a_put_that_fails_leaves_the_older_object_or_nothing(
    parts: bool, fault: Fault, bucket: Bucket, behind: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    if parts:
        monkeypatch.setattr(cloud_store, "WHOLE_MAX", MIB)
    store, proxy = behind(bucket, then=fault, patience=replace(HASTY, retries=1))
    for older in (None, b"older"):
        proxy.then = None
        if older:
            store.put(NAME, older)
        proxy.cut_all()
        proxy.then = fault
        with pytest.raises(StoreFailedError):
            store.put(NAME, LARGE)
        proxy.then = None
        assert [info.size for info in store.list("")] == ([len(older)] if older else [])
        if older:
            assert store.get(NAME, 100) == older


def test_a_connection_that_stalls_is_left(bucket: Bucket, behind: Behind) -> None:
    quick = replace(HASTY, answer=0.5, put=0.7)
    store, proxy = behind(bucket, Fault("stall request", MIB), patience=quick)
    store.put(NAME, LARGE)
    assert proxy.connections >= 2
    for fault in (Fault("stall answer"), Fault("stall answer", MIB)):
        store, proxy = behind(bucket, fault, patience=quick)
        assert store.get(NAME, len(LARGE)) == LARGE
        assert proxy.connections >= 2


def test_an_answer_that_takes_long_but_goes_on_is_waited_for(moto_bucket: Bucket, behind: Behind) -> None:
    store, proxy = behind(moto_bucket, patience=replace(HASTY, answer=0.5))
    store.put(NAME, LARGE[:10_000])
    proxy.cut_all()
    proxy.then = Fault("slow answer")
    began = time.monotonic()
    assert store.get(NAME, 10_000) == LARGE[:10_000]
    assert time.monotonic() - began > 0.5  # longer than the time without a byte that is allowed
    assert proxy.connections == 2


def test_a_put_that_took_longer_than_its_signature_is_trusted_is_begun_anew(bucket: Bucket, behind: Behind) -> None:
    patience = replace(HASTY, put=0.3, retries=0, retry_for=0.2, begin=3)
    stall = Fault("stall request", MIB)
    store, proxy = behind(bucket, stall, stall, patience=patience)
    store.put(NAME, LARGE)
    assert store.get(NAME, len(LARGE)) == LARGE
    store, proxy = behind(bucket, stall, stall, stall, patience=patience)
    with pytest.raises(StoreFailedError):
        store.put(NAME, LARGE)
    assert proxy.connections == 3


# --- put absent ---------------------------------------------------------------------------------------------------------


def test_an_absent_put_whose_answer_was_lost_counts_as_put(bucket: Bucket, behind: Behind) -> None:
    store, proxy = behind(bucket, Fault("cut answer"))
    store.put(NAME, b"mine", absent=True)
    assert proxy.connections >= 2
    assert store.get(NAME, 10) == b"mine"


def test_an_absent_put_whose_answer_was_lost_is_not_mistaken_for_anothers(bucket: Bucket, behind: Behind) -> None:
    bucket.open().put(NAME, b"another's")
    store, _ = behind(bucket, Fault("cut answer"))
    with pytest.raises(ObjectExistsError):
        store.put(NAME, b"mine", absent=True)


def test_without_a_failure_the_same_bytes_are_anothers_too(bucket: Bucket) -> None:
    bucket.open().put(NAME, b"same")
    with pytest.raises(ObjectExistsError):
        bucket.open().put(NAME, b"same", absent=True)


# --- uploads ------------------------------------------------------------------------------------------------------------


def test_uploads_get_over_a_line_that_breaks_again_and_again(swift_bucket: Bucket, behind: Behind) -> None:
    store, proxy = behind(swift_bucket, *[Fault("cut request", 300_000), Fault.status(503)] * 3, patience=replace(HASTY, retries=10))
    told: list[int] = []
    with Uploads(store) as uploads:
        for number in range(8):
            uploads.submit(f"packs/{number}", [LARGE[:number], LARGE[:MIB]], lambda number=number: told.append(number))  # type: ignore[misc]
    assert sorted(told) == list(range(8))
    assert {info.name: info.size for info in store.list("packs/")} == {f"packs/{number}": MIB + number for number in range(8)}
    assert proxy.connections > 6


def test_uploads_end_with_the_error_of_a_line_that_is_gone(swift_bucket: Bucket, behind: Behind) -> None:
    store, _ = behind(swift_bucket, then=Fault("refuse"))
    uploads = Uploads(store)

    def submit() -> None:
        for number in range(100):
            uploads.submit(f"packs/{number}", b"x")

    with pytest.raises(StoreFailedError):
        submit()
    with pytest.raises(StoreFailedError):
        uploads.finish()


def test_a_paced_upload_goes_in_parts_and_arrives_whole(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    data = noise(11 * MIB)
    with Uploads(bucket.open(), limit=200_000_000) as uploads:
        uploads.submit(NAME, [data[:MIB], data[MIB:]])
    assert bucket.open().get(NAME, len(data)) == data


def test_cancel_stops_a_paced_upload_in_its_middle_and_leaves_nothing(bucket: Bucket) -> None:
    store = bucket.open()
    uploads = Uploads(store, limit=100_000)
    uploads.submit(NAME, bytes(11 * MIB))
    uploads.cancel()
    assert list(store.list("")) == []


# --- answers that are not to be believed --------------------------------------------------------------------------------


def s3_list(*keys: tuple[str, str]) -> bytes:
    entries = "".join(
        f"<Contents><Key>{key}</Key><LastModified>2026-11-25T00:00:00.000Z</LastModified><ETag>x</ETag><Size>{size}</Size></Contents>"
        for key, size in keys
    )
    return f"<?xml version='1.0'?><ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode()


def test_names_that_are_none_and_of_other_folders_are_not_listed(moto_bucket: Bucket, behind: Behind) -> None:
    at = moto_bucket.prefix
    keys = [
        (f"{at}/{key}", "5") for key in ("packs/a", "packs/A", "packs/b_c", "snapshots/x", "packs/" + "e" * 200, "packs/é", "packs/%2e")
    ]
    answer = Fault.status(200, "Content-Type: application/xml", body=s3_list(*keys, ("elsewhere/packs/g", "5")))
    store, _ = behind(moto_bucket, then=answer)
    assert [info.name for info in store.list("packs/")] == ["packs/a"]


@pytest.mark.parametrize("key", ["packs/../../etc", "packs//d", "packs/f&#10;"])
def test_names_that_no_store_can_have_are_an_error_with_a_remedy(key: str, moto_bucket: Bucket, behind: Behind) -> None:
    body = s3_list((f"{moto_bucket.prefix}/{key}", "5"))
    store, _ = behind(moto_bucket, then=Fault.status(200, "Content-Type: application/xml", body=body))
    with pytest.raises(StoreFailedError, match="somebody else's") as raised:
        list(store.list("packs/"))
    assert "prefix" in raised.value.remedy


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"\xff" * 1000, s3_list((NAME, "-5")), s3_list((NAME, "9" * 30)), b"<ListBucketResult>" * 10_000]
)
def test_a_list_that_is_none_is_an_error(body: bytes, moto_bucket: Bucket, behind: Behind) -> None:
    store, _ = behind(moto_bucket, then=Fault.status(200, "Content-Type: application/xml", body=body))
    with pytest.raises(StoreFailedError):
        list(store.list("packs/"))


MODIFIED = "Last-Modified: Wed, 25 Nov 2026 00:00:00 GMT"
LYING = [
    Fault("answer", answer=f"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n{MODIFIED}\r\nETag: x\r\n\r\nshort".encode()),
    Fault("answer", answer=f"HTTP/1.1 200 OK\r\n{MODIFIED}\r\nETag: x\r\n\r\n".encode() + b"y" * 100_000),
    Fault("answer", answer=b"HTTP/1.1 200 OK\r\n\r\n"),
    Fault("answer", answer=b"HTTP/1.1 999 Odd\r\n\r\n"),
    Fault("answer", answer=b"\0" * 10_000),
    Fault("answer", answer=b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"),
    Fault("answer", answer=b"HTTP/1.1 200 OK\r\nX: " + b"z" * 2_000_000),
]


@pytest.mark.parametrize("lie", LYING, ids=range(len(LYING)))
def test_an_answer_that_is_none_is_an_error(lie: Fault, moto_bucket: Bucket, behind: Behind) -> None:
    store, _ = behind(moto_bucket, then=lie)
    calls: list[Callable[[], object]] = [
        lambda: store.get(NAME, 1000),
        lambda: store.get_range(NAME, 3, 1000),
        lambda: list(store.list("")),
    ]
    for call in calls:
        with pytest.raises((StoreFailedError, StoreRefusedError)):
            call()


def test_an_object_longer_than_the_limit_is_not_fetched(moto_bucket: Bucket, behind: Behind) -> None:
    huge = Fault("answer", answer=f"HTTP/1.1 200 OK\r\nContent-Length: {1 << 40}\r\n{MODIFIED}\r\nETag: x\r\n\r\n".encode())
    store, _ = behind(moto_bucket, then=huge)
    with pytest.raises(StoreFailedError, match="more than the 1000"):
        store.get(NAME, 1000)


def test_more_than_the_range_is_not_believed(moto_bucket: Bucket, behind: Behind) -> None:
    head = f"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9/100\r\nContent-Length: 5000000\r\n{MODIFIED}\r\nETag: x\r\n\r\n"
    store, _ = behind(moto_bucket, then=Fault("answer", answer=head.encode() + b"y" * 5_000_000))
    with pytest.raises(StoreFailedError):
        store.get_range(NAME, 0, 10)


def test_credentials_do_not_follow_a_redirect(moto_bucket: Bucket, behind: Behind) -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)

        def listen() -> None:
            try:
                while True:
                    other, _ = listener.accept()
                    with other:
                        heard.append(other.recv(100_000))
            except OSError:
                return

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        place = f"Location: http://127.0.0.1:{listener.getsockname()[1]}/x"
        store, _ = behind(moto_bucket, then=Fault.status(307, place), patience=replace(HASTY, retries=1))
        for call in (lambda: store.get(NAME, 10), lambda: store.put(NAME, b"x"), lambda: list(store.list(""))):
            with pytest.raises(ChatsealError):
                call()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert not any(b"Authorization" in request or b"authorization" in request for request in heard)


# --- Ctrl-C -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["get", "put", "list"])
def test_ctrl_c_leaves_a_call_that_hangs_at_once(call: str, swift_bucket: Bucket, behind: Behind) -> None:
    store, proxy = behind(swift_bucket, then=Fault("stall request"), patience=replace(HASTY, retries=0))
    data = bytearray(LARGE)
    calls: dict[str, Callable[[], object]] = {
        "get": lambda: store.get(NAME, 10),
        "put": lambda: store.put(NAME, data),
        "list": lambda: list(store.list("")),
    }

    def interrupt() -> None:
        while proxy.connections == 0:
            time.sleep(0.01)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=interrupt, daemon=True)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        calls[call]()
    thread.join()
    proxy.close()
    for thread in threading.enumerate():
        if thread.name == "chatseal-store":
            thread.join(30)
