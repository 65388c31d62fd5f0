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
LOOKS = 8  # at each digit, beside another text each time
LINES = (
    "the you are we to see and tomorrow ok yes no at home from when later photo love thanks sorry call me back soon tonight",
    "dinner train late early bring milk keys where here there which that great nice happy birthday wonderful morning night",
)
WORDS = [word for line in LINES for word in line.split()]


@dataclass(frozen=True)
class Leak:
    """In how many of the histories the right guess made the shortest file of all, or one of the shortest tenth, or all files had one
    length; and bytes saved, mean."""

    shortest: int
    tenth: int
    one_length: int
    saved: float


@dataclass(frozen=True)
class History:
    """400 messages, one of which is a secret code, and the attacker's look at what they are sealed to."""

    lines: list[str]
    secret: str

    def length(self, *messages: str, padded: bool = False) -> int:
        """Bytes of the sealed file with *messages* put in ten messages after the secret."""
        text = "\n".join([*self.lines[:210], *messages, *self.lines[210:]])
        return len(chatseal.seal_bytes(text.encode(), KEY, padded=padded))


KEY = BackupKey.generate()


def code(draw: random.Random, alphabet: str, length: int) -> str:
    return "".join(draw.choices(alphabet, k=length))


def words(draw: random.Random, most: int) -> str:
    return " ".join(draw.choices(WORDS, k=draw.randrange(1, most)))


def history(draw: random.Random, alphabet: str, length: int) -> History:
    lines = [f"{draw.randrange(10**9)} {' '.join(draw.choices(WORDS, k=draw.randrange(2, 14)))}" for _ in range(MESSAGES)]
    secret = code(draw, alphabet, length)
    lines[200] = f"your code is {secret}"
    return History(lines, secret)


def measure(alphabet: str, length: int, *, guesses: int = GUESSES, padded: bool = False) -> Leak:
    shortest, tenth, one_length, saved = 0, 0, 0, 0.0
    for seed in range(HISTORIES):
        draw = random.Random(seed)
        chat = history(draw, alphabet, length)
        right = chat.length(f"your code is {chat.secret}", padded=padded)
        wrong = sorted(chat.length(f"your code is {code(draw, alphabet, length)}", padded=padded) for _ in range(guesses))
        shortest += right < wrong[0]
        tenth += right <= wrong[guesses // 10]
        one_length += right == wrong[0] == wrong[-1]
        saved += (sum(wrong) / guesses - right) / HISTORIES
    return Leak(shortest, tenth, one_length, saved)


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
    assert leak.one_length == 0, leak


@pytest.mark.parametrize(
    ("alphabet", "length", "one_length", "shortest"),
    [(string.digits, 6, 47, 2), (string.ascii_lowercase, 12, 42, 6)],
    ids=["six digits", "twelve letters"],
)
def test_right_and_wrong_guesses_make_padded_files_of_one_length(alphabet: str, length: int, one_length: int, shortest: int) -> None:
    leak = measure(alphabet, length, guesses=33, padded=True)
    assert leak.one_length >= one_length, leak  # in the others some of the lengths are on another side of a step
    assert leak.shortest <= shortest, leak


def read_digits(chat: History, draw: random.Random, *, padded: bool) -> tuple[str, int]:
    """What the attacker reads, digit by digit, by the sum of the lengths beside some other texts; and in how many of these looks the
    ten digits had more lengths than one. Each digit is looked for behind the right ones before it: who went wrong tries again."""
    read, told = "", 0
    others = [words(draw, 6) for _ in range(LOOKS)]
    for known in (chat.secret[:length] for length in range(len(chat.secret))):
        looks = [{digit: chat.length(f"your code is {known}{digit}", other, padded=padded) for digit in string.digits} for other in others]
        told += sum(len(set(look.values())) > 1 for look in looks)
        sums = {digit: sum(look[digit] for look in looks) for digit in string.digits}
        read += min(sums, key=sums.__getitem__)
    return read, told


def test_a_code_that_lengths_tell_digit_by_digit_is_not_told_by_padded_ones() -> None:
    found, looks_that_tell = {False: 0, True: 0}, 0
    for seed in range(6):
        chat = history(random.Random(seed), string.digits, 6)
        for padded in found:
            read, told = read_digits(chat, random.Random(seed), padded=padded)
            found[padded] += sum(a == b for a, b in zip(read, chat.secret, strict=True))
            looks_that_tell += told * padded
    assert found[False] >= 15, "of 36 digits; who guesses blindly finds 3 or 4"
    assert found[True] <= 9, "no better than blind"
    assert looks_that_tell <= 6 * 6 * LOOKS // 50, "all ten digits make one length but at a step"


def test_who_can_move_the_length_to_a_step_tells_a_right_guess_by_padded_files_too() -> None:
    draw = random.Random(1)
    chat = history(draw, string.ascii_lowercase, 12)
    guesses = [chat.secret, *(code(draw, string.ascii_lowercase, 12) for _ in range(5))]
    filler = code(draw, string.hexdigits, 2000)
    for length in range(len(filler)):
        right, *wrong = (chat.length(f"your code is {guess}", filler[:length], padded=True) for guess in guesses)
        if right < min(wrong):
            return
    raise AssertionError("no length of the filler told the right guess")
