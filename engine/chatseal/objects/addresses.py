"""Addresses: the text by which a person names a store, and the store that it names.

    /backups/chat   ./chat   file:///backups/chat     a folder

Credentials are never part of an address: addresses are shown, logged and kept in configurations."""

import re
from urllib.parse import unquote, urlsplit

from chatseal.errors import EXIT_USAGE, ChatsealError
from chatseal.objects.local_store import LocalStore
from chatseal.objects.object_store import ObjectStore

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")  # two letters at least: C:\ is a folder
_HERE = ("", "localhost")


class StoreAddressError(ChatsealError, ValueError):
    """A text is not the address of a store. Never repeats the text: it may hold a credential."""

    exit_code = EXIT_USAGE
    remedy = "A store is a folder's path or file:// address. Credentials belong into the environment, never into an address."


def open_store(url: str, *, create: bool = False) -> ObjectStore:
    """The store at *url*, without touching it. A local folder that is missing is made by the first put only with *create*.

    Raises StoreAddressError, whose text repeats nothing of *url*: it may hold what its author took for the way to give a password."""
    scheme = _SCHEME.match(url)
    if scheme is None:
        return _folder(url, create)
    match scheme[1].lower():
        case "file":
            return _file_url(url, create)
    raise StoreAddressError("this is an address of no kind that is known")


def _folder(path: str, create: bool) -> ObjectStore:
    if not path or "\0" in path:
        raise StoreAddressError("an empty address, or one with a NUL in it")
    return LocalStore(path, create=create)


def _file_url(url: str, create: bool) -> ObjectStore:
    parts = urlsplit(url)
    if parts.netloc.lower() not in _HERE or parts.query or parts.fragment or not parts.path.startswith("/"):
        raise StoreAddressError("a file address is file:// and the whole path of a folder on this machine, with ? and # as %3F and %23")
    return _folder(unquote(parts.path), create)
