"""The size leak, measured: what somebody learns who can put a text into what is sealed and see how long the sealed file gets.

A history of 400 messages holds one secret code. The attacker has one more message put in, ten messages later, and compares lengths.
docs/threat-model.md tells the numbers; here is the experiment."""

import random
import string
from dataclasses import dataclass

import pytest

import chatseal
from chatseal import BackupKey

MESSAGES, HISTORIES, GUESSES = 400, 50, 99
LINES = (
    "the you are we to see and tomorrow ok yes no at home from when later photo love thanks sorry call me back soon tonight",
    "dinner train late early bring milk keys where here there which that great nice happy birthday wonderful morning night",
)
WORDS = [word for line in LINES for word in line.split()]


@dataclass(frozen=True)
class Leak:
    """In how many of the histories the right guess made the shortest file of all, or one of the shortest tenth; and bytes saved, mean."""

    shortest: int
    tenth: int
    saved: float


def measure(alphabet: str, length: int) -> Leak:
    key, shortest, tenth, saved = BackupKey.generate(), 0, 0, 0.0
    for seed in range(HISTORIES):
        draw = random.Random(seed)
        lines = [f"{draw.randrange(10**9)} {' '.join(draw.choices(WORDS, k=draw.randrange(2, 14)))}" for _ in range(MESSAGES)]

        def code(draw: random.Random = draw) -> str:
            return "".join(draw.choices(alphabet, k=length))

        secret = code()
        lines[200] = f"your code is {secret}"

        def sealed_size(guess: str, lines: list[str] = lines) -> int:
            return len(chatseal.seal_bytes("\n".join([*lines[:210], f"your code is {guess}", *lines[210:]]).encode(), key))

        right, wrong = sealed_size(secret), sorted(sealed_size(code()) for _ in range(GUESSES))
        shortest += right < wrong[0]
        tenth += right <= wrong[GUESSES // 10]
        saved += (sum(wrong) / GUESSES - right) / HISTORIES
    return Leak(shortest, tenth, saved)


@pytest.mark.parametrize(
    ("alphabet", "length", "shortest", "tenth", "saved"),
    [(string.digits, 6, 10, 35, 1), (string.ascii_lowercase, 12, 45, 45, 6)],
    ids=["six digits", "twelve letters"],
)
def test_a_right_guess_makes_a_shorter_file_than_most_wrong_ones(
    alphabet: str, length: int, shortest: int, tenth: int, saved: float
) -> None:
    leak = measure(alphabet, length)
    assert leak.shortest >= shortest, leak
    assert leak.tenth >= tenth, leak
    assert leak.saved >= saved, leak
