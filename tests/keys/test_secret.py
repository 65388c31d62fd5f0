"""Secrets in memory: where they are, what becomes of them, and that no way of looking at them shows them."""

import ctypes
import multiprocessing
import os
import subprocess
import sys
import threading
import traceback
from pathlib import Path

import pytest

import chatseal
from chatseal import BackupKey, PrivateKey
from chatseal.keys import arena
from chatseal.keys.secret import Secret
from corpus import KEY_BYTES, PAIR_BYTES
from slow_writer import Draw
from traces import PART, found_in, spellings

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
LONG = Draw("a long password")(5000)


def address_of(view: memoryview) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(view))


def arena_memory() -> bytes:
    """The pages of the arena as the kernel sees them."""
    with open("/proc/self/mem", "rb", buffering=0) as memory:
        pieces = []
        for pages in arena._pages:
            memory.seek(address_of(memoryview(pages)))
            pieces.append(memory.read(len(pages)))
    return b"".join(pieces)


def flags_at(address: int) -> set[str]:
    """What the kernel says of the mapping that *address* lies in."""
    inside = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        first = line.split(maxsplit=1)[0]
        if "-" in first and not first.endswith(":"):
            begin, end = (int(number, 16) for number in first.split("-"))
            inside = begin <= address < end
        elif inside and first == "VmFlags:":
            return set(line.split()[1:])
    raise AssertionError("nothing is mapped there")


def test_the_search_for_a_key_finds_it_in_every_encoding() -> None:
    for how, text in spellings(KEY_BYTES):
        assert len(text) >= 8
        assert how in found_in(b"something before it " + text + b" and behind", KEY_BYTES)
        assert found_in(b"something before it " + text[1:-1] + b" and behind", Draw("another")(32)) == []


@pytest.mark.parametrize("length", [0, 1, 32, 96, 128, 129, 5000])
def test_a_secret_is_its_bytes_and_its_view_can_be_written_to(length: int) -> None:
    data = (LONG * 2)[:length]
    for given in (data, bytearray(data), memoryview(data)):
        secret = Secret(given)
        assert secret.view == data
        assert (secret.view.format, secret.view.ndim, secret.view.readonly) == ("B", 1, False)
        secret.view[:] = bytes(length)
        assert secret.view == bytes(length)


def test_random_secrets_are_random() -> None:
    seen = {bytes(Secret.random(length).view) for length in (32, 96, 256, 257, 5000) for _ in range(20)}
    assert len(seen) == 100
    for length in (96, 5000):
        assert len(set(Secret.random(length).view)) > 60, "it was filled to its end"
    assert Secret.zeros(32).view == bytes(32)


@LINUX
def test_a_secret_that_is_gone_leaves_nothing_in_the_memory_that_was_its() -> None:
    own = Draw("nobody else's")(32)
    wiped, gone = Secret(own), Secret(own)
    assert len(found_in(arena_memory(), own)) == len(own) / PART, "the search has to be able to fail"
    wiped.wipe()
    assert found_in(arena_memory(), own)
    del gone
    assert found_in(arena_memory(), own) == []


def test_a_view_that_is_kept_never_shows_the_next_secret() -> None:
    secret = Secret(KEY_BYTES)
    kept = secret.view[4:8]
    del secret
    others = [Secret(Draw(str(number))(32)) for number in range(2000)]
    assert kept == KEY_BYTES[4:8]
    kept[:] = b"mine"
    assert all(other.view == Draw(str(number))(32) for number, other in enumerate(others))


def test_memory_is_used_again() -> None:
    for _ in range(3):
        for number in range(1000):
            Secret(Draw(str(number))(32))
    before = len(arena._pages)
    for _ in range(10_000):
        Secret(KEY_BYTES)
    assert len(arena._pages) == before


def test_secrets_of_many_threads_do_not_meet() -> None:
    wrong: list[str] = []

    def work(name: str) -> None:
        mine = Draw(name)(32)
        for _ in range(3000):
            few = [Secret(mine) for _ in range(3)]
            cycle: list[object] = [Secret(mine)]
            cycle.append(cycle)  # ends in the garbage collector, whenever and in whichever thread that runs
            if any(secret.view != mine for secret in few):
                wrong.append(name)

    threads = [threading.Thread(target=work, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@LINUX
@pytest.mark.parametrize("length", [32, 5000])
def test_a_secret_is_locked_in_memory_and_left_out_of_core_files(length: int) -> None:
    secret = Secret(LONG[:length])
    flags = flags_at(address_of(secret.view))
    assert "dd" in flags, "core files would have it"
    assert "wf" not in flags, "a child that is forked would not have it"
    if not arena.is_locked():
        pytest.skip("the system does not let this user lock memory")
    assert "lo" in flags, "it may be swapped out"


def _in_a_child(secret: Secret, told: "multiprocessing.SimpleQueue[object]") -> None:
    whole = bytes(secret.view) == KEY_BYTES
    told.put((whole, "lo" in flags_at(address_of(secret.view))))
    secret.wipe()


@LINUX
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_that_is_forked_has_the_key_and_a_copy_of_its_own() -> None:
    secret, context = Secret(KEY_BYTES), multiprocessing.get_context("fork")
    told = context.SimpleQueue()
    child = context.Process(target=_in_a_child, args=(secret, told))
    child.start()
    child.join(60)
    assert told.get() == (True, arena.is_locked())
    assert secret.view == KEY_BYTES


@LINUX
def test_where_memory_cannot_be_locked_keys_work_all_the_same() -> None:
    program = (
        "import os, resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))\n"
        "import chatseal\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "from chatseal.keys import arena\n"
        "key = chatseal.BackupKey.generate()\n"
        "assert chatseal.unseal_bytes(chatseal.seal_bytes(b'x', key), key) == b'x'\n"
        "sys.exit(arena.is_locked())\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(chatseal.__file__).parents[1])}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_traceback_with_locals_shows_no_key() -> None:
    def fail(key: BackupKey, pair: PrivateKey, secret: Secret, view: memoryview) -> None:
        raise ZeroDivisionError

    secret = Secret(KEY_BYTES)
    try:
        fail(BackupKey(KEY_BYTES), PrivateKey(PAIR_BYTES), secret, secret.view)
    except ZeroDivisionError as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "key = BackupKey(...)" in shown
    assert found_in(shown.encode(), KEY_BYTES, PAIR_BYTES) == []
