"""`chatseal setup`, ended at any moment: never a configuration without its key, nor a key without the sheet that was asked for."""

import shutil
import signal
import sys
from pathlib import Path

import pytest

from chatseal import BackupKey
from chatseal.automatic import configuration
from chatseal.errors import EXIT_INTERRUPTED
from chatseal.part_file import is_part
from faults import tracing

MOMENTS = ("link", "linkat", "rename", "fsync")  # the sample
NAMES = ("sheet.svg", "made/backup.key", "conf/chatseal.toml")  # in the order in which they must appear


def command(folder: Path) -> list[str]:
    sheet, key, configured = (str(folder / name) for name in NAMES)
    setup = [sys.executable, "-m", "chatseal", "setup", "--lock", "key", "--keep", "file", "--key-out", key, "--sheet", sheet]
    return ["env", f"CHATSEAL_CONFIG={configured}", *setup]


def found(folder: Path) -> int:
    """How many of NAMES are there: the first ones, whole, and agreeing with each other."""
    sheet, key_file, configured = (folder / name for name in NAMES)
    there = [path.exists() for path in (sheet, key_file, configured)]
    assert there == sorted(there, reverse=True), there
    if key_file.exists():
        shown = sheet.read_text()
        assert all(group in shown for group in BackupKey.from_file(key_file).digits.split())
    if configured.exists():
        choice = configuration.read(configured).key
        assert choice is not None
        assert (choice.kind, choice.value) == ("file", str(key_file))
    return sum(there)


@tracing.needed
@pytest.mark.parametrize("name", ["KILL", "INT"])
@pytest.mark.parametrize("how_often", ["at some", pytest.param("at every", marks=pytest.mark.soak)])
def test_setup_ended_at_a_system_call_leaves_no_key_that_nobody_has(how_often: str, name: str, folder: Path) -> None:
    for library in ("segno", "reportlab"):
        pytest.importorskip(library)
    place = folder / "place"
    run = command(place)
    for _ in range(2):  # once more than is looked at: bytecode is written
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        calls = tracing.calls_of(run, folder / "log")
    assert found(place) == len(NAMES)
    if how_often == "at some":
        calls = [call for call in calls if call.name in MOMENTS]
    else:
        began = next(number for number, call in enumerate(calls) if "O_CREAT" in call.text and str(place) in call.text)
        calls = calls[began - 1 :]  # before that it has written nothing
    states = [0] * (len(NAMES) + 1)
    for call in calls:
        shutil.rmtree(place)
        place.mkdir()
        ended = tracing.killed_at(run, call.name, call.number, name)
        assert b"Traceback" not in ended.stderr
        if name == "KILL":
            assert ended.returncode in (0, -signal.SIGKILL), ended.stderr  # 0: the run made one call fewer of this name
        else:
            done = found(place) == len(NAMES)  # then the interpreter may be ending, which takes its handler away
            assert ended.returncode in (0, EXIT_INTERRUPTED, *[-signal.SIGINT] * done), ended.stderr
            assert not [path for path in place.rglob("*") if is_part(path)]
        states[found(place)] += 1
    print(f"{name} at {len(calls)} system calls: " + ", ".join(f"{number} files {times} times" for number, times in enumerate(states)))
    assert all(states), states
