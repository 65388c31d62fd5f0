"""A real Ctrl-C, sent to the command's process group: it ends with the code of an interruption, and nothing is left."""

import os
import random
import subprocess
import time
from pathlib import Path

import pytest

import chatseal
from chatseal.errors import EXIT_INTERRUPTED, EXIT_OK
from corpus import MIB, mixed
from faults import command, work

SEED = 20261124
THREADS = [1, 2]


def wait_for_workers(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Until the work has begun: the part file is there, or the process has ended."""
    while process.poll() is None and not list(folder.glob(".*.part")):
        time.sleep(0.001)


def check_interrupted(process: "subprocess.Popen[bytes]") -> None:
    code, said = command.end_of(process)
    assert code == EXIT_INTERRUPTED, said
    assert "Traceback" not in said


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("way", ["seal", "unseal"])
def test_ctrl_c_while_a_file_is_at_work_leaves_nothing(way: str, threads: int, folder: Path) -> None:
    plain = mixed(48 * MIB)
    source, out, key = folder / "source", folder / "out", command.write_key(folder)
    target = out / "target"
    source.write_bytes(plain if way == "seal" else b"".join(chatseal.seal_chunks([plain], work.KEY, level=1)))
    out.mkdir()
    line = command.words(way, source, target, key, "--threads", str(threads), *(["--level", "9"] if way == "seal" else []))
    draw = random.Random(SEED)
    interrupted = 0
    for _ in range(3):
        process = command.start(line)
        wait_for_workers(process, out)
        time.sleep(draw.random() * 0.02)
        command.press_ctrl_c(process)
        code, said = command.end_of(process)
        assert code in (EXIT_INTERRUPTED, EXIT_OK), said
        assert target.exists() == (code == EXIT_OK)
        interrupted += code == EXIT_INTERRUPTED
        target.unlink(missing_ok=True)
        assert not list(out.iterdir())
    assert interrupted, "every run was faster than the interruption"


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("way", ["seal", "unseal"])
def test_ctrl_c_while_a_pipe_gives_nothing_leaves_nothing(way: str, threads: int, folder: Path) -> None:
    out, key = folder / "out", command.write_key(folder)
    out.mkdir()
    plain = mixed(3 * MIB)
    data = plain if way == "seal" else b"".join(chatseal.seal_chunks([plain], work.KEY))
    process = command.start(command.words(way, "-", out / "target", key, "--threads", str(threads)), stdin=subprocess.PIPE)
    assert process.stdin is not None
    os.write(process.stdin.fileno(), data[:100_000])  # and no more
    wait_for_workers(process, out)
    command.press_ctrl_c(process)
    check_interrupted(process)
    assert not list(out.iterdir())


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("way", ["seal", "unseal"])
def test_ctrl_c_while_a_pipe_takes_nothing_ends_the_command(way: str, threads: int, folder: Path) -> None:
    plain = mixed(8 * MIB)
    source, key = folder / "source", command.write_key(folder)
    source.write_bytes(plain if way == "seal" else b"".join(chatseal.seal_chunks([plain], work.KEY)))
    reads, writes = os.pipe()
    try:
        process = command.start(command.words(way, source, "-", key, "--threads", str(threads)), stdout=writes)
        os.close(writes)
        os.read(reads, 1000)  # it has begun; the pipe is full before long
        command.press_ctrl_c(process)
        check_interrupted(process)
    finally:
        os.close(reads)


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("way", ["seal", "unseal"])
def test_a_reader_that_goes_away_ends_the_command_without_a_traceback(way: str, threads: int, folder: Path) -> None:
    plain = mixed(8 * MIB)
    source, key = folder / "source", command.write_key(folder)
    source.write_bytes(plain if way == "seal" else b"".join(chatseal.seal_chunks([plain], work.KEY)))
    reads, writes = os.pipe()
    process = command.start(command.words(way, source, "-", key, "--threads", str(threads)), stdout=writes)
    os.close(writes)
    os.read(reads, 1000)
    os.close(reads)
    code, said = command.end_of(process)
    assert code != EXIT_OK
    assert "Traceback" not in said
