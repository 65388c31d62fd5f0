"""--json: every line parses, results and failures alike, wherever the option stands."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.command import Run

FAILURES: dict[str, tuple[list[str], str, int]] = {
    "wrong key": (["verify", "chat.db.seal", "--key-file", "other.key"], "WrongKeyError", 12),
    "not there": (["verify", "nix", "--key-file", "other.key"], "FileNotFoundError", 10),
    "target exists": (["seal", "chat.db", "-o", "chat.db.seal", "--key-file", "other.key"], "TargetExistsError", 1),
    "no key": (["verify", "chat.db.seal", "--key-file", "chat.db"], "KeyFormatError", 2),
    "usage": (["seal", "chat.db"], "MissingParameter", 2),
    "unknown option": (["seal", "chat.db", "--nix"], "NoSuchOption", 2),
    "not sealed": (["inspect", "chat.db"], "NotSealedError", 13),
}


@pytest.mark.parametrize(("words", "error", "code"), FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("place", [lambda words: ["--json", *words], lambda words: [*words, "--json"]], ids=["before", "after"])
def test_a_failure_is_an_object_on_standard_error(
    run: Run, keys: Path, sealed: Path, place: Callable[[list[str]], list[str]], words: list[str], error: str, code: int
) -> None:
    ran = run(*place([str(keys / word) if word == "other.key" else word for word in words]))
    assert (ran.code, ran.out) == (code, b"")
    failure = json.loads(ran.err)
    assert set(failure) == {"error", "message", "remedy", "exit_code"}
    assert (failure["error"], failure["exit_code"]) == (error, code)
    assert failure["message"]
    assert failure["remedy"]


def test_every_result_parses_and_has_its_numbers(run: Run, my: Path, sealed: Path, plain: bytes) -> None:
    seal = json.loads(run("seal", "chat.db", "-o", "x.seal", "--key-file", my, "--json", "--threads", "1").out)
    assert set(seal) == {"source", "target", "plain_bytes", "sealed_bytes", "ratio", "seconds", "bytes_per_second", "threads"}
    assert seal["plain_bytes"] == len(plain)
    assert seal["sealed_bytes"] == Path("x.seal").stat().st_size
    assert seal["ratio"] == round(seal["plain_bytes"] / seal["sealed_bytes"], 4)
    assert seal["threads"] == 1
    verify = json.loads(run("verify", "x.seal", "--key-file", my, "--json").out)
    assert (verify["source"], verify["plain_bytes"], verify["sealed_bytes"]) == ("x.seal", len(plain), seal["sealed_bytes"])
    unseal = json.loads(run("unseal", "x.seal", "-o", "y", "--key-file", my, "--json").out)
    assert (unseal["target"], unseal["plain_bytes"]) == ("y", len(plain))
    cat = json.loads(run("cat", "x.seal", "--range", "1:4", "--key-file", my, "--json").err)
    assert cat == {"source": "x.seal", "target": "-", "bytes": 3}
    assert json.loads(run("key", "new", "--out", "new.key", "--json").out) == {"key_file": "new.key"}
    assert "complete" in json.loads(run("completion", "bash", "--json").out)["script"]
