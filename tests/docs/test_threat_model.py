"""Every claim of docs/threat-model.md names a test, and the test is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from docs.pages import ROOT, rows, sections

PAGE = ROOT / "docs" / "threat-model.md"
TABLES = ("Claims", "Not promised, and shown")
CLAIMS = [row for heading in TABLES for row in rows(sections(PAGE, 2)[heading])]
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@cache
def collected_in(path: Path) -> frozenset[str]:
    """Functions of a module that pytest collects."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"))


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim[0])
def test_a_claim_names_an_adversary_and_a_test_that_is_there(claim: list[str]) -> None:
    _, adversary, named = claim
    assert adversary
    found = _TEST.fullmatch(named)
    assert found, named
    path, test = ROOT / found[1], found[2]
    assert path.name.startswith("test_"), "pytest does not collect it"
    assert test in collected_in(path)


def test_no_claim_is_made_twice() -> None:
    assert len({row[0] for row in CLAIMS}) == len({row[2] for row in CLAIMS}) == len(CLAIMS)


def test_there_are_claims_about_every_adversary() -> None:
    text = sections(PAGE, 2)["Adversaries"]
    assert len(re.findall(r"^\*\*", text, re.MULTILINE)) == 10
    assert {"storage provider", "thief", "writer to the storage", "holder of another slot", "someone with the machine"} <= {
        r[1] for r in CLAIMS
    }
    assert {"hostile sealed file", "hostile source", "curious process"} <= {row[1] for row in CLAIMS}


def test_what_this_file_attacks_itself_is_in_the_tables() -> None:
    named = {row[2] for row in CLAIMS}
    for module in ("test_claims.py", "test_size_leak.py"):
        assert {f"`tests/docs/{module}::{test}`" for test in collected_in(ROOT / "tests" / "docs" / module)} <= named
