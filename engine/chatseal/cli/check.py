"""`chatseal check`: whether everything in a store can be restored."""

import re
from typing import TYPE_CHECKING, Any

import click

from chatseal.cli import amounts
from chatseal.cli.command import Command, pass_output
from chatseal.cli.key_options import Keys, opening_keys
from chatseal.cli.options import threads_option
from chatseal.cli.output import Output
from chatseal.cli.progress import Bar
from chatseal.cli.store_options import head_option, open_store, store_option
from chatseal.errors import EXIT_DAMAGED, EXIT_OK

if TYPE_CHECKING:
    from chatseal.events import Checked

_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")


class Share(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A share, as 5%."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        found = _PERCENT.fullmatch(value.strip())
        share = float(found[1]) / 100 if found else 0.0
        if not 0 < share <= 1:
            self.fail(f"{value!r} is no share; write 5% or 100%", param, ctx)
        return share


@click.command(
    cls=Command,
    synopsis="--store STORE --key-file K [OPTIONS]",
    examples=[
        ("Every month: what there is, and how it hangs together", "chatseal check --store /mnt/nas/chats --key-file my.key"),
        ("Every byte", "chatseal check --read-data --store /mnt/nas/chats --key-file my.key"),
        ("Another twentieth every day", "chatseal check --read-data-subset 5% --store s3://bucket/chats --key-file my.key --json"),
    ],
)
@store_option
@opening_keys
@click.option("--read-data", is_flag=True, help="Also fetch, authenticate and compare every byte of every pack.")
@click.option("--read-data-subset", "share", metavar="5%", type=Share(), help="The same, of packs chosen by chance.")
@head_option
@threads_option
@pass_output
def command(out: Output, url: str, keys: Keys, read_data: bool, share: float | None, head: str | None, threads: int | None) -> int:
    """Check that every snapshot in STORE can be restored, and write nothing.

    Without more options: that all manifests and maps are there, authentic and agree, and that every pack they name is there with the
    right length. --read-data fetches the packs too, and compares every page with its fingerprint: exit code 0 then says that every
    snapshot comes back, byte for byte.

    It also says, with exit code 13, if a snapshot is gone that this machine has seen, or that a later one tells of, and that nobody has
    forgotten. --head tells the same to a machine that has seen nothing.
    """
    from chatseal.objects.local_store import LocalStore
    from chatseal.snapshots import history

    with open_store(url, keys, out) as store, Bar(out, "checking") as bar:
        if head is not None:
            store.check_head(head)
        done = store.check(share=1.0 if read_data else share or 0.0, threads=threads, progress=bar.report)
        omitted, newest = store.look_back(), store.head()
    for name, reason in done.broken:
        out.warn(reason if name in reason else f"{name}: {reason}")
    if done.broken and isinstance(store.sealed.objects, LocalStore) and (service := store.sealed.objects.service):
        out.warn(f"the store is in a folder of {service}: what is missing may only not have arrived here yet")
    if done.hurt:
        out.warn(f"these snapshots need it: {', '.join(done.hurt)}")
    for sentence in history.sentences(omitted):
        out.warn(sentence)
    out.result({**_record(done), "omitted": list(omitted), "head": newest or None}, _text(done, len(omitted)))
    return EXIT_DAMAGED if done.broken or omitted else EXIT_OK


def _record(done: "Checked") -> dict[str, object]:
    return {
        "snapshots": done.snapshots,
        "packs": done.packs,
        "packs_read": done.packs_read,
        "bytes_read": done.bytes_read,
        "store_bytes": done.store_bytes,
        "unreferred": done.unreferred,
        "broken": [name for name, _ in done.broken],
        "hurt": list(done.hurt),
        "seconds": round(done.seconds, 6),
    }


def _text(done: "Checked", omitted: int) -> str:
    read = f", {done.packs_read} of them read" if done.packs_read else ""
    packs = f"{done.packs} {'pack' if done.packs == 1 else 'packs'}"
    what = f"{done.snapshots} {'snapshot' if done.snapshots == 1 else 'snapshots'} in {packs}{read}, {amounts.amount(done.store_bytes)}"
    spare = f"; packs of no snapshot: {done.unreferred}" if done.unreferred else ""
    found = f"objects damaged or missing: {len(done.broken)}" if done.broken else "everything is whole"
    if omitted:
        found = found.replace("everything", "what is there", 1) + f"; gone without having been forgotten: {omitted}"
    return f"checked {what}: {found}{spare}, in {amounts.duration(done.seconds)}"
