"""Wycheproof's vectors: the selection in tests/vectors always, the whole files where a checkout has them beside it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SELECTION = Path(__file__).parent.parent / "vectors"
BESIDE = Path(__file__).parent.parent.parent.parent / "shared" / "data" / "vectors"

Vector = dict[str, Any]


def selected(name: str) -> list[Vector]:
    """The vectors of a selection in this repository."""
    vectors: list[Vector] = json.loads((SELECTION / name).read_text("utf-8"))["vectors"]
    return vectors


def whole(name: str) -> Iterator[tuple[Vector, Vector]]:
    """(group, vector) of a whole file of Wycheproof. FileNotFoundError where there is none."""
    for group in json.loads((BESIDE / name).read_text("utf-8"))["testGroups"]:
        for vector in group["tests"]:
            yield group, vector
