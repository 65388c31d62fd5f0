"""Who sealed it: what passes as an author's, and what those try who are not."""

import io
import pickle
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chatseal
from chatseal import AuthorError, BackupKey, PrivateKey, SigningKey, VerifyingKey
from corpus import KEY_BYTES, KIB, PAIR_BYTES, chat, mixed
from oracle import Parts, check_everything, rescued, take_apart
from sealing import ways
from slow_writer import (
    PAYLOAD_CONTEXT,
    TAIL_MAGIC,
    Draw,
    Frame,
    cobblestone,
    end_line,
    header_lines,
    key_slot,
    metadata_frame,
    padded,
    signed,
    stored_frame,
    stream_of,
    verifying_key,
    write_sealed,
)

KEY, PAIR, OTHER = BackupKey(KEY_BYTES), PrivateKey(PAIR_BYTES), BackupKey(bytes(32))
SEED, FORGER = Draw("the author of the tests")(32), Draw("a forger")(32)
SIGNER = SigningKey(SEED)
AUTHOR = SIGNER.verifying_key
FRAME = 64 * KIB
PLAIN = chat(3 * FRAME + 5)
READERS = ways.FORWARD


@lru_cache
def parts() -> Parts:
    """A signed file for two holders, taken apart by one of them: all that a holder can know."""
    return take_apart(b"".join(chatseal.seal_chunks([PLAIN], [KEY, PAIR.public_key], frame_size=FRAME, sign=SIGNER)), KEY)


def frames() -> list[Frame]:
    """The frames before the table, the plaintext of each beside it."""
    found, at, offset = [], 0, 0
    for length, content in parts().rows:
        found.append(Frame(parts().stream[at : at + length], PLAIN[offset : offset + content]))
        at, offset = at + length, offset + content
    return found


def forged(new: Sequence[Frame], tail: dict[str, str | int] | None = None, holder: bytes = KEY_BYTES) -> bytes:
    """A file of head and data frames by a holder, right in everything. *tail*: who signed it, by default what the true tail says."""
    members: dict[str, str | int] = {**parts().tail} if tail is None else tail
    members["size"] = sum(len(frame.plain) for frame in new)
    stream = stream_of([*new, metadata_frame(TAIL_MAGIC, members)])
    draw = Draw("forger")
    file_key = draw(32)
    payload = cobblestone(file_key, PAYLOAD_CONTEXT, stream, draw(24))
    before = padded(header_lines([key_slot(holder, file_key, draw(24))], len(payload)))
    return before + end_line(before, file_key, payload) + payload


def ends(data: bytes, author: VerifyingKey | None, folder: Path, key: BackupKey = KEY) -> set[str]:
    """How every reader that can demand an author ends, the independent one too."""
    return {way(data, key, folder, author).end for way in READERS} | {rescued(data, key, author)[0]}


def refused(data: bytes, folder: Path) -> bool:
    """It opens, and nobody who demands the author takes it."""
    return ends(data, None, folder) == {"ok"} and ends(data, AUTHOR, folder) == {"wrong author"}


# --- What passes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("length", [0, 1, FRAME, 5 * FRAME + 777])
def test_what_an_author_signed_passes_in_every_way_of_sealing_and_reading(length: int, threads: int, tmp_path: Path) -> None:
    plain, target, file = mixed(length), io.BytesIO(), tmp_path / "sealed"
    chatseal.seal(plain, target, KEY, frame_size=FRAME, threads=threads, sign=SIGNER)
    chatseal.seal(io.BytesIO(plain), file, KEY, frame_size=FRAME, threads=threads, sign=SIGNER)
    with chatseal.open(tmp_path / "written", "wb", key=KEY, frame_size=FRAME, threads=threads, sign=SIGNER) as writer:
        writer.write(plain)
    chunks = b"".join(chatseal.seal_chunks([plain], KEY, frame_size=FRAME, threads=threads, sign=SIGNER))
    slow = write_sealed(plain, Draw("slow"), backup_keys=[KEY_BYTES], frame_size=FRAME, seed=SEED)
    files = [file.read_bytes(), (tmp_path / "written").read_bytes(), chunks, chatseal.seal_bytes(plain, KEY, sign=SIGNER), slow]
    (tmp_path / "written").unlink()
    file.unlink()
    for data in (target.getvalue(), *files):
        check_everything(data, KEY, plain, command=False, author=AUTHOR)
        assert ends(data, AUTHOR, tmp_path) == {"ok"}
        assert ends(data, None, tmp_path) == {"ok"}


