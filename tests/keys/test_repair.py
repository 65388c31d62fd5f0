"""Repair: one mistake in the digits of a backup key is found wherever it is, two are not, and nothing is taken for right that is not."""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import chatseal
from chatseal import (
    BackupKey,
    HeaderAlteredError,
    HeaderDamagedError,
    NotSealedError,
    PrivateKey,
    TruncatedError,
    WrongKeyError,
    repair_key,
)
from corpus import KEY_BYTES, PAIR_BYTES
from slow_writer import PAYLOAD_CONTEXT, Draw, cobblestone, end_line, header_lines, key_slot, padded, private_key, write_sealed

DIGITS = KEY_BYTES.hex()
HEX = "0123456789abcdef"
NO_HEX = "OolIgGSszZ?é"
SEALED = write_sealed(b"messages", Draw("repair"), backup_keys=[KEY_BYTES])
PAIRS = [(one, two) for one in range(16) for two in range(one + 1, 16)]

# --- Mistakes that people make: each gives the digits as typed ---------------------------------------------------------------------


def wrong_digit(digits: str, at: int, dice: random.Random) -> str:
    return digits[:at] + dice.choice(HEX.replace(digits[at], "")) + digits[at + 1 :]


def swapped_neighbours(digits: str, at: int, dice: random.Random) -> str:
    at %= 63
    return digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :]


def missing_digit(digits: str, at: int, dice: random.Random) -> str:
    return digits[:at] + digits[at + 1 :]


def doubled_digit(digits: str, at: int, dice: random.Random) -> str:
    return digits[:at] + digits[at] + digits[at:]


def extra_digit(digits: str, at: int, dice: random.Random) -> str:
    return digits[:at] + dice.choice(HEX) + digits[at:]


def swapped_groups(digits: str, at: int, dice: random.Random) -> str:
    groups = re.findall("....", digits)
    one, two = dice.sample(range(16), 2)
    groups[one], groups[two] = groups[two], groups[one]
    return "".join(groups)


def wrong_character(digits: str, at: int, dice: random.Random) -> str:
    return digits[:at] + dice.choice(NO_HEX) + digits[at + 1 :]


def extra_character(digits: str, at: int, dice: random.Random) -> str:
    return digits[:at] + dice.choice(NO_HEX) + digits[at:]


Mistake = Callable[[str, int, random.Random], str]
MISTAKES: list[Mistake] = [
    wrong_digit,
    swapped_neighbours,
    missing_digit,
    doubled_digit,
    extra_digit,
    swapped_groups,
    wrong_character,
    extra_character,
]

# --- What is said, done: a person who obeys the words has the right key ------------------------------------------------------------


def at_of(digit: str, group: str) -> int:
    return 4 * (int(group) - 1) + int(digit) - 1


def obey(what: str, typed: str) -> str:
    """*typed* with *what* put right by hand."""
    place = r"digit (\d+) of group (\d+)"
    if found := re.fullmatch(rf"{place} is (.), not (.)", what):
        at = at_of(found[1], found[2])
        assert typed[at] == found[4]
        return typed[:at] + found[3] + typed[at + 1 :]
    if found := re.fullmatch(rf"digits (\d) and (\d) of group (\d+) are swapped|{place} and {place} are swapped", what):
        words = found.groups()
        one = at_of(words[0], words[2]) if words[0] else at_of(words[3], words[4])
        two = at_of(words[1], words[2]) if words[0] else at_of(words[5], words[6])
        assert two == one + 1
        return typed[:one] + typed[two] + typed[one] + typed[two + 1 :]
    if found := re.fullmatch(r"groups (\d+) and (\d+) are swapped", what):
        groups = re.findall("....", typed)
        one, two = (int(group) - 1 for group in found.groups())
        groups[one], groups[two] = groups[two], groups[one]
        return "".join(groups)
    if found := re.fullmatch(r"a digit is missing in group (\d+): digit (\d) is (.)", what):
        at = at_of(found[2], found[1])
        return typed[:at] + found[3] + typed[at:]
    if found := re.fullmatch(rf"{place} is there twice", what):
        at = at_of(found[1], found[2])
        assert typed[at] == typed[at + 1]
        return typed[:at] + typed[at + 1 :]
    found = re.fullmatch(rf"the (.) (after|before) {place} is one too many", what)
    assert found is not None, what
    at = at_of(found[3], found[4]) + (found[2] == "after")
    assert typed[at] == found[1]
    return typed[:at] + typed[at + 1 :]


