"""docs/commands.md names every command and option that there is, and no others."""

import re
from collections.abc import Iterator

import click
import pytest

from chatseal import errors
from chatseal.cli import key_options
from chatseal.cli.app import chatseal
from chatseal.cli.command import shared_options
from chatseal.cli.words import EXIT_WORDS
from docs.pages import ROOT, code, prose, rows, sections

PAGE = ROOT / "docs" / "commands.md"
KEYS = {f"--{name}" for name in key_options.WITHOUT_VAULT}  # described once for all commands
VAULT = {f"--{name}" for name in key_options.VAULT_OPTIONS}  # likewise, for those that can ask one
SHARED = {name for option in shared_options() for name in option.opts} | {"-h", "--help"}
_OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")


def commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by the words that call it."""
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            if isinstance(command, click.Group):
                yield from commands(command, f"{path} {name}")
            else:
                yield f"{path} {name}", command


COMMANDS = dict(commands(chatseal, "chatseal"))


def options(command: click.Command) -> set[str]:
    return {name for parameter in command.params if isinstance(parameter, click.Option) for name in parameter.opts} - SHARED


def test_every_command_has_a_section_and_every_section_a_command() -> None:
    assert {heading for heading in sections(PAGE, 2) if heading.startswith("chatseal ")} == COMMANDS.keys()


@pytest.mark.parametrize("path", COMMANDS)
def test_the_table_of_a_command_has_its_options_and_no_others(path: str) -> None:
    table = [re.match(r"--?[a-z-]+", word) for row in rows(sections(PAGE, 2)[path]) for word in code(row[0])]
    there = options(COMMANDS[path])
    described = (KEYS if there >= KEYS else set()) | (VAULT if there >= KEYS | VAULT else set())
    assert {found[0] for found in table if found} == there - described
    assert ("(#keys)" in sections(PAGE, 2)[path]) == (there >= KEYS)
    # all of them, or the file alone; at a vault a password is never a source of keys beside others
    assert there >= KEYS or not there & KEYS - {"--key-file"} or path.startswith("chatseal vault ")


def test_the_options_for_keys_are_in_a_table_of_their_own() -> None:
    assert {option for row in rows(sections(PAGE, 2)["Keys"]) for option in _OPTION.findall(row[0])} == KEYS | VAULT


@pytest.mark.parametrize("path", COMMANDS)
def test_an_option_that_a_command_needs_is_marked_so(path: str) -> None:
    required = {p.opts[0] for p in COMMANDS[path].params if isinstance(p, click.Option) and p.required}
    marked = {_OPTION.findall(row[0])[0] for row in rows(sections(PAGE, 2)[path]) if "(required)" in row[1]}
    assert marked == required


@pytest.mark.parametrize("path", COMMANDS)
def test_a_section_mentions_no_option_that_its_command_lacks(path: str) -> None:
    mentioned = {option for span in code(sections(PAGE, 2)[path]) for option in _OPTION.findall(span) if span.startswith(("-", path))}
    assert mentioned <= options(COMMANDS[path]) | SHARED


def test_the_options_of_all_commands_are_in_the_first_table() -> None:
    table = {option for row in rows(sections(PAGE, 2)["What holds everywhere"]) for option in _OPTION.findall(row[0])}
    assert table == SHARED


def test_no_option_is_mentioned_anywhere_that_no_command_has() -> None:
    there = SHARED | {"--version"} | {option for command in COMMANDS.values() for option in options(command)}
    mentioned = {option for span in code(prose(PAGE.read_text(encoding="utf-8"))) for option in _OPTION.findall(span)}
    assert {option for option in mentioned if option.startswith("--")} <= there


def test_the_exit_codes_are_those_that_there_are() -> None:
    there = {str(value) for name, value in vars(errors).items() if name.startswith("EXIT_")}
    assert {row[0] for row in rows(sections(PAGE, 2)["Exit codes"])} == there == {str(exit_code) for exit_code in EXIT_WORDS}
