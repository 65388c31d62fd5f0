"""Random search: headers and streams that nobody thought of, for all readers at once, within limits of time and memory.

`make fuzz` runs each search for a share of FUZZ_SECONDS; a seed that found something is printed, and finds it again as FUZZ_SEED.
`make soak` does a fixed number."""

import hashlib
import os
import random
import resource
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import chatseal
from chatseal import BackupKey, Password, PrivateKey
from corpus import KEY_BYTES, PAIR_BYTES
from oracle import rescued
from sealing import ways
from slow_writer import (
    Draw,
    Frame,
    base64_text,
    end_line,
    framed,
    hpke_slot,
    key_slot,
    password_slot,
    stored_frame,
    stream_of,
)
from slow_writer import padded as padded_header
from vectors.make_vectors import Sealed, seal

SECONDS = float(os.environ.get("FUZZ_SECONDS", "300"))
SEED = os.environ.get("FUZZ_SEED")
SEARCHES = 3
SLOWEST = 10.0  # seconds of processors for one header, on all threads: a busy machine makes nothing dearer
MEMORY = 1 << 30

KEY, PAIR, WORD = BackupKey(KEY_BYTES), PrivateKey(PAIR_BYTES), "word"
A, B = stored_frame(b"hello " * 40), stored_frame(b"there " * 30)


def seeds(count: int | None) -> Iterator[random.Random]:
    """Dice for each attempt: *count* of them, or for this search's share of the time; one if a seed is given."""
    if SEED is not None:
        yield random.Random(SEED)
        return
    base, ends, number = random.SystemRandom().getrandbits(64), time.monotonic() + SECONDS / SEARCHES, 0
    while number < count if count is not None else time.monotonic() < ends:
        seed = f"{base:x}/{number}"
        try:
            yield random.Random(seed)
        except GeneratorExit:
            print(f"FUZZ_SEED={seed}")
            raise
        number += 1


# --- Headers ----------------------------------------------------------------------------------------------------------

SALT = base64_text(Draw("salt")(16))
NUMBERS = [b"0", b"1", b"-1", b"9", b"19456", b"1048576", b"1048577", b"4194304", b"99999999999999999999", b"1e9", b"0x10"]
PIECES = [
    b"",
    b" ",
    b"\n",
    b"\r",
    b"\t",
    b"=",
    b"\0",
    b"\xff",
    b"slot ",
    b"slot key ",
    b"slot password argon2id ",
    b"size ",
    b"pad ",
    b"end ",
]


def good_header() -> Sealed:
    def slots(file_key: bytes) -> list[bytes]:
        arguments = b"argon2id m=19456 t=1 p=1 " + SALT
        return [
            key_slot(KEY_BYTES, file_key, Draw("1")(24)),
            password_slot(WORD.encode(), file_key, Draw("2")(24), arguments),
            hpke_slot(PAIR.public_key.hpke, file_key),
            b"slot future x=1 AAAA",
        ]

    return seal(framed([A]), slots=slots)


def mutated_header(good: Sealed, dice: random.Random) -> bytes:
    """The file with its header changed in one to four places, by somebody who can make the checksum right, or the MAC too."""
    lines = good.before.split(b"\n")[:-2]  # without the pad line
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(lines))
        line = lines[at]
        match dice.randrange(6):
            case 0:
                lines[at] = line[: (cut := dice.randint(0, len(line)))] + dice.choice(PIECES) + line[cut + dice.randint(0, 3) :]
            case 1:
                words = line.split(b" ")
                word = dice.randrange(len(words))
                name, equals, _ = words[word].partition(b"=")
                words[word] = name + equals + dice.choice(NUMBERS) if equals else dice.choice(NUMBERS)
                lines[at] = b" ".join(words)
            case 2:
                lines.insert(dice.randrange(len(lines) + 1), line)
            case 3:
                del lines[at]
                lines = lines or [b""]
            case 4:
                other = dice.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
            case 5:
                place = dice.randrange(len(line) + 1)
                lines[at] = line[:place] + dice.randbytes(1) + line[place + 1 :]
    text = b"".join(line + b"\n" for line in lines)
    before = padded_header(text) if dice.random() < 0.95 else text
    if dice.random() < 0.5:
        return before + end_line(before, good.file_key, good.payload) + good.payload
    checksum = b64encode(hashlib.sha256(before).digest()[:8]).rstrip(b"=")
    return before + b"end " + checksum + b" " + good.end_line[-44:] + good.payload


