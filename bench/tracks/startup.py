"""What it takes to begin: an import in a fresh interpreter, a message of 1 KiB in a running one."""

import chatseal
import inputs
from subjects import KEY


def timeraw_import_chatseal() -> str:
    return "import chatseal"


def timeraw_import_nothing() -> str:
    return "pass"


class Messages:
    """1 KiB in memory."""

    def setup(self) -> None:
        self.message = inputs.text(1024)
        self.sealed = chatseal.seal_bytes(self.message, KEY)

    def time_seal_1_kib(self) -> None:
        chatseal.seal_bytes(self.message, KEY)

    def time_unseal_1_kib(self) -> None:
        chatseal.unseal_bytes(self.sealed, KEY)
