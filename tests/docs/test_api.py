"""docs/api.md says every promised name, with the signature that it has."""

import inspect
from functools import cache
from typing import Any

import pytest

import chatseal
from chatseal import ChatsealError
from docs import signatures
from docs.pages import ROOT, blocks, rows, sections
from docs.signatures import Members, Signature

PAGE = ROOT / "docs" / "api.md"
FUNCTIONS = [name for name in chatseal.__all__ if inspect.isfunction(getattr(chatseal, name))]
CLASSES = [name for name in chatseal.__all__ if inspect.isclass(getattr(chatseal, name))]
ERRORS = [name for name in CLASSES if issubclass(getattr(chatseal, name), ChatsealError)]
OTHERS = [name for name in CLASSES if name not in ERRORS]


@cache
def documented() -> dict[str, Signature | Members]:
    found: dict[str, Signature | Members] = {}
    for block in blocks(PAGE):
        if block.info == "python signature":
            found |= signatures.of_text(block.text)
    return found


def test_every_promised_name_is_on_the_page_and_no_other() -> None:
    in_table = {row[0].strip("`") for row in rows(sections(PAGE, 2)["Errors"])}
    assert documented().keys() | in_table | {"__version__"} == set(chatseal.__all__)
    assert "`__version__`" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_the_signature_that_the_page_gives(name: str) -> None:
    assert documented()[name] == signatures.of_function(getattr(chatseal, name))


@pytest.mark.parametrize("name", OTHERS)
def test_a_class_has_the_members_that_the_page_gives_and_no_others(name: str) -> None:
    written, there = documented()[name], signatures.of_class(getattr(chatseal, name))
    assert isinstance(written, dict)
    assert written.keys() == there.keys()
    for member, found in there.items():
        # What is only assigned in a method has no annotation of its own to compare.
        assert found == "" or written[member] == found, member


def test_the_members_of_all_errors_are_on_the_page() -> None:
    text = sections(PAGE, 2)["Errors"]
    assert "`exit_code`" in text
    assert "`remedy`" in text
    assert "`with_remedy(text)`" in text
    members: dict[str, Any] = {}
    for name in ERRORS:
        members |= signatures.of_class(getattr(chatseal, name))
    assert members.keys() == {"exit_code", "remedy", "with_remedy"}


def test_the_table_of_errors_is_the_tree_of_classes() -> None:
    table = {row[0].strip("`"): row for row in rows(sections(PAGE, 2)["Errors"])}
    assert table.keys() == set(ERRORS)
    for name, (_, base, code, *_) in table.items():
        error = getattr(chatseal, name)
        assert [cls.__name__ for cls in error.__bases__] == base.replace("`", "").split(", ")
        assert error.exit_code == int(code)


def test_the_exit_code_is_never_without_a_word_on_the_page_of_commands() -> None:
    codes = {row[0] for row in rows(sections(ROOT / "docs" / "commands.md", 2)["Exit codes"])}
    assert {str(getattr(chatseal, name).exit_code) for name in ERRORS} <= codes
