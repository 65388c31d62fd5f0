"""`compare`: real tools on a small database; tools that fail, lie or hang; and nothing left behind, whatever happens."""

import json
import os
import pty
import re
import select
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from chatseal.cli.compare.table import HEADS, NEXT_DAY
from chatseal.compare.peers import PEERS, Peer
from cli.command import COMMAND, PATIENCE, Ran, Run, environment

NAME = "-c a::b: 'q'|$(x)*;\033[31m.db"
ONCE = ["--rounds", "1", "--level", "3", "--threads", "2"]
WITH_AGE = pytest.mark.skipif(not all(map(shutil.which, ["zstd", "age"])), reason="zstd and age are not installed")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chat database of a megabyte, with a name that must mean nothing to any tool or terminal."""
    pytest.importorskip("numpy")
    from chatseal.sample import write_sample

    path = tmp_path_factory.mktemp("compare") / NAME
    write_sample(path, 1_000_000)
    return path


@pytest.fixture(scope="module")
def later(database: Path) -> Path:
    """The same a day later."""
    path = database.with_name("later.db")
    shutil.copyfile(database, path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE message SET text_data = 'good night' WHERE _id > (SELECT max(_id) - 20 FROM message)")
    return path


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder with a short name (sockets need one), which must be empty in the end."""
    path = Path(tempfile.mkdtemp(prefix="cs-"))
    try:
        yield path
        assert os.listdir(path) == []
    finally:
        shutil.rmtree(path)


@pytest.fixture
def fake(here: Path) -> Path:
    """A folder for programs that are found before all others."""
    folder = here / "fake"
    folder.mkdir()
    return folder


def write(fake: Path, name: str, script: str) -> str:
    """Put a program there; the PATH that finds it first."""
    path = fake / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return f"{fake}{os.pathsep}{os.environ['PATH']}"


def processes() -> dict[int, list[bytes]]:
    """The arguments of every process."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found[int(folder.name)] = (folder / "cmdline").read_bytes().split(b"\0")[:-1]
        except OSError:
            continue  # gone meanwhile
    return found


@dataclass(frozen=True)
class Watched:
    """A run with all tools that are installed: what it told, and all that other processes could see and must not."""

    told: dict[str, dict[str, Any]]
    arguments: set[bytes]
    key_words: set[bytes]
    obscured: set[bytes]


@pytest.fixture(scope="module")
def watched(database: Path, later: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Every program is slowed by one of its name in front of it, so that each is seen with its arguments, and its keys are read."""
    fake, scratch = tmp_path_factory.mktemp("slow"), Path(tempfile.mkdtemp(prefix="cs-"))
    path = os.environ["PATH"]
    for program in {program for peer in PEERS if not peer.missing() for program in peer.programs}:
        path = write(fake, program, f'sleep 0.06; exec {shutil.which(program)} "$@"')
    command = [*COMMAND, "compare", str(database), str(later), *ONCE, "--scratch", str(scratch), "--json"]
    arguments: set[bytes] = set()
    key_words: set[bytes] = set()
    obscured: set[bytes] = set()
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(PATH=path)) as running:
            while running.poll() is None:
                for pid, words in processes().items():
                    if any(mark in b" ".join(words) for mark in (bytes(scratch), bytes(fake))):
                        arguments.update(words)
                        obscured |= variables(pid, b"RCLONE_CONFIG_SECRET_PASSWORD")
                for name in ("password", "identity", "key"):
                    key_words |= {word for file in scratch.glob(f"*/*/home/{name}") for word in words_of_keys(file)}
                time.sleep(0.02)
            out, err = running.communicate()
        assert (running.returncode, err) == (0, b"")
        assert os.listdir(scratch) == []
        assert not [words for words in processes().values() if bytes(scratch) in b" ".join(words)], "an agent goes on"
        told = {line["tool"]: line for line in map(json.loads, out.splitlines())}
        yield Watched(told, arguments, key_words, obscured)
    finally:
        shutil.rmtree(scratch)


def words_of_keys(file: Path) -> set[bytes]:
    """The lines of a file of keys, and all of it without spaces; comments left out."""
    try:
        lines = [line for line in file.read_bytes().splitlines() if line and not line.startswith(b"#")]
    except OSError:
        return set()  # gone meanwhile
    return {word for word in (*lines, b"".join(lines).replace(b" ", b"")) if word}


def variables(pid: int, name: bytes) -> set[bytes]:
    """The value of a variable in the environment of a process."""
    try:
        found = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return set()
    return {value for variable, _, value in (one.partition(b"=") for one in found) if variable == name and value}


