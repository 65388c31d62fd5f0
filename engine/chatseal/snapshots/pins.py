"""Pins: which store this machine knows at an address, so that nobody can put another one, or an old one, in its place."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from chatseal.errors import DamagedError, StoreChangedError
from chatseal.format import strict_json
from chatseal.snapshots import places
from chatseal.snapshots.config_object import ConfigObject

_LONGEST = 65536


@dataclass(frozen=True, slots=True)
class Pin:
    """The store at an address, the newest generation of its config that was seen there, and the SHA-256 of that, if it is known."""

    store_id: str
    generation: int
    digest: str = ""


def path_of(url: str) -> Path:
    """The file with the pin of the store at *url*."""
    return places.state_folder() / "stores" / f"{hashlib.sha256(url.encode('utf-8', 'surrogateescape')).hexdigest()[:32]}.json"


def read(url: str) -> Pin | None:
    """What is known of the store at *url*. A file that makes no sense is an error: taking it for none would switch the guard off."""
    path = path_of(url)
    try:
        with open(path, "rb") as file:
            members = strict_json.parse_object(file.read(_LONGEST))
        digest = strict_json.text(members, "digest", 64) if "digest" in members else ""
        return Pin(strict_json.text(members, "store", 64), strict_json.number(members, "generation", 1), digest)
    except FileNotFoundError:
        return None
    except DamagedError:
        raise _changed(url, "what this machine remembers of it cannot be read") from None


def check(url: str, opened: ConfigObject) -> None:
    """Raise StoreChangedError if the store at *url* is not the one that was there before, or an older state of it."""
    pin, config = read(url), opened.config
    if pin is None:
        return
    if pin.store_id != config.store_id:
        raise _changed(url, "another store lies there than the one that this machine knows")
    if config.generation < pin.generation:
        raise _changed(url, f"its config is of generation {config.generation}, and {pin.generation} has been there before")


def is_fork(url: str, opened: ConfigObject) -> bool:
    """Whether the config at *url* is another one of the same generation than this machine has seen there: it was changed twice at the same
    time, and one of the changes is lost."""
    pin, now = read(url), _pin(opened)
    return pin is not None and (pin.store_id, pin.generation) == (now.store_id, now.generation) and pin.digest not in ("", now.digest)


def keep(url: str, opened: ConfigObject) -> None:
    """Remember the store at *url*; not if somebody has remembered a newer state of it meanwhile."""
    pin = _pin(opened)
    if read(url) == pin:
        return
    with places.alone(path_of(url).with_suffix(".lock")):
        there = read(url)
        if there is None or there.store_id != pin.store_id or there.generation <= pin.generation:
            members = {"url": url, "store": pin.store_id, "generation": pin.generation, "digest": pin.digest}
            places.write_whole(path_of(url), json.dumps(members).encode() + b"\n")


def _pin(opened: ConfigObject) -> Pin:
    return Pin(opened.config.store_id, opened.config.generation, hashlib.sha256(opened.data).hexdigest())


def forget(url: str) -> None:
    """Know nothing of the store at *url* any more."""
    path_of(url).unlink(missing_ok=True)


def _changed(url: str, what: str) -> StoreChangedError:
    return StoreChangedError(f"{url}: {what}").with_remedy(
        f"If you put it there yourself, remove {path_of(url)} and try again; otherwise do not back up to it."
    )
