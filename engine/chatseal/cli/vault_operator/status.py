"""`chatseal-vault status`: what is in a vault."""

import click

from chatseal.cli.command import Command, pass_output
from chatseal.cli.output import Output
from chatseal.cli.vault_operator.options import vault_options
from chatseal.vault.service.files import Files


@click.command(
    cls=Command,
    synopsis="--folder DIR",
    examples=[("What clients pin, and whether all parts can be used", "chatseal-vault status --folder /srv/vault")],
)
@vault_options
@pass_output
def command(out: Output, files: Files) -> int:
    """Show the fingerprint that clients pin, how many records there are, and whether database, anchor and token can be used."""
    with files.keeper() as keeper:
        parts, count, key, head = keeper.ready(), keeper.count(), keeper.identity.public, keeper.head()
    record = {"fingerprint": key.shown, **parts, **count, "index": head.index, "head": head.hash.hex()}
    rows = [
        ("fingerprint", key.shown),
        *((name, "works" if works else "does not work") for name, works in parts.items()),
        ("records", str(count["records"])),
        ("destroyed", str(count["tombstones"])),
        ("audit log", f"{head.index} entries, head {head.hash.hex()}"),
    ]
    out.show(record, "\n".join(f"{name:13}{value}" for name, value in rows))
    return 0 if all(parts.values()) else 1
