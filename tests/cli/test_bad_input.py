"""Bad input: one clear line, the place, the remedy, the exit code, and never a traceback."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.command import COMMAND, PATIENCE, RECORD, RECORDS_AT, Ran, Run, environment, flip, started, with_header

IN = "chat.db.seal"
READERS = {
    "unseal": ["unseal", IN, "-o", "back.db"],
    "verify": ["verify", IN],
    "cat": ["cat", IN],
    "cat --range": ["cat", IN, "--range", "-1:"],
    "inspect": ["inspect", IN],
}
KEY = ["--key-file", "my.key"]
WITH_OUTPUT = [
    ["seal", "chat.db", "-o", "-", *KEY],
    ["unseal", IN, "-o", "-", *KEY],
    ["cat", IN, "--range", ":9", *KEY],
    ["inspect", IN],
    ["--help"],
]
WHOLE = {name: words for name, words in READERS.items() if name in ("unseal", "verify", "cat")}


def swap_records(data: bytes) -> bytes:
    one, two, three = (RECORDS_AT + number * RECORD for number in (1, 2, 3))
    return data[:one] + data[two:three] + data[one:two] + data[three:]


def drop_size_line(data: bytes) -> bytes:
    """As a file that was written to a pipe: its header has more padding instead."""

    def change(text: bytes) -> bytes:
        size = re.search(rb"size \d+\n", text)
        assert size is not None
        return text.replace(size[0], b"").replace(b"pad ", b"pad " + b"." * len(size[0]))

    return with_header(data, change)


Break = Callable[[bytes], bytes]
OF_THE_HEADER: dict[str, tuple[Break, int, str]] = {
    "not a sealed file": (lambda data: b"SQLite format 3\0" + data, 13, "not a sealed file"),
    "header damaged": (lambda data: flip(data, 300), 13, "header is damaged"),
    "size line altered": (lambda data: with_header(data, lambda text: text.replace(b"size 2", b"size 1")), 13, "header was altered"),
    "size line removed": (drop_size_line, 13, "header was altered"),
    "salt flipped": (lambda data: flip(data, 4096), 13, "header was altered"),
    "empty": (lambda data: b"", 14, "ends inside its header, after 0 bytes"),
    "cut in the header": (lambda data: data[:1000], 14, "ends inside its header, after 1000 bytes"),
    "cut after the header": (lambda data: data[:4100], 14, "ends after 4100 bytes"),
    "cut in a record": (lambda data: data[: RECORDS_AT + 20_000], 14, "bytes of payload are missing"),
    "cut by one byte": (lambda data: data[:-1], 14, "1 of"),
    "trailing byte": (lambda data: data + b"\0", 13, "goes on after its end"),
    "trailing copy": (lambda data: data + data, 13, "goes on after its end"),
}
OF_THE_DATA: dict[str, tuple[Break, str]] = {
    "bit flipped in the first record": (lambda data: flip(data, RECORDS_AT + 5), f"between bytes {RECORDS_AT} and {RECORDS_AT + RECORD}"),
    "bit flipped in the third record": (
        lambda data: flip(data, RECORDS_AT + 2 * RECORD + 7),
        f"between bytes {RECORDS_AT + 2 * RECORD} and {RECORDS_AT + 3 * RECORD}",
    ),
    "swapped records": (swap_records, f"between bytes {RECORDS_AT + RECORD} and {RECORDS_AT + 2 * RECORD}"),
    "bit flipped in the last record": (lambda data: flip(data, len(data) - 1), "is damaged"),
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_a_wrong_key_is_told_from_damage(run: Run, keys: Path, sealed: Path, reader: list[str]) -> None:
    ran = run(*reader, "--key-file", keys / "other.key")
    ran.remedied(12, f"{IN}: wrong key")
    assert not Path("back.db").exists()


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize("fault", ["not a sealed file", "header damaged", "size line altered", "cut in a record", "trailing byte"])
def test_every_reader_names_a_fault_of_the_header_or_the_length(
    run: Run, my: Path, sealed: Path, plain: bytes, reader: list[str], fault: str
) -> None:
    break_it, code, words = OF_THE_HEADER[fault]
    sealed.write_bytes(break_it(sealed.read_bytes()))
    ran = run(*reader, "--key-file", my)
    ran.remedied(code, IN, words)
    assert reader[0] == "inspect" or plain.startswith(ran.out)


@pytest.mark.parametrize(("break_it", "code", "words"), OF_THE_HEADER.values(), ids=OF_THE_HEADER)
def test_unseal_names_the_fault_and_leaves_nothing(run: Run, my: Path, sealed: Path, break_it: Break, code: int, words: str) -> None:
    sealed.write_bytes(break_it(sealed.read_bytes()))
    run("unseal", IN, "-o", "back.db", "--key-file", my).remedied(code, IN, words)
    assert sorted(os.listdir()) == ["chat.db", IN]


@pytest.mark.parametrize("reader", WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize(("break_it", "words"), OF_THE_DATA.values(), ids=OF_THE_DATA)
def test_whoever_reads_it_all_names_the_place_of_damage(
    run: Run, my: Path, sealed: Path, plain: bytes, reader: list[str], break_it: Break, words: str
) -> None:
    sealed.write_bytes(break_it(sealed.read_bytes()))
    ran = run(*reader, "--key-file", my)
    ran.remedied(13, IN, words)
    assert plain.startswith(ran.out)
    assert ran.out != plain or "last" in words
    assert not Path("back.db").exists()


def test_a_truncated_pipe_gives_a_true_prefix_and_a_failing_exit_code(run: Run, my: Path, sealed: Path, plain: bytes) -> None:
    ran = run("unseal", "-", "-o", "-", "--key-file", my, stdin=sealed.read_bytes()[: RECORDS_AT + 10 * RECORD])
    ran.remedied(14, "standard input")
    assert ran.out
    assert plain.startswith(ran.out)


@pytest.mark.parametrize(
    "words",
    [["seal", "nix", "-o", "x"], ["unseal", "nix", "-o", "x"], ["verify", "nix"], ["cat", "nix"], ["inspect", "nix"]],
    ids=lambda w: w[0],
)
def test_a_source_that_is_not_there(run: Run, my: Path, words: list[str]) -> None:
    run(*words, "--key-file", my).remedied(10, "nix does not exist")
    assert os.listdir() == []


def test_a_key_file_that_is_not_there(run: Run, sealed: Path) -> None:
    run("verify", sealed, "--key-file", "lost.key").remedied(10, "lost.key does not exist")


def test_a_key_file_without_a_key(run: Run, sealed: Path) -> None:
    Path("note.txt").write_text("my key is in the drawer")
    os.chmod("note.txt", 0o600)
    ran = run("verify", sealed, "--key-file", "note.txt")
    ran.remedied(2, "note.txt", "64 hexadecimal digits")
    assert "drawer" not in ran.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_source_that_may_not_be_read(run: Run, my: Path) -> None:
    Path("secret.db").write_bytes(b"x")
    os.chmod("secret.db", 0)
    run("seal", "secret.db", "-o", "x", "--key-file", my).remedied(1, "permission denied for secret.db")


def test_a_source_that_cannot_be_read(here: Path, my: Path) -> None:
    with open("/proc/self/mem", "rb") as unreadable:  # nothing is mapped at address 0
        ran = started("seal", "-", "-o", "x", "--key-file", my, stdin=unreadable)
    ran.remedied(1, "standard input cannot be read", "input/output error")
    assert os.listdir() == []


def test_a_folder_in_the_place_of_a_file(run: Run, my: Path) -> None:
    Path("folder").mkdir()
    run("cat", "folder", "--key-file", my).remedied(1, "folder is a folder")


@pytest.mark.parametrize("words", [["seal", "chat.db"], ["unseal", IN], ["cat", IN], ["cat", IN, "--range", ":1"]], ids=" ".join)
def test_a_target_that_exists_is_kept_unless_forced(run: Run, my: Path, sealed: Path, words: list[str]) -> None:
    Path("there").write_bytes(b"precious")
    run(*words, "-o", "there", "--key-file", my).remedied(1, "there exists", "--force")
    assert Path("there").read_bytes() == b"precious"
    assert run(*words, "-o", "there", "--key-file", my, "--force").code == 0
    assert Path("there").read_bytes() != b"precious"


def test_a_target_folder_that_is_not_there(run: Run, my: Path, sealed: Path) -> None:
    run("seal", "chat.db", "-o", "no/such/x", "--key-file", my).remedied(10, "no/such/", "does not exist")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("words", [["seal", "chat.db"], ["unseal", IN]], ids=lambda w: w[0])
def test_a_full_device(run: Run, my: Path, sealed: Path, words: list[str]) -> None:
    run(*words, "-o", "/dev/full", "--key-file", my).remedied(15, "no space left for")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("words", WITH_OUTPUT, ids=" ".join)
def test_full_standard_output(run: Run, my: Path, sealed: Path, words: list[str]) -> None:
    shutil.copy(my, "my.key")
    with open("/dev/full", "wb") as full:
        ran = started(*words, stdout=full)
    ran.remedied(15, "no space left for")


def test_a_full_disk_leaves_no_file(run: Run, my: Path, sealed: Path) -> None:
    Path("small").mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "small"], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here: " + mounted.stderr.decode().strip())
    try:
        run("seal", "chat.db", "-o", "small/x.seal", "--key-file", my).remedied(15, "no space left for")
        assert os.listdir("small") == []
    finally:
        subprocess.run(["umount", "small"], check=True)


def test_a_limit_on_the_size_of_files_leaves_no_file(here: Path, my: Path, sealed: Path) -> None:
    limited = f"ulimit -f 64; exec {' '.join(COMMAND)} seal chat.db -o x.seal --key-file {my}"
    ended = subprocess.run(["bash", "-c", limited], capture_output=True, env=environment(), timeout=PATIENCE, check=False)
    Ran(ended.returncode, ended.stdout, ended.stderr.decode()).remedied(15, "no space left for x.seal")
    assert sorted(os.listdir()) == ["chat.db", IN]


@pytest.mark.parametrize("words", WITH_OUTPUT, ids=" ".join)
def test_a_broken_pipe_is_one_line_and_no_noise(here: Path, my: Path, sealed: Path, words: list[str]) -> None:
    shutil.copy(my, "my.key")
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ran = started(*words, stdout=writing)
    finally:
        os.close(writing)
    ran.remedied(1, "stopped reading")


def test_an_empty_name_is_not_taken_for_the_working_directory(run: Run, my: Path, sealed: Path) -> None:
    for words in (["seal", "", "-o", "x"], ["seal", "chat.db", "-o", ""], ["verify", ""], ["unseal", "", "-o", "x"], ["cat", ""]):
        run(*words, "--key-file", my).remedied(2, "the name is empty")
    assert sorted(os.listdir()) == ["chat.db", IN]


@pytest.mark.parametrize("words", ["seal - -o - 0<&-", "seal - -o - 1>&-", "inspect chat.db.seal 1>&-"])
def test_a_closed_standard_stream(here: Path, my: Path, sealed: Path, words: str) -> None:
    line = f"exec {' '.join(COMMAND)} {words} --key-file {my}"
    ended = subprocess.run(
        ["bash", "-c", line], capture_output=True, stdin=subprocess.DEVNULL, env=environment(), timeout=PATIENCE, check=False
    )
    Ran(ended.returncode, ended.stdout, ended.stderr.decode()).remedied(1, "standard", "is closed")


def test_a_source_that_grows_while_it_is_read(here: Path, my: Path, plain: bytes) -> None:
    Path("live.db").write_bytes(plain * 20)  # seconds of work at this level
    words = ["seal", "live.db", "-o", "x.seal", "--level", "19", "--threads", "1", "--key-file", str(my)]
    with subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as command:
        while not list(Path().glob(".x.seal.*.part")):  # there once the source is open
            assert command.poll() is None
            time.sleep(0.002)
        with open("live.db", "ab") as live:
            live.write(b"one more message")
        out, err = command.communicate(timeout=PATIENCE)
    Ran(command.returncode, out, err.decode()).remedied(1, "live.db grew from 4000000 to 4000016 bytes")
    assert os.listdir() == ["live.db"]


def test_a_hostile_file_name_reaches_the_terminal_escaped(run: Run, my: Path) -> None:
    hostile = "a\x1b]0;owned\x07\x1b[31m\n\u202eb\udcff"
    Path(hostile).write_bytes(b"x")
    ran = run("verify", hostile, "--key-file", my)
    ran.remedied(13, r"a\x1b]0;owned\x07\x1b[31m\n\u202eb\xff")
    run("verify", "gone" + hostile, "--key-file", my).remedied(10, r"gonea\x1b")


def test_a_bug_is_one_line_that_asks_for_a_report_and_debug_shows_where_without_values(run: Run, my: Path, sealed: Path) -> None:
    broken = Path("broken")
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import chatseal\ndef verify(*args, **kwargs):\n    treasure = 'hidden'\n    raise ZeroDivisionError\nchatseal.verify = verify\n"
    )
    path = f"{broken.resolve()}:{environment()['PYTHONPATH']}"
    ran = run("verify", sealed, "--key-file", my, PYTHONPATH=path)
    ran.remedied(1, "unexpected ZeroDivisionError", "report it", "--debug")
    for debugged in (
        run("verify", sealed, "--key-file", my, "--debug", PYTHONPATH=path),
        run("verify", sealed, "--key-file", my, PYTHONPATH=path, CHATSEAL_DEBUG="1"),
    ):
        assert debugged.code == 1
        assert "Traceback" in debugged.err
        assert "line 4, in verify" in debugged.err
        assert debugged.err.endswith(ran.err)
        assert "treasure =" not in debugged.err
