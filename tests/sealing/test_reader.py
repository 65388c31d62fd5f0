"""The reader: a file object like any other, whose every byte is authenticated, and which stays failed once it has failed."""

import io
import os
import pickle
import random
import shutil
import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

import chatseal
from chatseal import BackupKey, DamagedError, SealedReader, TruncatedError
from corpus import KEY_BYTES, KIB, MIB, RECORD, chat, mixed, noise
from oracle import take_apart
from sealing.ways import OddPipe

KEY = BackupKey(KEY_BYTES)
PLAIN = mixed(500_000)
FRAME = 64 * KIB
SEALED = b"".join(chatseal.seal_chunks([PLAIN], KEY, frame_size=FRAME))


def reader_of(sealed: bytes = SEALED) -> SealedReader:
    return chatseal.open(io.BytesIO(sealed), key=KEY)


# --- Like a BytesIO ---------------------------------------------------------------------------------------------------

SIZES = st.one_of(st.integers(0, 2 * FRAME), st.sampled_from([1, RECORD, FRAME - 1, FRAME, FRAME + 1, 10**9]))
PLACES = st.one_of(
    st.integers(0, len(PLAIN) + 10), st.integers(0, 8).flatmap(lambda n: st.integers(-2, 2).map(lambda off: max(0, n * FRAME + off)))
)


class LikeBytesIO(RuleBasedStateMachine):
    """Whatever is asked of a reader, a BytesIO of the plaintext gives the same answer."""

    @initialize(length=st.sampled_from([0, 1, FRAME, FRAME + 1, len(PLAIN)]))
    def open(self, length: int) -> None:
        self.reader = reader_of(b"".join(chatseal.seal_chunks([PLAIN[:length]], KEY, frame_size=FRAME)))
        self.model = io.BytesIO(PLAIN[:length])

    @rule(place=PLACES)
    def seek(self, place: int) -> None:
        assert self.reader.seek(place) == self.model.seek(place)

    @rule(off=st.integers(-70_000, 70_000))
    def seek_on(self, off: int) -> None:
        if self.model.tell() + off < 0:
            with pytest.raises(ValueError, match="negative"):
                self.reader.seek(off, os.SEEK_CUR)
        else:
            assert self.reader.seek(off, os.SEEK_CUR) == self.model.seek(off, os.SEEK_CUR)

    @rule(off=st.integers(-1000, 10))
    def seek_from_the_end(self, off: int) -> None:
        if len(self.model.getbuffer()) + off >= 0:
            assert self.reader.seek(off, os.SEEK_END) == self.model.seek(off, os.SEEK_END)

    @rule(size=st.one_of(st.none(), st.just(-1), SIZES))
    def read(self, size: int | None) -> None:
        assert self.reader.read(size) == self.model.read(size)

    @rule(size=SIZES)
    def readinto(self, size: int) -> None:
        size = min(size, 3 * FRAME)
        ours, theirs = bytearray(size), bytearray(size)
        assert self.reader.readinto(ours) == self.model.readinto(theirs)
        assert ours == theirs

    @rule(size=st.one_of(st.just(-1), SIZES))
    def read1(self, size: int) -> None:
        """At most what was asked for, something unless it is the end, and of one frame."""
        piece = self.reader.read1(size)
        assert piece == self.model.read(len(piece))
        assert len(piece) <= (size if size >= 0 else FRAME)
        if size and not piece:
            assert self.model.tell() >= len(self.model.getbuffer())

    @rule(size=st.integers(0, 3000))
    def readinto1(self, size: int) -> None:
        ours = bytearray(size)
        n = self.reader.readinto1(ours)
        assert bytes(ours[:n]) == self.model.read(n)
        assert n or not size or self.model.tell() >= len(self.model.getbuffer())

    @rule()
    def readline(self) -> None:
        assert self.reader.readline(200) == self.model.readline(200)

    @rule()
    def tell(self) -> None:
        assert self.reader.tell() == self.model.tell()

    def teardown(self) -> None:
        if hasattr(self, "reader"):
            self.reader.close()


TestLikeBytesIO = LikeBytesIO.TestCase
TestLikeBytesIO.settings = settings(stateful_step_count=40)


