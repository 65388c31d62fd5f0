"""Holders, listed and changed: what stays, what is refused, and what an attacker gets out of old and new parts of a file."""

import io
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chatseal
from chatseal import BackupKey, HolderError, LimitError, PrivateKey, WrongKeyError
from chatseal.format.header import Header, Slot, parse
from chatseal.keys.slots import Holder, Opener
from corpus import KEY_BYTES, KIB, MIB, PAIR_BYTES, RECORD, chat, noise
from oracle import check_everything, header_length, take_apart
from sealing import ways
from slow_writer import Draw, end_line, header_lines, hpke_slot, key_slot, padded, write_sealed

KEY, PAIR = BackupKey(KEY_BYTES), PrivateKey(PAIR_BYTES)
OTHER, THIRD = BackupKey(Draw("another backup key")(32)), BackupKey(Draw("a third backup key")(32))
STRANGER = BackupKey(Draw("a stranger's backup key")(32))
PLAIN = chat(150_000) + noise(150_000)
FRAME = 64 * KIB


def sealed_for(*holders: Holder) -> bytes:
    return chatseal.seal_bytes(PLAIN, holders)


def streamed_for(*holders: Holder) -> bytes:
    """Without a size line."""
    return b"".join(chatseal.seal_chunks([PLAIN], holders, frame_size=FRAME))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A file for KEY and PAIR."""
    path = tmp_path / "chat.seal"
    path.write_bytes(sealed_for(KEY, PAIR.public_key))
    return path


def opens(data: Path | bytes, key: Opener) -> bool:
    try:
        return chatseal.unseal_bytes(data.read_bytes() if isinstance(data, Path) else data, key) == PLAIN
    except WrongKeyError:
        return False


def parts_of(data: bytes) -> tuple[bytes, bytes]:
    """Header and payload."""
    length = header_length(data)
    return data[:length], data[length:]


def lines_of(header: bytes) -> list[bytes]:
    return [line for line in header.split(b"\n") if line.startswith(b"slot ")]


# --- listing ----------------------------------------------------------------------------------------------------------


def test_slots_are_listed_without_a_key_and_with_keys_it_is_told_which_open_them(target: Path) -> None:
    assert [(slot.number, slot.type, slot.arguments, slot.opened_by) for slot in chatseal.slots(target)] == [
        (1, "key", (), ()),
        (2, "hpke", (), ()),
    ]
    for source in (target, target.read_bytes(), io.BytesIO(target.read_bytes())):
        assert [slot.opened_by for slot in chatseal.slots(source, [STRANGER, PAIR, KEY])] == [(2,), (1,)]
    with pytest.raises(WrongKeyError):
        chatseal.slots(target, STRANGER)


def test_a_slot_that_somebody_put_in_is_listed_without_a_key_and_refused_with_one(target: Path) -> None:
    header, payload = parts_of(target.read_bytes())
    target.write_bytes(forged(header, [*lines_of(header), key_slot(bytes(STRANGER.secret), bytes(32), bytes(24))], payload))
    assert len(chatseal.slots(target)) == 3
    with pytest.raises(chatseal.HeaderAlteredError):
        chatseal.slots(target, KEY)


UNKNOWN = b"slot future with=some args AAAA"


def with_unknown_slot() -> bytes:
    """A file by a later release, with a slot that this one does not know."""
    parts = take_apart(sealed_for(KEY), KEY)
    before = padded(header_lines([UNKNOWN, *lines_of(parts.header)], len(parts.payload)))
    return before + end_line(before, parts.file_key, parts.payload) + parts.payload


def test_a_slot_of_an_unknown_type_is_listed_without_its_body_and_survives_every_change(target: Path) -> None:
    target.write_bytes(with_unknown_slot())
    first = chatseal.slots(target, KEY)[0]
    assert (first.type, first.arguments, first.opened_by) == ("future", ("with=some", "args"), ())
    chatseal.add_holder(target, KEY, OTHER)
    chatseal.rotate_key(target, OTHER, PAIR.public_key)
    chatseal.remove_holder(target, PAIR, KEY)
    header, _ = parts_of(target.read_bytes())
    assert lines_of(header)[0] == UNKNOWN
    assert [slot.type for slot in chatseal.slots(target, PAIR)] == ["future", "hpke"]
    chatseal.remove_holder(target, PAIR, 1)
    assert [slot.type for slot in chatseal.slots(target)] == ["hpke"]


# --- adding, removing, rotating ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [sealed_for, streamed_for], ids=["with a size line", "without"])
def test_who_is_added_and_removed_opens_accordingly_and_no_byte_of_the_payload_changes(make: Callable[..., bytes], target: Path) -> None:
    target.write_bytes(make(KEY))
    _, payload = parts_of(target.read_bytes())
    change = chatseal.add_holder(target, KEY, [OTHER, PAIR.public_key])
    assert (change.added, change.removed, change.slots, change.changed, change.resealed) == ((2, 3), (), 3, True, False)
    assert all(opens(target, key) for key in (KEY, OTHER, PAIR))
    assert not opens(target, STRANGER)
    change = chatseal.remove_holder(target, PAIR, KEY)
    assert (change.added, change.removed, change.slots) == ((), (1,), 2)
    assert (opens(target, KEY), opens(target, OTHER), opens(target, PAIR)) == (False, True, True)
    assert parts_of(target.read_bytes())[1] == payload
    parts = check_everything(target, OTHER, PLAIN)
    assert parts.size == len(payload), "the length is known now, and the header says it"
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_a_rotation_replaces_every_slot_that_the_old_key_opens_in_one_step(target: Path) -> None:
    parts = take_apart(sealed_for(KEY, PAIR.public_key), KEY)
    again = key_slot(KEY_BYTES, parts.file_key, bytes(24))  # a second slot for the same key
    before = padded(header_lines([*lines_of(parts.header), again], len(parts.payload)))
    target.write_bytes(before + end_line(before, parts.file_key, parts.payload) + parts.payload)
    assert [slot.opened_by for slot in chatseal.slots(target, KEY)] == [(0,), (), (0,)]
    change = chatseal.rotate_key(target, KEY, OTHER)
    assert (change.added, change.removed, change.slots) == ((1,), (1, 3), 2)
    assert (opens(target, KEY), opens(target, OTHER), opens(target, PAIR)) == (False, True, True)
    change = chatseal.rotate_key(target, PAIR, [THIRD, PAIR.public_key])
    assert (change.added, change.removed, change.slots) == ((2, 3), (2,), 3)
    check_everything(target, THIRD, PLAIN)


def test_a_rotation_to_a_holder_that_is_there_takes_the_old_slot_away(target: Path) -> None:
    chatseal.add_holder(target, KEY, OTHER)
    change = chatseal.rotate_key(target, KEY, OTHER)
    assert (change.added, change.removed, change.slots) == ((), (1,), 2)
    assert (opens(target, KEY), opens(target, OTHER)) == (False, True)


def test_a_rotation_that_was_done_before_is_nothing_to_do(target: Path) -> None:
    chatseal.rotate_key(target, KEY, OTHER)
    before = target.read_bytes()
    change = chatseal.rotate_key(target, KEY, OTHER)
    assert (change.changed, change.slots) == (False, 2)
    assert target.read_bytes() == before
    for new in (THIRD, [OTHER, THIRD], PAIR.public_key):
        with pytest.raises(WrongKeyError):
            chatseal.rotate_key(target, KEY, new)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("length", [0, 1, 16_000, 1_048_000, 3_000_000])
def test_a_reseal_gives_the_same_stream_under_another_file_key(length: int, threads: int, target: Path) -> None:
    plain = noise(length)
    target.write_bytes(b"".join(chatseal.seal_chunks([plain], KEY)) if length % 2 else chatseal.seal_bytes(plain, KEY))
    before = take_apart(target.read_bytes(), KEY)
    done: list[chatseal.Progress] = []
    change = chatseal.rotate_key(target, KEY, [OTHER, PAIR.public_key], reseal=True, threads=threads, progress=done.append)
    assert (change.added, change.removed, change.slots, change.resealed) == ((1, 2), (1,), 2, True)
    after = check_everything(target, OTHER, plain)
    assert after.stream == before.stream
    assert after.file_key != before.file_key
    assert after.payload[:24] != before.payload[:24], "the salt is another"
    assert after.size == len(after.payload) == len(before.payload)
    assert not any(after.payload[at : at + 64] == before.payload[at : at + 64] for at in range(0, len(after.payload) - 64, 64))
    assert done[-1] == chatseal.Progress(len(after.payload), len(after.payload))
    with pytest.raises(WrongKeyError):
        chatseal.unseal_bytes(target.read_bytes(), KEY)


@pytest.mark.parametrize("records", [63, 64, 65, 128])
@pytest.mark.parametrize("more", [0, 1, RECORD - 1])
def test_a_reseal_of_any_number_of_records_is_right_to_the_last(records: int, more: int, target: Path) -> None:
    """Around the stretches that a worker takes: the plaintext is as long as the stream has to be, less what is added to it."""
    wanted = records * RECORD + more
    length = wanted - 300
    for _ in range(5):
        plain = noise(length)
        sealed = b"".join(chatseal.seal_chunks([plain], KEY, frame_size=4 * MIB))
        if (there := len(take_apart(sealed, KEY).stream)) == wanted:
            break
        length += wanted - there
    assert there == wanted
    target.write_bytes(sealed)
    chatseal.rotate_key(target, KEY, OTHER, reseal=True, threads=2)
    check_everything(target, OTHER, plain, command=False)


def test_a_reseal_for_the_same_holder_is_allowed_and_changes_the_file_key(target: Path) -> None:
    target.write_bytes(sealed_for(KEY))
    before = take_apart(target.read_bytes(), KEY)
    chatseal.rotate_key(target, KEY, KEY, reseal=True)
    assert check_everything(target, KEY, PLAIN).file_key != before.file_key


def test_a_reseal_that_names_the_other_holders_needs_no_force(target: Path) -> None:
    target.write_bytes(sealed_for(KEY, OTHER, THIRD))
    with pytest.raises(HolderError, match="a slot of another holder"):
        chatseal.rotate_key(target, KEY, [STRANGER, OTHER], reseal=True)
    assert chatseal.rotate_key(target, KEY, [STRANGER, OTHER, THIRD], reseal=True).removed == (1, 2, 3)
    assert [opens(target, key) for key in (KEY, OTHER, THIRD, STRANGER)] == [False, True, True, True]


def test_the_header_grows_over_a_block_and_shrinks_back(target: Path) -> None:
    target.write_bytes(sealed_for(KEY))
    original = target.read_bytes()
    lengths = [header_length(original)]
    pairs = [PrivateKey.generate() for _ in range(8)]
    for pair in pairs:
        chatseal.add_holder(target, KEY, pair.public_key)
        lengths.append(header_length(target.read_bytes()))
        assert opens(target, pair)
    assert lengths == sorted(lengths)
    assert lengths[0] == 4096
    assert lengths[-1] == 16384
    chatseal.remove_holder(target, KEY, pairs)
    assert parts_of(target.read_bytes())[1] == parts_of(original)[1]
    assert len(target.read_bytes()) == len(original)
    check_everything(target, KEY, PLAIN)


def test_files_that_only_public_keys_open_are_changed_with_a_private_key(target: Path) -> None:
    target.write_bytes(streamed_for(PAIR.public_key))
    friend = PrivateKey.generate()
    chatseal.add_holder(target, PAIR, friend.public_key)
    chatseal.remove_holder(target, friend, PAIR)
    assert [slot.type for slot in chatseal.slots(target, friend)] == ["hpke"]
    assert (opens(target, friend), opens(target, PAIR)) == (True, False)
    chatseal.rotate_key(target, friend, PAIR.public_key, reseal=True)
    check_everything(target, PAIR, PLAIN)


@given(steps=st.lists(st.tuples(st.sampled_from(["add", "remove", "rotate", "reseal"]), st.integers(0, 3), st.integers(0, 3)), max_size=6))
def test_after_any_changes_exactly_the_holders_open_the_file(steps: list[tuple[str, int, int]], tmp_path: Path) -> None:
    keys = [KEY, OTHER, THIRD, STRANGER]
    path, inside = tmp_path / "file", {0}
    path.write_bytes(chatseal.seal_bytes(b"content", KEY))
    for what, one, two in steps:
        before = path.read_bytes()
        try:
            if what == "add":
                chatseal.add_holder(path, [keys[i] for i in inside], keys[one])
                inside = inside | {one}
            elif what == "remove":
                chatseal.remove_holder(path, [keys[i] for i in inside], keys[one])
                inside = inside - {one}
            else:
                chatseal.rotate_key(path, keys[one], keys[two], reseal=what == "reseal")
                inside = inside - {one} | {two}
        except (HolderError, WrongKeyError):
            assert path.read_bytes() == before
        opening = {i for i, key in enumerate(keys) if _content(path, key) == b"content"}
        assert opening == inside


def _content(path: Path, key: BackupKey) -> bytes:
    try:
        return chatseal.unseal_bytes(path.read_bytes(), key)
    except WrongKeyError:
        return b""


# --- what is refused --------------------------------------------------------------------------------------------------


REFUSED: dict[str, tuple[Callable[[Path], object], type[Exception], str]] = {
    "a key that is a holder already": (lambda path: chatseal.add_holder(path, PAIR, KEY), HolderError, "already, by slot 1"),
    "one new backup key twice": (lambda path: chatseal.add_holder(path, KEY, [OTHER, OTHER]), HolderError, "already, by slot 3"),
    "one new public key twice": (lambda path: chatseal.add_holder(path, KEY, [PAIR.public_key] * 2), HolderError, "already"),
    "a rotation to the old key": (lambda path: chatseal.rotate_key(path, KEY, KEY), HolderError, "is an old one"),
    "a rotation to the old key among others": (lambda path: chatseal.rotate_key(path, [KEY, PAIR], [OTHER, KEY]), HolderError, "is an old"),
    "a reseal that would drop others": (lambda path: chatseal.rotate_key(path, KEY, OTHER, reseal=True), HolderError, "another holder"),
    "to remove all slots": (lambda path: chatseal.remove_holder(path, KEY, [1, 2]), HolderError, "takes its last slot"),
    "to remove all slots by force": (lambda path: chatseal.remove_holder(path, KEY, [1, 2], force=True), HolderError, "its last slot"),
    "to remove one's own slot": (lambda path: chatseal.remove_holder(path, KEY, KEY), HolderError, "your own key"),
    "to remove a slot that is not there": (lambda path: chatseal.remove_holder(path, KEY, 3), HolderError, "no slot 3"),
    "to remove slot 0": (lambda path: chatseal.remove_holder(path, KEY, 0), HolderError, "no slot 0"),
    "to remove who is no holder": (lambda path: chatseal.remove_holder(path, KEY, STRANGER), HolderError, "does not open with the key"),
    "to remove nobody": (lambda path: chatseal.remove_holder(path, KEY, []), ValueError, "nothing to remove"),
    "to add nobody": (lambda path: chatseal.add_holder(path, KEY, []), ValueError, "1 to 32 holders"),
    "a stranger who adds": (lambda path: chatseal.add_holder(path, STRANGER, OTHER), WrongKeyError, "opens none"),
    "a stranger who removes": (lambda path: chatseal.remove_holder(path, STRANGER, 1), WrongKeyError, "opens none"),
    "a stranger who rotates": (lambda path: chatseal.rotate_key(path, STRANGER, OTHER), WrongKeyError, "opens none"),
    "a stranger who reseals": (lambda path: chatseal.rotate_key(path, STRANGER, OTHER, reseal=True), WrongKeyError, "opens none"),
}


@pytest.mark.parametrize(("change", "error", "why"), REFUSED.values(), ids=REFUSED)
def test_a_change_that_would_be_a_mistake_is_refused_and_nothing_is_touched(
    change: Callable[[Path], object], error: type[Exception], why: str, target: Path
) -> None:
    before, about = target.read_bytes(), target.stat()
    with pytest.raises(error, match=why) as caught:
        change(target)
    if isinstance(caught.value, chatseal.ChatsealError):
        assert caught.value.remedy
    assert target.read_bytes() == before
    assert target.stat().st_ino == about.st_ino
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_what_was_refused_for_lack_of_force_is_done_with_it(target: Path) -> None:
    chatseal.remove_holder(target, KEY, KEY, force=True)
    assert (opens(target, KEY), opens(target, PAIR)) == (False, True)
    target.write_bytes(sealed_for(KEY, PAIR.public_key))
    assert chatseal.rotate_key(target, KEY, OTHER, reseal=True, force=True).removed == (1, 2)
    assert (opens(target, OTHER), opens(target, PAIR)) == (True, False)


def test_a_file_has_at_most_32_slots_and_no_larger_header_than_readers_take(target: Path) -> None:
    target.write_bytes(sealed_for(KEY))
    chatseal.add_holder(target, KEY, [BackupKey.generate() for _ in range(31)])
    with pytest.raises(LimitError, match="32 are all") as caught:
        chatseal.add_holder(target, KEY, OTHER)
    assert "key remove" in caught.value.remedy
    with pytest.raises(LimitError, match="33 slots"):
        chatseal.rotate_key(target, KEY, [OTHER, THIRD])
    parts = take_apart(sealed_for(KEY), KEY)
    wide = [b"slot future " + bytes([65 + i]) * 4084 for i in range(15)]
    before = padded(header_lines([*lines_of(parts.header), *wide], len(parts.payload)))
    target.write_bytes(before + end_line(before, parts.file_key, parts.payload) + parts.payload)
    chatseal.add_holder(target, KEY, OTHER)
    with pytest.raises(LimitError, match="header can hold"):
        chatseal.add_holder(target, KEY, [PrivateKey.generate().public_key for _ in range(5)])
    assert opens(target, OTHER)


# --- attacks ----------------------------------------------------------------------------------------------------------


def forged(header: bytes, slots: list[bytes], payload: bytes) -> bytes:
    """A header by somebody without the file key: form and checksum are right, the MAC is the old one."""
    before = padded(header_lines(slots, len(payload)))
    return before + end_line(before, bytes(32), b"")[:-44] + header[-44:] + payload


def test_a_provider_cannot_add_a_holder(target: Path, tmp_path: Path) -> None:
    chatseal.add_holder(target, KEY, OTHER)
    header, payload = parts_of(target.read_bytes())
    mine = key_slot(bytes(STRANGER.secret), Draw("a file key")(32), Draw("salt")(24))
    theirs = hpke_slot(PrivateKey.generate().public_key.hpke, Draw("a file key")(32))
    for slots in ([*lines_of(header), mine], [mine, *lines_of(header)], [*lines_of(header), theirs], lines_of(header)[:-1]):
        file = forged(header, slots, payload)
        for key in (KEY, PAIR):
            assert ways.stream_to_stream(file, key, tmp_path).end == "header altered"
        target.write_bytes(file)
        for change in CHANGES.values():
            with pytest.raises(chatseal.HeaderAlteredError):
                change(target)
        assert target.read_bytes() == file, "a forged header must not get an authentic one in its place"


def test_a_provider_cannot_put_a_removed_slot_back_into_the_new_header(target: Path, tmp_path: Path) -> None:
    old, _ = parts_of(target.read_bytes())
    chatseal.remove_holder(target, PAIR, KEY)
    new, payload = parts_of(target.read_bytes())
    assert ways.stream_to_stream(forged(new, lines_of(old), payload), KEY, tmp_path).end == "header altered"


@pytest.mark.parametrize("reseal", [False, True])
def test_a_removed_key_does_not_open_the_new_file(reseal: bool, target: Path, tmp_path: Path) -> None:
    if reseal:
        chatseal.rotate_key(target, KEY, PAIR.public_key, reseal=True, force=True)
    else:
        chatseal.remove_holder(target, PAIR, KEY)
    assert {way(target.read_bytes(), KEY, tmp_path / "ways").end for way in every_way(tmp_path)} == {"wrong key"}


def every_way(folder: Path) -> tuple[ways.Way, ...]:
    (folder / "ways").mkdir(exist_ok=True)
    return (*ways.FORWARD, ways.random_access)


def test_every_mixture_of_old_and_new_headers_and_payloads_is_noticed_and_only_an_old_whole_is_not(target: Path, tmp_path: Path) -> None:
    first = target.read_bytes()
    chatseal.rotate_key(target, KEY, OTHER)
    rotated = target.read_bytes()
    chatseal.rotate_key(target, OTHER, THIRD, reseal=True, force=True)
    resealed = target.read_bytes()
    files = [(parts_of(first), KEY), (parts_of(rotated), OTHER), (parts_of(resealed), THIRD)]
    for (i, ((header, _), key)), (j, ((_, payload), _)) in itertools.product(enumerate(files), repeat=2):
        ends = {way(header + payload, key, tmp_path / "ways").end for way in every_way(tmp_path)}
        # a plain rotation leaves the payload as it is, so there the old header is the old file
        assert ends == ({"ok"} if i == j or {i, j} == {0, 1} else {"header altered"}), (i, j)


def test_an_old_header_before_a_resealed_payload_is_refused(target: Path, tmp_path: Path) -> None:
    old, _ = parts_of(target.read_bytes())
    chatseal.rotate_key(target, [KEY, PAIR], OTHER, reseal=True)
    _, payload = parts_of(target.read_bytes())
    for key in (KEY, PAIR):
        assert {way(old + payload, key, tmp_path / "ways").end for way in every_way(tmp_path)} == {"header altered"}


def made_by_who_kept(file_key: bytes, payload: bytes) -> bytes:
    """A header for a stranger by somebody with a file key."""
    before = padded(header_lines([key_slot(bytes(STRANGER.secret), file_key, bytes(24))], len(payload)))
    return before + end_line(before, file_key, payload) + payload


def test_who_kept_the_file_key_opens_the_payload_after_a_rotation(target: Path) -> None:
    kept = take_apart(target.read_bytes(), KEY).file_key
    chatseal.rotate_key(target, KEY, OTHER)
    assert opens(made_by_who_kept(kept, parts_of(target.read_bytes())[1]), STRANGER)


def test_who_kept_the_file_key_does_not_open_a_resealed_payload(target: Path, tmp_path: Path) -> None:
    kept = take_apart(target.read_bytes(), KEY).file_key
    chatseal.rotate_key(target, KEY, OTHER, reseal=True, force=True)
    file = made_by_who_kept(kept, parts_of(target.read_bytes())[1])
    outcomes = [way(file, STRANGER, tmp_path / "ways") for way in every_way(tmp_path)]
    assert {outcome.end for outcome in outcomes} <= {"damaged"}
    assert all(not outcome.released for outcome in outcomes)


def test_an_older_header_put_back_before_the_same_payload_opens_with_the_removed_key(target: Path) -> None:
    """Which is the old file, that a provider may have kept; only a reseal makes another payload."""
    old, _ = parts_of(target.read_bytes())
    chatseal.remove_holder(target, PAIR, KEY)
    assert opens(old + parts_of(target.read_bytes())[1], KEY)


def test_a_slot_that_gives_its_holder_another_file_key_counts_for_nothing(target: Path) -> None:
    """A holder can write such a slot for another; the header's MAC is right."""
    parts = take_apart(sealed_for(KEY), KEY)
    bait = key_slot(bytes(OTHER.secret), Draw("another file key")(32), bytes(24))
    before = padded(header_lines([*lines_of(parts.header), bait], len(parts.payload)))
    target.write_bytes(before + end_line(before, parts.file_key, parts.payload) + parts.payload)
    assert [slot.opened_by for slot in chatseal.slots(target, [KEY, OTHER])] == [(0,), ()]
    with pytest.raises(HolderError, match="your own key"):
        chatseal.remove_holder(target, [KEY, OTHER], 1)


