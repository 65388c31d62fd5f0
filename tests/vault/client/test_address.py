"""The URL of a vault: one spelling, https, and nothing that could carry a secret or lead elsewhere."""

import pytest

from chatseal.errors import VaultAddressError
from chatseal.vault.address import canonical


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("https://vault.example", "https://vault.example/"),
        ("HTTPS://Vault.Example:443/", "https://vault.example/"),
        ("https://vault.example:8443/keys/", "https://vault.example:8443/keys/"),
        ("https://vault.example/keys", "https://vault.example/keys/"),
        ("http://localhost:8600", "http://localhost:8600/"),
        ("http://127.0.0.1:8600/", "http://127.0.0.1:8600/"),
        ("http://127.9.9.9", "http://127.9.9.9/"),
        ("http://[::1]:8600", "http://[::1]:8600/"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]/"),
        ("https://vault.example" + "/a" * 88, "https://vault.example" + "/a" * 88 + "/"),
    ],
)
def test_a_url_has_one_spelling(written: str, found: str) -> None:
    assert canonical(written) == found
    assert canonical(found) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "vault.example",
        "ftp://vault.example",
        "https://",
        "https://ada:hunter2@vault.example",
        "https://vault.example/?token=hunter2",
        "https://vault.example/#hunter2",
        "https://vault.example/..",
        "https://vault.example/%2e%2e/",
        "https://vault.example:99999",
        "https://vault example",
        "https://vault.example/\n",
        "https://[::1",
        "https://\u0430pple.example",
        "http://vault.example",
        "http://127.0.0.1.example",
        "http://localhost.example",
        "http://0.0.0.0",
        "https://vault.example/" + "a" * 180,
    ],
)
def test_what_is_none_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(VaultAddressError) as caught:
        canonical(text)
    assert "hunter2" not in str(caught.value)
