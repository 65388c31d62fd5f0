"""`chatseal init`: make a store."""

import click

from chatseal.cli.command import Command, pass_output
from chatseal.cli.key_options import Keys, store_keys
from chatseal.cli.output import Output


@click.command(
    cls=Command,
    synopsis="STORE --key-file K [OPTIONS]",
    examples=[
        ("In a folder, on a disk of your own", "chatseal init /media/backups/chats --key-file my.key"),
        ("In the cloud, with the credentials of its own tools", "chatseal init s3://bucket/chats --key-file my.key"),
        ("At a remote that rclone has: Google Drive, a NAS by SFTP ...", "chatseal init rclone:drive:chats --key-file my.key"),
        ("For a key, and for a password in case it gets lost", "chatseal init /mnt/nas/chats --key-file my.key --password"),
    ],
)
@click.argument("url", metavar="STORE")
@store_keys
@pass_output
def command(out: Output, url: str, keys: Keys) -> None:
    """Make an empty store for snapshots at STORE: a new or empty folder, s3://, gs:// or az:// with a bucket and a prefix,
    or rclone:REMOTE:PATH.

    The options for keys say who can open it: each of them alone opens all snapshots. There are no public keys for stores: whoever keeps
    the store could put another one in its place. What the place can do is tried out with a small object.

    The key is all that opens the store. Keep it elsewhere, on paper too: `chatseal key sheet` prints it.
    """
    from chatseal.snapshots.store import Store

    holders = keys.holders(out, public=False)
    out.subject = url if "@" not in url else "the store"
    with Store.create(url, holders) as store:
        record = {"store": store.url, "id": store.id, "generation": store.config.generation, "puts_absent": store.config.puts_absent}
        out.result(record, f"made a store at {store.url}")
    out.advise("Back up to it with `chatseal backup SRC... --store STORE`. Without its key nobody opens it: keep that somewhere else.")
