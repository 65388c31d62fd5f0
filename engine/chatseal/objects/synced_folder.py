"""Synced folder: a folder that another program carries between machines: iCloud Drive, Dropbox, OneDrive, Google Drive and the like.

It promises less than a folder: files of others arrive in any order and at any time, some are here by name only until somebody asks for
them (*placeholders*), and of two that were made under one name at once, one gets another name (a *conflict copy*). Objects are never
changed and have random names, so that hardly matters; but what is missing may only not have arrived yet, and others may have more than is
in a list."""

import os
import plistlib
import re
from pathlib import Path
from typing import Final

# In the real path of the folder: how the services call theirs. On macOS they are in one place.
_PATHS: Final = {
    "iCloud Drive": r"/Library/Mobile Documents/|/iCloud ?Drive(?: Archive)?/",
    "Dropbox": r"/Library/CloudStorage/Dropbox[^/]*/|/Dropbox(?: \([^/()]+\))?/",
    "OneDrive": r"/Library/CloudStorage/OneDrive[^/]*/|/OneDrive(?: - [^/]+)?/",
    "Google Drive": r"/Library/CloudStorage/GoogleDrive[^/]*/|/Google ?Drive/",
    "a cloud's program": r"/Library/CloudStorage/[^/]+/",
}
# In the folder or one above it: what the services' programs leave at the top of theirs.
_MARKERS: Final = {
    ".dropbox": "Dropbox",
    ".dropbox.cache": "Dropbox",
    ".849C9593-D756-4E56-8D6E-42412F2A707B": "OneDrive",
    ".shortcut-targets-by-id": "Google Drive",
    ".stfolder": "Syncthing",
    ".nextcloudsync.log": "Nextcloud",
    ".owncloudsync.log": "ownCloud",
}
_PLACEHOLDER = re.compile(r"\.(.+)\.icloud", re.DOTALL)
_PLACEHOLDER_MAX: Final = 1 << 16


def service_of(folder: Path) -> str | None:
    """Who carries *folder* between machines, None if nobody is known to. It need not exist."""
    path = Path(os.path.realpath(folder))
    text = path.as_posix() + "/"
    for service, pattern in _PATHS.items():
        if re.search(pattern, text, re.IGNORECASE):
            return service
    for above in (path, *path.parents):
        for marker, service in _MARKERS.items():
            if os.path.lexists(above / marker):
                return service
    return None


def is_synced(folder: Path) -> bool:
    """Whether somebody is known to carry *folder* between machines."""
    return service_of(folder) is not None


def awaited(name: str) -> str | None:
    """The name of the file whose placeholder is called *name* (`.NAME.icloud`); None if that is none."""
    found = _PLACEHOLDER.fullmatch(name)
    return found[1] if found else None


def placeholder_of(path: Path) -> Path:
    """Where the placeholder of the file *path* would be."""
    return path.with_name(f".{path.name}.icloud")


def awaited_size(placeholder: Path) -> int:
    """The length that the file will have, as its placeholder, a binary property list, tells it; 0 if it does not."""
    try:
        with open(placeholder, "rb") as file:
            members = plistlib.loads(file.read(_PLACEHOLDER_MAX), fmt=plistlib.FMT_BINARY)
    except Exception:  # whatever lies there, and whatever the parser makes of it
        return 0
    size = members.get("NSURLFileSizeKey") if isinstance(members, dict) else None
    return size if isinstance(size, int) and not isinstance(size, bool) and size > 0 else 0
