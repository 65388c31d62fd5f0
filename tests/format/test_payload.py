"""The arithmetic and the keys of a payload, against the document and the library."""

import pytest
from cryptography.cobblestone import Cobblestone256Encryptor
from hypothesis import given
from hypothesis import strategies as st

from chatseal import DamagedError
from chatseal.format.payload import derive, open_prefix, payload_length, stream_length
from corpus import RECORD
from oracle import payload_size
from slow_writer import PAYLOAD_CONTEXT, Draw, message_keys

FILE_KEY, SALT = Draw("file key")(32), Draw("salt")(24)


def test_keys_are_those_of_the_document() -> None:
    found = derive(FILE_KEY, SALT, "sealed")
    assert (found.key, found.nonce, found.prefix[24:]) == message_keys(FILE_KEY, PAYLOAD_CONTEXT, SALT)
    assert found.prefix[:24] == SALT
    assert derive(bytearray(FILE_KEY), SALT, "sealed") == found


def test_a_prefix_of_the_library_is_opened() -> None:
    message = Cobblestone256Encryptor(FILE_KEY, PAYLOAD_CONTEXT)
    prefix = (message.update(b"") + message.finalize())[:56]
    assert open_prefix(FILE_KEY, prefix, "sealed").prefix == prefix


def test_every_byte_of_a_prefix_counts_and_so_do_kind_and_key() -> None:
    prefix = derive(FILE_KEY, SALT, "sealed").prefix
    for at in range(56):
        changed = bytearray(prefix)
        changed[at] ^= 1
        with pytest.raises(DamagedError):
            open_prefix(FILE_KEY, bytes(changed), "sealed")
    for key, kind in ((FILE_KEY, "store"), (bytes(32), "sealed")):
        with pytest.raises(DamagedError):
            open_prefix(key, prefix, kind)


def test_a_payload_key_shows_nothing() -> None:
    assert f"{derive(FILE_KEY, SALT, 'sealed')!r} {derive(FILE_KEY, SALT, 'sealed')}" == "PayloadKey(...) PayloadKey(...)"


@given(length=st.one_of(st.integers(0, 2**46), st.integers(0, 2**30).map(lambda n: n * RECORD)))
def test_lengths_of_stream_and_payload_belong_together(length: int) -> None:
    assert payload_length(length) == payload_size(length)
    assert stream_length(payload_length(length)) == length


@given(length=st.integers(0, 2**46))
def test_lengths_that_no_payload_has_have_no_stream(length: int) -> None:
    stream = stream_length(length)
    if stream is None:
        assert length < 72 or (length - 56) % (RECORD + 16) < 16
    else:
        assert payload_length(stream) == length