def check(typed: str, digits: str = DIGITS, sealed: bytes = SEALED) -> None:
    found = repair_key(typed, sealed)
    assert found.key.secret == bytes.fromhex(digits)
    assert (found.what == "") == (typed == digits)
    if found.what:
        assert obey(found.what, typed) == digits


# --- One mistake -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_a_mistake_is_found_at_every_place(mistake: Mistake) -> None:
    dice = random.Random(mistake.__name__)
    for at in range(65 if mistake in (extra_digit, extra_character) else 64):
        check(mistake(DIGITS, at, dice))


def test_any_two_groups_that_are_swapped_are_found() -> None:
    for one, two in PAIRS:
        groups = re.findall("....", DIGITS)
        groups[one], groups[two] = groups[two], groups[one]
        found = repair_key(" ".join(groups), SEALED)
        assert found.key.secret == KEY_BYTES
        assert found.what == f"groups {one + 1} and {two + 1} are swapped"


@pytest.mark.soak
def test_every_wrong_digit_at_every_place_is_found() -> None:
    for at in range(64):
        for digit in HEX:
            check(DIGITS[:at] + digit + DIGITS[at + 1 :])


@pytest.mark.parametrize(
    ("typed", "what"),
    [
        ("0123456789abcdef" * 4, ""),
        ("0123456789abcdef" * 3 + "0123456789abcd0f", "digit 3 of group 16 is e, not 0"),
        ("O123456789abcdef" + "0123456789abcdef" * 3, "digit 1 of group 1 is 0, not O"),
        ("1023456789abcdef" + "0123456789abcdef" * 3, "digits 1 and 2 of group 1 are swapped"),
        ("0124356789abcdef" + "0123456789abcdef" * 3, "digit 4 of group 1 and digit 1 of group 2 are swapped"),
        ("0123456789abcdef" * 3 + "012346789abcdef", "a digit is missing in group 14: digit 2 is 5"),
        ("0123456789abcdef" * 3 + "01234556789abcdef", "digit 2 of group 14 is there twice"),
        ("0123456789abcdef" * 4 + "7", "the 7 after digit 4 of group 16 is one too many"),
        ("x" + "0123456789abcdef" * 4, "the x before digit 1 of group 1 is one too many"),
        ("456701 2389ab cdef" + "0123456789ABCDEF" * 3, "groups 1 and 2 are swapped"),
    ],
)
def test_what_was_wrong_is_said_in_a_persons_words(typed: str, what: str) -> None:
    key = BackupKey.from_digits("0123456789abcdef" * 4)
    sealed = chatseal.seal_bytes(b"", key)
    found = repair_key(typed, sealed)
    assert (found.what, found.key.digits) == (what, key.digits)


@given(
    secret=st.binary(min_size=32, max_size=32),
    mistake=st.sampled_from(MISTAKES),
    at=st.integers(0, 63),
    seed=st.integers(),
    gap=st.sampled_from(["", " ", "-", "\n", " - "]),
    every=st.integers(1, 8),
)
def test_a_mistake_in_any_key_is_found_however_it_is_grouped(
    secret: bytes, mistake: Mistake, at: int, seed: int, gap: str, every: int
) -> None:
    typed = mistake(secret.hex(), at, random.Random(seed))
    sealed = chatseal.seal_bytes(b"", BackupKey(secret))
    check(typed, secret.hex(), sealed)
    grouped = gap.join(typed[i : i + every] for i in range(0, len(typed), every)).upper()
    assert repair_key(grouped, sealed).key.secret == secret


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.soak)])
def test_random_mistakes_are_repaired_and_none_of_them_wrongly(count: int) -> None:
    dice = random.Random(count)
    came: Counter[str] = Counter()
    for number in range(count):
        secret = dice.randbytes(32)
        typed = MISTAKES[number % len(MISTAKES)](secret.hex(), dice.randrange(64), dice)
        try:
            found = repair_key(typed, chatseal.seal_bytes(b"", BackupKey(secret)))
            came["right" if found.key.secret == secret else "wrong"] += 1
        except WrongKeyError:
            came["none"] += 1
    print(f"of {count} keys with one mistake: {came['right']} repaired, {came['wrong']} wrongly, {came['none']} not")
    assert came["right"] >= 0.999 * count
    assert came["wrong"] == 0


# --- More than one mistake, and other files ----------------------------------------------------------------------------------------


