"""The backup key: 64 hexadecimal digits however a person writes them, and nothing of it ever shown."""

import copy
import ctypes
import os
import pickle
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatseal import BackupKey, ChatsealError, KeyFormatError, TargetExistsError
from chatseal.keys import key_file
from chatseal.keys.secret import Secret
from corpus import KEY_BYTES

DIGITS = KEY_BYTES.hex()
NOTHING_SHOWN = r"^a backup key is 64 hexadecimal digits; this is \d+ characters, or others than 0-9 and a-f$"
BETWEEN = st.text(" -\t\n\r\f\v", max_size=3)


def test_digits_are_16_groups_of_four() -> None:
    digits = BackupKey(KEY_BYTES).digits
    assert digits.replace(" ", "") == DIGITS
    assert [len(group) for group in digits.split(" ")] == [4] * 16


@given(secret=st.binary(min_size=32, max_size=32), gaps=st.lists(BETWEEN, min_size=65, max_size=65), upper=st.booleans())
def test_digits_are_read_whatever_stands_between_them(secret: bytes, gaps: list[str], upper: bool) -> None:
    digits = secret.hex().upper() if upper else secret.hex()
    text = gaps[64] + "".join(gap + digit for gap, digit in zip(gaps, digits, strict=False))
    assert BackupKey.from_digits(text).secret == secret
    assert BackupKey.from_digits(BackupKey(secret).digits).secret == secret


@given(
    secret=st.binary(min_size=32, max_size=32), prefix=st.sampled_from(["CHATSEAL:1:", "chatseal:1:", "ChatSeal:1:"]), upper=st.booleans()
)
def test_the_text_of_a_scanned_code_is_read(secret: bytes, prefix: str, upper: bool) -> None:
    digits = secret.hex().upper() if upper else secret.hex()
    assert BackupKey.from_digits(prefix + digits).secret == secret
    assert BackupKey.from_digits(f"\n{prefix} {BackupKey(secret).digits}\r\n").secret == secret


@given(text=st.text(max_size=100))
def test_a_text_that_is_no_key_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(KeyFormatError, match=NOTHING_SHOWN):
        BackupKey.from_digits(text)


@pytest.mark.parametrize(
    "text",
    {
        "a digit too few": DIGITS[1:],
        "a digit too many": DIGITS + "0",
        "another letter": "g" + DIGITS[1:],
        "a prefix": "0x" + DIGITS,
        "a code of another version": "CHATSEAL:2:" + DIGITS,
        "a code's prefix twice": "CHATSEAL:1:CHATSEAL:1:" + DIGITS,
        "a prefix behind": DIGITS + "CHATSEAL:1:",
        "a prefix in letters that fold to it": "CHAT\u017fEAL:1:" + DIGITS,
        "a prefix alone": "CHATSEAL:1:",
        "digits of another script": "\u0661" + DIGITS[1:],
        "wide digits": "\uff11" + DIGITS[1:],
        "a zero byte": DIGITS + "\0",
        "an underscore": "_".join(DIGITS[i : i + 4] for i in range(0, 64, 4)),
        "two keys": DIGITS + " " + DIGITS,
        "nothing": "",
    }.values(),
)
def test_what_is_not_64_hexadecimal_digits_is_refused(text: str) -> None:
    with pytest.raises(KeyFormatError) as raised:
        BackupKey.from_digits(text)
    assert isinstance(raised.value, ValueError)
    assert DIGITS[1:30] not in str(raised.value)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(KeyFormatError):
        BackupKey(bytes(length))


def test_two_new_keys_differ() -> None:
    assert BackupKey.generate().secret != BackupKey.generate().secret


# --- What is shown ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("thing", [BackupKey(KEY_BYTES), Secret(KEY_BYTES)], ids=repr)
def test_no_way_of_showing_a_key_shows_it(thing: BackupKey | Secret) -> None:
    shown = f"{thing} {thing!r} {thing!s} {thing:} {[thing]} " + "%s %r" % (thing, thing)  # noqa: UP031
    assert f"{type(thing).__name__}(...)" in shown
    for part in (KEY_BYTES.hex(), KEY_BYTES.hex()[:8], str(KEY_BYTES), str(list(KEY_BYTES))[1:20]):
        assert part not in shown
    assert not hasattr(thing, "__dict__"), "vars() would show what is in it"


