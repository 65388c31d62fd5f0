"""Standard input and output: whole pipelines, terminals, and where results go then."""

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from cli.command import COMMAND, PATIENCE, Run, environment, started


def test_a_stream_survives_a_pipeline_of_commands(here: Path, my: Path, plain: bytes) -> None:
    command = " ".join(COMMAND)
    line = f"{command} seal - -o - --key-file {my} | tee kept.seal | {command} unseal - -o - --key-file {my}"
    ended = subprocess.run(["bash", "-o", "pipefail", "-c", line], input=plain, capture_output=True, env=environment(), timeout=PATIENCE)
    assert ended.returncode == 0
    assert ended.stdout == plain
    assert Path("kept.seal").read_bytes().startswith(b"chatseal/v1 sealed\nslot key ")


def test_results_go_to_standard_error_when_standard_output_carries_data(run: Run, my: Path, plain: bytes) -> None:
    sealed = run("seal", "-", "-o", "-", "--key-file", my, "--json", stdin=plain)
    result = json.loads(sealed.err)
    assert (result["source"], result["target"], result["plain_bytes"], result["sealed_bytes"]) == ("-", "-", len(plain), len(sealed.out))
    back = run("unseal", "-", "-o", "-", "--key-file", my, stdin=sealed.out)
    assert back.out == plain
    assert back.err.startswith("unsealed standard input: 200.0 kB in ")


def test_quiet_says_nothing_when_all_is_well_and_still_tells_failures(run: Run, my: Path, sealed: Path) -> None:
    well = run("verify", sealed, "--key-file", my, "--quiet")
    assert (well.code, well.out, well.err) == (0, b"", "")
    run("--quiet", "verify", "nix", "--key-file", my).remedied(10, "nix does not exist")


def test_an_empty_stream_can_be_sealed_and_comes_back_empty(run: Run, my: Path) -> None:
    sealed = run("seal", "-", "-o", "-", "--key-file", my)
    assert run("unseal", "-", "-o", "-", "--key-file", my, stdin=sealed.out).out == b""
    assert run("verify", "-", "--key-file", my, stdin=sealed.out).code == 0


def test_the_file_is_private_when_unsealed_and_has_its_time_back(run: Run, my: Path, sealed: Path, plain: bytes) -> None:
    os.utime("chat.db", ns=(1_700_000_000_123_456_789, 1_700_000_000_123_456_789))
    assert run("seal", "chat.db", "-o", "x.seal", "--key-file", my).code == 0
    assert run("unseal", "x.seal", "-o", "back.db", "--key-file", my).code == 0
    about = os.stat("back.db")
    assert (about.st_mode & 0o777, about.st_mtime_ns) == (0o600, 1_700_000_000_123_456_789)
    assert Path("back.db").read_bytes() == plain


@pytest.mark.parametrize("words", [["seal", "chat.db"], ["unseal", "chat.db.seal"]], ids=lambda words: str(words[0]))
def test_bytes_are_kept_from_a_terminal_unless_forced(here: Path, my: Path, sealed: Path, words: list[str]) -> None:
    words = [*words, "-o", "-", "--key-file", str(my)]
    person, terminal = pty.openpty()
    try:
        started(*words, stdout=terminal).remedied(2, "not for a terminal", "--force")
        os.set_blocking(person, False)
        with pytest.raises(BlockingIOError):
            os.read(person, 1)
        os.set_blocking(person, True)
        with subprocess.Popen([*COMMAND, *words, "--force"], stdout=terminal, stderr=subprocess.DEVNULL, env=environment()) as forced:
            seen = os.read(person, 1)
            forced.kill()
        assert seen
    finally:
        os.close(person)
        os.close(terminal)
