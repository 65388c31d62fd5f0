"""Repair of a mistyped key on the key slot: random mistakes of each kind, and what takes longest, which is not to find one.

The bar is a median below 0.1 s."""

import random
from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import chatseal
from chatseal import BackupKey, WrongKeyError

HEX = "0123456789abcdef"
KEY = BackupKey(random.Random(1).randbytes(32))


def _wrong_digit(digits: str, at: int, digit: str) -> str:
    return digits[:at] + digit + digits[at + 1 :]


def _swapped_neighbours(digits: str, at: int, digit: str) -> str:
    at = min(at, 62)
    return digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :]


def _missing_digit(digits: str, at: int, digit: str) -> str:
    return digits[:at] + digits[at + 1 :]


def _doubled_digit(digits: str, at: int, digit: str) -> str:
    return digits[:at] + digits[at] + digits[at:]


def _swapped_groups(digits: str, at: int, digit: str) -> str:
    groups = [digits[i : i + 4] for i in range(0, 64, 4)]
    one, two = at // 4, int(digit, 16)
    groups[one], groups[two] = groups[two], groups[one]
    return "".join(groups)


def _another_key(digits: str, at: int, digit: str) -> str:
    return random.Random(at).randbytes(32).hex()


@pytest.mark.parametrize(
    "mistake",
    [_wrong_digit, _swapped_neighbours, _missing_digit, _doubled_digit, _swapped_groups, _another_key],
    ids=lambda mistake: mistake.__name__.strip("_"),
)
def test_repair_a_key(benchmark: BenchmarkFixture, mistake: Callable[[str, int, str], str]) -> None:
    sealed, dice = chatseal.seal_bytes(b"message", KEY), random.Random(2)
    digits = KEY.digits.replace(" ", "")

    def repair() -> bool:
        try:
            return chatseal.repair_key(mistake(digits, dice.randrange(64), dice.choice(HEX)), sealed).key.secret == KEY.secret
        except WrongKeyError:
            return False

    benchmark.group = "repair of a key"
    pedantic: Callable[..., object] = benchmark.pedantic  # which has no types of its own
    assert pedantic(repair, rounds=100, warmup_rounds=1) == (mistake is not _another_key)