def search_headers(count: int | None) -> Counter[str]:
    good, ends, slowest = good_header(), Counter[str](), 0.0
    openers: list[BackupKey | PrivateKey | Password] = [KEY, PAIR, Password(WORD)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for dice in seeds(count):
        data = mutated_header(good, dice)
        opener = dice.choice(openers)
        began = time.process_time()
        outcome = ways.in_memory(data, opener, Path())
        slowest = max(slowest, time.process_time() - began)
        assert (outcome.end, outcome.end == "ok") == (rescued(data, opener)[0], outcome.released == A.plain)
        ends[outcome.end] += 1
    assert slowest < SLOWEST
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MEMORY + (64 << 20)
    print(f"{ends.total()} headers, the slowest took {slowest:.2f} s of processors: {dict(ends)}")
    return ends


@pytest.mark.fuzz
def test_any_header_is_read_alike_by_two_readers_in_little_time_and_memory() -> None:
    search_headers(None)


@pytest.mark.soak
def test_a_hundred_thousand_hostile_headers_cost_little() -> None:
    assert len(search_headers(100_000)) >= 4


def test_a_sample_of_hostile_headers_costs_little() -> None:
    assert search_headers(500)["header damaged"]


# --- Streams ----------------------------------------------------------------------------------------------------------


def search_streams(count: int | None, change: Callable[[list[Frame], random.Random], bytes]) -> None:
    for dice in seeds(count):
        data = seal([], table=change(framed([A, B]), dice)).file
        outcomes = [way(data, KEY, Path()) for way in ways.FORWARD[2:]]
        end, plain = rescued(data, KEY)
        assert {outcome.end for outcome in outcomes} == {end}
        for outcome in outcomes:
            assert outcome.released is None or plain.startswith(outcome.released)
        by_table = ways.random_access(data, KEY, Path())
        assert by_table.end != "ok" or (end == "ok" and by_table.released == plain)


def any_bytes(frames: list[Frame], dice: random.Random) -> bytes:
    stream = bytearray(stream_of(frames))
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(stream) + 1)
        match dice.randrange(3):
            case 0:
                stream[at : at + 1] = dice.randbytes(1)
            case 1:
                stream[at:at] = dice.randbytes(dice.randint(1, 9))
            case 2:
                del stream[at : at + dice.randint(1, 9)]
    return bytes(stream)


def any_frames(frames: list[Frame], dice: random.Random) -> bytes:
    """Whole frames moved, doubled, left out or cut, before a table that is right for what is there."""
    for _ in range(dice.randint(1, 3)):
        frames = list(frames)
        at = dice.randrange(len(frames)) if frames else 0
        match dice.randrange(4) if frames else 3:
            case 0:
                frames.insert(dice.randrange(len(frames) + 1), frames[at])
            case 1:
                del frames[at]
            case 2:
                frames[at] = Frame(frames[at].wire[: dice.randint(0, len(frames[at].wire))], frames[at].plain)
            case 3:
                magic = dice.choice([0x184D2A50, 0x184D2A5A, 0x184D2A5B, 0x184D2A5C, 0x184D2A5E])
                content = dice.choice([b"", bytes(9), dice.randbytes(20), b'{"kind":"file"}', b'{"size":420}'])
                frames.insert(at, Frame(magic.to_bytes(4, "little") + len(content).to_bytes(4, "little") + content))
    return stream_of(frames)


@pytest.mark.fuzz
@pytest.mark.parametrize("change", [any_bytes, any_frames], ids=lambda change: change.__name__)
def test_any_authentic_stream_is_read_alike_by_all_readers(change: Callable[[list[Frame], random.Random], bytes]) -> None:
    search_streams(None, change)


@pytest.mark.parametrize("change", [any_bytes, any_frames], ids=lambda change: change.__name__)
def test_a_sample_of_authentic_streams_is_read_alike_by_all_readers(change: Callable[[list[Frame], random.Random], bytes]) -> None:
    search_streams(100, change)


def test_a_search_can_fail() -> None:
    """The same comparison finds a reader that is wrong."""
    good = good_header()
    assert chatseal.unseal_bytes(good.file, KEY) == A.plain
    assert rescued(good.file, KEY) == ("ok", A.plain)
    assert ways.in_memory(good.file, KEY, Path()).end == "ok"
    assert rescued(mutated_header(good, random.Random(1)), KEY)[0] != "ok"
