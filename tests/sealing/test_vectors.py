"""The vectors of docs/format.md, section 11, through every way of opening a file."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest
import pyzstd

from chatseal import BackupKey, Password, PrivateKey, VerifyingKey
from oracle import rescued
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


def author_of(vector: Vector) -> VerifyingKey | None:
    return VerifyingKey(base64.b64decode(vector["author"] + "==")) if "author" in vector else None


def file_of(vector: Vector) -> bytes:
    return pyzstd.decompress(base64.b64decode(vector["file"]))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_each_vector_ends_as_it_says_in_every_way_of_reading(vector: Vector, tmp_path: Path) -> None:
    file, key = file_of(vector), key_of(vector)
    for way in ways.FORWARD:
        outcome = way(file, key, tmp_path, author_of(vector))
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


# Of padding random access reads no more than its header, and an author shows only to who reads everything.
NOT_READ = {
    "padding whose first byte is not zero is damaged",
    "padding whose last byte is not zero is damaged",
    "padding whose middle byte is not zero is damaged",
    "padding with a byte that is not zero in its second record is damaged",
    "metadata in padding is damaged",
    "a data frame in padding is damaged",
}


def end_by_random_access(vector: Vector) -> str:
    if vector["name"] in NOT_READ or vector["result"] == "wrong author":
        return "ok"
    return "truncated" if vector["name"] in END_MET_FIRST else str(vector["result"])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_each_vector_ends_as_it_says_by_random_access(vector: Vector, tmp_path: Path) -> None:
    outcome = ways.random_access(file_of(vector), key_of(vector), tmp_path)
    assert outcome.end == end_by_random_access(vector)
    assert outcome.released is not None
    if outcome.end == "ok":
        assert hashlib.sha256(outcome.released).hexdigest() == vector["released_sha256"]
    else:
        assert len(outcome.released) <= vector["released_size"]


def test_the_exceptions_of_random_access_are_vectors_still() -> None:
    assert {vector["name"] for vector in VECTORS} >= END_MET_FIRST | NOT_READ


def test_the_vectors_are_those_that_their_writer_makes() -> None:
    document = make_vectors.read()
    again = make_vectors.build(document["hpke_slots"])
    same_zstd = again["zstd"] == document["zstd"]
    for made, kept in zip(again.pop("vectors"), document.pop("vectors"), strict=True):
        if same_zstd:
            assert made == kept
        else:  # what zstd compressed may be other bytes; what is said of it is not
            assert {**made, "file": ""} == {**kept, "file": ""}
            assert kept.get("comment") == make_vectors.COMPRESSED or file_of(made) == file_of(kept)
    assert {**again, "zstd": ""} == {**document, "zstd": ""}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_each_vector_ends_as_it_says_in_the_independent_reader(vector: Vector) -> None:
    end, released = rescued(file_of(vector), key_of(vector), author_of(vector))
    assert end == vector["result"]
    assert hashlib.sha256(released).hexdigest() == vector["released_sha256"]
