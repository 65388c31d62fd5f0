"""Limit: the libraries alone, on the same bytes, frames and threads; what is left for everything else is the rest of the time.

*libzstd alone* compresses or decompresses independent frames with checksums, from memory, into buffers that are used again and again
or were touched before. It is called by ctypes, which releases the GIL, in the very library that the core is linked with. A call costs
a few microseconds: nothing beside a frame of 1 MiB, a few percent of one of 64 KiB, where the limit is a little too kind."""

import ctypes
import ctypes.util
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

from chatseal import _core

LEVEL_PARAMETER, CHECKSUM_PARAMETER = 100, 201  # ZSTD_c_compressionLevel, ZSTD_c_checksumFlag
MIB = 1 << 20
KEY, NONCE = bytes(32), bytes(12)


def _library() -> ctypes.CDLL:
    for name in ("libzstd.so.1", "libzstd.1.dylib", ctypes.util.find_library("zstd")):
        try:
            library = ctypes.CDLL(name) if name else None
        except OSError:
            continue
        if library is not None:
            break
    else:
        raise OSError("no libzstd to be loaded by its name")
    for function in ("ZSTD_compressBound", "ZSTD_compress2", "ZSTD_CCtx_setParameter", "ZSTD_decompressDCtx"):
        getattr(library, function).restype = ctypes.c_size_t
    for function in ("ZSTD_createCCtx", "ZSTD_createDCtx"):
        getattr(library, function).restype = ctypes.c_void_p
    n = library.ZSTD_versionNumber()
    version = f"{n // 10000}.{n // 100 % 100}.{n % 100}"
    if version != _core.versions()["zstd"]:
        raise OSError(f"this libzstd is {version}, but the core is linked with {_core.versions()['zstd']}")
    return library


ZSTD = _library()


def address_of(data: bytearray) -> int:
    """Where *data* lies. The caller keeps it alive and does not resize it."""
    return ctypes.addressof(ctypes.c_char.from_buffer(data))


def touched(length: int) -> bytearray:
    """A buffer whose pages are all there, so that writing to it faults nowhere."""
    data = bytearray(length)
    if length:
        ctypes.memset(address_of(data), 1, length)
    return data


def _checked(result: int) -> int:
    if ZSTD.ZSTD_isError(ctypes.c_size_t(result)):
        raise RuntimeError("libzstd failed")
    return result


def on_threads(workers: Sequence[Callable[[], None]]) -> float:
    """Seconds until all *workers*, a thread each, have returned."""
    threads = [threading.Thread(target=worker) for worker in workers]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began


@dataclass(frozen=True, slots=True)
class Place:
    """One frame: where its content lies, and where its compressed form."""

    at: int
    length: int
    packed_at: int
    packed_length: int


@dataclass(frozen=True)
class Frames:
    """Independent frames in one buffer."""

    packed: bytearray
    places: tuple[Place, ...]
    content_length: int