@given(one=st.integers(0, 63), two=st.integers(0, 63), by=st.integers(1, 15), and_by=st.integers(1, 15))
def test_two_wrong_digits_are_not_repaired(one: int, two: int, by: int, and_by: int) -> None:
    typed = list(DIGITS)
    typed[one], typed[two] = HEX[int(DIGITS[one], 16) ^ by], HEX[int(DIGITS[two], 16) ^ and_by]
    assume(one != two and (typed[one], typed[two]) != (DIGITS[two], DIGITS[one]))  # which would be a swap
    refused("".join(typed))


@pytest.mark.parametrize(
    "text",
    {
        "two digits missing": DIGITS[2:],
        "two too many": DIGITS + "00",
        "one missing and one wrong": ("0" if DIGITS[0] != "0" else "1") + DIGITS[1:-1],
        "one missing and a wrong character": "g" + DIGITS[1:-1],
        "two wrong characters": "gg" + DIGITS[2:],
        "one too many and a wrong character": "g" + DIGITS[1:] + "0",
        "a group missing": DIGITS[4:],
        "backwards": DIGITS[::-1],
        "another key": Draw("another key")(32).hex(),
        "nothing": "",
        "no key": "my key is in the drawer",
        "much": DIGITS * 1000,
    }.values(),
)
def test_what_one_mistake_does_not_explain_is_not_repaired(text: str) -> None:
    refused(text)


def refused(text: str) -> None:
    with pytest.raises(WrongKeyError, match="cannot be repaired") as raised:
        repair_key(text, SEALED)
    assert raised.value.remedy
    assert DIGITS[20:28] not in str(raised.value)


# --- Files that are not what they seem ---------------------------------------------------------------------------------------------


def file_with(slots: Iterable[bytes], file_key: bytes) -> bytes:
    """A sealed file whose header says *slots*, and whose MAC and payload are those of *file_key*."""
    payload = cobblestone(file_key, PAYLOAD_CONTEXT, b"", Draw("salt")(24))
    before = padded(header_lines(slots, len(payload)))
    return before + end_line(before, file_key, payload) + payload


TYPED = wrong_digit(DIGITS, 40, random.Random(1))
FORGED = bytes.fromhex(wrong_digit(TYPED, 3, random.Random(1)))  # one mistake away from what was typed, too, and tried before
FILE_KEY = Draw("file key")(32)


def test_a_forged_slot_that_opens_is_not_accepted_without_the_mac() -> None:
    forged, right = key_slot(FORGED, Draw("of the forger")(32), bytes(24)), key_slot(KEY_BYTES, FILE_KEY, bytes(24))
    for slots in ([forged, right], [right, forged]):
        assert repair_key(TYPED, file_with(slots, FILE_KEY)).key.secret == KEY_BYTES
    with pytest.raises(HeaderAlteredError):
        repair_key(TYPED, file_with([forged], FILE_KEY))
    with pytest.raises(HeaderAlteredError):
        repair_key(FORGED.hex(), file_with([forged, right], FILE_KEY))


def test_the_right_key_of_an_altered_header_is_not_confirmed() -> None:
    slot = key_slot(KEY_BYTES, FILE_KEY, bytes(24))
    for text in (DIGITS, TYPED):
        with pytest.raises(HeaderAlteredError):
            repair_key(text, file_with([slot], Draw("another file key")(32)))


def test_the_right_slot_is_found_among_many() -> None:
    pair = PrivateKey(PAIR_BYTES)
    others = [BackupKey.generate() for _ in range(28)]
    sealed = chatseal.seal_bytes(b"", [*others[:20], pair.public_key, *others[20:], BackupKey(KEY_BYTES), pair.public_key])
    check(TYPED, sealed=sealed)
    check(others[25].digits.replace(" ", "")[1:], others[25].secret.hex(), sealed)


def test_a_file_without_a_slot_for_a_backup_key_is_named_as_that() -> None:
    sealed = write_sealed(b"", Draw("pair"), public_keys=[private_key(PAIR_BYTES).public_key()])
    with pytest.raises(WrongKeyError, match="wrong kind of key: no backup key opens the file"):
        repair_key(DIGITS, sealed)


@pytest.mark.parametrize(
    ("sealed", "error"),
    [
        (b"SQLite format 3\0" + SEALED, NotSealedError),
        (SEALED[:100] + b"!" + SEALED[101:], HeaderDamagedError),
        (SEALED[:3000], TruncatedError),
        (SEALED[:4150], TruncatedError),
    ],
)
def test_what_is_wrong_with_the_file_is_told_from_what_is_wrong_with_the_key(sealed: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        repair_key(TYPED, sealed)
