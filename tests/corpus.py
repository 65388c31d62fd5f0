"""Plaintext for tests, made from seeds: chat-like bytes that compress like a chat database, and noise that does not."""

import random
from functools import lru_cache

from slow_writer import Draw

KIB, MIB = 1 << 10, 1 << 20
RECORD = 16384

KEY_BYTES = Draw("a backup key of the tests")(32)
PAIR_BYTES = Draw("a private key of the tests")(96)

_TEXT = """
the you are we to see and tomorrow ok yes no at home from when later photo love thanks sorry call me back soon tonight dinner
train late early bring milk keys where here there which that great nice happy birthday wonderful morning night
"""
_WORDS = _TEXT.split()


@lru_cache(maxsize=8)
def _megabyte(number: int) -> bytes:
    draw = random.Random(number)
    lines, length = [], 0
    while length < MIB:
        line = f"{draw.randrange(1 << 40)}|{draw.choice('abcd')}|{' '.join(draw.choices(_WORDS, k=draw.randrange(1, 14)))}|".encode()
        line += draw.randbytes(draw.choice((0, 0, 32)))  # some rows have the key of a photo
        lines.append(line)
        length += len(line)
    return b"".join(lines)[:MIB]


def chat(length: int, seed: int = 0) -> bytes:
    """*length* bytes that compress about as well as a chat database."""
    pieces = [_megabyte(seed + i % 4) for i in range(-(-length // MIB))]
    return b"".join(pieces)[:length]


def noise(length: int, seed: int = 0) -> bytes:
    """*length* bytes that do not compress."""
    return random.Random(seed).randbytes(length)


def mixed(length: int, seed: int = 0) -> bytes:
    """Some of each in every frame, like a database with photos in it."""
    half = 3 * length // 5
    return chat(half, seed) + noise(length - half, seed)