def test_a_summary_and_a_reader_name_the_signer(tmp_path: Path) -> None:
    for sign, named in ((SIGNER, AUTHOR), (None, None)):
        summary = chatseal.seal(b"x", tmp_path / "sealed", KEY, sign=sign, overwrite=True)
        text = named.text if named else None
        assert summary.signer == text
        assert chatseal.verify(tmp_path / "sealed", KEY).signer == text
        with chatseal.open(tmp_path / "sealed", key=KEY) as reader:
            assert reader.signer == named


def test_many_files_are_signed_and_their_author_demanded_of_each(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}").write_bytes(chat(number * 1000))
    sources = sorted(tmp_path.iterdir())
    for report in chatseal.seal_many(sources, tmp_path / "sealed", KEY, sign=SIGNER, threads=2):
        assert report.summary is not None
        assert report.summary.signer == AUTHOR.text
    chatseal.seal(b"mine", tmp_path / "sealed" / "forged.seal", KEY, sign=SigningKey(FORGER))
    reports = list(chatseal.unseal_many([tmp_path / "sealed"], tmp_path / "back", KEY, author=AUTHOR, threads=2))
    assert {type(report.error) for report in reports if "forged" in report.source} == {AuthorError}
    assert [report.error for report in reports if "forged" not in report.source] == [None] * 5
    assert sorted(path.name for path in (tmp_path / "back").rglob("*") if path.is_file()) == list("01234")


def test_a_key_of_the_wrong_kind_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="signed with a SigningKey, not with VerifyingKey"):
        chatseal.seal(b"x", tmp_path / "sealed", KEY, sign=AUTHOR)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="shown by a VerifyingKey, not by SigningKey"):
        chatseal.verify(chatseal.seal_bytes(b"x", KEY), KEY, author=SIGNER)  # type: ignore[arg-type]
    assert not any(tmp_path.iterdir())


def test_a_reader_of_a_signed_file_is_pickled_and_knows_its_signer(tmp_path: Path) -> None:
    KEY.write(tmp_path / "key")
    chatseal.seal(PLAIN, tmp_path / "sealed", KEY, sign=SIGNER, padded=True)
    with chatseal.open(tmp_path / "sealed", key=BackupKey.from_file(tmp_path / "key")) as reader:
        reader.seek(7)
        with pickle.loads(pickle.dumps(reader)) as again:
            assert (again.signer, again.padding, again.read(5)) == (AUTHOR, reader.padding, PLAIN[7:12])


# --- Without the signing key ------------------------------------------------------------------------------------------


def test_who_signed_does_not_show_without_a_key() -> None:
    data = chatseal.seal_bytes(PLAIN, KEY, sign=SIGNER)
    assert bytes(AUTHOR) not in data
    assert AUTHOR.text.split()[1].encode() not in data


def test_a_holder_cannot_make_a_file_that_passes_as_its_authors(tmp_path: Path) -> None:
    head, *_ = frames()
    mine = [head, stored_frame(b"what the author never said")]
    assert refused(forged(mine), tmp_path), "the author's signature of something else"
    assert refused(forged(mine, {}), tmp_path), "no signature"
    assert refused(forged(mine, dict(signed(mine, FORGER))), tmp_path), "a signature of one's own"
    stolen: dict[str, str | int] = {**signed(mine, FORGER), "signer": str(parts().tail["signer"])}
    assert refused(forged(mine, stolen), tmp_path), "a signature of one's own in the author's name"