def test_there_is_one_object_a_tool(watched: Watched) -> None:
    assert list(watched.told) == [*(p.name for p in PEERS if not p.missing()), *(p.name for p in PEERS if p.missing())]


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.word)
def test_a_tool_is_measured_with_the_next_day_and_brings_back_the_same(watched: Watched, database: Path, later: Path, peer: Peer) -> None:
    if peer.missing():
        pytest.skip(f"not installed: {' '.join(peer.missing())}")
    told = watched.told[peer.name]
    assert told["restored"] == "same"
    assert told["plain_bytes"] == database.stat().st_size
    assert told["next_day"]["plain_bytes"] == later.stat().st_size
    for measured in (told, told["next_day"]):
        assert 0 < measured["seconds"] < PATIENCE
        assert measured["seconds_of_rounds"] == [measured["seconds"]]
        assert measured["peak_memory_bytes"] > 1 << 20
        assert measured["bytes_per_second"] == pytest.approx(measured["plain_bytes"] / measured["seconds"], rel=0.01)
    assert (told["stored_bytes"] < 0.7 * told["plain_bytes"]) is (peer.word != "rclone")
    assert 0 < told["next_day"]["stored_bytes"] <= 1.1 * told["stored_bytes"]
    assert all(re.fullmatch(r"\d+\.\d+.*", version) for version in told["versions"].values())
    assert "DB" in told["command"]
    assert "cs-" not in told["command"]


def test_whole_files_are_stored_again_the_next_day_and_it_is_not_hidden(watched: Watched) -> None:
    told = watched.told["chatseal"]
    assert told["next_day"]["stored_bytes"] > 0.9 * told["stored_bytes"]


def test_keys_and_passwords_are_in_no_argument_of_any_process(watched: Watched) -> None:
    programs = {program for peer in PEERS if not peer.missing() for program in peer.programs} - {"gpgconf", "age-keygen"}  # too short
    assert programs <= {os.path.basename(word).decode() for word in watched.arguments}, "not all were seen"
    assert len(watched.key_words) >= 2 + sum(not peer.missing() for peer in PEERS) - 1, "not all keys were seen"
    assert bool(watched.obscured) is ("rclone" in programs)
    everything = b"\0".join(watched.arguments)
    assert not [secret for secret in watched.key_words | watched.obscured if secret in everything]


@WITH_AGE
def test_people_get_a_table_whose_columns_are_aligned(run: Run, database: Path, later: Path, scratch: Path) -> None:
    tools = ["--tool", "chatseal", "--tool", "age"]
    ran = run("compare", database, later, "--rounds", "1", "--level", "3", "--level", "-5", *tools, "--scratch", scratch)
    assert (ran.code, ran.err) == (0, "")
    about, table, commands = (part.splitlines() for part in ran.out.decode().split("\n\n"))
    assert [line.split()[0] for line in about] == ["file", "machine", "scratch", "measured"]
    assert "-c a::b: 'q'|$(x)*;\\x1b[31m.db, 1." in about[0]
    assert "later.db, 1." in about[0]
    assert str(scratch) in about[2]
    head, *rows = table
    assert tuple(re.split(r"  +", head)) == (*HEADS, *NEXT_DAY)
    names = [tuple(re.split(r"  +", row)[:2]) for row in rows]
    assert names == [("chatseal", "level 3"), ("chatseal", "level -5"), ("zstd | age", "level 3"), ("zstd | age", "level -5")]
    ends = [found.end() for found in re.finditer(r"\S+(?: \S+)*", head)]
    for row in rows:
        assert row.index("level") == head.index("setting")
        cells = [found.end() for found in re.finditer(r"\S+(?: \S+)*", row)]
        assert cells[2:] == ends[2:]
    assert [re.split(r"  +", line)[1] for line in commands] == [re.split(r"  +", commands[0])[1]] * 2
    assert "zstd -q -3 -T" in commands[1]
    assert commands[1].endswith("-c DB | age -R KEYS/recipients > STORE/0.age")


def test_a_tool_that_fails_is_named_with_its_reason_and_the_others_go_on(run: Run, database: Path, scratch: Path, fake: Path) -> None:
    path = write(fake, "restic", r"""case "$*" in *init*) exit 0;; esac; printf 'Fatal: \033[31mno luck\n' >&2; exit 7""")
    words: list[str | Path] = ["compare", database, *ONCE, "--tool", "chatseal", "--tool", "restic", "--scratch", scratch]
    ran = run(*words, PATH=path)
    assert (ran.code, ran.err) == (3, "")
    assert "\nfailed: restic (auto): restic ended with status 7: Fatal: \\x1b[31mno luck\n" in ran.out.decode()
    assert "\nchatseal  level 3" in ran.out.decode()
    lines = [json.loads(line) for line in run(*words, "--json", PATH=path).out.splitlines()]
    assert [line["tool"] for line in lines] == ["chatseal", "restic"]
    assert "no luck" in lines[1]["message"]
    assert (lines[1]["error"], lines[1]["exit_code"]) == ("PeerFailed", 1)