def test_it_is_a_buffered_binary_file_that_is_read_and_sought() -> None:
    with reader_of() as reader:
        assert isinstance(reader, io.BufferedIOBase)
        assert (reader.readable(), reader.writable(), reader.seekable(), reader.closed) == (True, False, True, False)
        assert (reader.size, reader.frames) == (len(PLAIN), -(-len(PLAIN) // FRAME))
        assert reader.metadata == {"kind": "stream"}
        with pytest.raises(io.UnsupportedOperation):
            reader.write(b"x")
        with pytest.raises(ValueError, match="whence"):
            reader.seek(0, 9)
        with pytest.raises(ValueError, match="negative"):
            reader.seek(-1)
    assert reader.closed
    reader.close()


def test_a_closed_reader_answers_nothing() -> None:
    reader = reader_of()
    reader.close()
    for work in (reader.read, reader.read1, reader.tell, lambda: reader.seek(0), lambda: reader.readinto(bytearray(5))):
        with pytest.raises(ValueError, match="closed"):
            work()


def test_a_readers_target_may_be_any_writable_buffer() -> None:
    with reader_of() as reader:
        words = memoryview(bytearray(8000)).cast("I")
        assert reader.readinto(words) == 8000
        assert words.tobytes() == PLAIN[:8000]
        with pytest.raises(TypeError):
            reader.readinto(b"read only")


# --- What is built on top ---------------------------------------------------------------------------------------------


def test_text_wraps_it() -> None:
    text = "".join(f"línea {i}\n" for i in range(40_000))
    sealed = chatseal.seal_bytes(text.encode(), KEY)
    reader: Any = reader_of(sealed)
    with io.TextIOWrapper(reader, "utf-8") as lines:
        assert lines.readline() == "línea 0\n"
        place = lines.tell()
        assert lines.readline() == "línea 1\n"
        lines.seek(place)
        assert lines.read() == text[len("línea 0\n") :]


def test_shutil_copies_from_it(tmp_path: Path) -> None:
    with reader_of() as reader, open(tmp_path / "plain", "wb") as target:
        shutil.copyfileobj(reader, target)
    assert (tmp_path / "plain").read_bytes() == PLAIN


def test_zipfile_reads_in_it_and_writes_through_a_writer() -> None:
    sealed = io.BytesIO()
    with chatseal.open(sealed, "wb", key=KEY, frame_size=FRAME) as writer, zipfile.ZipFile(writer, "w") as archive:
        for i in range(20):
            archive.writestr(f"{i}.txt", chat(20_000, i % 3))
    with zipfile.ZipFile(reader_of(sealed.getvalue())) as archive:
        assert archive.read("17.txt") == chat(20_000, 2)
        assert archive.testzip() is None


def test_pages_of_a_database_are_read_at_random(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "db") as database:
        database.execute("create table message (text)")
        database.executemany("insert into message values (?)", [(f"hello {i}",) for i in range(20_000)])
    database.close()
    plain = (tmp_path / "db").read_bytes()
    chatseal.seal(tmp_path / "db", tmp_path / "sealed", KEY, frame_size=FRAME)
    draw = random.Random(7)
    with chatseal.open(tmp_path / "sealed", key=KEY) as reader:
        for page in draw.choices(range(len(plain) // 4096), k=200):
            reader.seek(page * 4096)
            assert reader.read(4096) == plain[page * 4096 : page * 4096 + 4096]
        reader.seek(0)
        copy = sqlite3.connect(":memory:")
        copy.deserialize(reader.read())
        assert copy.execute("select count(*) from message").fetchone() == (20_000,)
        copy.close()


# --- Sources ----------------------------------------------------------------------------------------------------------


def test_a_path_is_opened_and_closed_and_a_file_object_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "sealed").write_bytes(SEALED)
    before = os.listdir("/proc/self/fd")
    with chatseal.open(str(tmp_path / "sealed"), key=KEY) as reader:
        assert reader.read(10) == PLAIN[:10]
    with pytest.raises(chatseal.WrongKeyError):
        chatseal.open(tmp_path / "sealed", key=BackupKey.generate())
    assert len(os.listdir("/proc/self/fd")) == len(before)
    with open(tmp_path / "sealed", "rb") as file:
        chatseal.open(file, key=KEY).close()
        assert not file.closed


class Short(io.BytesIO):
    """A file that gives a little at a time, as files on a network do."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(9973, size) if size is not None and size >= 0 else 9973)


def test_short_reads_of_the_source_are_normal() -> None:
    with chatseal.open(Short(SEALED), key=KEY) as reader:
        assert reader.read() == PLAIN


def test_a_source_without_seek_is_refused() -> None:
    pipe: Any = OddPipe(SEALED)
    with pytest.raises(OSError, match="seek"):
        chatseal.open(pipe, key=KEY)


def test_several_keys_are_tried() -> None:
    with chatseal.open(io.BytesIO(SEALED), key=[BackupKey.generate(), KEY]) as reader:
        assert reader.read(5) == PLAIN[:5]


@pytest.mark.parametrize("mode", ["", "r", "rt", "w", "ab", "r+b", "wbx"])
def test_other_modes_are_refused(mode: str) -> None:
    with pytest.raises(ValueError, match="mode is"):
        chatseal.open(io.BytesIO(SEALED), mode, key=KEY)  # type: ignore[call-overload]


# --- Pickling ---------------------------------------------------------------------------------------------------------


def test_a_reader_is_pickled_by_path_and_key_file_and_goes_on_where_it_stood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sealed").write_bytes(SEALED)
    BackupKey(KEY_BYTES).write(tmp_path / "key")
    monkeypatch.chdir(tmp_path)
    with chatseal.open("sealed", key=BackupKey.from_file("key")) as reader:
        reader.seek(300_000)
        pickled = pickle.dumps(reader)
    assert KEY_BYTES not in pickled
    assert KEY_BYTES.hex().encode() not in pickled
    monkeypatch.chdir("/")
    with pickle.loads(pickled) as again:
        assert again.tell() == 300_000
        assert again.read(100) == PLAIN[300_000:300_100]


def test_a_reader_without_a_path_or_a_key_file_is_not_pickled(tmp_path: Path) -> None:
    with reader_of() as reader, pytest.raises(TypeError, match="pickled by its path"):
        pickle.dumps(reader)
    (tmp_path / "sealed").write_bytes(SEALED)
    with chatseal.open(tmp_path / "sealed", key=KEY) as reader, pytest.raises(TypeError, match="pickled by its file"):
        pickle.dumps(reader)


# --- Damage -----------------------------------------------------------------------------------------------------------


def damaged_in(record: int) -> bytes:
    changed = bytearray(SEALED)
    changed[take_apart(SEALED, KEY).record(record).start + 100] ^= 1
    return bytes(changed)


def test_a_read_that_fails_fails_again_whatever_is_asked(tmp_path: Path) -> None:
    reader = reader_of(damaged_in(10))
    parts = take_apart(SEALED, KEY)
    good = parts.released_before(10)
    assert reader.read(good) == PLAIN[:good], "what lies before is read"
    for _ in range(2):
        with pytest.raises(DamagedError, match="between bytes"):
            reader.read(1)
    for work in (lambda: reader.seek(0), reader.tell, reader.read1, lambda: reader.readinto(bytearray(1))):
        with pytest.raises(DamagedError):
            work()
    reader.close()
    assert reader.closed


def test_a_read_that_fails_gives_nothing_and_does_not_move() -> None:
    reader = reader_of(damaged_in(10))
    good = take_apart(SEALED, KEY).released_before(10)
    buffer = bytearray(len(PLAIN))
    with pytest.raises(DamagedError):
        reader.readinto(buffer)
    assert buffer[:good] == PLAIN[:good]
    assert not any(buffer[good:])
    reader.close()


def test_only_what_is_touched_is_checked_and_verify_checks_the_rest() -> None:
    sealed = damaged_in(10)
    with reader_of(sealed) as reader:
        reader.seek(-100, os.SEEK_END)
        assert reader.read() == PLAIN[-100:]
    with pytest.raises(DamagedError):
        chatseal.verify(sealed, KEY)


def test_a_file_that_shrinks_after_it_was_opened_is_truncated(tmp_path: Path) -> None:
    (tmp_path / "sealed").write_bytes(SEALED)
    for source in (tmp_path / "sealed", open(tmp_path / "sealed", "rb")):  # noqa: SIM115
        (tmp_path / "sealed").write_bytes(SEALED)
        with chatseal.open(source, key=KEY) as reader:
            os.truncate(tmp_path / "sealed", 9000)
            with pytest.raises(TruncatedError, match="shrank"):
                reader.read()
        if isinstance(source, io.BufferedReader):
            source.close()


@given(places=st.lists(st.integers(0, len(PLAIN) - 1), min_size=1, max_size=5), record=st.integers(0, 20))
def test_a_damaged_record_never_gives_other_bytes(places: list[int], record: int) -> None:
    try:
        with reader_of(damaged_in(record)) as reader:
            for place in places:
                reader.seek(place)
                assert reader.read(50) == PLAIN[place : place + 50]
    except DamagedError:
        return  # what was read until then was right


class Counted(io.BytesIO):
    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        return super().read(size)


@pytest.mark.parametrize("length", [0, 1, 2000])
def test_a_file_of_one_record_is_read_and_decrypted_once(length: int) -> None:
    source = Counted(b"".join(chatseal.seal_chunks([PLAIN[:length]], KEY)))
    with chatseal.open(source, key=KEY) as reader:
        assert reader.read() == PLAIN[:length]
    assert source.reads == len(["a block of header", "the prefix", "the record"])


def test_one_frame_is_kept_for_the_next_read() -> None:
    source = Counted(SEALED)
    with chatseal.open(source, key=KEY) as reader:
        reader.read(1)
        before = source.reads
        for _ in range(100):
            reader.read(100)
            reader.seek(5)
        assert source.reads == before


@pytest.mark.soak
def test_random_reads_of_a_large_file_are_right() -> None:
    plain = mixed(64 * MIB) + noise(1000)
    sealed = io.BytesIO()
    chatseal.seal(plain, sealed, KEY)
    draw = random.Random(1)
    with chatseal.open(sealed, key=KEY) as reader:
        for _ in range(5000):
            at, length = draw.randrange(len(plain)), draw.choice((1, 4096, 70_000))
            reader.seek(at)
            assert reader.read(length) == plain[at : at + length]
