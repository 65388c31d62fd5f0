"""Help that teaches, completion, version, and a start that loads nothing it does not need."""

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

import click
import pytest
from click.testing import CliRunner

from chatseal._version import VERSION
from chatseal.cli.app import COMMANDS, chatseal
from chatseal.cli.epoch import COMMANDS as EPOCH_COMMANDS
from chatseal.cli.key import COMMANDS as KEY_COMMANDS
from chatseal.cli.schedule import COMMANDS as SCHEDULE_COMMANDS
from chatseal.cli.vault import COMMANDS as VAULT_COMMANDS
from chatseal.cli.words import EXIT_WORDS
from cli.command import PATIENCE, Run, environment

GROUPS = {"key": KEY_COMMANDS, "epoch": EPOCH_COMMANDS, "vault": VAULT_COMMANDS, "schedule": SCHEDULE_COMMANDS}
ALL = [[], *([name] for name in COMMANDS), *([group, name] for group, names in GROUPS.items() for name in names)]


def help_of(words: list[str]) -> str:
    ended = CliRunner().invoke(chatseal, [*words, "--help"], prog_name="chatseal", terminal_width=100)
    assert ended.exit_code == 0
    return ended.output


@pytest.mark.parametrize("words", ALL, ids=lambda words: " ".join(words) or "chatseal")
def test_every_help_has_a_synopsis_examples_and_exit_codes(words: list[str]) -> None:
    text = help_of(words)
    assert text.startswith(f"Usage: {' '.join(['chatseal', *words])} ")
    examples, exits = re.fullmatch(r".*\nExamples:\n(.*)\nExit codes:\n(.*)", text, re.S).groups()  # type: ignore[union-attr]
    assert re.search(rf"^    .*{' '.join(['chatseal', *words])} ", examples, re.M)
    codes = [int(code) for code in re.findall(r"^  (\d+) ", exits, re.M)]
    assert codes[:3] == [0, 1, 2]
    assert set(codes) <= set(EXIT_WORDS)
    for option in ("--json", "--quiet", "--help"):
        assert option in text


@pytest.mark.parametrize("words", ALL, ids=lambda words: " ".join(words) or "chatseal")
def test_the_options_that_examples_use_exist(words: list[str]) -> None:
    examples = help_of(words).partition("\nExamples:\n")[2].partition("\nExit codes:\n")[0]
    lines = [found for line in examples.splitlines() for found in re.findall(r"chatseal ([a-z][^|)]*)", line) if line.startswith("    ")]
    assert lines
    for line in lines:
        names = line.split()
        command = chatseal.get_command(click.Context(chatseal), names[0])
        if isinstance(command, click.Group):
            command = command.get_command(click.Context(command), names[1])
        assert command is not None
        known = {name for parameter in command.params for name in parameter.opts}
        assert {name for name in names if name.startswith("-") and len(name) > 1 and name[1:2].isalpha()} <= known | {"-4K:"}


@pytest.mark.parametrize("words", [[], ["key"]], ids=str)
def test_alone_it_shows_its_help_and_fails(words: list[str]) -> None:
    ended = CliRunner().invoke(chatseal, words, prog_name="chatseal")
    assert ended.exit_code == 2
    assert "Examples:" in ended.output


def test_the_table_of_commands_says_what_each_command_says_of_itself() -> None:
    text = help_of([])
    for name, (_, what) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(what[:30])}", text, re.M)
        command = chatseal.get_command(click.Context(chatseal), name)
        assert command is not None
        assert command.name == name or command.callback is not None
    assert chatseal.get_command(click.Context(chatseal), "frobnicate") is None


def test_version(run: Run) -> None:
    assert run("--version").out.decode() == f"chatseal {VERSION}\n"
    try:
        assert version("chatseal") == VERSION
    except PackageNotFoundError:
        assert VERSION


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["frobnicate"], "No such command 'frobnicate'"),
        (["seal"], "Missing"),
        (["seal", "a", "-o", "b", "--bogus"], "--bogus"),
        (["seal", "a", "-o", "b", "--to", "k", "--level", "23"], "23"),
        (["seal", "a", "-o", "b", "--to", "k", "--frame-size", "1K"], "at least 65536 and at most 16777216 bytes"),
        (["seal", "a", "-o", "b", "--to", "k", "--memory", "lots"], "'lots' is not a size"),
        (["seal", "a", "-o", "b", "--to", "k", "--threads", "0"], "0"),
        (["completion", "cmd.exe"], "cmd.exe"),
        (["frob\x1b[31m"], r"frob\x1b[31m"),
    ],
)
def test_wrong_usage_is_one_line_and_where_to_read_more(words: list[str], why: str) -> None:
    ended = CliRunner().invoke(chatseal, words, prog_name="chatseal")
    assert ended.exit_code == 2
    line, remedy = ended.output.splitlines()
    assert line.startswith("chatseal: ")
    assert why in line
    assert re.fullmatch(r"  `chatseal( [a-z]+)? --help` explains it\.", remedy)


@pytest.mark.parametrize(("shell", "checker"), [("bash", ["bash", "-n"]), ("zsh", ["zsh", "-n"]), ("fish", ["fish", "-n"])])
def test_a_completion_script_is_one_that_its_shell_takes(run: Run, shell: str, checker: list[str]) -> None:
    script = run("completion", shell).out
    assert b"_CHATSEAL_COMPLETE" in script
    try:
        checked = subprocess.run(checker, input=script, capture_output=True, timeout=PATIENCE, check=False)
    except FileNotFoundError:
        if shell == "bash":
            raise
        pytest.skip(f"no {shell} here")
    assert (checked.returncode, checked.stderr) == (0, b"")


def test_completion_offers_commands_and_options(run: Run) -> None:
    commands = run(_CHATSEAL_COMPLETE="bash_complete", COMP_WORDS="chatseal ", COMP_CWORD="1").out.decode().split()
    assert {f"plain,{name}" for name in COMMANDS} <= set(commands)
    options = run(_CHATSEAL_COMPLETE="bash_complete", COMP_WORDS="chatseal seal --f", COMP_CWORD="2").out.decode().split()
    assert options == ["plain,--frame-size", "plain,--force"]


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["seal", "--help"], ["verify", "chat.db.seal", "--key-file", "KEY"]], ids=" ".join
)
def test_nothing_is_loaded_that_is_not_needed(run: Run, my: object, sealed: object, words: list[str]) -> None:
    program = "import sys; from chatseal.cli import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    words = [str(my) if word == "KEY" else word for word in words]
    ended = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, env=environment(), timeout=PATIENCE, text=True, check=True
    )
    loaded = set(ended.stderr.split())
    assert "chatseal.cli.app" in loaded
    assert not loaded & {"rich", "numpy", "pyzstd", "sqlite3", "importlib.metadata", "chatseal.sample", "chatseal.cli.machine"}
    assert len(loaded & {module for module, _ in COMMANDS.values()}) == (0 if words[0].startswith("--") else 1)
