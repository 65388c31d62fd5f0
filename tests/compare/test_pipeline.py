"""A pipeline is run to its end, or told why not, and nothing of it outlives the call."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import chatseal
from chatseal.compare import pipeline
from chatseal.compare.pipeline import PipelineError

MIB = 1 << 20
HUNGRY = "import sys; data = bytearray(64 << 20); data[::4096] = b'x' * len(data[::4096]); sys.stdout.write(sys.stdin.read())"


def test_bytes_go_through_and_each_process_is_measured(tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = pipeline.run(["echo", "hello"], [sys.executable, "-S", "-c", HUNGRY], ["cat"], stdout=out)
    assert out.read_text() == "hello\n"
    assert ran.peaks[1] > 64 * MIB > max(ran.peaks[0], ran.peaks[2]) > 0
    assert ran.peak == sum(ran.peaks)
    assert ran.cpu_seconds > 0
    assert 0 < ran.seconds < 60


def test_what_a_process_waited_for_counts_as_its_memory(tmp_path: Path) -> None:
    ran = pipeline.run(["sh", "-c", f'"{sys.executable}" -S -c "{HUNGRY}" < /dev/null; true'])
    assert ran.peaks[0] > 64 * MIB


def test_the_folder_and_the_environment_are_those_asked_for(tmp_path: Path) -> None:
    out = tmp_path / "out"
    pipeline.run(
        ["sh", "-c", "pwd; echo $ONLY; cat"], stdout=out, folder=tmp_path, environment={"ONLY": "this", "PATH": os.environ["PATH"]}
    )
    assert out.read_text() == f"{tmp_path}\nthis\n"


@pytest.mark.parametrize(
    ("commands", "words"),
    [
        ([["sh", "-c", "echo oh no >&2; exit 3"]], "sh ended with status 3: oh no"),
        ([["sh", "-c", "kill -9 $$"]], "sh ended with signal 9"),
        ([["sh", "-c", "exit 4"], ["cat"]], "sh ended with status 4"),
        ([["yes"], ["sh", "-c", "exit 5"]], "sh ended with status 5"),
        ([["no-such-program"]], "no-such-program: No such file or directory"),
        ([["cat"], ["no-such-program"]], "no-such-program: No such file or directory"),
    ],
)
def test_who_failed_is_named_and_not_who_lost_its_reader(commands: list[list[str]], words: str) -> None:
    with pytest.raises(PipelineError) as caught:
        pipeline.run(*commands)
    assert str(caught.value) == words


def test_of_many_words_the_last_are_told() -> None:
    with pytest.raises(PipelineError, match=r"the end$") as caught:
        pipeline.run(["sh", "-c", "yes | head -100000 >&2; echo the end >&2; exit 1"])
    assert len(str(caught.value)) < 5000


class Enough(Exception):
    """Something else came up."""


def test_who_is_interrupted_leaves_no_process_behind(tmp_path: Path) -> None:
    pids = tmp_path / "pids"

    def tick() -> None:
        if pids.exists() and pids.read_text().endswith("\n"):
            raise Enough

    with pytest.raises(Enough):
        pipeline.run(["sh", "-c", f"trap '' TERM INT; sleep 1000 & echo $! $$ > {pids}; wait"], ["cat"], tick=tick)
    ends = time.monotonic() + 10
    while any(lives(int(pid)) for pid in pids.read_text().split()):
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_a_launcher_whose_holder_is_gone_already_ends_with_what_it_started() -> None:
    reads, writes = os.pipe()
    os.close(writes)
    order = json.dumps([[["sleep", "1000"]], os.devnull, os.devnull])
    launcher = [sys.executable, "-S", "-E", str(Path(pipeline.__file__).with_name("launcher.py")), order]
    with subprocess.Popen(launcher, stdin=reads, stdout=subprocess.PIPE, start_new_session=True) as running:
        os.close(reads)
        assert running.communicate(timeout=60)[0] == b"", "its pipe is open as long as one of them lives"
    assert running.returncode == -signal.SIGKILL


HANDLER = """
#include <signal.h>
#include <unistd.h>
static void tell(int number) { (void)number; if (write(1, "told\\n", 5) != 5) _exit(1); }
__attribute__((constructor)) static void install(void) { signal(SIGHUP, tell); }
"""
EMBEDDED = """
import os, signal
from chatseal.compare.pipeline import uninterrupted
assert signal.getsignal(signal.SIGHUP) is None
with uninterrupted():
    os.kill(os.getpid(), signal.SIGHUP)
    try:
        with uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        raise SystemExit("not kept back")
    os.write(1, b"kept\\n")
"""


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("cc") is None, reason="needs a C compiler, and a system that preloads")
@pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="a sanitizer has to be loaded first, and handles signals too")
def test_a_handler_that_is_not_pythons_is_left_alone(tmp_path: Path) -> None:
    shim = tmp_path / "handler.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-o", str(shim), "-"], input=HANDLER.encode(), check=True)
    environment = {**os.environ, "LD_PRELOAD": str(shim), "PYTHONPATH": str(Path(chatseal.__file__).parents[1])}
    ran = subprocess.run([sys.executable, "-c", EMBEDDED], env=environment, capture_output=True, check=False)
    assert ran.stdout == b"told\nkept\n", ran.stderr
    assert b"KeyboardInterrupt" in ran.stderr
    assert ran.returncode != 0


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""  # a zombie has no arguments
    except OSError:
        return False


def test_a_process_that_stays_behind_with_our_streams_holds_nobody_up() -> None:
    began = time.monotonic()
    pipeline.run(["sh", "-c", "sleep 3 & exit 0"])
    assert time.monotonic() - began < 2.5
