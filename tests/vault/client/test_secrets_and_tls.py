"""No word of the client shows a secret, at debug level neither; TLS is verified."""

import io
import logging
import subprocess
from pathlib import Path

import pytest

from chatseal.errors import VaultUnreachableError
from chatseal.keys.password import Password
from chatseal.keys.secret import Secret
from chatseal.vault.client import VaultClient, first_key
from chatseal.vault.stretch import Stretch
from vault.client.commands import PASSWORD
from vault.service.running import COMMAND, Running, made, start

CHEAP = Stretch(64 << 10, 3)


def test_no_log_repr_or_error_shows_token_password_or_key(
    client: VaultClient, service: Running, name: str, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    secret, right = Secret.random(32), Password(PASSWORD)
    said = io.StringIO()
    with caplog.at_level(logging.DEBUG):
        client.register(secret.view, right, stretch=CHEAP)
        found = client.recover(right)
        print(client, repr(client), repr(found), vars(client), file=said)
        with pytest.raises(Exception) as caught:
            client.recover(Password("another"))
    text = said.getvalue() + caplog.text + repr(caught.value) + str(caught.value)
    assert len(text) > 500  # the library below did log
    for hidden in (service.tokens[name], PASSWORD, secret.view.hex(), repr(bytes(secret.view))[2:-1]):
        assert hidden not in text


def test_a_certificate_that_nobody_vouches_for_gets_no_request_until_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = tmp_path / "dev.pem", tmp_path / "dev.key"
    ran = subprocess.run([*COMMAND, "certificate", "--cert", certificate, "--key", key], capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr
    files, tokens = made(tmp_path / "vault", "ada")
    service = start(files, tokens, "--tls-cert", str(certificate), "--tls-key", str(key), scheme="https")
    try:
        url = f"https://localhost:{service.port}"
        with pytest.raises(VaultUnreachableError, match="does not trust") as caught:
            first_key(url)
        assert not caught.value.was_sent
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert first_key(url) == service.key
    finally:
        service.stop()
