"""Password store: where `pass` keeps what it keeps, and a new entry in it."""

import os
import shutil
import subprocess
from pathlib import Path

from chatseal.errors import KeySourceError, TargetExistsError
from chatseal.part_file import sync_folder

FOLDER = "PASSWORD_STORE_DIR"  # the variables by which pass is told its folder, and recipients
RECIPIENTS = "PASSWORD_STORE_KEY"
_RECIPIENTS_FILE = ".gpg-id"


def entry(name: str) -> Path:
    """The file in which pass keeps *name*, whether it is there or not."""
    return folder() / f"{name}.gpg"


def folder() -> Path:
    """The folder of pass, which need not exist."""
    return Path(os.environ.get(FOLDER) or Path.home() / ".password-store")


def check_new(name: str) -> None:
    """Raise KeySourceError if pass cannot take anything, TargetExistsError if it has something under *name*.

    The file is looked for, not `pass show` asked: that fails as well while gpg is locked, and `pass insert` would then overwrite."""
    if shutil.which("pass") is None:
        raise KeySourceError("pass is not installed").with_remedy("Install it (on Debian: `apt-get install pass`), or use another place.")
    file = entry(name)
    if os.path.lexists(file):
        raise TargetExistsError(f"pass has something under the name {name} already").with_remedy("Choose another with --name.")
    above = [place for place in file.parents if place.is_relative_to(folder())]
    if not os.environ.get(RECIPIENTS) and not any((place / _RECIPIENTS_FILE).is_file() for place in above):
        raise KeySourceError("pass is not set up").with_remedy("`pass init` with the name of your gpg key sets it up.")


def insert(name: str, data: bytes) -> None:
    """Give *data* to pass, to be kept under *name*, and make it durable. It may ask at the terminal.

    Raises KeySourceError if it does not take it, TargetExistsError if it has something under *name*, OSError."""
    check_new(name)
    try:
        code = subprocess.run(["pass", "insert", "--multiline", name], input=data, stdout=subprocess.DEVNULL, check=False).returncode
        why = f"it ended with exit code {code}" if code else ""
    except OSError as error:
        why = (error.strerror or "it did not start").lower()
    if why:
        raise KeySourceError(f"pass did not take the key: {why}").with_remedy(f"`pass insert --multiline {name}` alone shows why.")
    _sync(entry(name))


def _sync(file: Path) -> None:
    with open(file, "rb") as kept:
        os.fsync(kept.fileno())
    for place in file.parents:
        sync_folder(place)
        if place == folder():
            break
