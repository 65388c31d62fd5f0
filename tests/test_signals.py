"""Signals: a child that a test starts can be interrupted, whatever the run of the tests was told to ignore."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent
IGNORED = "import signal; print([n.name for n in signal.Signals if signal.getsignal(n) is signal.SIG_IGN and n.name in {names}])"
SIGNALS = ("SIGINT", "SIGHUP", "SIGQUIT", "SIGTERM")


def test_a_child_ignores_no_request_to_end() -> None:
    told = subprocess.run([sys.executable, "-c", IGNORED.format(names=SIGNALS)], stdout=subprocess.PIPE, check=True).stdout
    assert told == b"[]\n"


def test_nor_does_it_under_nohup_or_in_the_background_of_a_script() -> None:
    inner = f"{__file__}::{test_a_child_ignores_no_request_to_end.__name__}"
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(TESTS.parent), inner]
    ran = subprocess.run(
        ["sh", "-c", "trap '' INT HUP QUIT TERM; exec \"$@\"", "sh", *line],
        cwd=TESTS.parent,
        env={**os.environ, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    assert "1 passed" in ran.stdout
