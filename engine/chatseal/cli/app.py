"""App: the command `chatseal`. Its commands are a table, so that `--help` loads none of them."""

import os
import sys
from collections.abc import Sequence
from typing import Any

import click
from click.shell_completion import shell_complete

from chatseal._version import VERSION
from chatseal.cli import output
from chatseal.cli.command import Table
from chatseal.cli.interruption import Interruptible
from chatseal.cli.output import Output
from chatseal.cli.reminder import remind

NAME = "chatseal"
COMPLETE_VAR = "_CHATSEAL_COMPLETE"
COMMANDS = {  # name: (module, what it does)
    "setup": ("chatseal.cli.setup", "Choose once how backups are locked: a key or a password."),
    "key": ("chatseal.cli.key", "Make, keep, print and repair keys; change who can open a file."),
    "vault": ("chatseal.cli.vault", "Let a key vault keep a key under a password; get it back."),
    "seal": ("chatseal.cli.seal", "Compress and encrypt files, or a stream."),
    "unseal": ("chatseal.cli.unseal", "Decrypt and decompress sealed files, or a stream."),
    "verify": ("chatseal.cli.verify", "Check every byte of sealed files, and write nothing."),
    "inspect": ("chatseal.cli.inspect", "Show what a sealed file tells, without and with the key."),
    "cat": ("chatseal.cli.cat", "Write the plaintext of a sealed file, or a part of it."),
    "init": ("chatseal.cli.init", "Make a store for snapshots, in a folder or in the cloud."),
    "backup": ("chatseal.cli.backup", "Make a snapshot of files and live databases; send what changed."),
    "snapshots": ("chatseal.cli.snapshots", "List the snapshots in a store."),
    "ls": ("chatseal.cli.ls", "List what is in a snapshot."),
    "diff": ("chatseal.cli.diff", "Show what differs between two snapshots: files, pages, rows."),
    "restore": ("chatseal.cli.restore", "Bring a snapshot back, or a part of it."),
    "check": ("chatseal.cli.check", "Check that every snapshot in a store can be restored."),
    "copy": ("chatseal.cli.copy", "Copy a store to another place; send what is not there."),
    "forget": ("chatseal.cli.forget", "Remove snapshots, by name or by a policy."),
    "prune": ("chatseal.cli.prune", "Remove from a store what no snapshot needs."),
    "stats": ("chatseal.cli.stats", "Show how large a store is, by what, and how it grows."),
    "epoch": ("chatseal.cli.epoch", "Begin a new epoch of a store; destroy the key of an old one."),
    "drill": ("chatseal.cli.drill", "Restore a snapshot to nowhere: prove that it comes back."),
    "run": ("chatseal.cli.run", "Do what chatseal.toml names: back up, and prove that it comes back."),
    "schedule": ("chatseal.cli.schedule", "Have the system call `chatseal run` every hour."),
    "status": ("chatseal.cli.status", "Show how the backups are that happen by themselves."),
    "doctor": ("chatseal.cli.doctor", "Show versions, measure speeds, and name what limits this machine."),
    "compare": ("chatseal.cli.compare", "Measure chatseal and other tools on your own file."),
    "sample": ("chatseal.cli.sample", "Write a chat database with nobody's messages, to try things on."),
    "completion": ("chatseal.cli.completion", "Print the script that makes a shell complete commands."),
}


class App(Table):
    """The table of commands, and around each command: signals, failures in words, exit codes, no noise at the end."""

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *_: Any, **__: Any) -> Any:
        """Run, tell, exit: no traceback, no half line, whatever happens."""
        words = list(sys.argv[1:] if args is None else args)
        name = prog_name or NAME
        if instruction := os.environ.get(COMPLETE_VAR):
            sys.exit(shell_complete(self, {"obj": Output()}, name, COMPLETE_VAR, instruction))
        output.prepare()
        out = Output(name)
        try:
            with Interruptible():
                code = self._run(out, name, words)
        except BaseException as error:
            out.json = out.json or (isinstance(error, click.UsageError) and "--json" in words)
            code = out.failed(error)
        output.finish()
        sys.exit(code)

    def _run(self, out: Output, name: str, words: list[str]) -> int:
        try:
            with self.make_context(name, words, obj=out) as context:
                code = int(self.invoke(context) or 0)
                remind(out, context.invoked_subcommand)
                return code
        except click.exceptions.Exit as asked:  # by --help and --version
            return asked.exit_code


@click.group(
    cls=App,
    table=COMMANDS,
    synopsis="COMMAND ...",
    examples=[
        ("A key, once; keep a copy of it offline", "chatseal key new --out my.key"),
        ("Seal a chat database", "chatseal seal msgstore.db -o msgstore.db.seal --key-file my.key"),
        ("Check that it can be opened", "chatseal verify msgstore.db.seal --key-file my.key"),
        ("Get it back", "chatseal unseal msgstore.db.seal -o restored.db --key-file my.key"),
        ("In a pipeline", "pg_dump chats | chatseal seal - -o - --key-file my.key | ssh nas 'cat > chats.seal'"),
    ],
)
@click.version_option(VERSION, "--version", prog_name=NAME, message="%(prog)s %(version)s")
def chatseal() -> None:
    """End-to-end encrypted backups of chat databases, at the speed of zstd.

    A sealed file is compressed and encrypted for the holders of keys: of a backup key (64 hexadecimal digits, which you keep
    offline) or of the private halves of public keys. Nobody else can read it, and no change to it goes unnoticed.

    Written to a name, a file appears whole or not at all. Written to a pipe, only what was checked comes out, and the exit code
    tells whether it was all. `-` is standard input or output. Sizes are written 64K, 1M, 1G (powers of two; also 1GiB) or 1GB
    (powers of ten).

    `chatseal COMMAND --help` explains a command. NO_COLOR turns colours off.
    """