def test_a_key_that_is_in_no_file_is_neither_pickled_nor_copied() -> None:
    key = BackupKey(KEY_BYTES)
    for work in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="did not come from one"):
            work(key)
    for work in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            work(Secret(KEY_BYTES))


def test_a_key_from_a_file_is_pickled_by_its_path_alone(tmp_path: Path) -> None:
    BackupKey(KEY_BYTES).write(tmp_path / "key")
    key = BackupKey.from_file(tmp_path / "key")
    pickled = pickle.dumps(key)
    assert KEY_BYTES not in pickled
    assert DIGITS.encode() not in pickled
    assert os.fsencode(tmp_path / "key") in pickled
    assert pickle.loads(pickled).secret == KEY_BYTES
    assert copy.deepcopy(key).secret == KEY_BYTES
    (tmp_path / "key").unlink()
    with pytest.raises(FileNotFoundError):
        pickle.loads(pickled)


def test_a_key_that_was_written_to_a_file_is_pickled_by_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    key = BackupKey(KEY_BYTES)
    key.write("key")
    monkeypatch.chdir("/")
    assert pickle.loads(pickle.dumps(key)).secret == KEY_BYTES


def test_a_secret_is_wiped_when_the_last_reference_goes() -> None:
    key = BackupKey(KEY_BYTES)
    view = key.secret[8:24]
    address = ctypes.addressof(ctypes.c_char.from_buffer(view))
    del key
    assert view == KEY_BYTES[8:24], "a key must not turn to zeros under the hands of whoever works with it"
    assert ctypes.string_at(address, 16) == KEY_BYTES[8:24]
    del view
    assert ctypes.string_at(address - 8, 32) == bytes(32)
    secret = Secret(KEY_BYTES)
    view = secret.view
    secret.wipe()
    assert view == bytes(32)


# --- Key files --------------------------------------------------------------------------------------------------------


def test_a_key_file_comes_back_and_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        BackupKey(KEY_BYTES).write(tmp_path / "key")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert BackupKey.from_file(str(tmp_path / "key")).secret == KEY_BYTES
    lines = (tmp_path / "key").read_text("ascii").splitlines()
    assert lines[0].startswith("# ")
    assert [len(line.split()) for line in lines[1:]] == [4, 4, 4, 4]


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"older")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("key", "link"):
        with pytest.raises(TargetExistsError) as raised:
            BackupKey(KEY_BYTES).write(tmp_path / name)
        assert isinstance(raised.value, FileExistsError)
    assert (tmp_path / "key").read_bytes() == b"older"
    assert not (tmp_path / "nowhere").exists()


def test_a_key_file_that_could_not_be_written_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        key_file.write(tmp_path / "key", "\u20ac")
    assert not (tmp_path / "key").exists()
    with pytest.raises(FileNotFoundError):
        BackupKey(KEY_BYTES).write(tmp_path / "no folder" / "key")


@pytest.mark.parametrize(
    "content",
    [
        DIGITS.encode(),
        b"# comment\r\n\r\n" + DIGITS.upper().encode() + b"\r\n",
        b"   # comment that is indented\n" + "-".join(DIGITS[i : i + 8] for i in range(0, 64, 8)).encode(),
        b"#" * 60000 + b"\n" + DIGITS.encode(),
    ],
)
def test_key_files_with_comments_and_any_line_ends_are_read(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(content)
    (tmp_path / "key").chmod(0o600)
    assert BackupKey.from_file(tmp_path / "key").secret == KEY_BYTES


@pytest.mark.parametrize(
    "content",
    {
        "empty": b"",
        "comments alone": b"# nothing\n",
        "not ascii": DIGITS.encode() + b"\xff",
        "too long": DIGITS.encode() + b"\n" * 65536,
        "a private key": b"chatseal-private-key AAAA\n",
        "a digit too few": DIGITS[:-1].encode(),
    }.values(),
)
def test_files_that_hold_no_key_are_refused_by_name_and_not_shown(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(content)
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(KeyFormatError) as raised:
        BackupKey.from_file(tmp_path / "key")
    assert str(tmp_path / "key") in str(raised.value)
    assert DIGITS[:20] not in str(raised.value)
    assert isinstance(raised.value, ChatsealError)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__, "the text of the file must not be shown by a traceback's context"


def test_a_key_file_without_end_is_not_read_to_it() -> None:
    with pytest.raises(KeyFormatError, match="too long"):
        BackupKey.from_file("/dev/zero")


def test_a_key_file_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        BackupKey.from_file(tmp_path / "key")
