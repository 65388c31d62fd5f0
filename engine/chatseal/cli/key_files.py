"""Key files: which kind of key is in a file, and who else could read it."""

import os
import stat
from collections.abc import Sequence

from chatseal import BackupKey, KeyFormatError, PrivateKey, PublicKey, SigningKey, VerifyingKey
from chatseal.cli.output import Output
from chatseal.keys import key_file

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
PUBLIC, PRIVATE = "chatseal-public-key", "chatseal-private-key"
SIGNING, VERIFYING = "chatseal-signing-key", "chatseal-verifying-key"


class WrongKindError(KeyFormatError):
    """There is a key in the file, but not one for this."""

    remedy = "`chatseal key --help` explains the kinds of keys."


def openers(paths: Sequence[str], out: Output) -> list[BackupKey | PrivateKey]:
    """The keys in *paths* to open files with: backup keys or private keys, told apart by their content."""
    return [_opener(path, out) for path in paths]


def holders(key_files: Sequence[str], public_keys: Sequence[str], out: Output) -> list[BackupKey | PublicKey]:
    """The holders to seal for: backup keys in *key_files* and public keys."""
    found: list[BackupKey | PublicKey] = []
    for path in key_files:
        key = _opener(path, out)
        if isinstance(key, PrivateKey):
            raise WrongKindError(f"{path} holds a private key, which only opens; seal for its public key, --to {path}.pub")
        found.append(key)
    return found + [_public(path, out) for path in public_keys]


def signer(path: str | None, out: Output) -> SigningKey | None:
    """The signing key in *path*, None if there is no path."""
    if path is None:
        return None
    out.subject = path
    text = key_file.read(path)
    if _first_word(text) == VERIFYING:
        raise WrongKindError(f"{path} holds a verifying key, which only shows who signed; sign with its signing key")
    key = SigningKey.from_text(text)
    _warn_if_others_can_read(path, out)
    return key


def author(path: str | None, out: Output) -> VerifyingKey | None:
    """The verifying key in *path*, None if there is no path."""
    if path is None:
        return None
    out.subject = path
    text = key_file.read(path)
    if _first_word(text) == SIGNING:
        raise WrongKindError(f"{path} holds a signing key, which is its owner's alone; demand its verifying key, --from {path}.pub")
    return VerifyingKey.from_text(text)


def _first_word(text: str) -> str:
    return "".join(text.split(maxsplit=1)[:1])


def _opener(path: str, out: Output) -> BackupKey | PrivateKey:
    out.subject = path
    text = key_file.read(path)
    first = _first_word(text)
    key: BackupKey | PrivateKey
    if first == PRIVATE:
        key = PrivateKey.from_file(path)
    elif first == PUBLIC:
        raise WrongKindError(f"{path} holds a public key, which only seals, as in --to {path}; its private key opens")
    elif first in (SIGNING, VERIFYING):
        raise WrongKindError(f"{path} holds a key for signatures, which neither seals nor opens; --sign and --from take it")
    else:
        key = BackupKey.from_digits(text)  # the text read already: a key may come through a pipe
    _warn_if_others_can_read(path, out)
    return key


def _public(path: str, out: Output) -> PublicKey:
    out.subject = path
    return PublicKey.from_file(path)


def _warn_if_others_can_read(path: str, out: Output) -> None:
    if os.name != "posix":
        return
    about = os.stat(path)
    if stat.S_ISREG(about.st_mode) and about.st_mode & _OTHERS:
        out.warn(f"{path} can be read by others on this machine; `chmod 600` it")
