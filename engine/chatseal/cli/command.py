"""Command: a click command whose help teaches: what it does, options, examples, exit codes. Options that all commands share."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click

from chatseal import errors
from chatseal.cli.output import Output
from chatseal.cli.words import EXIT_WORDS

HELP_WIDTH = 100
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": HELP_WIDTH}
EXITS_OF_FILES = tuple(EXIT_WORDS)
EXITS_OF_LITTLE = (errors.EXIT_OK, errors.EXIT_FAILED, errors.EXIT_USAGE, errors.EXIT_NO_SPACE, errors.EXIT_INTERRUPTED)

pass_output = click.make_pass_decorator(Output)
Example = tuple[str, str]  # what it does, the command line


def _switch(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and parameter.name is not None:
        setattr(context.find_object(Output), parameter.name, True)


def shared_options() -> list[click.Parameter]:
    """--json, --quiet and --debug: taken before and after the name of a command."""
    texts = {
        "json": "One JSON object a line: results on standard output (standard error if that carries data), failures on standard error.",
        "quiet": "No results and no progress; warnings and failures only.",
        "debug": "Show where in the program a failure happened. Also: CHATSEAL_DEBUG=1.",
    }
    return [
        click.Option([f"--{name}"], is_flag=True, expose_value=False, is_eager=True, callback=_switch, help=text)
        for name, text in texts.items()
    ]


class _Teaching(click.Command):
    """The help that commands and groups have in common."""

    synopsis: str
    examples: Sequence[Example]
    exits: Sequence[int]

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, self.synopsis)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples"):
            for number, (what, line) in enumerate(self.examples):
                formatter.write(("\n" if number else "") + f"{'':{formatter.current_indent}}{what}:\n")
                formatter.write(f"{'':{formatter.current_indent + 2}}{line}\n")
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), EXIT_WORDS[code]) for code in self.exits])


class Command(_Teaching):
    """A command with a *synopsis*, *examples*, *exits*, and the options that all commands share."""

    def __init__(
        self, *args: Any, synopsis: str, examples: Sequence[Example], exits: Sequence[int] = EXITS_OF_FILES, **kwargs: Any
    ) -> None:
        super().__init__(*args, **{"context_settings": CONTEXT, **kwargs})
        self.params += shared_options()
        self.synopsis, self.examples, self.exits = synopsis, examples, exits


class Table(_Teaching, click.Group):
    """A group whose commands are a *table*: name: (module with a `command`, what it does). `--help` loads none of them.

    Alone it shows its help."""

    def __init__(
        self,
        *args: Any,
        table: Mapping[str, tuple[str, str]],
        synopsis: str,
        examples: Sequence[Example],
        exits: Sequence[int] = EXITS_OF_FILES,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **{"context_settings": CONTEXT, "no_args_is_help": False, **kwargs})
        self.params += shared_options()
        self.table, self.synopsis, self.examples, self.exits = table, synopsis, examples, exits

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(errors.EXIT_USAGE)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.table:
            return None
        found: click.Command = import_module(self.table[cmd_name][0]).command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, what) for name, (_, what) in self.table.items()])
