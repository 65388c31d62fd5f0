"""What somebody can do who stores or carries the file, and what somebody can do who may open it: each attack is a sentence."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import pytest
import pyzstd
from hypothesis import given
from hypothesis import strategies as st

import chatseal
from chatseal import BackupKey, PrivateKey
from corpus import KEY_BYTES, KIB, PAIR_BYTES, RECORD, chat, noise
from oracle import Parts, header_length, rescued, take_apart
from sealing import ways
from sealing.insider import disagreement, insider
from slow_writer import (
    FILE_HEAD,
    HEAD_MAGIC,
    TAIL_MAGIC,
    Draw,
    Frame,
    end_line,
    framed,
    hpke_slot,
    key_slot,
    padded,
    seek_table,
    skippable,
    stored_frame,
    stream_of,
    table_entries,
    write_sealed,
)

KEY, PAIR = BackupKey(KEY_BYTES), PrivateKey(PAIR_BYTES)
PLAIN = noise(400_000)
SEALED = RECORD + 16
EVERY_WAY = (*ways.FORWARD, ways.random_access)


@lru_cache
def file() -> bytes:
    return b"".join(chatseal.seal_chunks([PLAIN], KEY, frame_size=64 * KIB))


@lru_cache
def parts() -> Parts:
    return take_apart(file(), KEY)


def records() -> list[bytes]:
    return [file()[parts().record(number)] for number in range(parts().records)]


def with_records(new: list[bytes]) -> bytes:
    return parts().header + parts().payload[:56] + b"".join(new)


def ends(data: bytes, folder: Path, *, plain: bytes = PLAIN, key: BackupKey | PrivateKey = KEY) -> set[str]:
    """How every way of reading ends; what any of them releases is a true prefix, and rescue agrees with those that read forward."""
    outcomes = {way.__name__: way(data, key, folder) for way in EVERY_WAY}
    for name, outcome in outcomes.items():
        assert outcome.released is None or plain.startswith(outcome.released), f"{name} released what was never sealed"
    forward = {outcome.end for name, outcome in outcomes.items() if name != "random_access"}
    assert forward == {rescued(data, key)[0]}
    return {outcome.end for outcome in outcomes.values()}


# --- Without a key ----------------------------------------------------------------------------------------------------


def test_swapped_records_are_damage(tmp_path: Path) -> None:
    for i, j in ((0, 1), (3, 4), (5, 20)):
        new = records()
        new[i], new[j] = new[j], new[i]
        changed = with_records(new)
        assert ways.stream_to_stream(changed, KEY, tmp_path).released == PLAIN[: parts().released_before(i)]
        assert {way(changed, KEY, tmp_path).end for way in EVERY_WAY} == {"damaged"}


def test_a_record_twice_is_damage(tmp_path: Path) -> None:
    new = records()
    new.insert(7, new[7])
    assert ends(with_records(new), tmp_path) <= {"damaged", "truncated"}
    new = records()
    new[8] = new[7]
    assert ends(with_records(new), tmp_path) == {"damaged"}


@pytest.mark.parametrize("number", [0, 1, 12])
def test_a_record_left_out_is_damage(number: int, tmp_path: Path) -> None:
    new = records()
    del new[number]
    assert ends(with_records(new), tmp_path) <= {"damaged", "truncated"}
    assert ways.stream_to_stream(with_records(new), KEY, tmp_path).end == "damaged"


def test_records_left_out_at_the_end_are_truncation(tmp_path: Path) -> None:
    for count in (1, 2, 10, parts().records):
        assert ends(with_records(records()[:-count]), tmp_path) == {"truncated"}


def test_a_whole_record_before_the_last_is_not_taken_for_the_last(tmp_path: Path) -> None:
    assert ends(with_records([*records()[:-2], records()[-1]]), tmp_path) <= {"damaged", "truncated"}


def test_a_record_of_another_file_under_the_same_key_is_damage(tmp_path: Path) -> None:
    other = b"".join(chatseal.seal_chunks([PLAIN], KEY, frame_size=64 * KIB))
    new = records()
    new[5] = other[take_apart(other, KEY).record(5)]
    assert ends(with_records(new), tmp_path) == {"damaged"}


def test_a_payload_under_the_header_of_another_file_of_the_same_key_is_an_altered_header(tmp_path: Path) -> None:
    other = b"".join(chatseal.seal_chunks([PLAIN], KEY, frame_size=64 * KIB))
    length = header_length(other)
    assert ends(other[:length] + parts().payload, tmp_path) == {"header altered"}
    assert ends(parts().header + other[length:], tmp_path) == {"header altered"}


def test_the_beginning_of_another_payload_before_these_records_is_an_altered_header(tmp_path: Path) -> None:
    other = take_apart(chatseal.seal_bytes(PLAIN, KEY), KEY)
    assert ends(parts().header + other.payload[:56] + parts().payload[56:], tmp_path) == {"header altered"}


def reheaded(lines: list[bytes]) -> bytes:
    """The file with other lines in its header by somebody without the file key: form and checksum are right, the MAC is the old one."""
    before = padded(b"chatseal/v1 sealed\n" + b"".join(line + b"\n" for line in lines))
    new = end_line(before, bytes(32), b"")
    return before + new[:-44] + parts().header[-44:] + parts().payload


def test_a_slot_that_is_added_moved_or_taken_away_is_an_altered_header(tmp_path: Path) -> None:
    (mine,) = (line for line in parts().header.split(b"\n") if line.startswith(b"slot "))
    stranger = key_slot(bytes(32), Draw("x")(32), Draw("y")(24))
    other = hpke_slot(PrivateKey.generate().public_key.hpke, Draw("x")(32))
    unknown = b"slot future AAAA"
    assert ends(reheaded([mine, stranger]), tmp_path) == {"header altered"}
    assert ends(reheaded([stranger, mine]), tmp_path) == {"header altered"}
    assert ends(reheaded([mine, other]), tmp_path) == {"header altered"}
    assert ends(reheaded([unknown, mine]), tmp_path) == {"header altered"}
    assert ends(reheaded([mine, mine]), tmp_path) == {"header altered"}
    assert ends(reheaded([stranger]), tmp_path) == {"wrong key"}
    assert ends(reheaded([unknown]), tmp_path) == {"wrong key"}


def test_a_slot_of_another_file_is_an_altered_header(tmp_path: Path) -> None:
    other = chatseal.seal_bytes(b"something else", KEY)
    (slot,) = (line for line in other.split(b"\n")[:4] if line.startswith(b"slot "))
    assert ends(reheaded([slot]), tmp_path) == {"header altered"}


@pytest.mark.parametrize("size", [b"size 1000", b"size 9223372036854775807"])
def test_a_size_line_that_is_added_is_an_altered_header(size: bytes, tmp_path: Path) -> None:
    (mine,) = (line for line in parts().header.split(b"\n") if line.startswith(b"slot "))
    assert ends(reheaded([size, mine]), tmp_path) == {"header altered"}


def test_a_padding_that_is_made_longer_is_an_altered_header(tmp_path: Path) -> None:
    before = parts().header[: parts().header.index(b"pad ")]
    longer = padded(before, 8192)
    assert ends(longer + end_line(longer, bytes(32), b"")[:-44] + parts().header[-44:] + parts().payload, tmp_path) == {"header altered"}


def test_the_wrong_key_is_told_from_damage(tmp_path: Path) -> None:
    assert ends(file(), tmp_path, key=BackupKey(bytes(32))) == {"wrong key"}
    broken = bytearray(file())
    broken[-1] ^= 1
    assert ends(bytes(broken), tmp_path, key=BackupKey(bytes(32))) == {"wrong key"}


def test_the_wrong_kind_of_key_is_told_with_the_right_one() -> None:
    with pytest.raises(chatseal.WrongKeyError, match="opens with a backup key"):
        chatseal.unseal_bytes(file(), PAIR)
    with pytest.raises(chatseal.WrongKeyError, match="opens with a private key"):
        chatseal.unseal_bytes(chatseal.seal_bytes(b"x", PAIR.public_key), KEY)
    both = chatseal.seal_bytes(b"x", [BackupKey.generate(), PrivateKey.generate().public_key])
    with pytest.raises(chatseal.WrongKeyError, match="opens none of"):
        chatseal.unseal_bytes(both, [KEY, PAIR])


@given(data=st.data())
def test_any_two_stretches_of_a_file_that_are_exchanged_are_noticed(data: st.DataObject, tmp_path: Path) -> None:
    length = data.draw(st.integers(1, 40_000))
    first = data.draw(st.integers(0, len(file()) - 2 * length))
    second = data.draw(st.integers(first + length, len(file()) - length))
    changed = bytearray(file())
    changed[first : first + length], changed[second : second + length] = file()[second : second + length], file()[first : first + length]
    if changed != file():
        outcome = ways.pipe_to_stream(bytes(changed), KEY, tmp_path)
        assert outcome.end != "ok"
        assert outcome.released is not None
        assert PLAIN.startswith(outcome.released)


# --- With the file key: two faces, hidden frames, hostile tables and metadata -----------------------------------------


A, B = stored_frame(b"the face that zstd shows"), stored_frame(b"the face that a table shows")
HEAD, DATA, TAIL = framed([A])


def test_the_insiders_file_would_open_if_its_stream_were_good() -> None:
    assert disagreement(insider(stream_of([HEAD, DATA, TAIL])), A.plain) == "ok"


@pytest.mark.parametrize("order", ["hidden after", "hidden before", "hidden in the head", "hidden in the tail"])
def test_a_frame_hidden_in_a_skippable_frame_is_shown_by_no_reader(order: str) -> None:
    hidden = skippable(0x184D2A5C, B.wire)
    frames, entries = {
        "hidden after": (
            [HEAD, DATA, hidden, TAIL],
            [(len(HEAD.wire), 0), (len(DATA.wire) + 8, 0), (len(B.wire), len(B.plain)), (len(TAIL.wire), 0)],
        ),
        "hidden before": (
            [HEAD, hidden, DATA, TAIL],
            [(len(HEAD.wire) + 8, 0), (len(B.wire), len(B.plain)), (len(DATA.wire) + len(TAIL.wire), 0)],
        ),
        "hidden in the head": (
            [skippable(HEAD_MAGIC, b'{"kind":"file"}' + b" " * 40 + B.wire), DATA, TAIL],
            [(8 + 15 + 40, 0), (len(B.wire), len(B.plain)), (len(DATA.wire) + len(TAIL.wire), 0)],
        ),
        "hidden in the tail": (
            [HEAD, DATA, skippable(TAIL_MAGIC, b'{"size":24}' + B.wire)],
            [(len(HEAD.wire), 0), (len(DATA.wire), len(A.plain)), (8 + 11, 0), (len(B.wire), len(B.plain)), (1, 0)],
        ),
    }[order]
    stream = stream_of(frames, seek_table(entries))
    assert pyzstd.decompress(stream) == A.plain
    assert disagreement(insider(stream), A.plain) == "damaged"


def two_data_frames(entries: list[tuple[int, int]]) -> bytes:
    return insider(stream_of(framed([A, B]), seek_table(entries)))


def test_a_table_that_is_off_by_any_byte_is_damage_to_every_reader_that_touches_it() -> None:
    right = table_entries(framed([A, B]))
    plain = A.plain + B.plain
    assert disagreement(two_data_frames(right), plain) == "ok"
    for row in range(4):
        for column in (0, 1):
            for change in (-1, 1, 1 << 16):
                wrong = [list(entry) for entry in right]
                wrong[row][column] += change
                if wrong[row][column] >= 0:
                    assert disagreement(two_data_frames([(a, b) for a, b in wrong]), plain) == "damaged"
    # sizes moved from one row to another: all sums stay right
    for column in (0, 1):
        wrong = [list(entry) for entry in right]
        wrong[1][column] -= 1
        wrong[2][column] += 1
        assert disagreement(two_data_frames([(a, b) for a, b in wrong]), plain) == "damaged"


@pytest.mark.parametrize(
    ("why", "table"),
    {
        "no table": b"",
        "a table of nothing": seek_table([]),
        "a count of 2^32 - 1": seek_table(table_entries([HEAD, DATA, TAIL]), count=2**32 - 1),
        "a count of 2^22 + 1": seek_table(table_entries([HEAD, DATA, TAIL]), count=2**22 + 1),
        "a descriptor with checksums": seek_table(table_entries([HEAD, DATA, TAIL]), descriptor=0x80),
        "a table twice": seek_table(table_entries([HEAD, DATA, TAIL])) * 2,
        "an entry of nothing": seek_table([*table_entries([HEAD, DATA]), (0, 0), *table_entries([TAIL])]),
        "sizes of 4 GiB that wrap around": seek_table([(2**32 - 1, 0), (2**32 - 1, 24), (len(stream_of([HEAD, DATA, TAIL], b"")) + 2, 0)]),
    }.items(),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_hostile_table_is_damage_to_every_reader(why: str, table: bytes) -> None:
    data = insider(stream_of([HEAD, DATA, TAIL], table))
    assert disagreement(data, A.plain) == "damaged", why
    assert ways.random_access(data, KEY, Path()).end == "damaged", why


HOSTILE = {
    "deep": b"[" * 4000,
    "deep objects": b'{"kind":' * 500 + b"1" + b"}" * 500,
    "a huge integer": b'{"kind":"file","size":24,"x":' + b"9" * 4000 + b"}",
    "a huge exponent": b'{"kind":"file","size":24,"x":1e999999999}',
    "the same member twice": b'{"kind":"file","size":24,"kind":"file","size":24}',
    "a member twice under another spelling": b'{"kind":"file","size":24,"\\u006bind":"file","siz\\u0065":24}',
    "an infinity": b'{"kind":"file","size":24,"x":Infinity}',
    "nothing a number": b'{"kind":"file","size":24,"x":NaN}',
    "an array": b'{"kind":"file","size":24,"x":[]}',
    "half a character": b'{"kind":"file","size":24,"x":"\\ud800"}',
    "half a character in a name": b'{"kind":"file","size":24,"\\ud800":"x"}',
    "two halves in name and value": b'{"kind":"file","size":24,"x\\ud83d":"\\ude00"}',
    "no utf-8": b'{"kind":"file","size":24,"x":"\xff"}',
    "another encoding": '{"kind":"file","size":24}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"kind":"file","size":24}',
    "something after it": b'{"kind":"file","size":24}{}',
    "no object": b'"kind"',
    "a kind and size that are truth": b'{"kind":true,"size":true}',
    "another size as text": b'{"kind":"file!","size":"24"}',
}


@pytest.mark.parametrize("where", ["head", "tail"])
@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_hostile_metadata_is_damage_to_every_reader(content: bytes, where: str) -> None:
    frames = [skippable(HEAD_MAGIC, content), DATA, TAIL] if where == "head" else [HEAD, DATA, skippable(TAIL_MAGIC, content)]
    data = insider(stream_of(frames))
    assert disagreement(data, A.plain) == "damaged"
    assert ways.random_access(data, KEY, Path()).end == "damaged"


def test_metadata_is_not_read_before_the_records_that_hold_it_are_right(tmp_path: Path) -> None:
    data = bytearray(insider(stream_of([skippable(HEAD_MAGIC, b"[" * 4000), DATA, TAIL])))
    data[4200] ^= 1
    with pytest.raises(chatseal.DamagedError, match="last record"):
        chatseal.unseal_bytes(data, KEY)


MUTATIONS: dict[str, Callable[[list[Frame]], list[Frame]]] = {
    "no head": lambda frames: frames[1:],
    "no tail": lambda frames: frames[:-1],
    "two heads": lambda frames: [frames[0], *frames],
    "two tails": lambda frames: [*frames, frames[-1]],
    "the tail first": lambda frames: frames[::-1],
    "a frame without content": lambda frames: [frames[0], stored_frame(b""), *frames[1:]],
    "a skippable frame between": lambda frames: [*frames[:2], skippable(0x184D2A50, b""), *frames[2:]],
    "a table between": lambda frames: [*frames[:2], Frame(seek_table([])), *frames[2:]],
}


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_frames_in_any_other_order_are_damage_to_every_reader(mutation: Callable[[list[Frame]], list[Frame]]) -> None:
    data = insider(stream_of(mutation(framed([A]))))
    assert disagreement(data, A.plain) == "damaged"
    assert ways.random_access(data, KEY, Path()).end == "damaged"


@given(data=st.data())
def test_an_authentic_stream_with_any_bytes_changed_is_read_alike_by_all_or_by_none(data: st.DataObject) -> None:
    stream = bytearray(stream_of(framed([A, B], FILE_HEAD)))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(stream) - 1))
        stream[at] = data.draw(st.integers(0, 255))
    changed = insider(bytes(stream))
    forward = [way(changed, KEY, Path()) for way in ways.FORWARD[2:]]
    assert len({outcome.end for outcome in forward}) == 1
    random = ways.random_access(changed, KEY, Path())
    end, plain = rescued(changed, KEY)
    assert forward[0].end == end
    if end == "ok":
        assert plain == forward[0].released == random.released
    if random.end == "ok":
        assert forward[0].end == "ok", "random access checks table, head, tail and every frame it touches, which is all of this file"


def test_a_file_of_the_slow_writer_is_read_in_every_way(tmp_path: Path) -> None:
    data = write_sealed(chat(200_000), Draw("slow"), backup_keys=[KEY_BYTES], frame_size=50_000)
    assert ends(data, tmp_path, plain=chat(200_000)) == {"ok"}
    hybrid = write_sealed(chat(2000), Draw("slow"), public_keys=[PAIR.public_key.hpke])
    assert ends(hybrid, tmp_path, plain=chat(2000), key=PAIR) == {"ok"}
