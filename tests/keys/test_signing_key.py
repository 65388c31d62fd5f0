"""Signing keys: text, files, and signatures that are the library's."""

import copy
import os
import pickle
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chatseal import AuthorError, KeyFormatError, SigningKey, TargetExistsError, VerifyingKey
from slow_writer import Draw, base64_text, verifying_key

SEED = Draw("a signing key of the tests")(32)
KEY = SigningKey(SEED)
AUTHOR = KEY.verifying_key

# RFC 8032, section 7.1, test 2
RFC_SEED = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
RFC_PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
RFC_SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def test_a_signature_is_that_of_rfc_8032() -> None:
    key = SigningKey(RFC_SEED)
    assert bytes(key.verifying_key) == RFC_PUBLIC
    assert key.sign(b"\x72") == RFC_SIGNATURE
    VerifyingKey(RFC_PUBLIC).verify(RFC_SIGNATURE, b"\x72")


def test_a_signature_is_the_librarys() -> None:
    assert bytes(AUTHOR) == verifying_key(SEED)
    assert KEY.sign(b"message") == Ed25519PrivateKey.from_private_bytes(SEED).sign(b"message")
    assert SigningKey.generate().verifying_key != SigningKey.generate().verifying_key


@pytest.mark.parametrize("at", [0, 31, 32, 63])
def test_a_signature_with_one_bit_changed_is_wrong(at: int) -> None:
    signature = bytearray(KEY.sign(b"message"))
    signature[at] ^= 1
    with pytest.raises(AuthorError, match="signature is wrong"):
        AUTHOR.verify(bytes(signature), b"message")


@pytest.mark.parametrize("message", [b"", b"messag", b"message\0", b"Message"])
def test_a_signature_of_another_message_is_wrong(message: bytes) -> None:
    with pytest.raises(AuthorError):
        AUTHOR.verify(KEY.sign(b"message"), message)


@pytest.mark.parametrize("signature", [b"", bytes(64), b"\xff" * 64, bytes(63)])
def test_what_is_no_signature_is_wrong(signature: bytes) -> None:
    with pytest.raises(AuthorError):
        AUTHOR.verify(signature, b"message")
    with pytest.raises(AuthorError):
        VerifyingKey(b"\xff" * 32).verify(signature, b"message")  # no point of the curve


def test_both_halves_are_a_line_of_text_each_and_come_back() -> None:
    assert AUTHOR.text == f"chatseal-verifying-key {base64_text(bytes(AUTHOR)).decode()}"
    assert VerifyingKey.from_text(f"\n {AUTHOR.text}\r\n") == AUTHOR
    key = SigningKey.from_text(f"chatseal-signing-key {base64_text(SEED).decode()}")
    assert key.verifying_key == AUTHOR


@pytest.mark.parametrize(
    "text",
    [
        "",
        "chatseal-verifying-key",
        AUTHOR.text.split()[1],
        AUTHOR.text.replace("verifying", "signing"),
        AUTHOR.text + " me@example",
        AUTHOR.text[:-4],
        AUTHOR.text + "=",
        AUTHOR.text[:-1] + "\u00e9",
    ],
)
def test_texts_that_are_no_verifying_key_are_refused(text: str) -> None:
    with pytest.raises(KeyFormatError):
        VerifyingKey.from_text(text)


def test_keys_have_32_bytes() -> None:
    for length in (0, 31, 33, 64):
        with pytest.raises(KeyFormatError, match="32 bytes"):
            VerifyingKey(bytes(length))
        with pytest.raises(KeyFormatError, match="32 bytes"):
            SigningKey(bytes(length))


def test_files_come_back_and_the_signing_key_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    key = SigningKey.generate()
    key.write(tmp_path / "me")
    key.verifying_key.write(tmp_path / "me.pub")
    assert SigningKey.from_file(tmp_path / "me").verifying_key == VerifyingKey.from_file(tmp_path / "me.pub") == key.verifying_key
    modes = [stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in ("me", "me.pub")]
    assert modes == [0o600, 0o644]
    with pytest.raises(TargetExistsError):
        key.write(tmp_path / "me")
    with pytest.raises(KeyFormatError):
        SigningKey.from_file(tmp_path / "me.pub")
    with pytest.raises(KeyFormatError):
        VerifyingKey.from_file(tmp_path / "me")


def test_verifying_keys_are_equal_by_their_bytes_and_pickled_by_them() -> None:
    assert {AUTHOR, SigningKey(SEED).verifying_key} == {AUTHOR}
    assert AUTHOR.text != AUTHOR
    assert pickle.loads(pickle.dumps(AUTHOR)) == copy.deepcopy(AUTHOR) == AUTHOR
    assert eval(repr(AUTHOR)) == AUTHOR


def test_no_way_of_showing_a_signing_key_shows_it() -> None:
    for shown in (repr(KEY), str(KEY), f"{KEY}", repr([KEY])):
        assert "SigningKey(...)" in shown
        assert SEED.hex() not in shown
        assert base64_text(SEED).decode() not in shown
    assert not hasattr(KEY, "__dict__")


def test_a_signing_key_is_pickled_by_its_path_alone(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="pickled by its file"):
        pickle.dumps(SigningKey.generate())
    key = SigningKey(SEED)
    key.write(tmp_path / "me")
    for kept in (key, SigningKey.from_file(tmp_path / "me")):
        data = pickle.dumps(kept)
        assert SEED not in data
        assert pickle.loads(data).verifying_key == AUTHOR
