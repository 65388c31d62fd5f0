"""Authorship: a signature of what was sealed, made and checked (docs/format.md, section 4; docs/design/signature.md)."""

from chatseal.errors import AuthorError
from chatseal.format.labels import SEALED, signature_prefix
from chatseal.format.metadata import Signature
from chatseal.keys.signing_key import SigningKey, VerifyingKey

PREFIX = signature_prefix(SEALED)


def sign(key: SigningKey, digest: bytes) -> Signature:
    """What the tail says of the author of frames with this *digest*."""
    return Signature(bytes(key.verifying_key), key.sign(PREFIX + digest))


def check_author(name: str, author: VerifyingKey, found: Signature | None, digest: bytes) -> None:
    """Raise AuthorError unless *author* has signed frames with this *digest*. *found* is what their tail says."""
    if found is None:
        raise AuthorError(f"{name} is not signed")
    if found.signer != bytes(author):
        raise AuthorError(f"{name} is signed by another: {VerifyingKey(found.signer).text}")
    try:
        author.verify(found.signature, PREFIX + digest)
    except AuthorError:
        raise AuthorError(f"{name} carries a signature that is wrong: its author did not sign this") from None