CHANGES: dict[str, Callable[[list[Frame]], list[Frame]]] = {
    "a frame left out": lambda frames: [*frames[:2], *frames[3:]],
    "the last frame left out": lambda frames: frames[:-1],
    "all frames left out": lambda frames: frames[:1],
    "two frames exchanged": lambda frames: [frames[0], frames[2], frames[1], *frames[3:]],
    "a frame twice": lambda frames: [*frames[:2], *frames[1:]],
    "a frame put in": lambda frames: [*frames[:2], stored_frame(b"x"), *frames[2:]],
    "a frame changed": lambda frames: [*frames[:2], stored_frame(b"x" * FRAME), *frames[3:]],
    "a frame compressed anew": lambda frames: [*frames[:2], stored_frame(frames[2].plain), *frames[3:]],
    "a name put on": lambda frames: [metadata_frame(0x184D2A5A, {"kind": "file", "name": "other.db"}), *frames[1:]],
    "another kind": lambda frames: [metadata_frame(0x184D2A5A, {"kind": "file"}), *frames[1:]],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_holder_cannot_change_reorder_or_leave_out_what_was_signed(change: Callable[[list[Frame]], list[Frame]], tmp_path: Path) -> None:
    *mine, _ = frames()
    assert ends(forged(mine), AUTHOR, tmp_path) == {"ok"}, "unchanged it passes"
    assert refused(forged(change(mine)), tmp_path)


@given(data=st.data())
def test_no_byte_of_head_and_frames_can_be_changed_under_the_signature(data: st.DataObject) -> None:
    *mine, _ = frames()
    number = data.draw(st.integers(0, len(mine) - 1))
    wire = bytearray(mine[number].wire)
    at = data.draw(st.integers(0, len(wire) - 1))
    wire[at] ^= data.draw(st.integers(1, 255))
    changed = forged([*mine[:number], Frame(bytes(wire), mine[number].plain), *mine[number + 1 :]])
    end, _ = rescued(changed, KEY, AUTHOR)
    assert end in ("damaged", "wrong author")
    assert ways.buffer_to_stream(changed, KEY, Path(), AUTHOR).end == end


def test_frames_of_two_files_of_one_author_do_not_make_a_third(tmp_path: Path) -> None:
    other = chatseal.seal_bytes(b"something else", KEY, sign=SIGNER)
    tail = take_apart(other, KEY).tail
    assert refused(forged(frames()[:-1], {**tail}), tmp_path)


def test_whoever_has_the_public_key_alone_makes_nothing_that_passes_as_an_authors(tmp_path: Path) -> None:
    for sign in (None, SigningKey.generate()):
        data = chatseal.seal_bytes(PLAIN, PAIR.public_key, sign=sign)
        assert ways.in_memory(data, PAIR, tmp_path).end == "ok"
        assert {way(data, PAIR, tmp_path, AUTHOR).end for way in READERS} == {"wrong author"}


def test_no_change_by_who_stores_a_signed_file_passes(tmp_path: Path) -> None:
    data = chatseal.seal_bytes(chat(400), KEY, sign=SIGNER, padded=True)
    for at in range(0, len(data), 3):
        changed = bytearray(data)
        changed[at] ^= 1 << at % 8
        assert ways.stream_to_stream(bytes(changed), KEY, tmp_path, AUTHOR).end not in ("ok", "wrong author")


def test_an_author_who_did_not_sign_it_never_gets_a_file_under_its_name(tmp_path: Path) -> None:
    (tmp_path / "sealed").write_bytes(forged([frames()[0], stored_frame(b"x")]))
    (tmp_path / "older").write_bytes(b"older")
    for target in ("plain", "older"):
        with pytest.raises(AuthorError) as caught:
            chatseal.unseal(tmp_path / "sealed", tmp_path / target, KEY, author=AUTHOR, overwrite=True)
        assert caught.value.exit_code == 13
        assert caught.value.remedy
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != "sealed"} == {"older": b"older"}


@pytest.mark.parametrize(
    ("sign", "why"),
    [
        (None, "is not signed$"),
        (SigningKey(FORGER), "signed by another: chatseal-verifying-key "),
        (SIGNER, "a signature that is wrong"),
    ],
)
def test_a_refusal_says_which_of_the_three_reasons_it_has(sign: SigningKey | None, why: str) -> None:
    data = forged([frames()[0], stored_frame(b"x")]) if sign is SIGNER else chatseal.seal_bytes(b"x", KEY, sign=sign)
    with pytest.raises(AuthorError, match=why):
        chatseal.verify(data, KEY, author=AUTHOR)


# --- What a signature does not do -------------------------------------------------------------------------------------


def test_a_holder_can_pass_a_signed_file_on_to_others_as_its_authors(tmp_path: Path) -> None:
    passed_on = forged(frames()[:-1], holder=bytes(32))
    assert ends(passed_on, AUTHOR, tmp_path, OTHER) == {"ok"}
    assert chatseal.unseal_bytes(passed_on, OTHER, author=AUTHOR) == PLAIN


def test_a_holder_can_take_a_signature_off_and_sign_in_the_own_name(tmp_path: Path) -> None:
    *mine, _ = frames()
    assert refused(forged(mine, {}), tmp_path)
    own = forged(mine, dict(signed(mine, FORGER)))
    assert refused(own, tmp_path)
    assert ends(own, VerifyingKey(verifying_key(FORGER)), tmp_path) == {"ok"}


def test_a_wrong_signature_passes_where_no_author_is_demanded() -> None:
    data = forged([frames()[0], stored_frame(b"x")])
    assert chatseal.verify(data, KEY).signer == AUTHOR.text, "what the file says, and nobody checked"
    with chatseal.open(io.BytesIO(data), key=KEY) as reader:
        assert (reader.read(), reader.signer) == (b"x", AUTHOR)


def test_in_a_pipe_what_another_sealed_comes_out_before_the_end_says_so() -> None:
    target = io.BytesIO()
    with pytest.raises(AuthorError):
        chatseal.unseal(forged([frames()[0], stored_frame(b"x")]), target, KEY, author=AUTHOR)
    assert target.getvalue() == b"x"