# --- damage is not blessed --------------------------------------------------------------------------------------------


CHANGES: dict[str, Callable[[Path], object]] = {
    "add": lambda path: chatseal.add_holder(path, KEY, OTHER),
    "remove": lambda path: chatseal.remove_holder(path, KEY, 2),
    "rotate": lambda path: chatseal.rotate_key(path, KEY, OTHER),
    "reseal": lambda path: chatseal.rotate_key(path, KEY, OTHER, reseal=True, force=True),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("make", [sealed_for, streamed_for], ids=["with a size line", "without"])
def test_a_truncated_file_gets_no_header_that_hides_it(make: Callable[..., bytes], change: Callable[[Path], object], target: Path) -> None:
    whole = make(KEY, PAIR.public_key)
    at = header_length(whole) + 56
    cuts = [0, 1, 100, 4096, at - 56, at - 1, at, at + 15, at + 16, at + 100, at + RECORD, at + RECORD + 16, at + 9 * (RECORD + 16)]
    for length in [*cuts, len(whole) - 17, len(whole) - 16, len(whole) - 1]:
        target.write_bytes(whole[:length])
        with pytest.raises(chatseal.TruncatedError):
            change(target)
        assert target.read_bytes() == whole[:length]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("make", [sealed_for, streamed_for], ids=["with a size line", "without"])
def test_bytes_after_the_end_get_no_header_that_makes_them_right(
    make: Callable[..., bytes], change: Callable[[Path], object], target: Path
) -> None:
    whole = make(KEY, PAIR.public_key)
    for extra in (1, 16, RECORD, RECORD + 16):
        target.write_bytes(whole + noise(extra))
        with pytest.raises(chatseal.IntegrityError):
            change(target)
        assert target.read_bytes() == whole + noise(extra)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("make", [sealed_for, streamed_for], ids=["with a size line", "without"])
def test_a_reseal_stops_at_the_first_bad_record_and_names_it(make: Callable[..., bytes], threads: int, target: Path) -> None:
    whole = make(KEY)
    parts = take_apart(whole, KEY)
    for number in (0, 5, parts.records - 2):
        spoilt = bytearray(whole)
        for record in {number, parts.records - 2}:
            spoilt[parts.record(record).start + 9] ^= 1
        target.write_bytes(spoilt)
        place = parts.record(number)
        with pytest.raises(chatseal.DamagedError, match=f"between bytes {place.start} and {place.stop}"):
            chatseal.rotate_key(target, KEY, OTHER, reseal=True, threads=threads)
        assert target.read_bytes() == spoilt
    assert [path.name for path in target.parent.iterdir()] == [target.name]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_header_that_is_damaged_or_altered_is_not_replaced(change: Callable[[Path], object], target: Path) -> None:
    whole = target.read_bytes()
    for at, error in ((300, chatseal.HeaderDamagedError), (4096, chatseal.HeaderAlteredError), (0, chatseal.NotSealedError)):
        spoilt = bytearray(whole)
        spoilt[at] ^= 1
        target.write_bytes(spoilt)
        with pytest.raises(error):
            change(target)
        assert target.read_bytes() == spoilt


def test_damage_in_the_middle_stays_damage_after_a_change_that_copies(target: Path, tmp_path: Path) -> None:
    """Nobody has read it there: it is copied as it is, and told when it is read."""
    spoilt = bytearray(target.read_bytes())
    spoilt[header_length(bytes(spoilt)) + 56 + 100] ^= 1
    target.write_bytes(spoilt)
    chatseal.add_holder(target, KEY, OTHER)
    assert {way(target.read_bytes(), OTHER, tmp_path / "ways").end for way in every_way(tmp_path)} == {"damaged"}


def test_files_of_the_slow_writer_and_slots_in_any_words_survive(target: Path) -> None:
    target.write_bytes(write_sealed(PLAIN, Draw("slow"), backup_keys=[KEY_BYTES], public_keys=[PAIR.public_key.hpke], frame_size=50_000))
    chatseal.add_holder(target, PAIR, OTHER)
    check_everything(target, OTHER, PLAIN, command=False)


@given(words=st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=50), min_size=1, max_size=5))
def test_a_slot_line_of_an_unknown_type_comes_back_as_it_was(words: list[str]) -> None:
    line = " ".join(["slot", "future", *words])
    slots = (Slot("key", (), bytes(104)), Slot("future", tuple(words), b""))
    raw = Header(None, slots).encode(bytes(32), bytes(56))
    assert parse(raw).slots == slots
    assert line.encode() in raw.split(b"\n")