def test_a_tool_that_cannot_even_make_its_keys_fails_and_alone_it_is_a_failure(run: Run, database: Path, scratch: Path, fake: Path) -> None:
    path = write(fake, "borg", "echo 'no borg today' >&2; exit 2")
    ran = run("compare", database, *ONCE, "--tool", "borg", "--scratch", scratch, PATH=path)
    assert ran.code == 1
    assert b"failed: borg (zstd,3): borg ended with status 2: no borg today" in ran.out


@WITH_AGE
def test_a_tool_that_brings_back_something_else_has_failed(run: Run, database: Path, scratch: Path, fake: Path) -> None:
    real = shutil.which("age")
    path = write(fake, "age", f'case "$1" in -d) printf other | zstd -q -c;; *) exec {real} "$@";; esac')
    ran = run("compare", database, *ONCE, "--tool", "age", "--scratch", scratch, PATH=path)
    assert ran.code == 1
    assert b"failed: zstd | age (level 3): what came back is not what went in" in ran.out


def test_a_tool_that_is_not_installed_is_named_with_its_package(run: Run, database: Path, scratch: Path, fake: Path) -> None:
    ran = run("compare", database, *ONCE, "--scratch", scratch, PATH=str(fake))
    assert ran.code == 0
    text = ran.out.decode()
    for name, package in (("zstd | age", "age zstd"), ("gpg", "gnupg"), ("borg", "borgbackup"), ("rclone crypt", "rclone")):
        assert f"not installed: {name}; on Debian: apt-get install {package}\n" in text
    lines = [json.loads(line) for line in run("compare", database, *ONCE, "--scratch", scratch, "--json", PATH=str(fake)).out.splitlines()]
    assert {line["tool"] for line in lines} == {peer.name for peer in PEERS}
    assert [line["tool"] for line in lines if "not_installed" not in line] == ["chatseal"]
    assert run("compare", database, *ONCE, "--scratch", scratch, "--tool", "restic", PATH=str(fake)).code == 1, "nothing was measured"


def hanging(fake: Path) -> str:
    """A restic that never ends, with a child of its own, deaf to polite requests."""
    return write(
        fake, "restic", f"""trap '' INT TERM HUP; case "$*" in *init*) exit 0;; esac; sleep 1000 & echo $! $$ > {fake}/pids; wait"""
    )


def wait_for(path: Path, running: "subprocess.Popen[bytes]") -> str:
    ends = time.monotonic() + PATIENCE
    while not (path.exists() and path.read_text().endswith("\n")):
        assert running.poll() is None
        assert time.monotonic() < ends
        time.sleep(0.01)
    return path.read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_whoever_stops_it_finds_neither_files_nor_processes_left(
    here: Path, database: Path, scratch: Path, fake: Path, number: signal.Signals
) -> None:
    path = hanging(fake)
    command = [*COMMAND, "compare", str(database), *ONCE, "--tool", "restic", "--scratch", str(scratch)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(PATH=path)) as running:
        try:
            pids = list(map(int, wait_for(fake / "pids", running).split()))
            (private,) = scratch.iterdir()
            assert private.stat().st_mode & 0o777 == 0o700
            running.send_signal(number)
            out, err = running.communicate(timeout=PATIENCE)
        finally:
            running.kill()
    Ran(running.returncode, out, err.decode()).failed(130, "interrupted")
    assert os.listdir(scratch) == []
    ends = time.monotonic() + PATIENCE
    while any(pid in processes() and processes()[pid] for pid in pids):  # a zombie has no arguments
        assert time.monotonic() < ends
        time.sleep(0.01)


def in_session(leader: int) -> list[int]:
    """The processes of one session that live. A zombie has no arguments."""
    found = []
    for pid, words in processes().items():
        with suppress(ProcessLookupError):
            if words and os.getsid(pid) == leader:
                found.append(pid)
    return found


def test_killed_it_takes_all_that_it_started_with_it(run: Run, database: Path, scratch: Path, fake: Path) -> None:
    path = hanging(fake)
    command = [*COMMAND, "compare", str(database), *ONCE, "--tool", "restic", "--scratch", str(scratch)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(PATH=path)) as running:
        try:
            pids = list(map(int, wait_for(fake / "pids", running).split()))
            leader = os.getsid(pids[0])
            assert {*pids, leader} <= {*in_session(leader)}, "the launcher, restic, and a child of restic's"
        finally:
            running.kill()
    assert running.returncode == -signal.SIGKILL
    ends = time.monotonic() + PATIENCE
    while in_session(leader):
        assert time.monotonic() < ends
        time.sleep(0.01)
    (left,) = scratch.iterdir()  # nobody was there to remove it
    run("compare", database, *ONCE, "--tool", "restic", "--scratch", scratch, PATH=write(fake, "restic", "exit 1"))
    assert not left.exists()


