"""Nothing secret is written anywhere: journal at debug level, arguments, environment, files. What is planted is found."""

import base64
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from chatseal.errors import VaultPasswordError
from chatseal.vault import messages
from chatseal.vault.anchor import FileAnchor
from chatseal.vault.book import Book
from chatseal.vault.shards import Shards
from chatseal.vault.sqlite_records import SqliteRecords
from chatseal.vault.token import FileToken
from vault.service.person import RIGHT, WRONG, Person, stretched
from vault.service.running import Running, made, serving


def spellings(secret: bytes) -> Iterator[bytes]:
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for shift in range(3):  # base64 of it wherever it stands within something else
        yield base64.b64encode(bytes(shift) + secret)[4 if shift else 0 : -4]
    yield base64.urlsafe_b64encode(secret)[:-4]
    yield repr(secret)[2:-1].encode()


def found_in(places: dict[str, bytes], secrets: dict[str, bytes]) -> set[tuple[str, str]]:
    return {
        (name, place) for name, secret in secrets.items() for place, data in places.items() if any(one in data for one in spellings(secret))
    }


def places_of(service: Running, folder: Path) -> dict[str, bytes]:
    process = Path(f"/proc/{service.process.pid}")
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name not in ("token", "accounts")}
    alive = {name: (process / name).read_bytes() for name in ("cmdline", "environ") if process.is_dir()}
    return files | alive


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc here")
def test_no_secret_is_written_anywhere(place: Path) -> None:
    files, tokens = made(place, "grandma")
    with serving(files, tokens, "--log-level", "debug") as service:
        person = Person(service, "grandma")
        person.register()
        login, ask = person.login_start()
        begun = person.ask(ask, messages.LoginStartAnswer)
        ke3, export_key = login.finish(begun.ke2)
        person.ask(person.login_finish(begun.attempt, ke3), messages.LoginFinishAnswer)
        person.generation += 1
        with pytest.raises(VaultPasswordError):
            person.recover(WRONG)
        person.guess_wrong()
        with SqliteRecords(files.database) as store:
            salt = Shards(Book(store, FileAnchor(files.anchor)), FileToken(files.token)).open(person.record_id)
        mac, epoch = _of_the_token(files.token)
        secrets = {
            "password": RIGHT.encode(),
            "wrong password": WRONG.encode(),
            "stretched": bytes(stretched(RIGHT, person.record_id).view),
            "secret": person.secret,
            "export key": bytes(export_key.view),
            "salt": salt,
            "mac key": mac,
            "epoch key": epoch,
            "bearer token": tokens["grandma"].encode(),
            "third message": ke3,
            "first message": ask.ke1,
        }
        places = places_of(service, place)
        assert {"vault.db", "vault.db-wal", "journal", "anchor", "cmdline", "environ"} <= places.keys()
        assert found_in(places, secrets) == set()
        names = {"name": b"grandma", "address": b"127.0.0.1", "record id": person.record_id}
        assert not [one for one in found_in(places, names) if one[1] == "journal"]
        limits = Path(f"/proc/{service.process.pid}/limits").read_text()
        assert re.search(r"Max core file size +0 ", limits)  # no core file, which would hold what is in memory
    for name, secret in secrets.items():  # the search finds each of them where it is planted, in each spelling
        for spelling in spellings(secret):
            assert found_in({"journal": b"before" + spelling + b"after"}, {name: secret}) == {(name, "journal")}
    assert found_in(places, {"record id": person.record_id}) != set()  # what is no secret is there, and is found


@pytest.mark.skipif(os.geteuid() != 0 or not Path("/proc/self/mem").exists(), reason="only root reads another process's memory")
def test_the_service_never_has_password_key_or_export_key_in_its_memory(place: Path) -> None:
    """All of its memory, which is more than a core file would have."""
    files, tokens = made(place, "grandma")
    with serving(files, tokens) as service:
        person = Person(service, "grandma")
        person.register()
        login, ask = person.login_start()
        begun = person.ask(ask, messages.LoginStartAnswer)
        ke3, export_key = login.finish(begun.ke2)
        person.ask(person.login_finish(begun.attempt, ke3), messages.LoginFinishAnswer)
        memory = {"memory": memory_of(service.process.pid)}
        secrets = {
            "password": RIGHT.encode(),
            "stretched": bytes(stretched(RIGHT, person.record_id).view),
            "secret": person.secret,
            "export key": bytes(export_key.view),
        }
        assert found_in(memory, secrets) == set()
        mac, epoch = _of_the_token(files.token)  # what it must have, and why a core file is forbidden to it
        assert found_in(memory, {"mac key": mac, "epoch key": epoch}) == {("mac key", "memory"), ("epoch key", "memory")}


def memory_of(process: int) -> bytes:
    """Every readable byte of a process."""
    found = []
    with Path(f"/proc/{process}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{process}/maps").read_text().splitlines():
            begin, end = (int(number, 16) for number in line.split()[0].split("-"))
            if line.split()[1].startswith("r") and "[v" not in line:
                with suppress(OSError):
                    found.append(os.pread(memory.fileno(), end - begin, begin))
    return b"".join(found)


def _of_the_token(path: Path) -> tuple[bytes, bytes]:
    lines = [line.split() for line in path.read_text().splitlines() if line.startswith(("mac ", "epoch "))]
    return tuple(base64.b64decode(line[-1] + "==") for line in lines)[:2]  # type: ignore[return-value]
