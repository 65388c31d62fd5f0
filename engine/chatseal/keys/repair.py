"""Repair: the right backup key for digits with one mistake in them. Every key that is one mistake away is tried on the key slots of a
header, and the header's MAC confirms the one that opens: nothing is guessed."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from chatseal.errors import HeaderAlteredError, WrongKeyError
from chatseal.format.header import Header
from chatseal.keys.backup_key import KEY_LEN, BackupKey, bare
from chatseal.keys.secret import Secret
from chatseal.keys.slots import has_key_slots, unwrap_key_slots

DIGITS, GROUP = 64, 4
HEX = "0123456789abcdef"

_LOWER = str.maketrans("ABCDEF", "abcdef")


@dataclass(frozen=True, slots=True)
class Repair:
    """A right key, and `what` was wrong with the digits that were given for it, in words; empty if nothing was."""

    key: BackupKey
    what: str


def repair(text: str, header: Header, raw: bytes, prefix: bytes) -> Repair:
    """The key that was meant by *text*, if one mistake at most is in it and it opens a slot of *header*, parsed from *raw*, before a
    payload that begins with *prefix*. Raises WrongKeyError, or HeaderAlteredError if a key opens a slot and the MAC does not confirm it."""
    if not has_key_slots(header):
        raise _not_repaired("wrong kind of key: no backup key opens the file", "Repair the key with a file that was sealed for it.")
    typed = bare(text).translate(_LOWER)
    secret, altered = Secret.zeros(KEY_LEN), None
    for digits, what in candidates(typed):
        secret.view[:] = bytes.fromhex(digits)
        for file_key in unwrap_key_slots(header, secret.view):
            try:
                header.authenticate(file_key.view, raw, prefix)
                return Repair(BackupKey(secret.view), what)
            except HeaderAlteredError as error:
                altered = error  # made by somebody who wants another key to be taken for the right one, perhaps: go on
    raise altered or _not_repaired(
        _why(typed), "Type the digits again from where they are written down, and check that this is a file of that key."
    )


def candidates(typed: str) -> Iterator[tuple[str, str]]:
    """The keys that are one mistake at most away from *typed*, lower case and without spaces, each with the mistake in words."""
    wrong = [at for at, character in enumerate(typed) if character not in HEX]
    if len(wrong) > 1 or abs(len(typed) - DIGITS) > 1 or (wrong and len(typed) < DIGITS):
        return
    if len(typed) > DIGITS:
        yield from _without_one(typed, wrong)
    elif len(typed) < DIGITS:
        yield from _with_one_more(typed)
    elif wrong:
        yield from _with_another(typed, wrong[0])
    else:
        yield typed, ""
        for at in range(DIGITS):
            yield from _with_another(typed, at)
        yield from _with_two_swapped(typed)
        yield from _with_groups_swapped(typed)


def _with_another(typed: str, at: int) -> Iterator[tuple[str, str]]:
    for digit in HEX:
        if digit != typed[at]:
            yield typed[:at] + digit + typed[at + 1 :], f"{_place(at)} is {digit}, not {_shown(typed[at])}"


def _with_two_swapped(typed: str) -> Iterator[tuple[str, str]]:
    for at in range(DIGITS - 1):
        one, two = typed[at], typed[at + 1]
        if one != two:
            number, group = at % GROUP + 1, at // GROUP + 1
            what = f"digits {number} and {number + 1} of group {group}" if number < GROUP else f"{_place(at)} and {_place(at + 1)}"
            yield typed[:at] + two + one + typed[at + 2 :], f"{what} are swapped"


def _with_groups_swapped(typed: str) -> Iterator[tuple[str, str]]:
    groups = [typed[at : at + GROUP] for at in range(0, DIGITS, GROUP)]
    for one, two in combinations(range(len(groups)), 2):
        if groups[one] != groups[two]:
            swapped = groups.copy()
            swapped[one], swapped[two] = groups[two], groups[one]
            yield "".join(swapped), f"groups {one + 1} and {two + 1} are swapped"


def _with_one_more(typed: str) -> Iterator[tuple[str, str]]:
    for at in range(DIGITS):
        for digit in HEX:
            if at == 0 or digit != typed[at - 1]:  # after an equal digit it is the same key as before it
                place = f"digit {at % GROUP + 1} is {digit}"
                yield typed[:at] + digit + typed[at:], f"a digit is missing in group {at // GROUP + 1}: {place}"


def _without_one(typed: str, wrong: list[int]) -> Iterator[tuple[str, str]]:
    for at in wrong or range(len(typed)):
        if at and typed[at] == typed[at - 1]:
            continue  # the same key as without the one before
        if typed[at + 1 : at + 2] == typed[at]:
            what = f"{_place(at)} is there twice"
        else:
            what = f"the {_shown(typed[at])} {f'after {_place(at - 1)}' if at else f'before {_place(0)}'} is one too many"
        yield typed[:at] + typed[at + 1 :], what


def _place(at: int) -> str:
    return f"digit {at % GROUP + 1} of group {at // GROUP + 1}"


def _shown(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def _why(typed: str) -> str:
    if next(candidates(typed), None) is not None:
        return "the key cannot be repaired: it is the key of another file, or there is more than one mistake in it"
    wrong = sum(character not in HEX for character in typed)
    there = f"{len(typed)} characters, and {wrong} of them no hexadecimal digits" if wrong else f"{len(typed)} digits in place of {DIGITS}"
    return f"the key cannot be repaired: there is more than one mistake in it, {there}"


def _not_repaired(message: str, remedy: str) -> WrongKeyError:
    return WrongKeyError(message).with_remedy(remedy)