class Compression:
    """libzstd alone, compressing: each thread takes the next frame into its own buffer. The contexts are made beforehand."""

    def __init__(self, pieces: Sequence[bytearray], level: int, frame_size: int, threads: int) -> None:
        """*pieces* are cut into frames each by itself, as files are."""
        self._pieces, self._bound = pieces, ZSTD.ZSTD_compressBound(ctypes.c_size_t(frame_size))
        self._frames = [
            (begin + at, min(frame_size, len(piece) - at))
            for piece in pieces
            for begin in [address_of(piece)]
            for at in range(0, len(piece), frame_size)
        ]
        self._threads = [(self._context(level), touched(self._bound)) for _ in range(threads)]

    @staticmethod
    def _context(level: int) -> ctypes.c_void_p:
        context = ctypes.c_void_p(ZSTD.ZSTD_createCCtx())
        _checked(ZSTD.ZSTD_CCtx_setParameter(context, LEVEL_PARAMETER, level))
        _checked(ZSTD.ZSTD_CCtx_setParameter(context, CHECKSUM_PARAMETER, 1))
        return context

    def __del__(self) -> None:
        for context, _ in getattr(self, "_threads", ()):
            ZSTD.ZSTD_freeCCtx(context)

    def run(self) -> float:
        """Compress everything once; seconds."""
        frames, turn, compress = self._frames, count(), ZSTD.ZSTD_compress2
        size, pointer = ctypes.c_size_t, ctypes.c_void_p
        total = len(frames)

        def worker(context: ctypes.c_void_p, buffer: bytearray) -> None:
            out, room = pointer(address_of(buffer)), size(len(buffer))
            while (i := next(turn)) < total:
                at, length = frames[i]
                compress(context, out, room, pointer(at), size(length))

        return on_threads([partial(worker, *pair) for pair in self._threads])

    def frames(self) -> Frames:
        """The frames themselves, for decompression; not timed."""
        context, buffer = self._threads[0]
        packed, places, at = bytearray(), [], 0
        out = ctypes.c_void_p(address_of(buffer))
        for begin, length in self._frames:
            n = _checked(ZSTD.ZSTD_compress2(context, out, ctypes.c_size_t(self._bound), ctypes.c_void_p(begin), ctypes.c_size_t(length)))
            places.append(Place(at, length, len(packed), n))
            packed += memoryview(buffer)[:n]
            at += length
        return Frames(packed, tuple(places), at)


class Decompression:
    """libzstd alone, decompressing: (a) into a buffer of each thread, or (b) each frame to its place in one buffer of all the content."""

    def __init__(self, frames: Frames, threads: int, *, whole: bool) -> None:
        self._frames, self._whole = frames, touched(frames.content_length) if whole else None
        longest = max((place.length for place in frames.places), default=0)
        self._threads = [(ctypes.c_void_p(ZSTD.ZSTD_createDCtx()), touched(0 if whole else longest)) for _ in range(threads)]

    def __del__(self) -> None:
        for context, _ in getattr(self, "_threads", ()):
            ZSTD.ZSTD_freeDCtx(context)

    def run(self) -> float:
        """Decompress everything once; seconds."""
        places, packed = self._frames.places, address_of(self._frames.packed)
        turn, decompress, size, pointer = count(), ZSTD.ZSTD_decompressDCtx, ctypes.c_size_t, ctypes.c_void_p
        whole, total = None if self._whole is None else address_of(self._whole), len(places)

        def worker(context: ctypes.c_void_p, buffer: bytearray) -> None:
            own = address_of(buffer) if buffer else 0
            while (i := next(turn)) < total:
                place = places[i]
                out = own if whole is None else whole + place.at
                got = decompress(context, pointer(out), size(place.length), pointer(packed + place.packed_at), size(place.packed_length))
                if got != place.length:
                    raise RuntimeError("libzstd failed")

        return on_threads([partial(worker, *pair) for pair in self._threads])


def copy(data: bytearray, into: bytearray, threads: int) -> float:
    """Memory copy alone: *data* into another touched buffer, 1 MiB at a time; seconds."""
    begin, out, turn, length = address_of(data), address_of(into), count(), len(data)

    def worker() -> None:
        while (at := next(turn) * MIB) < length:
            ctypes.memmove(out + at, begin + at, min(MIB, length - at))

    return on_threads([worker] * threads)


def encrypt(data: bytearray, threads: int) -> float:
    """AES-256-GCM alone: the core's kernel on runs of 16 records, into a buffer of each thread; seconds."""
    view, turn, run = memoryview(data), count(), 16 * 16384
    runs = len(data) // run

    def worker() -> None:
        cipher, out = _core.RecordSealer(KEY, NONCE), touched(run + 16 * 16)
        while (i := next(turn)) < runs:
            cipher.seal_into(16 * i, view[i * run : (i + 1) * run], out)

    return on_threads([worker] * threads)
