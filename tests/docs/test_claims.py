"""Claims of docs/threat-model.md that no other test attacks, and what it says is not promised, done."""

import itertools
import os
import stat
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

import chatseal
from chatseal import BackupKey, PrivateKey
from chatseal.format.header import Header, Slot, parse
from chatseal.keys.secret import Secret
from chatseal.keys.slots import find_file_key, wrap
from corpus import KEY_BYTES, MIB, PAIR_BYTES, chat
from oracle import header_length, take_apart
from slow_writer import PAYLOAD_CONTEXT, Draw, cobblestone, end_line, header_lines, padded, write_sealed

KEY, PAIR = BackupKey(KEY_BYTES), PrivateKey(PAIR_BYTES)
NAME = "a name that nobody should see.db"


def test_a_sealed_file_shows_neither_name_nor_time_nor_content(tmp_path: Path) -> None:
    source, target = tmp_path / NAME, tmp_path / "sealed"
    source.write_bytes(chat(MIB))
    chatseal.seal(source, target, [KEY, PAIR.public_key])
    sealed = target.read_bytes()
    header, payload = sealed[: (length := header_length(sealed))], sealed[length:]
    assert [line.split(b" ")[0] for line in header.splitlines()] == [b"chatseal/v1", b"size", b"slot", b"slot", b"pad", b"end"]
    times = [str(source.stat().st_mtime_ns).encode(), source.stat().st_mtime_ns.to_bytes(8, "little")]
    assert not any(secret in sealed for secret in [NAME.encode(), *times])
    assert len(zlib.compress(payload, 9)) >= len(payload), "the payload is not like noise"


def test_no_mix_of_the_parts_of_two_slots_opens_under_both_keys() -> None:
    keys = [BackupKey.generate(), BackupKey.generate()]
    bodies = [wrap(Secret(bytes([number]) * 32), [key], "sealed")[0].body for number, key in enumerate(keys)]
    borders = [(0, 24), (24, 56), (56, 88), (88, 104)]  # salt, commitment, ciphertext, tag
    for choice in itertools.product(bodies, repeat=len(borders)):
        mixed = b"".join(body[begin:end] for body, (begin, end) in zip(choice, borders, strict=True))
        header = Header(None, (Slot("key", (), mixed),))
        opens = [_opens(header, key) for key in keys]
        assert opens == [mixed == body for body in bodies]


def _opens(header: Header, key: BackupKey) -> bool:
    try:
        find_file_key(header, [key], "sealed")
    except chatseal.WrongKeyError:
        return False
    return True


def test_a_name_that_was_sealed_is_never_used_as_a_path(tmp_path: Path) -> None:
    for number, name in enumerate(["../../outside", "/tmp/outside", "..", "NUL\0byte", "C:\\outside"]):
        folder = tmp_path / str(number) / "in"
        folder.mkdir(parents=True)
        sealed = write_sealed(b"x", Draw(name), backup_keys=[KEY_BYTES], head={"kind": "file", "name": name})
        (folder / "inside.seal").write_bytes(sealed)
        reports = list(chatseal.unseal_many([folder / "inside.seal"], folder / "out", KEY))
        assert [report.error for report in reports] == [None]
        assert {path.name for path in (tmp_path / str(number)).rglob("*")} == {"in", "inside.seal", "out", "inside"}


def test_overwriting_a_link_replaces_the_link_and_not_what_it_leads_to(tmp_path: Path) -> None:
    victim, link = tmp_path / "victim", tmp_path / "link"
    victim.write_bytes(b"precious")
    link.symlink_to(victim)
    chatseal.unseal(chatseal.seal_bytes(b"new", KEY), link, KEY, overwrite=True)
    assert victim.read_bytes() == b"precious"
    assert not link.is_symlink()
    assert link.read_bytes() == b"new"


def test_a_link_that_waits_under_the_targets_name_is_not_written_through(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(chatseal.TargetExistsError):
        chatseal.unseal(chatseal.seal_bytes(b"new", KEY), link, KEY)
    assert not (tmp_path / "elsewhere").exists()


MEASURE = """
import resource, sys, chatseal
key = chatseal.BackupKey(bytes.fromhex(sys.argv[1]))
sealed = b"".join(chatseal.seal_chunks([bytes(16 << 20)], key, threads=1))
chatseal.verify(sealed, key, threads=2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open(sys.argv[2], "rb") as file:
    summary = chatseal.verify(file, key, threads=2)
print(summary.plain_bytes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_small_file_that_unpacks_to_very_much_is_verified_in_little_memory(tmp_path: Path) -> None:
    zeros, bomb = bytes(MIB), tmp_path / "bomb.seal"
    bomb.write_bytes(b"".join(chatseal.seal_chunks(itertools.repeat(zeros, 512), KEY)))
    assert bomb.stat().st_size < 64 << 10
    package = str(Path(chatseal.__file__).parents[1])
    ran = subprocess.run(
        [sys.executable, "-c", MEASURE, KEY_BYTES.hex(), str(bomb)],
        env={**os.environ, "PYTHONPATH": package},
        capture_output=True,
        text=True,
        check=True,
    )
    plain, grown_kib = map(int, ran.stdout.split())
    assert plain == 512 * MIB
    assert grown_kib < 64 << 10


# --- what is not promised ---------------------------------------------------------------------------------------------


def test_whoever_can_open_a_file_can_make_another_that_opens_for_its_other_holders() -> None:
    sealed = chatseal.seal_bytes(b"what was sealed", [KEY, PAIR.public_key])
    friend = take_apart(sealed, PAIR)  # the file key is all that the friend needs
    payload = cobblestone(
        friend.file_key, PAYLOAD_CONTEXT, take_apart(chatseal.seal_bytes(b"forged", PAIR.public_key), PAIR).stream, bytes(24)
    )
    slots = [slot.line().encode() for slot in parse(friend.header).slots]
    before = padded(header_lines(slots, len(payload)))
    assert chatseal.unseal_bytes(before + end_line(before, friend.file_key, payload) + payload, KEY) == b"forged"


def test_anybody_can_seal_for_a_public_key() -> None:
    assert chatseal.unseal_bytes(chatseal.seal_bytes(b"from nobody", PAIR.public_key), PAIR) == b"from nobody"


def test_an_older_sealed_file_in_place_of_a_newer_one_is_not_noticed(tmp_path: Path) -> None:
    stored = tmp_path / "chat.db.seal"
    chatseal.seal(b"Monday", stored, KEY)
    older = stored.read_bytes()
    chatseal.seal(b"Tuesday", stored, KEY, overwrite=True)
    stored.write_bytes(older)  # what a storage provider can do
    assert chatseal.verify(stored, KEY).plain_bytes == len(b"Monday")


def test_a_link_to_a_file_in_a_folder_is_followed_when_the_folder_is_sealed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"elsewhere")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to(tmp_path / "secret")
    assert [report.error for report in chatseal.seal_many([tmp_path / "folder"], tmp_path / "out", KEY)] == [None]
    assert chatseal.unseal_bytes((tmp_path / "out" / "folder" / "link.seal").read_bytes(), KEY) == b"elsewhere"


def test_sealed_files_have_the_rights_of_ordinary_new_files(tmp_path: Path) -> None:
    target = tmp_path / "sealed"
    before = os.umask(0o022)
    try:
        chatseal.seal(b"anything", target, KEY)
    finally:
        os.umask(before)
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
