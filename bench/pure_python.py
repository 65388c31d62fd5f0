"""Pure Python: the same sealed file from pyzstd, cryptography and a ThreadPoolExecutor, to show what the native core is worth.

What an able programmer would write with the libraries as they come: frames compressed on all threads, then one Cobblestone stream in
order, which is one thread's work. `python bench/pure_python.py [--size 256M] [--rounds 5]` measures it beside the core; what it makes
opens like any other."""

import argparse
import secrets
import struct
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pyzstd
from cryptography.cobblestone import Cobblestone256Encryptor

import chatseal
import inputs
import limit
import machine
import subjects
from chatseal.format import metadata
from chatseal.format.header import Header
from chatseal.format.labels import SEALED, payload_context
from chatseal.format.payload import PREFIX_LEN
from chatseal.format.seek_table import MAGIC_SEEKABLE, MAGIC_TABLE
from chatseal.keys.secret import Secret
from chatseal.keys.slots import wrap
from rounds import take_turns, timed

if TYPE_CHECKING:
    from typing_extensions import Buffer


def frames(data: bytearray, level: int, frame_size: int, threads: int) -> Iterator[tuple[bytes, int]]:
    """Compressed frames in order with the lengths of their content, at most two a thread under way."""
    view = memoryview(data)
    option: dict[int, int] = {pyzstd.CParameter.compressionLevel: level, pyzstd.CParameter.checksumFlag: 1}
    with ThreadPoolExecutor(threads) as pool:
        window: deque[tuple[Future[bytes], int]] = deque()
        for at in range(0, len(data), frame_size):
            if len(window) == 2 * threads:
                packed, length = window.popleft()
                yield packed.result(), length
            piece = view[at : at + frame_size]
            window.append((pool.submit(pyzstd.compress, piece, option), len(piece)))
        for packed, length in window:
            yield packed.result(), length


def table(rows: list[tuple[int, int]]) -> bytes:
    """The seek table frame of *rows*: lengths of frames and of their contents."""
    body = b"".join(struct.pack("<II", *row) for row in rows) + struct.pack("<IBI", len(rows), 0, MAGIC_SEEKABLE)
    return struct.pack("<II", MAGIC_TABLE, len(body)) + body


def seal(data: bytearray, target: subjects.Sink, level: int, frame_size: int, threads: int) -> None:
    """Seal *data* into *target*, a file object."""
    file_key = Secret(secrets.token_bytes(32))
    encryptor = Cobblestone256Encryptor(bytes(file_key.view), payload_context(SEALED))
    head = metadata.head_frame("stream", None, None)
    rows = [(len(head), 0)]
    first = encryptor.update(head)
    target.write(Header(None, wrap(file_key, [subjects.KEY], SEALED)).encode(file_key.view, first[:PREFIX_LEN]))
    target.write(first)
    for frame, length in frames(data, level, frame_size, threads):
        rows.append((len(frame), length))
        target.write(encryptor.update(frame))
    tail = metadata.tail_frame(len(data))
    rows.append((len(tail), 0))
    target.write(encryptor.update(tail + table(rows)))
    target.write(encryptor.finalize())


class Kept(subjects.Sink):
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: "Buffer", /) -> int:
        self.data += data
        return super().write(data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=inputs.size, default="256M")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    data = inputs.load(inputs.chat(given.size))
    kept = Kept()
    seal(data, kept, 3, 1 << 20, given.threads)
    if chatseal.unseal_bytes(kept.data, subjects.KEY) != data:
        raise SystemExit("the pure-Python pipeline made a file that does not open to its source")
    print(machine.describe() + f"\n{'pyzstd':12} {'.'.join(map(str, pyzstd.zstd_version_info))}, its own libzstd\n")
    print("| level | native core, MB/s | pure Python, MB/s | libzstd alone, MB/s | pure Python / native |\n|---|---|---|---|---|")
    for level in (3, 1, -5):
        times = take_turns(
            {
                "native": subjects.seal_to_sink(data, level, threads=given.threads),
                "python": partial(timed, partial(seal, data, subjects.Sink(), level, 1 << 20, given.threads)),
                "limit": limit.Compression([data], level, 1 << 20, given.threads).run,
            },
            given.rounds,
        )
        rates = [f"{len(data) / times.median(name) / 1e6:.0f}" for name in times.seconds]
        print(f"| {level} | {' | '.join(rates)} | {times.share('python', 'native'):.2f} |", flush=True)


if __name__ == "__main__":
    main()
