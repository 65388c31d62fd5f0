"""Records made and read by the core, against cryptography's AES-GCM and Cobblestone-256, and Wycheproof's vectors."""

import hashlib
import zlib
from typing import Any

import pytest
from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from chatseal._core import Damaged, RecordOpener, RecordSealer
from core import wycheproof
from corpus import RECORD, noise
from slow_writer import message_keys, record_nonce

KEY, NONCE = noise(32, 1), noise(12, 2)
SEALED = RECORD + 16
PLAIN = noise(5 * RECORD + 100, 3)

# Numbers at which one more byte of the counter begins to matter, up to the end of the longest stream and of the counter.
CARRIES = [2**bits + step for bits in (8, 16, 24, 32, 38, 63) for step in (-2, -1, 0)] + [0, 1, 2**64 - 3]


def seal(first: int, plain: bytes, *, last: bool, key: bytes = KEY, nonce: bytes = NONCE) -> bytes:
    out = bytearray(len(plain) + 16 * (len(plain) // RECORD + 1))
    n = RecordSealer(key, nonce).seal_into(first, plain, out, last=last)
    return bytes(out[:n])


def open_(first: int, sealed: bytes, *, key: bytes = KEY, nonce: bytes = NONCE) -> bytes:
    out = bytearray(len(sealed))
    n = RecordOpener(key, nonce).open_into(first, sealed, out)
    return bytes(out[:n])


def records_of_the_library(first: int, plain: bytes, *, last: bool) -> bytes:
    pieces = [plain[at : at + RECORD] for at in range(0, len(plain), RECORD)]
    if last and len(plain) % RECORD == 0:
        pieces.append(b"")
    aead = AESGCM(KEY)
    return b"".join(aead.encrypt(record_nonce(NONCE, first + i), piece, None) for i, piece in enumerate(pieces))


@pytest.mark.parametrize("first", CARRIES)
def test_records_equal_the_librarys_where_the_counter_carries(first: int) -> None:
    plain = PLAIN[: 2 * RECORD]
    sealed = seal(first, plain, last=False)
    assert sealed == records_of_the_library(first, plain, last=False)
    assert open_(first, sealed) == plain


@given(first=st.integers(0, 2**38), length=st.integers(0, len(PLAIN)))
def test_records_of_any_stretch_equal_the_librarys_and_are_read_back(first: int, length: int) -> None:
    plain = PLAIN[:length]
    sealed = seal(first, plain, last=True)
    assert sealed == records_of_the_library(first, plain, last=True)
    assert len(sealed) == length + 16 * (length // RECORD + 1)
    assert open_(first, sealed) == plain


@pytest.mark.parametrize("length", [0, 1, RECORD - 1, RECORD, RECORD + 1, 2 * RECORD, 5 * RECORD + 100])
def test_a_message_of_the_core_is_one_of_the_librarys_cobblestone_and_the_other_way_round(length: int) -> None:
    secret, context, plain = noise(32, 4), b"chatseal/v1\0sealed", PLAIN[:length]
    library = Cobblestone256Encryptor(secret, context)
    theirs = library.update(plain) + library.finalize()
    key, nonce, commitment = message_keys(secret, context, theirs[:24])
    assert theirs[24:56] == commitment
    ours = theirs[:56] + seal(0, plain, last=True, key=key, nonce=nonce)
    assert ours == theirs
    reader = Cobblestone256Decryptor(secret, context)
    assert reader.update(ours) + reader.finalize() == plain
    assert open_(0, theirs[56:], key=key, nonce=nonce) == plain


def test_one_sealer_and_one_opener_serve_many_calls_in_any_order() -> None:
    sealer, opener = RecordSealer(KEY, NONCE), RecordOpener(KEY, NONCE)
    sealed, plain = bytearray(SEALED), bytearray(RECORD)
    for number in (7, 0, 2**33, 7, 1):
        assert sealer.seal_into(number, PLAIN[:RECORD], sealed) == SEALED
        assert sealed == records_of_the_library(number, PLAIN[:RECORD], last=False)
        assert opener.open_into(number, sealed, plain) == RECORD
        assert plain == PLAIN[:RECORD]


@given(at=st.integers(0, 2 * SEALED + 100 + 16 - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_is_damage_and_nothing_of_its_record_is_given_out(at: int, bit: int) -> None:
    sealed = bytearray(seal(0, PLAIN[: 2 * RECORD + 100], last=True))
    sealed[at] ^= 1 << bit
    out = bytearray(2 * RECORD + 100)
    with pytest.raises(Damaged):
        RecordOpener(KEY, NONCE).open_into(0, sealed, out)
    good = at // SEALED * RECORD
    assert out[:good] == PLAIN[:good]
    assert not any(out[good:]), "bytes of a record that does not authenticate, or of one after it"


@pytest.mark.parametrize("number", [1, 2**32, 2**63])
def test_a_record_under_another_number_is_damage(number: int) -> None:
    with pytest.raises(Damaged):
        open_(number, seal(0, PLAIN[:RECORD], last=False))


@pytest.mark.parametrize("missing", [1, 15, 16, 17, 100])
def test_a_record_without_its_end_is_damage(missing: int) -> None:
    with pytest.raises(Damaged):
        open_(0, seal(0, PLAIN[:100], last=True)[:-missing])


@pytest.mark.parametrize("length", [1, 15])
def test_fewer_bytes_than_a_tag_after_whole_records_are_damage(length: int) -> None:
    with pytest.raises(Damaged):
        open_(0, seal(0, PLAIN[:RECORD], last=False) + bytes(length))


def test_another_key_or_nonce_opens_nothing() -> None:
    sealed = seal(0, PLAIN[:100], last=True)
    for key, nonce in ((noise(32, 9), NONCE), (KEY, noise(12, 9))):
        with pytest.raises(Damaged):
            open_(0, sealed, key=key, nonce=nonce)


@pytest.mark.parametrize("cipher", [RecordSealer, RecordOpener])
@pytest.mark.parametrize(("key", "nonce"), [(b"", NONCE), (KEY[:31], NONCE), (KEY + b"x", NONCE), (KEY, b""), (KEY, NONCE + b"x")])
def test_keys_and_nonces_of_another_length_are_refused(cipher: Any, key: bytes, nonce: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes and a nonce of 12"):
        cipher(key, nonce)


def test_buffers_that_are_too_small_are_refused_and_not_written_to() -> None:
    out = bytearray(SEALED - 1)
    with pytest.raises(ValueError, match="too small"):
        RecordSealer(KEY, NONCE).seal_into(0, PLAIN[:RECORD], out)
    with pytest.raises(ValueError, match="too small"):
        RecordSealer(KEY, NONCE).seal_into(0, PLAIN[:RECORD], bytearray(SEALED + 15), last=True)
    sealed = seal(0, PLAIN[:RECORD], last=False)
    with pytest.raises(ValueError, match="too small"):
        RecordOpener(KEY, NONCE).open_into(0, sealed, memoryview(out)[: RECORD - 1])
    assert not any(out)


def test_only_the_last_record_may_be_short() -> None:
    with pytest.raises(ValueError, match="only the last record"):
        seal(0, PLAIN[: RECORD + 1], last=False)


def test_a_read_only_target_and_a_buffer_with_gaps_are_refused() -> None:
    with pytest.raises(BufferError):
        RecordSealer(KEY, NONCE).seal_into(0, PLAIN[:RECORD], bytes(SEALED))
    with pytest.raises(BufferError):
        RecordOpener(KEY, NONCE).open_into(0, memoryview(PLAIN)[::2], bytearray(RECORD))


# --- Wycheproof -------------------------------------------------------------------------------------------------------


def check_aes_gcm(vector: wycheproof.Vector) -> None:
    key, nonce = bytes.fromhex(vector["key"]), bytes.fromhex(vector["iv"])
    plain, sealed = bytes.fromhex(vector["msg"]), bytes.fromhex(vector["ct"] + vector["tag"])
    if vector["result"] == "valid":
        assert seal(0, plain, last=True, key=key, nonce=nonce) == sealed
        assert open_(0, sealed, key=key, nonce=nonce) == plain
    else:
        with pytest.raises(Damaged):
            open_(0, sealed, key=key, nonce=nonce)


def check_cobblestone(vector: wycheproof.Vector) -> None:
    message = zlib.decompress(bytes.fromhex(vector["ct"]))
    try:
        key, nonce, commitment = message_keys(bytes.fromhex(vector["key"]), bytes.fromhex(vector["ctx"]), message[:24])
    except ValueError:
        assert "InvalidKeySize" in vector["flags"]
        return
    valid = len(vector["key"]) == 64 and len(message) >= 56 + 16 and commitment == message[24:56]
    if valid:
        assert (key.hex(), nonce.hex()) == (vector["aeadKey"], vector["baseNonce"])
    plain = b""
    try:
        plain = open_(0, message[56:], key=key, nonce=nonce) if valid else b""
    except Damaged:
        valid = False
    # The last record is short: a message of whole records alone has lost it.
    valid = valid and (len(message) - 56) % SEALED != 0
    assert valid == (vector["result"] == "valid")
    if valid:
        assert (len(plain), hashlib.sha512(plain).hexdigest()) == (vector["msgLength"], vector["msgSha512"])
        assert message[56:] == seal(0, plain, last=True, key=key, nonce=nonce)


@pytest.mark.parametrize("vector", wycheproof.selected("aes_gcm.json"), ids=lambda vector: f"{vector['tcId']} {vector['comment']}".strip())
def test_a_vector_of_aes_gcm(vector: wycheproof.Vector) -> None:
    check_aes_gcm(vector)


@pytest.mark.parametrize("vector", wycheproof.selected("cobblestone.json"), ids=lambda vector: f"{vector['tcId']} {vector['comment']}")
def test_a_vector_of_cobblestone(vector: wycheproof.Vector) -> None:
    check_cobblestone(vector)


def test_every_vector_of_aes_gcm_that_has_our_sizes() -> None:
    try:
        vectors = list(wycheproof.whole("aes_gcm_test.json"))
    except FileNotFoundError:
        pytest.skip("the whole file of vectors is not beside this checkout; the selection in tests/vectors was used")
    fitting = [vector for group, vector in vectors if (group["keySize"], group["ivSize"]) == (256, 96) and not vector["aad"]]
    assert len(fitting) == 48
    for vector in fitting:
        check_aes_gcm(vector)


def test_every_vector_of_cobblestone() -> None:
    try:
        vectors = list(wycheproof.whole("c2sp_chunked_encryption_aes_256_gcm_test.json"))
    except FileNotFoundError:
        pytest.skip("the whole file of vectors is not beside this checkout; the selection in tests/vectors was used")
    assert len(vectors) == 35
    for _, vector in vectors:
        check_cobblestone(vector)
