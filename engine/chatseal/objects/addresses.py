"""Addresses: the text by which a person names a store, and the store that it names.

    /backups/chat   ./chat   file:///backups/chat     a folder
    s3://bucket/prefix                                Amazon S3, and what is compatible with it
    gs://bucket/prefix                                Google Cloud Storage
    az://container/prefix   azure://...               Azure Blob Storage
    rclone:remote:path                                a remote of rclone's: WebDAV, SFTP, Google Drive, Dropbox, OneDrive ...

Credentials are never part of an address: addresses are shown, logged and kept in configurations."""

import re
from urllib.parse import unquote, urlsplit

from chatseal.errors import StoreAddressError
from chatseal.objects.cloud_store import CloudStore
from chatseal.objects.local_store import LocalStore
from chatseal.objects.object_store import ObjectStore

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")  # two letters at least: C:\ is a folder
_HERE = ("", "localhost")
_CLOUDS = {"s3": "s3", "gs": "gs", "az": "az", "azure": "az"}
_CLOUD = re.compile(r"[A-Za-z0-9]+://([a-z0-9][a-z0-9._-]{1,221})(?:/(.*))?", re.DOTALL)
_PART = re.compile(r"[A-Za-z0-9._-]{1,128}")
_ADDRESS_MAX = 512
# A remote of rclone's configuration. Not `name,option=value:` nor `:backend:`, with which passwords could be given.
_RCLONE = re.compile(r"rclone:([\w.+][\w.+ -]{0,127}):(/?)([^:,@?#\[\]\\\"*<>|]*)", re.IGNORECASE)


def open_store(url: str, *, create: bool = False) -> ObjectStore:
    """The store at *url*, without touching it. A local folder that is missing is made by the first put only with *create*.

    Cloud stores take credentials, region and endpoint from the cloud's own environment variables (docs/stores.md); StoreFailedError and
    StoreRefusedError where those, or the package for them, are missing. StoreAddressError for a text that is no address; it repeats
    nothing of *url*, which may hold what its author took for the way to give a password."""
    scheme = _SCHEME.match(url)
    if scheme is None:
        return _folder(url, create)
    match scheme[1].lower():
        case "file":
            return _file_url(url, create)
        case kind if kind in _CLOUDS:
            return _cloud(url, _CLOUDS[kind])
        case "rclone":
            return _rclone(url)
    raise StoreAddressError("this is an address of no kind that is known")


def folder_of(url: str) -> str | None:
    """The whole path of the folder that *url* names; None for another kind of place. StoreAddressError for no address."""
    if is_url(url) and not url.lower().startswith("file:"):
        return None
    store = open_store(url)
    return store.url if isinstance(store, LocalStore) else None


def is_url(text: str) -> bool:
    """Whether *text* begins like a URL; else it is the path of a folder."""
    return _SCHEME.match(text) is not None


def _folder(path: str, create: bool) -> ObjectStore:
    if not path or "\0" in path:
        raise StoreAddressError("an empty address, or one with a NUL in it")
    return LocalStore(path, create=create)


def _file_url(url: str, create: bool) -> ObjectStore:
    parts = urlsplit(url)
    if parts.netloc.lower() not in _HERE or parts.query or parts.fragment or not parts.path.startswith("/"):
        raise StoreAddressError("a file address is file:// and the whole path of a folder on this machine, with ? and # as %3F and %23")
    return _folder(unquote(parts.path), create)


def _cloud(url: str, scheme: str) -> ObjectStore:
    found = _CLOUD.fullmatch(url)
    prefix = (found[2] or "").strip("/") if found else ""
    if found is None or len(url) > _ADDRESS_MAX or (prefix and not all(_is_part(part) for part in prefix.split("/"))):
        raise StoreAddressError(
            f"a cloud address is {scheme}://, a bucket's or container's name, and parts of letters, digits, dots, - and _"
        )
    return CloudStore(scheme, found[1], prefix)


def _rclone(url: str) -> ObjectStore:
    found = _RCLONE.fullmatch(url)
    path = found[3].rstrip("/") if found else ""
    if found is None or len(url) > _ADDRESS_MAX or not url.isprintable() or (path and not all(part.strip(".") for part in path.split("/"))):
        raise StoreAddressError("an rclone address is rclone:REMOTE:PATH, with a remote that rclone knows by its name").with_remedy(
            "Give credentials to rclone, not to an address: `rclone config` makes a remote, as do variables RCLONE_CONFIG_NAME_TYPE=..."
        )
    from chatseal.objects.rclone_store import RcloneStore

    return RcloneStore(found[1], found[2] + path)


def _is_part(part: str) -> bool:
    return _PART.fullmatch(part) is not None and part.strip(".") != ""
