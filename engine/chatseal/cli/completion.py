"""`chatseal completion`: the script that makes a shell complete commands."""

import click
from click.shell_completion import get_completion_class

from chatseal.cli.command import EXITS_OF_LITTLE, Command, pass_output
from chatseal.cli.output import Output

SHELLS = ("bash", "zsh", "fish")


@click.command(
    cls=Command,
    synopsis="bash|zsh|fish",
    examples=[
        ("For this bash", 'eval "$(chatseal completion bash)"'),
        ("For every bash", "chatseal completion bash > ~/.local/share/bash-completion/completions/chatseal"),
        ("For every zsh, from a folder in its $fpath", "chatseal completion zsh > ~/.zfunc/_chatseal"),
        ("For every fish", "chatseal completion fish > ~/.config/fish/completions/chatseal.fish"),
    ],
    exits=EXITS_OF_LITTLE,
)
@click.argument("shell", type=click.Choice(SHELLS))
@pass_output
def command(out: Output, shell: str) -> None:
    """Print the script that makes SHELL complete chatseal's commands, options and file names."""
    from chatseal.cli.app import COMPLETE_VAR, NAME, chatseal

    found = get_completion_class(shell)
    assert found is not None
    script = found(chatseal, {}, NAME, COMPLETE_VAR).source()
    out.show({"shell": shell, "script": script}, script)
