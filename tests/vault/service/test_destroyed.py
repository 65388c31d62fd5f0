"""Destroyed means destroyed: for the right password too, after a restart, in yesterday's copy, and in the bytes of every copy."""

import shutil
from pathlib import Path

import pytest

from chatseal.errors import VaultBehindError, VaultDamagedError
from chatseal.vault import messages
from chatseal.vault.anchor import FileAnchor
from chatseal.vault.book import Book
from chatseal.vault.service import copies
from chatseal.vault.service.files import Files
from chatseal.vault.shards import Shards
from chatseal.vault.sqlite_records import SqliteRecords
from chatseal.vault.token import FileToken
from vault.service.person import Person, RefusedError
from vault.service.running import made, serving

ATTEMPT_MS = 60_000


def spend(person: Person, guesses: int) -> None:
    for _ in range(guesses):
        assert person.guess_wrong() == "wrong"


def salt_of(database: Path, anchor: Path, token: Path, record_id: bytes) -> bytes:
    """What the operator himself can open of a copy with a token."""
    with SqliteRecords(database) as store:
        return Shards(Book(store, FileAnchor(anchor)), FileToken(token)).open(record_id)


@pytest.fixture
def files(place: Path) -> tuple[Files, dict[str, str]]:
    return made(place / "vault", "grandma")


def test_the_tenth_wrong_guess_destroys_for_ever(place: Path, files: tuple[Files, dict[str, str]]) -> None:
    where = files[0]
    with serving(*files, attempt=ATTEMPT_MS) as service:
        person = Person(service, "grandma")
        person.register()
        record_id, copy = person.record_id, place / "yesterday"
        copies.back_up(where, copy)
        anchored, old_token = place / "anchor of yesterday", place / "token of yesterday"
        shutil.copy(where.anchor, anchored)
        shutil.copy(where.token, old_token)
        spend(person, 9)
        assert person.recover() == person.secret
        spend(person, 10)
        with pytest.raises(RefusedError, match="destroyed"):
            person.recover()
    with serving(*files, attempt=ATTEMPT_MS) as again:
        person.service = again
        with pytest.raises(RefusedError, match="destroyed"):
            person.recover()

    # Yesterday's database in its place: refused, and accepted only without the record.
    for end in ("", "-wal", "-shm"):
        Path(f"{where.database}{end}").unlink(missing_ok=True)
    shutil.copy(copy, where.database)
    with pytest.raises(VaultBehindError), where.keeper():
        pass
    salt = salt_of(copy, anchored, old_token, record_id)  # yesterday's copy, anchor and token: what a thief of all three has
    assert len(salt) == 32
    assert copies.bring_back(where, None) == 1
    with serving(*files, attempt=ATTEMPT_MS) as restored:
        person.service = restored
        for generation in (1, 2, 3):
            person.generation = generation
            with pytest.raises(RefusedError, match="destroyed"):
                person.recover()

    # The epoch is over, so the bytes that are needed are nowhere: the copy does not open with the token that is left.
    assert FileToken(where.token).epochs() != FileToken(old_token).epochs()
    with pytest.raises(VaultDamagedError):
        salt_of(copy, anchored, where.token, record_id)
    everything = b"".join(path.read_bytes() for path in (place / "vault").iterdir() if path.is_file())
    gone = [line.split()[2] for line in old_token.read_bytes().splitlines() if line.startswith(b"epoch ")]
    kept = [line.split()[1] for line in old_token.read_bytes().splitlines() if line.startswith(b"mac ")]
    assert all(key not in everything for key in gone)
    assert all(key in everything for key in kept)  # else the search finds nothing whatever is there
    for spelling in (salt, salt.hex().encode()):
        assert spelling not in everything


def test_who_sends_no_third_message_destroys_as_well(files: tuple[Files, dict[str, str]]) -> None:
    with serving(*files, attempt=300) as service:
        person = Person(service, "grandma")
        person.register()
        logins = []
        for _ in range(10):
            login, ask = person.login_start()
            logins.append((login, person.ask(ask, messages.LoginStartAnswer)))
        while person.status().record is not None:  # the attempts end by themselves
            pass
        login, begun = logins[-1]
        with pytest.raises(RefusedError, match="no-attempt"):
            person.ask(person.login_finish(begun.attempt, login.finish(begun.ke2)[0]), messages.LoginFinishAnswer)
        found = person.status()
        assert found.tombstone is not None
        assert found.tombstone.reason == "limit"
        with pytest.raises(RefusedError, match="not-allowed"):
            person.register()
        assert person.register(signed=True).announced is None


def test_guesses_are_paced_and_the_wait_is_told(files: tuple[Files, dict[str, str]]) -> None:
    with serving(*files) as service:
        person = Person(service, "grandma")
        person.register()
        spend(person, 4)
        with pytest.raises(RefusedError, match="wait") as refused:
            person.recover()
        assert refused.value.wait in range(30, 61)
        found = person.status().record
        assert found is not None
        assert (found.guesses_left, found.wait in range(30, 61)) == (6, True)
