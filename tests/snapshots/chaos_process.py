"""One process at a store that others use too: `python chaos_process.py ROLE STORE LOG FOLDER SEED`, the key's digits on standard input.

A `writer` changes a file in FOLDER and backs it up, and writes to LOG what was reported. A `pruner` forgets and prunes. Both go on until
they are killed."""

import hashlib
import itertools
import os
import random
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from chatseal import BackupKey, BackupOptions, Store, StoreFailedError
from chatseal.snapshots import catalogue, pack_writer
from chatseal.snapshots.allowance import Allowance
from chatseal.snapshots.forget import forget
from chatseal.snapshots.prune import PruneOptions, prune

UNIT, UNITS = 65536, 12
KEPT = 6  # snapshots that a pruner leaves
WAIT = timedelta(seconds=0.3)
ENV = {"CHATSEAL_STATE_DIR": "state", "CHATSEAL_CACHE_DIR": "cache"}


def write(store: Store, log: Path, folder: Path, chance: random.Random) -> None:
    """Back up a file of which some units are others every time."""
    source = folder / "source"
    source.mkdir(exist_ok=True)
    units = [chance.randbytes(UNIT) for _ in range(UNITS)]
    while True:
        for number in chance.sample(range(UNITS), chance.choice((1, 2, 5))):
            units[number] = chance.randbytes(UNIT)
        content = b"".join(units)
        (source / "data").write_bytes(content)
        with suppress(StoreFailedError):  # it says that it did not succeed
            done = store.backup(source, options=BackupOptions(threads=1))
            with open(log, "ab") as file:
                file.write(f"{done.snapshot} {hashlib.sha256(content).hexdigest()}\n".encode())
                os.fsync(file.fileno())


def clear(store: Store, chance: random.Random) -> None:
    """Leave some of the newest snapshots, and prune."""
    for _ in itertools.count():
        records = catalogue.read(store.sealed).records
        old = records[:-KEPT]
        forget(store.sealed, [record.name for record in chance.sample(old, chance.randint(0, len(old)))])
        prune(store.sealed, PruneOptions(wait=WAIT, max_unused=Allowance(), max_fragmentation=Allowance(), threads=1))


def main() -> None:
    role, url, log, folder, seed = sys.argv[1:]
    pack_writer.PLAIN = 3 * UNIT
    chance = random.Random(int(seed))
    with Store(url, BackupKey(bytes.fromhex(sys.stdin.readline()))) as store:
        if role == "writer":
            write(store, Path(log), Path(folder), chance)
        else:
            clear(store, chance)


if __name__ == "__main__":
    main()
