"""Key files: which kind of key is in a file, and who else could read it."""

import io
import os
import stat
from collections.abc import Sequence
from typing import cast

from chatseal import BackupKey, KeyFormatError, PrivateKey, PublicKey
from chatseal.cli.options import DASH
from chatseal.cli.output import Output
from chatseal.cli.streams import INPUT, name_of, standard_input
from chatseal.keys import key_file

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
PUBLIC, PRIVATE = "chatseal-public-key", "chatseal-private-key"


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


def typed_digits(path: str, out: Output) -> str:
    """The digits of a backup key as somebody typed them into *path*, or into standard input: right or not."""
    if path == DASH:
        out.subject = INPUT
        whole = io.BufferedReader(cast("io.FileIO", standard_input()))  # a pipe may give it in pieces
        text = key_file.decode(whole.read(key_file.FILE_MAX + 1), INPUT)
    else:
        out.subject = path
        text = key_file.read(path)
    if text.split(maxsplit=1)[:1] in ([PRIVATE], [PUBLIC]):
        raise WrongKindError(f"{name_of(path)} holds a key of a pair; only a backup key is typed, and can be repaired")
    if path != DASH:
        _warn_if_others_can_read(path, out)
    return text


def _opener(path: str, out: Output) -> BackupKey | PrivateKey:
    out.subject = path
    text = key_file.read(path)
    first = text.split(maxsplit=1)[:1]
    key: BackupKey | PrivateKey
    if first == [PRIVATE]:
        key = PrivateKey.from_file(path)
    elif first == [PUBLIC]:
        raise WrongKindError(f"{path} holds a public key, which only seals, as in --to {path}; its private key opens")
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
