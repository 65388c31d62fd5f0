"""Envelope: small and middling objects of a store as sealed files in memory, bound to their kind."""

import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from chatseal import _core
from chatseal.errors import IntegrityError, LimitError
from chatseal.format.strict_json import damaged
from chatseal.keys.slots import FileKeySlots, Holder, Opener
from chatseal.sealing.budget import Budget
from chatseal.sealing.reader import SealedReader
from chatseal.sealing.seal import SealOptions
from chatseal.sealing.writer import SealedWriter

if TYPE_CHECKING:
    from typing_extensions import Buffer

_ONE = Budget.of(1, None)
_OPTIONS = SealOptions(padded=True)


def seal(
    holders: Sequence[Holder] | FileKeySlots,
    kind: str,
    pieces: "Iterable[Buffer]",
    *,
    options: SealOptions = _OPTIONS,
    budget: Budget = _ONE,
    pipe: _core.SealPipeline | None = None,
) -> list[bytes]:
    """The object that holds *pieces* in a row, itself in pieces."""
    sealed: list[bytes] = []
    with SealedWriter(sealed, holders, options, budget, overwrite=False, kind=kind, pipe=pipe) as writer:
        for piece in pieces:
            writer.write(piece)
    return sealed


def unseal(data: bytes, openers: Sequence[Opener], kind: str, longest: int, name: str) -> bytes:
    """What an object holds, at most *longest* bytes. *name* is for messages.

    Raises WrongKeyError, IntegrityError with its kinds: also if the object is of another kind, another store or another name."""
    try:
        with SealedReader(io.BytesIO(data), openers, kind=kind) as reader:
            if reader.size > longest:
                raise damaged()
            return reader.read()
    except LimitError:
        raise damaged() from None
    except IntegrityError as error:
        raise named(error, name) from None


def named(error: IntegrityError, name: str) -> IntegrityError:
    """The same error about the object that people can find in their store."""
    text = str(error).replace("the sealed file", name, 1)
    other = type(error)(text if name in text else f"{name}: {text}")
    return other.with_remedy(error.remedy.replace("the file", "the object"))
