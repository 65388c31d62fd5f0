"""Padded files: they open everywhere, their length is a step, and nothing hides in what is added."""

import io
from pathlib import Path
from typing import Any

import pytest
import pyzstd
from hypothesis import given
from hypothesis import strategies as st

import chatseal
from chatseal import BackupKey, LimitError, SigningKey
from chatseal.sealing import seal as sealing
from chatseal.sealing.source import Source
from corpus import KEY_BYTES, KIB, MIB, RECORD, chat, mixed, noise
from oracle import ZSTD, check_everything, payload_size, rescued, take_apart, zstd_command
from sealing import ways
from sealing.insider import disagreement, insider
from slow_writer import Draw, framed, padding, padme, seek_table, skippable, stored_frame, stream_of, table_entries, write_sealed

KEY = BackupKey(KEY_BYTES)
FRAME = 64 * KIB
SIGNER = SigningKey(Draw("the author of the tests")(32))
LENGTHS = [0, 1, RECORD, FRAME - 1, FRAME, 5 * FRAME + 777, 2 * MIB]


def sealed(plain: bytes, **options: Any) -> bytes:
    target = io.BytesIO()
    summary = chatseal.seal(plain, target, KEY, padded=True, frame_size=FRAME, **options)
    assert summary.sealed_bytes == len(target.getvalue())
    return target.getvalue()


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("sign", [None, SIGNER], ids=["unsigned", "signed"])
@pytest.mark.parametrize("length", LENGTHS)
def test_any_length_satisfies_the_oracle_padded(length: int, sign: SigningKey | None, threads: int) -> None:
    author = sign.verifying_key if sign else None
    for make in (chat, noise):
        file = sealed(make(length), threads=threads, sign=sign)
        check_everything(file, KEY, make(length), command=threads == 2, author=author, padded=True)


@given(length=st.integers(0, 400_000), threads=st.integers(1, 3), sign=st.sampled_from([None, SIGNER]), level=st.integers(-5, 3))
def test_anything_that_is_sealed_padded_satisfies_the_oracle(length: int, threads: int, sign: SigningKey | None, level: int) -> None:
    file = sealed(mixed(length), threads=threads, sign=sign, level=level)
    check_everything(file, KEY, mixed(length), command=False, author=sign.verifying_key if sign else None, padded=True)


def test_every_way_of_sealing_pads(tmp_path: Path) -> None:
    plain = mixed(100_000)
    (tmp_path / "plain").write_bytes(plain)
    chatseal.seal(tmp_path / "plain", tmp_path / "sealed", KEY, padded=True)
    with chatseal.open(tmp_path / "written", "wb", key=KEY, padded=True) as writer:
        writer.write(plain)
    with chatseal.open(stream := io.BytesIO(), "wb", key=KEY, padded=True) as writer:
        writer.write(plain)
    assert [report.error for report in chatseal.seal_many([tmp_path / "plain"], tmp_path / "many", KEY, padded=True)] == [None]
    files = [
        (tmp_path / "sealed").read_bytes(),
        (tmp_path / "written").read_bytes(),
        (tmp_path / "many" / "plain.seal").read_bytes(),
        stream.getvalue(),
        b"".join(chatseal.seal_chunks([plain], KEY, padded=True)),
        chatseal.seal_bytes(plain, KEY, padded=True),
        write_sealed(plain, Draw("slow"), backup_keys=[KEY_BYTES], pad=True),
    ]
    for file in files:
        check_everything(file, KEY, plain, padded=True)
        for way in (*ways.FORWARD[2:], ways.random_access):
            assert way(file, KEY, tmp_path).end == "ok"
    assert len({len(file) for file in files}) == 1, "name and time, size line or none, who compressed it: nothing of it shows"


def test_lengths_are_steps_and_those_between_two_steps_are_one() -> None:
    lengths = {length: len(sealed(noise(length))) for length in range(60_000, 64_000, 97)}
    bare = {length: len(take_apart(chatseal.seal_bytes(noise(length), KEY), KEY).stream) for length in lengths}
    assert len(set(lengths.values())) < 5 < len(set(bare.values()))
    for length, size in lengths.items():
        assert size == 4096 + payload_size(padme(bare[length] + 16))


