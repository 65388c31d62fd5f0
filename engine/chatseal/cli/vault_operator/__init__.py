"""`chatseal-vault`: the commands of whoever runs a vault. One file a command, and no logic of the engine."""

from typing import NoReturn

from chatseal.errors import ChatsealError


def main() -> NoReturn:
    """Run the command that the process was started with; never returns."""
    from chatseal.cli import core_dump

    core_dump.turn_off()
    try:
        from chatseal.cli.vault_operator.app import chatseal_vault
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("chatseal"):
            raise
        from chatseal.cli.output import Output

        missing = ChatsealError(f"a vault needs {error.name}, which is not installed")
        out = Output("chatseal-vault")
        raise SystemExit(out.failed(missing.with_remedy('`pip install "chatseal[vault-server]"` installs it.'))) from None
    chatseal_vault.main(prog_name="chatseal-vault")
    raise AssertionError("main exits")
