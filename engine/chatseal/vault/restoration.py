"""Restoration: how an older database is accepted. What was guessed after that copy is forgotten, so nothing in it may be guessed again."""

from collections.abc import Callable
from pathlib import Path

from chatseal.errors import VaultBehindError, VaultDamagedError
from chatseal.vault.anchor import FileAnchor
from chatseal.vault.audit import ACCOUNT_LEN, Event, Head, Kind
from chatseal.vault.book import TRIES, Book, gave_up, holds, milliseconds
from chatseal.vault.guesses import Guesses
from chatseal.vault.records import ACCOUNT, FLOOR, Change, Reason, RecordStore, decode_number, encode_number, id_in
from chatseal.vault.shards import Shards
from chatseal.vault.token import Token


def restore(store: RecordStore, anchor: Path, token: Token, clock: Callable[[], int] = milliseconds) -> int:
    """Accept a database that its anchor does not vouch for, while no service runs; give how many records that destroyed.

    Every record in it is destroyed, above every generation that the lost database can have had; owners register again, at once with their
    signature. Salts are made unreadable in all copies by a rotation. The anchor follows last: killed before, the database is refused as
    before, and the next call does the rest. Raises VaultDamagedError if the database itself is damaged. Does nothing if it is not older."""
    store.verify()
    seen = _seen(anchor)
    if seen is not None and holds(store, seen):
        return 0
    # No account had more generations than its vault had events, and no vault ever had one a millisecond.
    lost = seen.index if seen is not None else clock()
    floor = store.read([FLOOR])[0]
    event = Event(Kind.RESTORED, clock(), generation=lost)
    change = Change({FLOOR: floor}, {FLOOR: encode_number(max(lost, decode_number(floor)))}, (event,), leap=lost)
    if store.commit(change) is None:
        raise gave_up()
    book = Book(store, _Unanchored(store), clock)
    shards = Shards(book, token)
    destroyed = _destroy_all(book, Guesses(book, shards), lost)
    shards.rotate()
    if seen is None:
        FileAnchor.create(anchor, store.head(), overwrite=True)
    else:
        FileAnchor(anchor).advance(store.head())
    return destroyed


def _destroy_all(book: Book, guesses: Guesses, generation: int) -> int:
    count, after = 0, ACCOUNT
    while page := book.store.list(ACCOUNT, after):
        after = page[-1][0]
        for key, _ in page:
            count += _destroy(book, guesses, id_in(key, ACCOUNT, ACCOUNT_LEN), generation)
    return count


def _destroy(book: Book, guesses: Guesses, account: bytes, generation: int) -> bool:
    for _ in range(TRIES):
        page = book.page(account)
        if page.account.record is None:
            return False
        if book.commit(guesses.destruction(page, Reason.RESTORED, book.clock(), generation)):
            return True
    raise gave_up()


def _seen(anchor: Path) -> Head | None:
    """What the anchor has seen; None if it is lost or damaged."""
    try:
        return FileAnchor(anchor).read()
    except (VaultBehindError, VaultDamagedError):
        return None


class _Unanchored:
    """Stands for the anchor as long as it vouches for something else."""

    def __init__(self, store: RecordStore) -> None:
        self._store = store

    def read(self) -> Head:
        return self._store.head()

    def advance(self, head: Head) -> None:
        """Nothing leaves meanwhile."""
