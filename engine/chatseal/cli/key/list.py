"""`chatseal key list`: the slots of a sealed file, and which keys open them."""

import os

import click

import chatseal
from chatseal import SlotReport
from chatseal.cli import vault_place
from chatseal.cli.command import Command, pass_output
from chatseal.cli.key import LIST, stores
from chatseal.cli.key_options import Keys, opening_keys
from chatseal.cli.options import FileName
from chatseal.cli.output import Output
from chatseal.cli.words import escape
from chatseal.format.vault_place import VaultPlace

_KINDS = {"key": "backup key", "hpke": "public key", "password": "password", "vault": "backup key, which a vault keeps"}
_SHOWN = 60  # characters of arguments
Row = tuple[str, str, str]


@click.command(
    cls=Command,
    short_help="Show who can open a sealed file, or a store.",
    synopsis="TARGET [--key-file K]...",
    examples=[
        LIST,
        ("Which slots which keys open", "chatseal key list chat.db.seal --key-file my.key --key-file server.key"),
        ("For a script", "chatseal key list chat.db.seal --key-file my.key --json | jq .slots"),
        ("Who can open a store", "chatseal key list /mnt/nas/chats --key-file my.key"),
    ],
)
@click.argument("target", metavar="[TARGET]", required=False, type=FileName())
@stores.store_option
@opening_keys
@pass_output
def command(out: Output, target: str | None, url: str | None, keys: Keys) -> None:
    """Show the slots of the sealed file or store TARGET: one for each holder of a key, with its number and the kind of key.

    A slot shows what kind of key opens it, never whose. With keys, each slot says which of them open it, and the header is known to be
    authentic. Without, what is shown is what anybody could have written there.

    The payload is not read; `chatseal verify` does that.
    """
    store = stores.meant((target,) if target else (), url)
    openers = keys.openers(out, [] if store or not target else [target]) if keys else []
    if store:
        out.subject = store if "@" not in store else "the store"
        target, found = stores.slots(store, openers)
    else:
        assert target is not None
        out.subject = target
        found = chatseal.slots(target, openers)
    names = keys.names
    record = {
        "target": target,
        "authentic": bool(openers),
        "slots": [
            {
                "number": slot.number,
                "type": slot.type,
                "arguments": list(slot.arguments),
                **({"vault": vault_place.record(VaultPlace.parse(slot.arguments))} if slot.type == "vault" else {}),
                **({"opened_by": [names[place] for place in slot.opened_by]} if openers else {}),
            }
            for slot in found
        ],
    }
    rows = [("slot", "opens with", "of the keys given" if openers else ""), *(_row(slot, names) for slot in found)]
    kind_width = max(len(kind) for _, kind, _ in rows)
    lines = [f"{number:4}  {kind:{kind_width}}  {opened}".rstrip() for number, kind, opened in rows]
    opening = {place for slot in found for place in slot.opened_by}
    lines += [f"{escape(os.path.basename(name))} opens none of them" for place, name in enumerate(names) if place not in opening]
    lines.append("the header is authentic" if openers else "not checked with a key: anybody could have written this")
    out.show(record, "\n".join(lines))


def _row(slot: SlotReport, names: list[str]) -> Row:
    kind = _KINDS.get(slot.type, f"unknown type {slot.type}")
    if slot.type == "vault":
        place = VaultPlace.parse(slot.arguments)
        kind += f": {vault_place.words(place)}"
    elif slot.arguments:
        text = escape(" ".join(slot.arguments))
        kind += f" ({text if len(text) <= _SHOWN else text[:_SHOWN] + '...'})"
    return str(slot.number), kind, ", ".join(escape(os.path.basename(names[place])) for place in slot.opened_by)
