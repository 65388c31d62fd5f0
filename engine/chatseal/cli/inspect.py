"""`chatseal inspect`: what a sealed file tells, without and with the key."""

import json
import os
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import click

import chatseal
from chatseal import IntegrityError, TruncatedError
from chatseal.cli import amounts, vault_place
from chatseal.cli.command import Command, pass_output
from chatseal.cli.key_options import Keys, opening_keys
from chatseal.cli.options import FileName
from chatseal.cli.output import Output
from chatseal.cli.words import escape
from chatseal.format.labels import SEALED, VERSION
from chatseal.format.payload import stream_length
from chatseal.format.vault_place import VaultPlace
from chatseal.keys.slots import Opener
from chatseal.sealing.faults import length_error
from chatseal.sealing.opening import RawHeader, read_header, taker
from chatseal.sealing.source import open_source

_HOLDERS = {"key": "backup key", "hpke": "public key", "password": "password", "vault": "vault"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Row = tuple[str, str]


@click.command(
    cls=Command,
    synopsis="SRC [--key-file K] [--store STORE]",
    examples=[
        ("What anybody can see", "chatseal inspect msgstore.db.seal"),
        ("What you can see", "chatseal inspect msgstore.db.seal --key-file my.key"),
        ("An object of a store, by its name there", "chatseal inspect config --store /mnt/nas/chats --key-file my.key"),
        ("The plaintext's size, in a script", "chatseal inspect msgstore.db.seal --key-file my.key --json | jq .plain_bytes"),
    ],
)
@click.argument("source", metavar="SRC", type=FileName())
@click.option("--store", "url", metavar="STORE", help="SRC is the name of an object in this store, as `config` or `packs/...`.")
@opening_keys
@pass_output
def command(out: Output, source: str, url: str | None, keys: Keys) -> None:
    """Show what the sealed file SRC tells of itself.

    Anybody sees: the version, who can open it (kinds of keys, not which), its length and whether that is what its header says. The
    header's checksum is checked.

    With the key: the header is authentic, the name and time of what was sealed, its size, its frames, that their table is right,
    padding, and who signed it. Names come from whoever sealed the file, and are shown with escapes. The data itself is not read and
    the signature not checked; `verify` does that.

    With --store, SRC is an object of a store: its kind, sizes, and what a manifest, map or list says.
    """
    if url is not None:
        _show_object(out, source, url, keys)
        return
    given = keys.openers_if_any(out, [source])
    out.subject = source
    with open_source(source) as opened:
        found = read_header(taker(opened), os.path.basename(source))
        length = None if opened.length is None else opened.length - len(found.raw)
    record, rows = _seen_by_anybody(source, found, length)
    failure: Exception | None = None
    if given:
        try:
            more, more_rows = _seen_with(source, given)
            record |= more
            rows += more_rows
        except Exception as error:
            failure = error
    else:
        failure = _wrong_length(os.path.basename(source), found.header.size, length)
    width = max(len(name) for name, _ in rows) + 2
    out.show(record, "\n".join(f"{name:{width}}{value}" for name, value in rows))
    if failure is not None:
        raise failure


def _show_object(out: Output, name: str, url: str, keys: Keys) -> None:
    from chatseal.cli.store_options import open_store

    with open_store(url, keys, out) as store:
        record = store.inspect(name)
    width = max(map(len, record)) + 2
    lines = [f"{key:{width}}{escape(value if isinstance(value, str) else json.dumps(value))}" for key, value in record.items()]
    out.show(record, "\n".join(lines))


def _seen_by_anybody(source: str, found: RawHeader, length: int | None) -> tuple[dict[str, object], list[Row]]:
    size, slots = found.header.size, Counter(slot.type for slot in found.header.slots)
    vaults = [VaultPlace.parse(slot.arguments) for slot in found.header.slots if slot.type == "vault"]
    fits = _fits(size, length)
    record: dict[str, object] = {
        "source": source,
        "version": VERSION,
        "kind": SEALED,
        "slots": dict(slots),
        "vaults": [vault_place.record(place) for place in vaults],
        "header_bytes": len(found.raw),
        "size_line": size,
        "payload_bytes": length,
        "fits": fits,
    }
    opens = ", ".join(_holders(kind, count) for kind, count in slots.items())
    rows = [
        ("file", escape(source)),
        ("version", f"{VERSION} {SEALED}"),
        ("opens with", f"1 of {opens}" if slots.total() > 1 else opens),
        *(("vault", vault_place.words(place)) for place in vaults),
        ("header", f"{len(found.raw)} bytes, its checksum is right"),
        ("size line", "none: written to a pipe" if size is None else f"{size} bytes of payload"),
        ("payload", _payload(size, length, fits)),
    ]
    return record, rows


def _holders(kind: str, count: int) -> str:
    return amounts.count(count, _HOLDERS[kind]) if kind in _HOLDERS else f"{amounts.count(count, 'slot')} of the unknown type {kind}"


def _fits(size: int | None, length: int | None) -> bool | None:
    """Whether a payload of *length* bytes can be whole; None if only the key can tell."""
    if length is None:
        return None
    if size is not None:
        return size == length
    return None if stream_length(length) is not None else False


def _wrong_length(name: str, size: int | None, length: int | None) -> IntegrityError | None:
    """What is wrong with the length, as far as anybody can see."""
    if size is None and _fits(size, length) is False:
        return TruncatedError(f"{name} is truncated: no sealed file ends after so many bytes")
    return length_error(name, size, length)


def _payload(size: int | None, length: int | None, fits: bool | None) -> str:
    if length is None:
        return "of unknown length"
    if fits:
        return f"{length} bytes, as the size line says"
    if fits is None:
        return f"{length} bytes; whether that is all, only the key can tell"
    if size is None:
        return f"{length} bytes, which no payload has"
    return f"{length} bytes: {size - length} are missing" if length < size else f"{length} bytes: {length - size} too many"


def _seen_with(source: str, keys: Sequence[Opener]) -> tuple[dict[str, object], list[Row]]:
    with chatseal.open(source, "rb", key=keys) as reader:
        name, mtime = reader.metadata.get("name"), reader.metadata.get("mtime")
        size, frames, padding, signer = reader.size, reader.frames, reader.padding, reader.signer
        ratio = size / os.stat(source).st_size
    record: dict[str, object] = {
        "authentic": True,
        "content": reader.metadata["kind"],
        "name": name,
        "mtime_ns": mtime,
        "plain_bytes": size,
        "frames": frames,
        "ratio": round(ratio, 4),
        "table_ok": True,
        "padding_bytes": padding,
        "signer": None if signer is None else signer.text,
    }
    rows = [
        ("key", "right; the header is authentic"),
        ("content", str(reader.metadata["kind"])),
        ("name", "not known" if name is None else f'"{escape(str(name))}"'),
        ("modified", "not known" if mtime is None else _moment(int(mtime))),
        ("plaintext", f"{size} bytes ({amounts.amount(size)}), {amounts.times(ratio)} the sealed file"),
        ("frames", f"{frames}, their table is right; `chatseal verify` reads them all"),
        ("padding", f"{padding} bytes" if padding else "none"),
        ("signed by", "nobody" if signer is None else f"{signer.text}, not checked; `chatseal verify --from` does"),
    ]
    return record, rows


def _moment(nanoseconds: int) -> str:
    return (_EPOCH + timedelta(microseconds=nanoseconds // 1000)).strftime("%Y-%m-%d %H:%M:%S UTC")
