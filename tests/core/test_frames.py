"""zstd frames made and read by the core, against pyzstd; and everything a data frame must not be (docs/format.md, section 4)."""

import pytest
import pyzstd
from hypothesis import assume, example, given
from hypothesis import strategies as st

from chatseal._core import Damaged, FrameCompressor, FrameDecompressor, LibraryFailed, frame_bound, versions
from corpus import KIB, MIB, chat, mixed, noise
from slow_writer import block, data_frame, stored_frame

PLAIN = chat(3000)
FRAME = data_frame(PLAIN).wire
CONTENT_MAX = 16 * MIB


def compress(content: bytes, level: int = 3) -> bytes:
    out = bytearray(frame_bound(len(content)))
    return bytes(out[: FrameCompressor(level).compress_into(content, out)])


def decompress(frame: bytes, length: int) -> bytes:
    out = bytearray(length)
    FrameDecompressor().decompress_into(frame, out)
    return bytes(out)


def refused(frame: bytes, length: int = len(PLAIN)) -> bool:
    try:
        decompress(frame, length)
    except Damaged:
        return True
    return False


@pytest.mark.parametrize("level", [-7, -1, 1, 3, 9, 19, 22])
@pytest.mark.parametrize("length", [1, 255, 256, 16384, 64 * KIB, 65 * KIB + 1])
def test_a_frame_is_one_that_zstd_reads_with_size_and_checksum_and_no_dictionary(length: int, level: int) -> None:
    content = mixed(length)
    frame = compress(content, level)
    assert len(frame) <= frame_bound(length)
    assert pyzstd.decompress(frame) == content
    info = pyzstd.get_frame_info(frame)
    assert (info.decompressed_size, info.dictionary_id) == (length, 0)
    assert frame[4] & 0b1111 == 0b0100, "reserved bit clear, content checksum, no dictionary id"
    assert decompress(frame, length) == content


@pytest.mark.parametrize("length", [64 * KIB, MIB])
def test_a_frame_is_as_small_as_zstds_own(length: int) -> None:
    for content in (chat(length), noise(length)):
        assert abs(len(compress(content)) - len(data_frame(content).wire)) <= length // 200, "another version of zstd differs by little"


@given(content=st.one_of(st.binary(min_size=1, max_size=5000), st.builds(mixed, st.integers(1, 200_000))), level=st.integers(-7, 5))
def test_any_content_comes_back(content: bytes, level: int) -> None:
    assert decompress(compress(content, level), len(content)) == content


def test_one_compressor_and_one_decompressor_serve_many_frames_and_recover_from_a_bad_one() -> None:
    compressor, decompressor = FrameCompressor(1), FrameDecompressor()
    for length in (70_000, 1, 300_000, 5):
        content, frame, out = mixed(length), bytearray(frame_bound(length)), bytearray(length)
        n = compressor.compress_into(content, frame)
        with pytest.raises(Damaged):
            decompressor.decompress_into(frame[: n - 1], out)
        decompressor.decompress_into(frame[:n], out)
        assert out == content


def test_a_frame_of_another_writer_is_read() -> None:
    assert decompress(FRAME, len(PLAIN)) == PLAIN
    assert decompress(stored_frame(PLAIN).wire, len(PLAIN)) == PLAIN


@pytest.mark.parametrize("length", [len(PLAIN) - 1, len(PLAIN) + 1, 0])
def test_a_content_size_other_than_the_tables_is_damage(length: int) -> None:
    assert refused(FRAME, length)


