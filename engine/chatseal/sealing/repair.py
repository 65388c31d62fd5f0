"""Repair: a mistyped backup key, put right against a sealed file."""

from typing import TYPE_CHECKING

from chatseal.errors import WrongKeyError
from chatseal.keys import repair
from chatseal.keys.repair import Repair
from chatseal.sealing.opening import check_prefix, read_header, taker
from chatseal.sealing.source import PathLike, Readable, open_source

if TYPE_CHECKING:
    from typing_extensions import Buffer


def repair_key(text: str, source: "PathLike | Readable | Buffer") -> Repair:
    """The backup key that was meant by *text*: its 64 digits with one mistake in them, or none. Only the beginning of *source* is read.

    One mistake is a wrong digit, two digits side by side swapped, one missing or one too many, two groups swapped, or a character that is
    no hexadecimal digit in place of one. A key is given back only if it opens a slot and the header's MAC confirms it.

    Raises WrongKeyError if there is no such key; HeaderAlteredError if there is one that the header contradicts; what unseal raises of
    headers; OSError."""
    with open_source(source) as opened:
        name = opened.name or "the sealed data"
        found = read_header(taker(opened), name)
    check_prefix(found, name)
    try:
        return repair.repair(text, found.header, found.raw, found.prefix)
    except WrongKeyError as error:
        raise WrongKeyError(f"{name}: {error}").with_remedy(error.remedy) from None
