"""The vectors of docs/format.md, section 10, through every way of opening a file."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest
import pyzstd

from chatseal import BackupKey, Password, PrivateKey
from sealing import ways
from vectors import make_vectors

VECTORS = make_vectors.read()["vectors"]
Vector = dict[str, Any]


def key_of(vector: Vector) -> BackupKey | Password | PrivateKey:
    if "key" in vector:
        return BackupKey(bytes.fromhex(vector["key"]))
    if "password" in vector:
        return Password(vector["password"])
    return PrivateKey(base64.b64decode(vector["private_key"] + "=="))


def file_of(vector: Vector) -> bytes:
    return pyzstd.decompress(base64.b64decode(vector["file"]))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_each_vector_ends_as_it_says_in_every_way_of_reading(vector: Vector, tmp_path: Path) -> None:
    file, key = file_of(vector), key_of(vector)
    for way in ways.FORWARD:
        outcome = way(file, key, tmp_path)
        assert outcome.end == vector["result"], way.__name__
        if outcome.released is not None:
            assert len(outcome.released) == vector["released_size"], way.__name__
            assert hashlib.sha256(outcome.released).hexdigest() == vector["released_sha256"], way.__name__


# Through the table the end is met first: where the last record fails too, and no size line says that it was the last, it is
# reported as cut off (section 5), though a reader from the beginning finds another record damaged before it.
END_MET_FIRST = {
    "a file with one record twice and no size line is damaged",
    "a file without its first record and no size line is damaged",
    "a whole record more at the end and no size line is damaged",
    "the file twice and no size line is damaged",
}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_each_vector_ends_as_it_says_by_random_access(vector: Vector, tmp_path: Path) -> None:
    outcome = ways.random_access(file_of(vector), key_of(vector), tmp_path)
    assert outcome.end == ("truncated" if vector["name"] in END_MET_FIRST else vector["result"])
    assert outcome.released is not None
    if outcome.end == "ok":
        assert hashlib.sha256(outcome.released).hexdigest() == vector["released_sha256"]
    else:
        assert len(outcome.released) <= vector["released_size"]


def test_the_exceptions_of_random_access_are_vectors_still() -> None:
    assert {vector["name"] for vector in VECTORS} >= END_MET_FIRST


def test_the_vectors_are_what_their_maker_makes() -> None:
    """But for frames that another version of zstd would compress otherwise."""
    document = make_vectors.read()
    made = make_vectors.build(document["hpke_slots"])
    compressed = {vector["name"] for vector in VECTORS if vector.get("comment") == make_vectors.COMPRESSED}
    for kept, new in zip(document["vectors"], made["vectors"], strict=True):
        assert {**kept, "file": ""} == {**new, "file": ""}
        assert kept["name"] in compressed or file_of(kept) == file_of(new)
