"""Upload: 1 GB in objects of 32 MiB to a real S3 server on loopback, through Uploads and by obstore alone, in turn.

    python bench/upload.py [--size 1G] [--rounds 5]

The server is OpenStack Swift with its S3 layer, started and stopped here, in memory where it can be. It takes most of both times, and of
the machine's processors: what is compared is what Uploads and CloudStore add."""

import argparse
import gc
import os
import random
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import inputs
import machine
from chatseal.objects.cloud_store import CloudStore
from chatseal.objects.uploads import Uploads
from rounds import Times, timed

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from servers import swift
from servers.bucket import NO_FILES, make_s3_bucket
from servers.fixtures import NAME, s3_bucket

OBJECT = 32 << 20
BAR = 0.80
AT_ONCE = 2  # what the 64 MiB that Uploads keeps under way let through


def missing() -> str:
    """Why it cannot be measured here, or nothing."""
    return swift.missing()


@contextmanager
def server() -> Iterator[CloudStore]:
    """An empty bucket on a server of its own."""
    running = swift.Swift()
    try:
        make_s3_bucket(running.port, NAME, swift.ACCESS_KEY, swift.SECRET_KEY)
        bucket = s3_bucket(running.port, swift.ACCESS_KEY, swift.SECRET_KEY)
        with mock.patch.dict(os.environ, {**NO_FILES, **bucket.environment}):
            yield bucket.open()
    finally:
        running.stop()


def objects(size: int) -> list[bytes]:
    """*size* bytes of noise, cut into objects."""
    return [random.Random(number).randbytes(min(OBJECT, size - at)) for number, at in enumerate(range(0, size, OBJECT))]


def through_uploads(store: CloudStore, data: list[bytes]) -> None:
    with Uploads(store) as uploads:
        for number, piece in enumerate(data):
            uploads.submit(f"packs/{number}", piece)


def by_obstore(store: CloudStore, data: list[bytes]) -> None:
    """The same bytes, as many at a time, with a client that is set up alike."""
    import obstore

    def put(number: int) -> None:
        obstore.put(store.large_client, f"alone/{number}", data[number], use_multipart=False)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(put, range(len(data))))


def measure(size: int, rounds: int) -> Times:
    """Seconds of both, one of each a round, after one of each that does not count; who begins changes from round to round."""
    data = objects(size)
    seconds: dict[str, list[float]] = {"uploads": [], "obstore": []}
    with server() as store:
        runs = [("uploads", through_uploads), ("obstore", by_obstore)]
        for turn in range(rounds + 1):
            for name, run in runs if turn % 2 else reversed(runs):
                gc.collect()
                took = timed(lambda run=run: run(store, data))  # type: ignore[misc]
                if turn:
                    seconds[name].append(took)
    return Times({name: tuple(took) for name, took in seconds.items()}, 0.0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=inputs.size, default="1G", help="bytes (1G)")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    if missing():
        print(f"not measured: {missing()}")
        return 1
    print(machine.describe())
    times = measure(given.size, given.rounds)
    for name in times.seconds:
        print(f"{name:10} {times.median(name):.2f} s, {given.size / times.median(name) / 1e6:.0f} MB/s")
    low, high = times.spread("uploads", "obstore")
    share = times.share("uploads", "obstore")
    print(f"{'ratio':10} {share:.3f} ({low:.3f} to {high:.3f}), bar {BAR}: {'holds' if share >= BAR else 'MISSED'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
