"""Vault place: a record of a vault in words, as `inspect`, `key list` and recovery sheets show it."""

from chatseal.cli.words import escape
from chatseal.format.vault_place import VaultPlace
from chatseal.vault.identity import shown


def words(place: VaultPlace) -> str:
    """For people, on one line."""
    return f"{escape(place.url)}, fingerprint {shown(place.fingerprint)}, record {place.record_id.hex()}, generation {place.generation}"


def record(place: VaultPlace) -> dict[str, object]:
    """For --json."""
    return {
        "url": place.url,
        "fingerprint": shown(place.fingerprint),
        "record_id": place.record_id.hex(),
        "generation": place.generation,
    }


def on_sheet(place: VaultPlace) -> str:
    """For a recovery sheet: what somebody has to type, and what to compare."""
    return f"{place.url} {shown(place.fingerprint)} {place.record_id.hex()}"
