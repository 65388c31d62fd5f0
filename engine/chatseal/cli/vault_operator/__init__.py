"""`chatseal-vault`: the commands of whoever runs a vault. One file a command, and no logic of the engine."""

from importlib.util import find_spec
from typing import NoReturn

NEEDED = ("msgspec", "opaque_snake", "starlette", "uvicorn", "prometheus_client")  # of the extra `vault-server`


def main() -> NoReturn:
    """Run the command that the process was started with; never returns."""
    from chatseal.cli import core_dump

    core_dump.turn_off()
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        from chatseal.cli.output import Output
        from chatseal.errors import ChatsealError

        error = ChatsealError(f"a vault needs {', '.join(missing)}, not installed here")
        raise SystemExit(
            Output("chatseal-vault").failed(error.with_remedy('`pip install "chatseal[vault-server]"` installs what it needs.'))
        )
    from chatseal.cli.interruption import be
    from chatseal.cli.vault_operator.app import chatseal_vault

    be(chatseal_vault, "chatseal-vault")
