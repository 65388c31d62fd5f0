"""The public face: what `__all__` promises, what types say, and that mypy and ruff find nothing."""

import importlib.util
import inspect
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

import chatseal
from chatseal import _core

ROOT = Path(__file__).parent.parent
CODE = ("engine", "tests", "bench", "setup.py")
EXAMPLES = Path(__file__).with_name("api_examples.py")

PROMISE = {
    "constants": {"__version__"},
    "keys": {
        "Argon2Cost",
        "BackupKey",
        "Password",
        "PrivateKey",
        "PublicKey",
        "Repair",
        "SigningKey",
        "VaultKey",
        "VaultPlace",
        "VerifyingKey",
        "repair_key",
    },
    "holders": {"add_holder", "remove_holder", "rotate_key", "slots"},
    "snapshots": {"BackupOptions", "CaptureOptions", "CopyOptions", "Entry", "Patterns", "RestoreOptions", "Snapshot", "Store"},
    "work": {"open", "seal", "seal_bytes", "seal_chunks", "seal_many", "unseal", "unseal_bytes", "unseal_chunks", "unseal_many", "verify"},
    "paper": {"recovery_sheet"},
    "results": {
        "Backup",
        "Checked",
        "Copied",
        "Difference",
        "Drilled",
        "DrilledDatabase",
        "FileReport",
        "HolderChange",
        "Progress",
        "Pruned",
        "Restored",
        "SealedReader",
        "SealedWriter",
        "SlotReport",
        "Summary",
        "TableDifference",
    },
    "errors": {
        "AuthorError",
        "CaptureError",
        "ChatsealError",
        "CodecError",
        "DamagedError",
        "HeaderAlteredError",
        "HeaderDamagedError",
        "HolderError",
        "IntegrityError",
        "KeyExposedError",
        "KeyFormatError",
        "KeySourceError",
        "LimitError",
        "NoStoreError",
        "NotSealedError",
        "DroppedEpochError",
        "ObjectChangedError",
        "ObjectMissingError",
        "PatternError",
        "RestoringError",
        "SourceBusyError",
        "SourceChangedError",
        "StoreAddressError",
        "StoreChangedError",
        "StoreExistsError",
        "StoreFailedError",
        "StoreRefusedError",
        "TargetBusyError",
        "TargetExistsError",
        "TrailingBytesError",
        "TruncatedError",
        "UnprunableError",
        "UnsafePathError",
        "WrongKeyError",
    },
}


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)


def needs(tool: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(importlib.util.find_spec(tool) is None, reason=f"{tool} is not installed")


def test_all_is_the_promise_sorted_and_there() -> None:
    assert set(chatseal.__all__) == set().union(*PROMISE.values())
    assert list(chatseal.__all__) == sorted(chatseal.__all__)
    for name in chatseal.__all__:
        assert hasattr(chatseal, name)


def public_members() -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for name in sorted(set(chatseal.__all__) - PROMISE["constants"]):
        thing = getattr(chatseal, name)
        found.append((name, thing))
        if inspect.isclass(thing) and not issubclass(thing, Exception):
            for member, value in vars(thing).items():
                if not member.startswith("_") and (callable(value) or isinstance(value, (property, classmethod))):
                    found.append((f"{name}.{member}", getattr(value, "__func__", value)))
    return found


INHERITED = {"readable", "writable", "seekable", "seek", "tell", "close", "flush"}  # io says what they do


@pytest.mark.parametrize(("name", "thing"), [pytest.param(*member, id=member[0]) for member in public_members()])
def test_every_public_name_is_documented(name: str, thing: object) -> None:
    if name.rpartition(".")[2] in INHERITED:
        assert getattr(io.BufferedIOBase, name.rpartition(".")[2]).__doc__
        return
    text = thing.__doc__ or ""
    assert text.strip(), f"{name} has no docstring"
    assert not text.startswith(f"{name}("), "a docstring that dataclass made says nothing"


def test_the_stub_of_the_core_names_what_is_there_with_the_same_words() -> None:
    stub = (ROOT / "engine" / "chatseal" / "_core.pyi").read_text("utf-8")
    named = set(re.findall(r"^(?:class|def) (\w+)|^(\w+): Final", stub, re.MULTILINE))
    names = {first or second for first, second in named} - {"_Pipeline"}
    there = {name for name, value in vars(_core).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert names == there


def test_the_package_is_typed() -> None:
    assert (ROOT / "engine" / "chatseal" / "py.typed").is_file()


@needs("mypy")
def test_types_of_the_examples_are_what_their_comments_say() -> None:
    """Each `reveal_type(...)  # type` in the examples is held against what mypy says."""
    found = run("mypy", "--strict", "--no-incremental", "--cache-dir=/dev/null", str(EXAMPLES))
    said = dict(re.findall(r'api_examples\.py:(\d+): note: Revealed type is "(.*)"', found.stdout))
    lines = EXAMPLES.read_text("utf-8").splitlines()
    expected = {str(number): line.rpartition("# ")[2] for number, line in enumerate(lines, 1) if line.strip().startswith("reveal_type(")}
    assert len(expected) > 10
    assert said == expected
    assert "error:" not in found.stdout, found.stdout


@needs("mypy")
def test_mypy_finds_nothing() -> None:
    found = run("mypy")
    assert found.returncode == 0, found.stdout


@needs("ruff")
def test_ruff_finds_nothing() -> None:
    found = run("ruff", "check", "--no-cache", *CODE)
    assert found.returncode == 0, found.stdout


@needs("ruff")
def test_ruff_would_format_nothing() -> None:
    found = run("ruff", "format", "--no-cache", "--check", *CODE)
    assert found.returncode == 0, found.stdout
