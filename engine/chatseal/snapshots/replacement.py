"""Replacement: a new database takes the name of an old one, or one that is free, and finds no journal there that is not its own.

A journal of another database beside it would make it malformed, and an old database without its journal has lost what was committed.
Two names cannot change at once, so what the journal holds is brought into the old database first: a kill at any moment leaves the old
one, whole, or the new one. Where that is not possible (it is damaged or encrypted) a marker stands from before the first change until after
the last, as for restoring in place, and the journal is not removed but set aside."""

import secrets
from contextlib import suppress

from chatseal.errors import TargetExistsError
from chatseal.snapshots.attributes import Notes
from chatseal.snapshots.held import JOURNALS, SIDE_FILES, Held, has_journal
from chatseal.snapshots.marker import Marker
from chatseal.snapshots.place import Place


def check_ready(place: Place, notes: Notes, *, overwrite: bool) -> None:
    """Raise at once what `replace` would raise after all has been fetched: TargetExistsError, TargetBusyError, OSError."""
    place.check_free(overwrite=overwrite)
    if not overwrite:
        for ending in SIDE_FILES:
            if place.beside(ending).about() is not None:
                raise TargetExistsError(f"{place.shown}{ending} exists, and would be taken for the restored database's").with_remedy(
                    "Move it away, or restore to another name, or with --force."
                )
    elif place.is_file():
        _held(place, notes).close()


def replace(place: Place, part: Place, notes: Notes) -> None:
    """Give the database at *part*, which is on stable storage, the name of *place*, and set aside what lies beside that.

    Raises TargetBusyError if a program has the old database open, TargetExistsError if it is a folder, ChatsealError, OSError."""
    place.check_free(overwrite=True)
    if not place.is_file():
        _set_aside(place, notes)
        place.take(part, overwrite=True)
        return
    with _held(place, notes) as held:
        if held.is_whole:
            for ending in SIDE_FILES:
                place.beside(ending).remove()
            place.sync()
            place.take(part, overwrite=True)
        else:
            with Marker(place) as marker:
                _set_aside(place, notes)
                place.take(part, overwrite=True)
                place.sync()
                marker.done()


def _held(place: Place, notes: Notes) -> Held:
    had_journal = has_journal(place)
    held = Held(place)
    if had_journal and held.is_whole:
        notes.add("what a journal held was written into the older database that it belonged to", place.shown)
    return held


def _set_aside(place: Place, notes: Notes) -> None:
    ending = f".{secrets.token_hex(4)}.aside"
    for journal in JOURNALS:
        old = place.beside(journal)
        with suppress(FileNotFoundError):
            old.beside(ending).take(old, overwrite=True)
            notes.add(f"a journal that is not the new database's was renamed to end in {ending}", old.shown)
    place.beside("-shm").remove()
    place.sync()
