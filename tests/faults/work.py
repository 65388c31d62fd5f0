"""Work: the ways of sealing and unsealing that faults are tried on, all with frames of 64 KiB, and what is at stake in each."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import chatseal
from chatseal import BackupKey, SigningKey, _core
from chatseal.objects.local_store import LocalStore
from corpus import KEY_BYTES, KIB, chat, noise
from slow_writer import Draw

KEY = BackupKey(KEY_BYTES)
SECOND, NEW = BackupKey(bytes(range(32))), BackupKey(bytes(range(32, 64)))  # a holder besides KEY, and one who may become it
SIGNER = SigningKey(Draw("the author of the tests")(32))
FRAME = 64 * KIB
NOBODY = 65534
PLAIN = noise(8 * FRAME) + chat(2 * FRAME + 1234)  # sealed, it is more than one run of records

Way = Callable[[Path, Path, int], object]  # source, target, threads


def seal(source: Path, target: Path, threads: int) -> None:
    chatseal.seal(source, target, KEY, frame_size=FRAME, threads=threads)


def seal_over(source: Path, target: Path, threads: int) -> None:
    chatseal.seal(source, target, KEY, frame_size=FRAME, threads=threads, overwrite=True)


def seal_in_turn(source: Path, target: Path, threads: int) -> None:
    with open(source, "rb", buffering=0) as reader, open(target, "xb", buffering=0) as writer:
        chatseal.seal(reader, writer, KEY, frame_size=FRAME, threads=threads)


def seal_by_writing(source: Path, target: Path, threads: int) -> None:
    with open(source, "rb", buffering=0) as reader, chatseal.open(target, "xb", key=KEY, frame_size=FRAME, threads=threads) as writer:
        while piece := reader.read(100_000):
            writer.write(piece)


def seal_many(source: Path, target: Path, threads: int) -> None:
    """One file of many, which gets the name of its source and an ending."""
    for report in chatseal.seal_many([source], target.parent, KEY, frame_size=FRAME, threads=threads):
        if report.error:
            raise report.error


def seal_signed_and_padded(source: Path, target: Path, threads: int) -> None:
    chatseal.seal(source, target, KEY, frame_size=FRAME, threads=threads, sign=SIGNER, padded=True)


def unseal(source: Path, target: Path, threads: int) -> None:
    chatseal.unseal(source, target, KEY, threads=threads)


def unseal_over(source: Path, target: Path, threads: int) -> None:
    chatseal.unseal(source, target, KEY, threads=threads, overwrite=True)


def unseal_in_turn(source: Path, target: Path, threads: int) -> None:
    with open(source, "rb", buffering=0) as reader, open(target, "xb", buffering=0) as writer:
        chatseal.unseal(reader, writer, KEY, threads=threads)


def unseal_signed_and_padded(source: Path, target: Path, threads: int) -> None:
    chatseal.unseal(source, target, KEY, threads=threads, author=SIGNER.verifying_key)


def unseal_by_reading(source: Path, target: Path, threads: int) -> None:
    """Through the seek table."""
    with chatseal.open(source, key=KEY) as reader, open(target, "xb", buffering=0) as writer:
        while piece := reader.read(100_000):
            writer.write(piece)


def verify(source: Path, target: Path, threads: int) -> None:
    chatseal.verify(source, KEY, threads=threads)


WAYS: dict[str, Way] = {
    way.__name__: way
    for way in (
        seal,
        seal_over,
        seal_in_turn,
        seal_by_writing,
        seal_many,
        seal_signed_and_padded,
        unseal,
        unseal_over,
        unseal_in_turn,
        unseal_signed_and_padded,
        unseal_by_reading,
        verify,
    )
}


# Ways of changing who may open a file, which is the target; the source is not looked at. They begin with holders.sealed().


def add_holder(source: Path, target: Path, threads: int) -> None:
    chatseal.add_holder(target, KEY, NEW)


def remove_holder(source: Path, target: Path, threads: int) -> None:
    chatseal.remove_holder(target, KEY, SECOND)


def rotate_key(source: Path, target: Path, threads: int) -> None:
    chatseal.rotate_key(target, SECOND, NEW)


def reseal(source: Path, target: Path, threads: int) -> None:
    chatseal.rotate_key(target, [KEY, SECOND], [KEY, NEW], reseal=True, threads=threads)


HOLDER_WAYS: dict[str, Way] = {way.__name__: way for way in (add_holder, remove_holder, rotate_key, reseal)}


# Other ways: of a user who may not, and of going wrong, for the tests of the stage.
_kept: list[object] = []


def seal_as_nobody(source: Path, target: Path, threads: int) -> None:
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        seal(source, target, threads)
    finally:
        os.seteuid(before)


def crash(source: Path, target: Path, threads: int) -> None:
    os.abort()


def keep_open(source: Path, target: Path, threads: int) -> None:
    _kept.append(os.open(source, os.O_RDONLY))


def keep_a_thread(source: Path, target: Path, threads: int) -> None:
    threading.Thread(target=threading.Event().wait, daemon=True).start()


def keep_a_pipeline(source: Path, target: Path, threads: int) -> None:
    _kept.append(_core.SealPipeline(2))


def put_object(source: Path, target: Path, threads: int) -> None:
    """*target* is an object in a folder of a store that may not be there yet."""
    LocalStore(target.parents[1], create=True).put(f"{target.parent.name}/{target.name}", source.read_bytes())


def put_object_absent(source: Path, target: Path, threads: int) -> None:
    LocalStore(target.parents[1], create=True).put(f"{target.parent.name}/{target.name}", source.read_bytes(), absent=True)


def get_object(source: Path, target: Path, threads: int) -> None:
    """What is at *target* must be what is at *source*."""
    store, name = LocalStore(target.parents[1]), f"{target.parent.name}/{target.name}"
    data = source.read_bytes()
    assert store.get(name, len(data)) == store.get_range(name, 0, len(data)) == data


def delete_object(source: Path, target: Path, threads: int) -> None:
    LocalStore(target.parents[1]).delete(f"{target.parent.name}/{target.name}")


OF_A_STORE = (put_object, put_object_absent, get_object, delete_object)
OTHER_WAYS: dict[str, Way] = {way.__name__: way for way in (seal_as_nobody, crash, keep_open, keep_a_thread, keep_a_pipeline, *OF_A_STORE)}


def makes_a_sealed_file(way: str) -> bool:
    return way.startswith("seal")


def source_of(way: str) -> bytes:
    """What *way* begins with."""
    return PLAIN if makes_a_sealed_file(way) else _sealed(signed_and_padded=is_signed_and_padded(way))


def is_signed_and_padded(way: str) -> bool:
    return way.endswith("signed_and_padded")


def _sealed(*, signed_and_padded: bool) -> bytes:
    sign = SIGNER if signed_and_padded else None
    return b"".join(chatseal.seal_chunks([PLAIN], KEY, frame_size=FRAME, threads=1, sign=sign, padded=signed_and_padded))


def plain_of(way: str, target: bytes) -> bytes:
    """The plaintext in what *way* has made. Raises what unseal raises."""
    author = SIGNER.verifying_key if is_signed_and_padded(way) else None
    return chatseal.unseal_bytes(target, KEY, author=author) if makes_a_sealed_file(way) else target
