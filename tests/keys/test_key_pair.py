"""Key pairs: text, files, and the HPKE slots they make and open."""

import copy
import os
import pickle
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatseal import KeyFormatError, PrivateKey, PublicKey, TargetExistsError
from chatseal.keys.key_pair import SUITE
from corpus import PAIR_BYTES
from slow_writer import HPKE_INFO, Draw, base64_text, private_key

PAIR = PrivateKey(PAIR_BYTES)
PUBLIC = PAIR.public_key


def test_a_pair_is_the_librarys_pair() -> None:
    message = SUITE.encrypt(b"to the holder", PUBLIC.hpke, HPKE_INFO)
    assert SUITE.decrypt(message, private_key(PAIR_BYTES), HPKE_INFO) == b"to the holder"
    assert SUITE.decrypt(message, PAIR.hpke, HPKE_INFO) == b"to the holder"


def test_two_new_pairs_differ() -> None:
    assert PrivateKey.generate().public_key != PrivateKey.generate().public_key


def test_a_public_key_is_one_line_of_text_and_comes_back() -> None:
    assert PUBLIC.text.count("\n") == 0
    word, text = PUBLIC.text.split(" ")
    assert word == "chatseal-public-key"
    assert PublicKey.from_text(PUBLIC.text) == PUBLIC
    assert PublicKey.from_text(f"\n {PUBLIC.text}\r\n") == PUBLIC
    assert len(text) == len(base64_text(bytes(1216)))


def test_public_keys_are_equal_by_their_bytes_and_pickled_by_them() -> None:
    again = PrivateKey(PAIR_BYTES).public_key
    assert (again, hash(again)) == (PUBLIC, hash(PUBLIC))
    assert PrivateKey.generate().public_key != PUBLIC
    assert PUBLIC.text != PUBLIC
    assert pickle.loads(pickle.dumps(PUBLIC)) == copy.deepcopy(PUBLIC) == PUBLIC


@pytest.mark.parametrize(
    "text",
    {
        "nothing": "",
        "the word alone": "chatseal-public-key",
        "no word": PUBLIC.text.split()[1],
        "another word": PUBLIC.text.replace("public", "private"),
        "more words": PUBLIC.text + " me@example",
        "cut off": PUBLIC.text[:-5],
        "padded": PUBLIC.text + "=",
        "another alphabet": PUBLIC.text[:-4] + "-_-_",
        "not ascii": PUBLIC.text[:-1] + "\u00e9",
    }.values(),
)
def test_texts_that_are_no_public_key_are_refused(text: str) -> None:
    with pytest.raises(KeyFormatError):
        PublicKey.from_text(text)


@given(text=st.text(max_size=50))
def test_any_other_text_is_no_public_key(text: str) -> None:
    with pytest.raises(KeyFormatError):
        PublicKey.from_text("chatseal-public-key " + text)


def test_bytes_that_are_no_public_key_are_refused() -> None:
    with pytest.raises(KeyFormatError, match="1216 bytes"):
        PublicKey(bytes(1215))
    with pytest.raises(KeyFormatError, match="not a public key"):
        PublicKey(b"\xff" * 1216)  # coefficients above the modulus of ML-KEM
    with pytest.raises(KeyFormatError, match="96 bytes"):
        PrivateKey(bytes(95))


def test_files_come_back_and_only_the_public_one_is_for_everybody(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        PAIR.write(tmp_path / "mine")
        PUBLIC.write(tmp_path / "mine.pub")
    finally:
        os.umask(old)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("mine", "mine.pub")]
    assert modes == [0o600, 0o644]
    assert PrivateKey.from_file(tmp_path / "mine").public_key == PublicKey.from_file(tmp_path / "mine.pub") == PUBLIC
    with pytest.raises(TargetExistsError):
        PAIR.write(tmp_path / "mine")


def test_one_kind_of_key_file_is_not_taken_for_another(tmp_path: Path) -> None:
    pair = PrivateKey.generate()
    pair.write(tmp_path / "mine")
    pair.public_key.write(tmp_path / "mine.pub")
    with pytest.raises(KeyFormatError, match="public key"):
        PublicKey.from_file(tmp_path / "mine")
    with pytest.raises(KeyFormatError, match="private key"):
        PrivateKey.from_file(tmp_path / "mine.pub")


def test_a_private_key_shows_nothing_and_is_pickled_by_its_file_alone(tmp_path: Path) -> None:
    pair = PrivateKey(Draw("pickled")(96))
    text = base64_text(Draw("pickled")(96)).decode()
    for work in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="did not come from one"):
            work(pair)
    assert f"{pair} {pair!r} {pair!s}" == "PrivateKey(...) " * 2 + "PrivateKey(...)"
    pair.write(tmp_path / "mine")
    pickled = pickle.dumps(PrivateKey.from_file(tmp_path / "mine"))
    assert Draw("pickled")(96)[:32] not in pickled
    assert text[:20].encode() not in pickled
    assert pickle.loads(pickled).public_key == pair.public_key
    with pytest.raises(KeyFormatError) as raised:
        PublicKey.from_file(tmp_path / "mine")
    assert text[:12] not in str(raised.value)