def test_other_tools_recover_a_padded_and_signed_file_by_hand() -> None:
    plain = chat(3 * FRAME + 9)
    stream = take_apart(sealed(plain, sign=SIGNER), KEY).stream
    assert pyzstd.decompress(stream) == plain
    if ZSTD is not None:
        assert zstd_command(stream) == plain
    with pyzstd.SeekableZstdFile(io.BytesIO(stream)) as seekable:
        assert seekable.read() == plain
        seekable.seek(FRAME - 3)
        assert seekable.read(7) == plain[FRAME - 3 : FRAME + 4]


def test_random_access_leaves_the_padding_unread() -> None:
    plain = noise(4 * MIB + 1)
    file = sealed(plain)
    parts = take_apart(file, KEY)
    begin = len(parts.stream) - parts.padding_length - len(seek_table(parts.rows))
    inside = bytearray(file)
    inside[parts.record(begin // RECORD + 3).start] ^= 1  # a record that holds nothing but padding
    assert ways.random_access(bytes(inside), KEY, Path()) == ways.Outcome("ok", plain)
    assert ways.verify_buffer(bytes(inside), KEY, Path()).end == "damaged"


def test_a_source_of_known_length_that_cannot_be_padded_is_refused_before_the_work() -> None:
    most = FRAME * 2**20 + 4 * MIB * 2**20 + 16 * MIB * (2**21 - 2 - 1024)
    options = sealing.SealOptions(frame_size=FRAME, padded=True)
    sealing.check_fits(Source(length=most), options)
    with pytest.raises(LimitError, match="larger than a sealed file can be"):
        sealing.check_fits(Source(length=most + 1), options)
    sealing.check_fits(Source(length=most + 1), sealing.SealOptions(frame_size=FRAME))


# --- Hostile padding --------------------------------------------------------------------------------------------------

A, B = stored_frame(b"the face that zstd shows"), stored_frame(b"the face that a table shows")
HEAD, DATA, TAIL = framed([A])


def test_the_insiders_padded_file_would_open_if_its_stream_were_good() -> None:
    assert disagreement(insider(stream_of([HEAD, DATA, TAIL, padding(50)])), A.plain) == "ok"


@pytest.mark.parametrize("table", ["into the padding", "over the padding", "of the padding as a frame", "as it is"])
def test_nothing_that_hides_in_padding_is_shown_by_any_reader(table: str) -> None:
    hidden = skippable(0x184D2A5C, B.wire)
    frames = [HEAD, DATA, TAIL, hidden]
    right = table_entries(frames)
    entries = {
        "into the padding": [*right[:2], (len(TAIL.wire) + 8, 0), (len(B.wire), len(B.plain))],
        "over the padding": [*right[:2], (len(TAIL.wire) + len(hidden.wire), 0)],
        "of the padding as a frame": [*right[:3], (len(hidden.wire), len(B.plain))],
        "as it is": right,
    }[table]
    stream = stream_of(frames, seek_table(entries))
    assert pyzstd.decompress(stream) == A.plain
    assert disagreement(insider(stream), A.plain) == "damaged"


def test_frames_that_a_table_calls_padding_are_damage_to_every_reader() -> None:
    """What zstd shows, and a reader through the table would skip."""
    longer = [HEAD, DATA, TAIL, B, framed([A, B])[-1]]
    entries = [*table_entries(longer[:3]), (len(B.wire) + len(longer[-1].wire), 0)]
    stream = stream_of(longer, seek_table(entries))
    assert pyzstd.decompress(stream) == A.plain + B.plain
    assert disagreement(insider(stream), A.plain) == "damaged"
    assert ways.random_access(insider(stream), KEY, Path()).end == "damaged"


@given(data=st.data())
def test_a_padded_and_signed_stream_with_any_bytes_changed_is_read_alike_by_all_or_by_none(data: st.DataObject) -> None:
    stream = bytearray(stream_of([*framed([A, B], seed=bytes(32)), padding(20), padding(3)]))
    for _ in range(data.draw(st.integers(1, 3))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    changed = insider(bytes(stream))
    forward = {way(changed, KEY, Path()).end for way in ways.FORWARD[2:]}
    end, plain = rescued(changed, KEY)
    assert forward == {end}
    random = ways.random_access(changed, KEY, Path())
    if end == "ok":
        assert random == ways.Outcome("ok", plain)
