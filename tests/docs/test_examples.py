"""Every example of the documents, run as a reader would run it: scripts and shell sessions, in order, in an empty folder.

A `python` block is a script of its own; a `text` block right after it is what it prints. A `console` block is a shell session: lines
that begin with `$ ` are typed, `> ` continues them, all others are printed, where `...` stands for anything. A command that fails must
say so: the next line typed then asks for `$?`."""

import doctest
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import chatseal
from docs.pages import PAGES, ROOT, Block, blocks, page_id

SHELL = {"console", "sh", "bash", "shell"}
MARK = "---- the next line is typed ----"
PACKAGES = Path(chatseal.__file__).parents[1]
_CHECKER = doctest.OutputChecker()


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The reader's: `chatseal` and `python` are this interpreter's, wherever the folder."""
    bin_folder, places = tmp_path_factory.mktemp("bin"), tmp_path_factory.mktemp("places")
    for name, line in {"chatseal": "-m chatseal ", "python": ""}.items():
        script = bin_folder / name
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {line}"$@"\n')
        script.chmod(0o755)
    path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
    return {
        **os.environ,
        "PATH": path,
        "PYTHONPATH": str(PACKAGES),
        "LC_ALL": "C.UTF-8",
        "PYTHONWARNINGS": "error",
        "CHATSEAL_CONFIG": "chatseal.toml",
        "CHATSEAL_STATE_DIR": str(places / "state"),
        "CHATSEAL_CACHE_DIR": str(places / "cache"),
    }


def same(printed: str, written: str) -> bool:
    """Line ends at the end do not matter: data that a command prints need not have one."""
    return _CHECKER.check_output(written.rstrip("\n") + "\n", printed.rstrip("\n") + "\n", doctest.ELLIPSIS)


def check_script(script: Block, expected: str | None, folder: Path, environment: dict[str, str]) -> None:
    file = folder / f"example_{script.line}.py"
    file.write_text(script.text)
    ran = subprocess.run([sys.executable, file.name], cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False)
    place = f"{page_id(script.page)}:{script.line}"
    assert ran.returncode == 0, f"{place}\n{ran.stderr}"
    assert not ran.stderr, f"{place}\n{ran.stderr}"
    file.unlink()
    assert same(ran.stdout, expected or ""), f"{place} prints\n{ran.stdout}"


def steps(session: Block) -> Iterator[tuple[str, str]]:
    """(what is typed, what is printed) for each command of a shell session."""
    typed, printed = "", ""
    for line in session.text.splitlines(keepends=True):
        if line.startswith("$ "):
            if typed:
                yield typed, printed
            typed, printed = line[2:], ""
        elif line.startswith("> ") and not printed:
            typed += line[2:]
        else:
            printed += line
    yield typed, printed


def check_session(session: Block, folder: Path, environment: dict[str, str]) -> None:
    commands = list(steps(session))
    place = f"{page_id(session.page)}:{session.line}"
    script = "".join(f"{typed}s=$?; echo '{MARK}' $s; (exit $s)\n" for typed, _ in commands)
    ran = subprocess.run(
        ["bash", "-c", script],
        stdin=subprocess.DEVNULL,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    outputs, status = [], []
    rest = ran.stdout
    for typed, _ in commands:
        output, found, rest = rest.partition(MARK)
        assert found, f"{place}: the shell ended at {typed}"
        code, _, rest = rest.partition("\n")
        outputs.append(output)
        status.append(int(code))
    for (typed, printed), output in zip(commands, outputs, strict=True):
        assert same(output, printed), f"{place}\n$ {typed}prints\n{output}"
    nexts = [typed for typed, _ in commands[1:]] + [""]
    for (typed, _), ended_with, following in zip(commands, status, nexts, strict=True):
        assert ended_with == 0 or "$?" in following, f"{place}\n$ {typed}ends with {ended_with}"


def runs(block: Block) -> bool:
    return block.info == "python" or block.info in SHELL


@pytest.mark.parametrize("page", [page for page in PAGES if any(map(runs, blocks(page)))], ids=page_id)
def test_every_example_runs_and_prints_what_the_page_says(page: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    after = [*blocks(page)[1:], None]
    for block, following in zip(blocks(page), after, strict=True):
        if block.info == "python":
            check_script(block, following.text if following and following.info == "text" else None, tmp_path, environment)
        elif block.info in SHELL:
            check_session(block, tmp_path, environment)


def test_the_pages_that_promise_examples_have_some() -> None:
    counts = {name: sum(map(runs, blocks(ROOT / name))) for name in ("README.md", "docs/embedding.md", "docs/commands.md")}
    assert min(counts.values()) >= 2, counts
