"""The process that has the connection: whose it is, what it knows, and when it ends."""

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

import live_database
from captured import keep, read_all
from chatseal.capture.database import open_database
from chatseal.capture.holder import Holder
from chatseal.capture.options import CaptureOptions
from chatseal.errors import CaptureError

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become the owner of a file")
NOBODY = 65534


@pytest.fixture
def live(tmp_path: Path) -> Path:
    path = tmp_path / "live.db"
    live_database.make(path)
    return path


def process_of(holder: Holder) -> Path:
    return Path(f"/proc/{holder._process.pid}")


def gone(process: Path) -> bool:
    """Whether it ends within some seconds."""
    for _ in range(500):
        try:
            if process.joinpath("stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def test_it_gets_no_secret_by_environment_arguments_or_descriptors(live: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATSEAL_KEY", "canary-key")
    secret, other = os.pipe()
    os.set_inheritable(secret, True)
    holder = Holder(bytes(live))
    try:
        process = process_of(holder)
        assert b"canary" not in process.joinpath("environ").read_bytes() + process.joinpath("cmdline").read_bytes()
        assert not any(os.readlink(fd) == f"pipe:[{os.fstat(secret).st_ino}]" for fd in process.joinpath("fd").iterdir())
    finally:
        holder.close()
        os.close(secret)
        os.close(other)


PARENT = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from chatseal.capture.options import CaptureOptions
from chatseal.capture.database import open_database
image = open_database(sys.argv[1], CaptureOptions())
print(image._stage._holder._process.pid, flush=True)
if os.fork() == 0:  # who has a copy of all pipes
    import time
    time.sleep(5)
    os._exit(0)
os.kill(os.getpid(), 9)
"""


def test_it_ends_with_its_parent_even_if_a_fork_of_that_lives_on(live: Path) -> None:
    with sqlite3.connect(live, isolation_level=None) as database:
        database.execute("DELETE FROM receipt WHERE message = 1")
        tests = str(Path(live_database.__file__).parent)
        with subprocess.Popen([sys.executable, "-c", PARENT, live, tests], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as parent:
            assert parent.stdout is not None
            holder = int(parent.stdout.readline())
            assert gone(Path(f"/proc/{holder}"))
            parent.stdout.close()
        assert database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    database.close()


def test_closing_ends_it_and_later_questions_are_errors(live: Path) -> None:
    holder = Holder(bytes(live))
    process = process_of(holder)
    holder.close()
    assert not process.exists()
    holder.close()
    with pytest.raises(ValueError):
        holder.end()


def test_without_an_interpreter_it_says_so(live: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CaptureError, match="no Python interpreter"):
        Holder(bytes(live))


@root_only
def test_as_root_it_is_the_owner_of_the_file_and_leaves_no_file_of_root(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    path = folder / "live.db"
    live_database.make(path)
    for above in (tmp_path, *tmp_path.parents):
        if above.stat().st_uid == os.getuid() and above != Path(tempfile.gettempdir()) and above.is_relative_to(tempfile.gettempdir()):
            above.chmod(0o755)
    for file in (folder, path):
        os.chown(file, NOBODY, NOBODY)
    # left by a program that crashed: whoever opens the database now makes the index anew
    with sqlite3.connect(path, isolation_level=None) as database:
        database.execute("DELETE FROM receipt WHERE message = 1")
        for suffix in ("-wal", "-shm"):
            Path(f"{path}{suffix}").rename(folder / f"kept{suffix}")
    for suffix in ("-wal", "-shm"):
        kept = folder / f"kept{suffix}"
        kept.rename(Path(f"{path}{suffix}"))
        os.chown(Path(f"{path}{suffix}"), NOBODY, NOBODY)
    image = open_database(path, CaptureOptions())
    try:
        status = process_of(image._stage._holder).joinpath("status").read_text()  # type: ignore[attr-defined]
        assert f"Uid:\t{NOBODY}\t{NOBODY}\t{NOBODY}\t{NOBODY}\n" in status
        assert f"Gid:\t{NOBODY}\t{NOBODY}\t{NOBODY}\t{NOBODY}\n" in status
        assert "CapEff:\t0000000000000000\n" in status
        keep(image)
    finally:
        image.close()
    assert {file.name: file.stat().st_uid for file in folder.iterdir()} == dict.fromkeys(["live.db", "live.db-wal", "live.db-shm"], NOBODY)


def test_ctrl_c_at_the_terminal_does_not_end_it(live: Path) -> None:
    with sqlite3.connect(live, isolation_level=None) as database:
        database.execute("DELETE FROM receipt WHERE message = 1")
        image = open_database(live, CaptureOptions())
        try:
            holder = image._stage._holder  # type: ignore[attr-defined]
            assert os.getpgid(holder._process.pid) != os.getpgid(0)
            os.kill(holder._process.pid, 2)
            read_all(image)
            assert image.settle()
        finally:
            image.close()
    database.close()
