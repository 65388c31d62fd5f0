"""`chatseal-vault`: what an operator does, by the command itself."""

import http.client
import io
import json
import os
import shutil
import signal
import ssl
import stat
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from chatseal.cli.vault_operator.app import chatseal_vault
from chatseal.errors import EXIT_BUSY, EXIT_DAMAGED, EXIT_FAILED, EXIT_NOT_THERE, EXIT_OK, EXIT_USAGE
from chatseal.vault.anchor import FileAnchor
from vault.service.person import Person, RefusedError
from vault.service.running import Running, made, start


@dataclass
class Ran:
    stdout: str
    stderr: str


def run(*words: str, code: int = EXIT_OK) -> Ran:
    """The command, in this process: each start of an interpreter takes a second."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as errors, pytest.raises(SystemExit) as ended:
        chatseal_vault.main(words, prog_name="chatseal-vault")
    assert ended.value.code == code, errors.getvalue()
    return Ran(out.getvalue(), errors.getvalue())


def told(*words: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(run(*words, "--json").stdout)
    return found


def test_from_nothing_to_a_recovered_secret(place: Path) -> None:
    folder = str(place / "vault")
    fingerprint = told("init", "--folder", folder)["fingerprint"]
    for name in ("vault.db", "token", "anchor", "accounts"):
        assert stat.S_IMODE((place / "vault" / name).stat().st_mode) == 0o600
    token = run("accounts", "add", "grandma", "--folder", folder).stdout.strip()
    assert "grandma" in run("accounts", "list", "--folder", folder).stdout
    assert token not in (place / "vault" / "accounts").read_text()
    files = made(place / "other")[0].within(folder)
    service = start(files, {"grandma": token})
    try:
        assert service.fingerprint == fingerprint
        person = Person(service, "grandma")
        person.register()
        assert person.recover() == person.secret
        status = told("status", "--folder", folder)
        assert (status["records"], status["database"], status["fingerprint"]) == (1, True, fingerprint)
        another = run("accounts", "token", "grandma", "--folder", folder).stdout.strip()
        with pytest.raises(RefusedError, match="unauthenticated"):
            person.status()
        service.tokens["grandma"] = another
        assert person.status().generation == 2
        run("accounts", "remove", "grandma", "--folder", folder)
        with pytest.raises(RefusedError, match="unauthenticated"):
            person.status()
        events = run("audit", "verify", "--folder", folder, "--account", "grandma", "--json").stdout.splitlines()
        assert [json.loads(line)["event"] for line in events[:-1]] == ["registered", "claimed", "succeeded"]
        assert json.loads(events[-1])["whole"] is True
        assert "registered" in run("audit", "--folder", folder, "--events").stdout
    finally:
        service.stop()


def test_nothing_is_overwritten(place: Path) -> None:
    folder = str(place)
    run("init", "--folder", folder)
    before = {path: path.read_bytes() for path in place.iterdir()}
    assert "never overwritten" in run("init", "--folder", folder, code=EXIT_FAILED).stderr
    assert {path: path.read_bytes() for path in place.iterdir()} == before
    copy = str(place / "copy")
    run("backup", copy, "--folder", folder)
    run("backup", copy, "--folder", folder, code=EXIT_FAILED)
    run("accounts", "add", "a b", "--folder", folder, code=EXIT_USAGE)
    run("accounts", "remove", "nobody", "--folder", folder, code=EXIT_USAGE)
    run("accounts", "token", "nobody", "--folder", folder, code=EXIT_USAGE)


def test_a_vault_has_one_service_and_is_not_restored_under_it(place: Path) -> None:
    service = start(*made(place))
    try:
        ran = run("serve", "--folder", str(place), "--listen", "127.0.0.1:0", code=EXIT_BUSY)
        assert "a service of this vault runs" in ran.stderr
        run("restore", "--folder", str(place), "--yes", code=EXIT_BUSY)
    finally:
        service.stop()


def test_an_epoch_begins_under_a_service_and_a_copy_from_before_is_worth_nothing(place: Path) -> None:
    service = start(*made(place, "grandma"))
    try:
        person = Person(service, "grandma")
        person.register()
        assert told("epoch", "rotate", "--folder", str(place))["epoch"] == 2
        assert person.recover() == person.secret
    finally:
        service.stop()


def test_a_database_that_is_older_than_its_anchor_is_not_served_and_restored_without_its_records(place: Path) -> None:
    folder, copy = str(place / "vault"), str(place / "copy")
    files, tokens = made(place / "vault", "grandma")
    service = start(files, tokens)
    person = Person(service, "grandma")
    person.register()
    run("backup", copy, "--folder", folder)
    assert person.guess_wrong() == "wrong"
    service.stop()
    for end in ("-wal", "-shm"):
        Path(f"{files.database}{end}").unlink(missing_ok=True)
    shutil.copy(copy, files.database)
    assert "chatseal-vault restore" in run("serve", "--folder", folder, "--listen", "127.0.0.1:0", code=EXIT_DAMAGED).stderr
    run("restore", "--folder", folder, code=EXIT_USAGE)
    assert told("restore", copy, "--folder", folder, "--yes")["destroyed"] == 1
    assert (place / "vault" / "vault.db.before").exists()
    assert told("restore", "--folder", folder, "--yes")["destroyed"] == 0
    person.service = start(files, tokens)
    try:
        found = person.status()
        assert found.record is None
        assert found.tombstone is not None
        assert found.tombstone.reason == "restored"
        person.register(signed=True)
        assert person.recover() == person.secret
    finally:
        person.service.stop()
    FileAnchor(files.anchor).read()


def test_a_lost_database_is_restored_from_a_copy_also_after_a_restoration_that_was_killed(place: Path) -> None:
    folder, copy = str(place / "vault"), str(place / "copy")
    files, _ = made(place / "vault", "grandma")
    run("backup", copy, "--folder", folder)
    run("restore", copy, "--folder", str(place), "--yes", code=EXIT_NOT_THERE)  # there is no vault
    assert not (place / "lock").exists()
    for end in ("", "-wal", "-shm"):
        Path(f"{files.database}{end}").unlink(missing_ok=True)
    run("serve", "--folder", folder, "--listen", "127.0.0.1:0", code=EXIT_NOT_THERE)
    assert told("restore", copy, "--folder", folder, "--yes")["destroyed"] == 0
    assert told("status", "--folder", folder)["database"] is True


def test_off_this_machine_it_takes_tls_and_speaks_it(place: Path) -> None:
    files, tokens = made(place / "vault", "grandma")
    ran = run("serve", "--folder", str(place / "vault"), "--listen", "0.0.0.0:0", code=EXIT_USAGE)
    assert "--tls-cert" in ran.stderr
    certificate, key = str(place / "dev.pem"), str(place / "dev.key")
    run("certificate", "--cert", certificate, "--key", key)
    assert stat.S_IMODE(os.stat(key).st_mode) == 0o600
    run("certificate", "--cert", certificate, "--key", key, code=EXIT_FAILED)
    options = ("--tls-cert", certificate, "--tls-key", key, "--listen", "0.0.0.0:0")
    service: Running = start(files, tokens, *options, scheme="https")
    try:
        context = ssl.create_default_context(cafile=certificate)
        connection = http.client.HTTPSConnection("localhost", service.port, context=context, timeout=30)
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"ok\n"
        connection.close()
        plain = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
        plain.request("GET", "/healthz")
        with pytest.raises((http.client.HTTPException, OSError)):
            plain.getresponse()
        plain.close()
    finally:
        service.stop()


def test_a_second_signal_and_an_interrupt_end_it_as_well(place: Path) -> None:
    service = start(*made(place))
    service.process.send_signal(signal.SIGINT)
    assert service.process.wait(30) == EXIT_OK


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
@pytest.mark.parametrize("port", ["8443", "443"])
def test_systemd_takes_the_unit(place: Path, port: str) -> None:
    unit = place / "chatseal-vault.service"
    text = run("unit", "--listen", f"0.0.0.0:{port}").stdout
    program = next(line.split()[0].removeprefix("ExecStart=") for line in text.splitlines() if line.startswith("ExecStart="))
    unit.write_text(text if Path(program).exists() else text.replace(program, "/bin/true"))
    ran = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60)
    assert not [line for line in ran.stderr.splitlines() if unit.name in line]
    assert ran.returncode == 0
