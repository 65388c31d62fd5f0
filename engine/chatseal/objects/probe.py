"""Probe: what a store can do, found out by trying it, because servers differ and some say yes without meaning it."""

import contextlib
import secrets
import threading
from collections.abc import Callable

from chatseal.errors import ChatsealError, ObjectExistsError
from chatseal.objects.object_store import ObjectStore

FOLDER = "probe/"
RACERS, RACES = 4, 4
RACE_LENGTH = 1 << 20  # bytes: long enough on their way for the racers to overlap


def can_put_absent(store: ObjectStore, length: int = RACE_LENGTH) -> bool:
    """Whether `put(absent=True)` refuses a name that is taken, and lets exactly one of several win that put it at the same time.

    Puts two objects `probe/...`, the second one several times, *length* bytes each time, and deletes them. (A server that looks whether the
    name is free before it takes the data was shown to do so by nine races in ten: OpenStack Swift, on loopback.) Raises what the store
    raises for an ordinary put that fails; where only the put of an absent name fails, the answer is False."""
    later, raced = (f"{FOLDER}{secrets.token_hex(8)}" for _ in range(2))
    try:
        return _refuses_a_taken_name(store, later) and all(_lets_one_win(store, raced, length) for _ in range(RACES))
    finally:
        for name in (later, raced):
            store.delete(name)


def _refuses_a_taken_name(store: ObjectStore, name: str) -> bool:
    store.put(name, b"first")
    try:
        store.put(name, b"second", absent=True)
    except ObjectExistsError:
        return store.get(name, 16) == b"first"
    except (ChatsealError, OSError):
        return False
    return False


def _lets_one_win(store: ObjectStore, name: str, length: int) -> bool:
    store.delete(name)
    start = threading.Barrier(RACERS)
    winners: list[int] = []

    def race(number: int) -> Callable[[], None]:
        data = bytes([number]) * length

        def put() -> None:
            start.wait()
            with contextlib.suppress(ChatsealError, OSError):
                store.put(name, data, absent=True)
                winners.append(number)

        return put

    threads = [threading.Thread(target=race(number), name=f"chatseal-probe-{number}") for number in range(RACERS)]
    try:
        for thread in threads:
            thread.start()
    except RuntimeError:  # no more threads: those that run must not wait for those that do not
        start.abort()
        raise
    finally:
        for thread in threads:
            if thread.ident is not None:
                thread.join()
    return len(winners) == 1 and store.get(name, length) == bytes(winners) * length
