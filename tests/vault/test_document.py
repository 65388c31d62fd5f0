"""docs/vault.md says what the code does: its tables are read and compared."""

import re
from itertools import takewhile
from pathlib import Path

import msgspec

from chatseal.vault import labels, messages, pake
from chatseal.vault.stretch import Stretch

PAGE = (Path(__file__).parents[2] / "docs/vault.md").read_text("utf-8")


def rows(heading: str) -> dict[str, list[str]]:
    """The rows of the first table below a line that begins so, by what their first cell says."""
    lines = PAGE[PAGE.index(f"\n{heading}") + 1 :].splitlines()
    table = list(takewhile(lambda line: line.startswith("|"), lines))
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table[2:]]
    return {row[0].strip("`"): row[1:] for row in cells}


def said(cell: str) -> list[tuple[str, str]]:
    """The members a cell names, each with its length in bytes or nothing."""
    return re.findall(r"`([a-z0-9_]+)`(?: ([0-9]+)(?! at))?", re.sub(r"\([^)]*\)", "", cell))


def there(kind: type[msgspec.Struct], without: set[str]) -> list[tuple[str, str]]:
    found = []
    for field in msgspec.structs.fields(kind):
        lengths = re.findall(r"bytes, msgspec.Meta\(min_length=(\d+)", str(field.type))
        found.append((field.name, lengths[0] if lengths else ""))
    return [member for member in found if member[0] not in without]


def test_each_operation_has_the_members_and_lengths_that_the_table_says() -> None:
    table = rows("| operation | request")
    assert set(table) == {ask.operation for ask in messages.ASKS}
    for ask, answer in messages.ANSWERS.items():
        request, response = table[ask.operation]
        shared = {("ticket", "16"), ("ticket", "")}  # its length is said once
        assert set(said(request)) - shared == set(there(ask, {"nonce", "account"})) - shared
        assert set(said(response)) - shared == set(there(answer, set())) - shared


def test_each_object_has_the_members_that_the_table_says() -> None:
    table = rows("| object | members")
    kinds: dict[str, type[msgspec.Struct]] = {
        "record": messages.RecordStatus,
        "tombstone": messages.Tombstone,
        "stretch": Stretch,
        "a failure": messages.Failure,
        "announcement": messages.Announcement,
        "head": messages.Head,
        "an event": messages.Event,
    }
    assert set(table) == set(kinds)
    for name, kind in kinds.items():
        assert said(table[name][0]) == there(kind, set())


def test_every_label_is_in_the_table_and_no_label_is_the_same_as_another() -> None:
    used = [value.decode() for name, value in vars(labels).items() if name.isupper()]
    assert list(rows("| label | use")) == used
    assert len(set(used)) == len(used)


def test_the_fixed_point_and_the_reasons_are_as_the_page_says() -> None:
    assert pake.FIXED_POINT.hex() in PAGE
    reasons = re.findall(r'"([a-z-]+)"', str(messages.Refusal.__annotations__["reason"])) or re.findall(
        r"'([a-z-]+)'", str(messages.Refusal.__annotations__["reason"])
    )
    assert len(reasons) == 15
    assert re.findall(r"`([a-z-]+)`", PAGE[PAGE.index("one of the reasons") : PAGE.index("Every answer is\nsigned")]) == reasons
