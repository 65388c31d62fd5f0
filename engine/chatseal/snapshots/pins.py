"""Pins: which store this machine knows at an address, so that nobody can put another one, or an old one, in its place."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from chatseal.errors import DamagedError, StoreChangedError
from chatseal.format import strict_json
from chatseal.snapshots import places
from chatseal.snapshots.config import Config

_LONGEST = 65536


@dataclass(frozen=True, slots=True)
class Pin:
    """The store at an address, and the newest generation of its config that was seen there."""

    store_id: str
    generation: int


def path_of(url: str) -> Path:
    """The file with the pin of the store at *url*."""
    return places.state_folder() / "stores" / f"{hashlib.sha256(url.encode('utf-8', 'surrogateescape')).hexdigest()[:32]}.json"


def read(url: str) -> Pin | None:
    """What is known of the store at *url*. A file that makes no sense is an error: taking it for none would switch the guard off."""
    path = path_of(url)
    try:
        with open(path, "rb") as file:
            members = strict_json.parse_object(file.read(_LONGEST))
        return Pin(strict_json.text(members, "store", 64), strict_json.number(members, "generation", 1))
    except FileNotFoundError:
        return None
    except DamagedError:
        raise _changed(url, "what this machine remembers of it cannot be read") from None


def check(url: str, config: Config) -> None:
    """Raise StoreChangedError if the store at *url* is not the one that was there before, or an older state of it."""
    pin = read(url)
    if pin is None:
        return
    if pin.store_id != config.store_id:
        raise _changed(url, "another store lies there than the one that this machine knows")
    if config.generation < pin.generation:
        raise _changed(url, f"its config is of generation {config.generation}, and {pin.generation} has been there before")


def keep(url: str, config: Config) -> None:
    """Remember the store at *url*."""
    pin = Pin(config.store_id, config.generation)
    if read(url) != pin:
        members = {"url": url, "store": pin.store_id, "generation": pin.generation}
        places.write_whole(path_of(url), json.dumps(members).encode() + b"\n")


def forget(url: str) -> None:
    """Know nothing of the store at *url* any more."""
    path_of(url).unlink(missing_ok=True)


def _changed(url: str, what: str) -> StoreChangedError:
    return StoreChangedError(f"{url}: {what}").with_remedy(
        f"If you put it there yourself, remove {path_of(url)} and try again; otherwise do not back up to it."
    )