@pytest.mark.parametrize(
    ("why", "frame"),
    {
        "nothing": b"",
        "a magic alone": FRAME[:4],
        "half a header": FRAME[:6],
        "another magic": b"\x27" + FRAME[1:],
        "an older zstd's magic": b"\x27\xb5\x2f\xfd" + FRAME[4:],
        "a skippable frame": b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd",
        "no content size": stored_frame(PLAIN, descriptor=0b0000_0100, window=0x50).wire,
        "a content size of zero": stored_frame(PLAIN, content_size=0).wire,
        "a content size above 16 MiB": stored_frame(PLAIN, content_size=CONTENT_MAX + 1).wire,
        "a content size one too small": stored_frame(PLAIN, content_size=len(PLAIN) - 1).wire,
        "a content size one too large": stored_frame(PLAIN, content_size=len(PLAIN) + 1).wire,
        "a content size of 2^64 - 1": stored_frame(PLAIN, content_size=2**64 - 1, descriptor=0b1110_0100).wire,
        "no checksum": stored_frame(PLAIN, descriptor=0b1010_0000, checksum=b"").wire,
        "a wrong checksum": stored_frame(PLAIN, checksum=b"\0\0\0\0").wire,
        "the reserved bit": stored_frame(PLAIN, descriptor=0b1010_1100).wire,
        "a dictionary id of one byte": stored_frame(PLAIN, descriptor=0b1010_0101, dictionary_id=b"\1").wire,
        "a dictionary id of two bytes": stored_frame(PLAIN, descriptor=0b1010_0110, dictionary_id=b"\1\0").wire,
        "a dictionary id of four bytes": stored_frame(PLAIN, descriptor=0b1010_0111, dictionary_id=b"\1\0\0\0").wire,
        "a dictionary id of zero": stored_frame(PLAIN, descriptor=0b1010_0101, dictionary_id=b"\0").wire,
        "a window above 16 MiB": stored_frame(PLAIN, window=14 << 3 | 1).wire,
        "the largest window": stored_frame(PLAIN, window=0xFF).wire,
        "a block of the reserved type": stored_frame(PLAIN, blocks=block(3, len(PLAIN), PLAIN, last=True)).wire,
        "no last block": stored_frame(PLAIN, blocks=block(0, len(PLAIN), PLAIN, last=False)).wire,
        "a byte too many": FRAME + b"\0",
        "a byte too few": FRAME[:-1],
        "a second frame": FRAME + FRAME,
        "a skippable frame after it": FRAME + b"\x50\x2a\x4d\x18\x00\x00\x00\x00",
    }.items(),
)
def test_what_a_data_frame_must_not_be_is_damage(why: str, frame: bytes) -> None:
    assert refused(frame), why


def test_a_block_above_128_kib_is_damage() -> None:
    plain = noise(128 * KIB + 1)
    assert refused(stored_frame(plain, blocks=block(0, len(plain), plain, last=True)).wire, len(plain))


def test_a_window_of_exactly_16_mib_is_read() -> None:
    assert decompress(stored_frame(PLAIN, window=14 << 3).wire, len(PLAIN)) == PLAIN


@example(at=5, bit=0)
@given(at=st.integers(0, len(FRAME) - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_never_gives_other_content(at: int, bit: int) -> None:
    frame = bytearray(FRAME)
    frame[at] ^= 1 << bit
    if not refused(bytes(frame)):
        assert decompress(bytes(frame), len(PLAIN)) == PLAIN, "a header bit that changes nothing may be accepted; other content never"


@given(frame=st.binary(max_size=300), length=st.integers(0, 400))
def test_noise_is_no_frame(frame: bytes, length: int) -> None:
    assume(not frame.startswith(FRAME[:4]))
    assert refused(frame, length)


@given(rest=st.binary(max_size=300), length=st.integers(0, 400))
def test_noise_after_the_magic_is_refused_or_read_alike_by_zstd(rest: bytes, length: int) -> None:
    frame = FRAME[:4] + rest
    if not refused(frame, length):
        assert pyzstd.decompress(frame) == decompress(frame, length)


@pytest.mark.parametrize("length", [0, 1, MIB, CONTENT_MAX])
def test_the_bound_is_zstds(length: int) -> None:
    small = ((128 * KIB) - length) >> 11 if length < 128 * KIB else 0
    assert frame_bound(length) == length + (length >> 8) + small


def test_lengths_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        frame_bound(-1)
    with pytest.raises(OverflowError):
        frame_bound(2**64)


def test_a_target_that_is_too_small_is_no_success() -> None:
    with pytest.raises(LibraryFailed):
        FrameCompressor(3).compress_into(noise(1000), bytearray(100))


def test_the_versions_of_the_libraries_are_told() -> None:
    found = versions()
    assert set(found) == {"zstd", "openssl"}
    assert tuple(map(int, found["zstd"].split("."))) >= (1, 5, 4)
    assert int(found["openssl"].split()[1].split(".")[0]) >= 3
