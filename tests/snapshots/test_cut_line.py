"""The line to a store in a cloud, cut at random moments: what was reported stays whole, and nothing that has arrived is sent again.

moto, an emulator of S3 in a process of its own, behind a proxy on loopback that cuts."""

import itertools
import random
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chatseal.errors import ChatsealError
from chatseal.format.object_names import PACKS
from chatseal.objects.cloud_clients import Patience
from chatseal.snapshots import catalogue, pack_writer
from chatseal.snapshots.orphans import Journal
from servers.bucket import Bucket
from servers.proxy import Fault, Proxy
from snapshots.scene import described
from snapshots.wrapped_store import Bench

SEED = 20261127
UNIT = 65536
FILES = 12
HASTY = Patience(connect=5, answer=10, put=10, retries=1, first_pause=0.01, longest_pause=0.02, retry_for=20)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(pack_writer, "PLAIN", UNIT)
    return tmp_path


@contextmanager
def cut_now_and_then(proxy: Proxy, chance: random.Random) -> Iterator[None]:
    """Cuts all connections again and again inside the block, and some that are made meanwhile in the middle of what they carry."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(chance.uniform(0.0, 0.3)):
            faults: list[Fault | None] = [None] * proxy.connections
            proxy.faults = faults + [
                chance.choice(
                    [None, Fault("refuse"), Fault("cut request", chance.randrange(80_000)), Fault("cut answer", chance.randrange(3000))]
                )
                for _ in range(8)
            ]
            proxy.cut_all()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        proxy.faults = []


@contextmanager
def cut_for_good(proxy: Proxy, bench: Bench, after: int) -> Iterator[None]:
    """Before put number *after* the line breaks, until the end of the block."""
    puts = itertools.count(1)

    def cut(call: str, name: str) -> None:
        if call == "put" and next(puts) == after:
            proxy.then = Fault("refuse")
            proxy.cut_all()

    bench.objects.before = cut
    try:
        yield
    finally:
        proxy.then = None
        bench.calm()


def change(source: Path, chance: random.Random) -> None:
    for number in chance.sample(range(FILES), 2 * FILES // 3):
        (source / f"{number}").write_bytes(chance.randbytes(UNIT + 5))


@pytest.mark.parametrize("runs", [6, pytest.param(100, marks=pytest.mark.soak)])
def test_whenever_the_line_is_cut_nothing_is_lost_and_nothing_is_sent_twice(
    moto_bucket: Bucket, monkeypatch: pytest.MonkeyPatch, folder: Path, source: Path, runs: int
) -> None:
    chance = random.Random(SEED)
    reported: dict[str, dict[str, tuple[object, ...]]] = {}
    failed = cut_with_packs = 0
    with Proxy(moto_bucket.port) as proxy:
        moto_bucket.through(proxy).enter(monkeypatch)
        bench = Bench(moto_bucket.open(HASTY))
        for number in range(FILES):
            (source / f"{number}").write_bytes(chance.randbytes(UNIT + 5))
        for number in range(runs):
            with cut_for_good(proxy, bench, chance.randrange(5, 8)) if number % 2 else cut_now_and_then(proxy, chance):
                try:
                    reported[bench.backup(source).snapshot] = described(source)
                except ChatsealError:
                    failed += 1
            found = bench.check()
            assert (found.broken, found.hurt) == ((), ())
            acknowledged = set(Journal(bench.store).names())
            cut_with_packs += bool(acknowledged)
            before = bench.names(PACKS)
            done = bench.backup(source)
            reported[done.snapshot] = described(source)
            table = bench.table(done.snapshot)
            used = {place.name for place in table.packs}
            assert acknowledged <= used
            assert sum(place.plain for place in table.packs if place.name in used - before) <= FILES * (UNIT + 5) - sum(
                place.plain for place in table.packs if place.name in acknowledged
            )
            change(source, chance)
        assert set(reported) <= {record.id for record in catalogue.read(bench.store).records}
        for snapshot, state in list(reported.items())[-8:]:
            with tempfile.TemporaryDirectory(dir=folder) as out:
                bench.restore(Path(out), snapshot)
                assert {name: about[3] for name, about in described(Path(out) / source.name).items()} == {
                    name: about[3] for name, about in state.items()
                }
        found = bench.check()
        assert (found.broken, found.hurt) == ((), ())
    assert failed
    assert cut_with_packs


def test_a_restore_over_a_line_that_is_gone_stops_at_once_and_goes_on_later(
    moto_bucket: Bucket, monkeypatch: pytest.MonkeyPatch, folder: Path, source: Path
) -> None:
    chance = random.Random(SEED)
    with Proxy(moto_bucket.port) as proxy:
        moto_bucket.through(proxy).enter(monkeypatch)
        bench = Bench(moto_bucket.open(HASTY))
        for number in range(FILES):
            (source / f"{number}").write_bytes(chance.randbytes(UNIT + 5))
        bench.backup(source)
        gets = 0

        def cut(call: str, name: str) -> None:
            nonlocal gets
            gets += call == "get" and name.startswith(PACKS)
            if gets == FILES // 2:
                proxy.then = Fault("refuse")
                proxy.cut_all()

        bench.objects.before = cut
        with pytest.raises(ChatsealError):
            bench.restore(folder / "out")
        there = [path for path in (folder / "out").rglob("*") if path.is_file()]
        assert 1 <= len(there) < FILES
        for path in there:
            assert path.read_bytes() == (source / path.name).read_bytes()
        assert gets < FILES, "it does not try each file"
        proxy.then = None
        bench.calm()
        bench.restore(folder / "again")
        assert described(folder / "again" / source.name) == described(source)