@pytest.mark.parametrize("no_color", ["", "1"], ids=["colours", "no colours"])
def test_a_terminal_shows_which_tool_works_and_forgets_it(here: Path, database: Path, scratch: Path, fake: Path, no_color: str) -> None:
    path, seen = hanging(fake), b""
    person, terminal = pty.openpty()
    command = [*COMMAND, "compare", str(database), *ONCE, "--tool", "restic", "--scratch", str(scratch)]
    changes = {"PATH": path, "COLUMNS": "120", **({"NO_COLOR": no_color} if no_color else {})}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=terminal, env=environment(**changes)) as running:
        try:
            ends = time.monotonic() + PATIENCE
            while b"round 1 of 1: restic, auto" not in seen:
                assert time.monotonic() < ends
                if select.select([person], [], [], 0.05)[0]:
                    seen += os.read(person, 65536)
            running.send_signal(signal.SIGINT)
            running.communicate(timeout=PATIENCE)
            while select.select([person], [], [], 0)[0]:
                seen += os.read(person, 65536)
        finally:
            running.kill()
            os.close(person)
            os.close(terminal)
    assert running.returncode == 130
    assert bool(re.search(rb"\x1b\[(?:\d+;)*3[0-9]", seen)) is not bool(no_color)
    assert seen.endswith(b"chatseal: interrupted\r\n")


def test_a_full_disk_is_noticed_before_anything_starts(run: Run, scratch: Path) -> None:
    with open("huge.db", "wb") as file:
        file.truncate(shutil.disk_usage(scratch).free // 2)  # a hole: twice this would fit, three times does not
    began = time.monotonic()
    run("compare", "huge.db", "--scratch", scratch).remedied(15, "3 times the file", "--scratch DIR")
    assert time.monotonic() - began < PATIENCE / 4


@WITH_AGE
def test_a_file_that_changes_meanwhile_is_not_a_tool_that_fails(run: Run, database: Path, scratch: Path, fake: Path) -> None:
    shutil.copyfile(database, "live.db")
    path = write(fake, "age", f"echo more >> {Path('live.db').resolve()}; exit 1")
    run("compare", "live.db", *ONCE, "--tool", "age", "--scratch", scratch, PATH=path).remedied(1, "live.db changed")


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["nix.db"], 10, "nix.db does not exist"),
        (["empty.db"], 1, "is empty"),
        (["."], 1, "is a folder"),
        (["chat.db", "nix.db"], 10, "nix.db does not exist"),
        (["chat.db", "--scratch", "nix"], 10, "nix does not exist"),
        (["chat.db", "--plot", "speed.gif"], 2, "ends with neither .svg nor .png"),
        (["chat.db", "--plot", "there.svg"], 1, "there.svg exists"),
        (["chat.db", "--tool", "tar"], 2, "tar"),
        (["chat.db", "--level", "23"], 2, "23"),
    ],
)
def test_what_cannot_be_compared_is_said_at_once(run: Run, words: list[str], code: int, part: str) -> None:
    Path("chat.db").write_bytes(b"x")
    Path("empty.db").touch()
    Path("there.svg").touch()
    run("compare", *words).remedied(code, part)


def test_a_picture_is_written_whole_and_replaced_only_by_force(run: Run, database: Path, scratch: Path) -> None:
    pytest.importorskip("matplotlib")
    Path("speed.svg").write_text("old")
    words: list[str | Path] = ["compare", database, *ONCE, "--tool", "chatseal", "--scratch", scratch, "--plot", "speed.svg"]
    assert run(*words, "--force").code == 0
    assert ElementTree.parse("speed.svg").getroot().tag.endswith("svg")
    assert sorted(os.listdir()) == ["speed.svg"]
    run(*words).remedied(1, "speed.svg exists")


def test_a_plot_without_matplotlib_says_what_to_install(run: Run, database: Path) -> None:
    Path("without").mkdir()
    Path("without/matplotlib.py").write_text("raise ModuleNotFoundError('No module named matplotlib', name='matplotlib')\n")
    path = f"{Path('without').resolve()}:{environment()['PYTHONPATH']}"
    run("compare", database, "--plot", "x.svg", PYTHONPATH=path).remedied(1, "matplotlib", "pip install 'chatseal[compare]'")
