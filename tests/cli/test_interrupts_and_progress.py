"""While it works: a bar on a terminal and only there, and nothing left behind by whoever stops it."""

import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chatseal.cli.interruption import Interruptible
from cli.command import COMMAND, PATIENCE, Ran, environment

SEAL = ["seal", "-", "-o", "x.seal"]


@contextmanager
def sealing_a_slow_stream(my: Path, *words: str, stderr: int = subprocess.PIPE, **changes: str) -> Iterator[subprocess.Popen[bytes]]:
    """A seal of standard input that has read a first piece, and waits for more."""
    command = [*COMMAND, *SEAL, "--key-file", str(my), *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, env=environment(**changes)) as running:
        try:
            assert running.stdin is not None
            running.stdin.write(b"x" * 100_000)
            running.stdin.flush()
            while not list(Path().glob(".x.seal.*.part")):
                assert running.poll() is None
                time.sleep(0.005)
            yield running
        finally:
            running.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.parametrize("threads", ["1", "2"])
def test_whoever_stops_it_finds_nothing_left_behind(here: Path, my: Path, number: signal.Signals, threads: str) -> None:
    with sealing_a_slow_stream(my, "--threads", threads) as running:
        running.send_signal(number)
        out, err = running.communicate(timeout=PATIENCE)
    Ran(running.returncode, out, err.decode()).failed(130, "interrupted")
    assert os.listdir() == []


def test_an_interruption_is_an_object_with_json(here: Path, my: Path) -> None:
    with sealing_a_slow_stream(my, "--json") as running:
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=PATIENCE)
    assert b'"error": "Interrupted"' in err
    assert b'"exit_code": 130' in err


def seen_on_a_terminal(my: Path, until: bytes | None, *words: str, **changes: str) -> bytes:
    """What a seal of a stream that comes in pieces writes to a terminal, fed until *until* is seen there, or for some pieces."""
    person, terminal = pty.openpty()
    seen = b""
    try:
        with sealing_a_slow_stream(my, *words, stderr=terminal, **changes) as running:
            assert running.stdin is not None
            ends = time.monotonic() + (PATIENCE if until else 1.5)
            while time.monotonic() < ends and (until is None or until not in seen):
                running.stdin.write(b"y" * 1_048_576)
                running.stdin.flush()
                if select.select([person], [], [], 0.05)[0]:
                    seen += os.read(person, 65536)
            running.stdin.close()
            assert running.wait(PATIENCE) == 0
            while select.select([person], [], [], 0)[0]:
                seen += os.read(person, 65536)
    finally:
        os.close(person)
        os.close(terminal)
    return seen


COLOUR = re.compile(rb"\x1b\[(?:\d+;)*3[0-9]")


def test_a_terminal_gets_a_bar_with_amount_and_rate_which_is_gone_at_the_end(here: Path, my: Path) -> None:
    seen = seen_on_a_terminal(my, b"MB/s")
    assert b"sealing standard input" in seen
    assert COLOUR.search(seen)
    assert seen.rstrip().endswith((b"\x1b[2K", b"\x1b[?25h"))


def test_no_color_is_respected(here: Path, my: Path) -> None:
    seen = seen_on_a_terminal(my, b"MB/s", NO_COLOR="1")
    assert not COLOUR.search(seen)


@pytest.mark.parametrize("option", ["--quiet", "--json"])
def test_no_bar_for_who_asked_for_none(here: Path, my: Path, option: str) -> None:
    assert seen_on_a_terminal(my, None, option) == b""


def test_no_bar_where_standard_error_is_no_terminal(here: Path, my: Path) -> None:
    with sealing_a_slow_stream(my) as running:
        assert running.stdin is not None
        for _ in range(8):
            running.stdin.write(b"y" * 1_048_576)
            running.stdin.flush()
            time.sleep(0.1)
        running.stdin.close()
        assert running.stderr is not None
        assert running.stderr.read() == b""
        assert running.wait(PATIENCE) == 0


class Finalized:
    def __del__(self) -> None:
        signal.raise_signal(self.number)
        for _ in range(100):
            pass

    def __init__(self, number: signal.Signals) -> None:
        self.number = number


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_an_interruption_that_falls_into_a_finalizer_is_heard_after_it(number: signal.Signals) -> None:
    with Interruptible():
        Finalized(number)
        with pytest.raises(KeyboardInterrupt):
            time.sleep(PATIENCE)
