"""Who may ask: the household's list, and tokens of an identity provider."""

import json
import stat
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from chatseal.errors import KeyExposedError, TargetExistsError, VaultAccountError, VaultBusyError
from chatseal.vault.accounts import ACCOUNTS_MAX, HouseholdAccounts, bearer
from chatseal.vault.oidc import OidcAccounts

ISSUER, VAULT = "https://id.example", "vault"


def test_a_token_shows_its_account_and_no_other(place: Path) -> None:
    accounts = HouseholdAccounts.create(place / "accounts")
    token, other = accounts.add("grandma"), accounts.add("grandpa")
    assert accounts.is_shown("grandma", token)
    for name, shown in (("grandma", other), ("grandpa", token), ("nobody", token), ("grandma", ""), ("grandma", token + "x"), ("", "")):
        assert not accounts.is_shown(name, shown)
    assert accounts.names() == ("grandma", "grandpa")
    text = (place / "accounts").read_text()
    assert token not in text
    assert token.removeprefix("cvt-") not in text
    assert stat.S_IMODE((place / "accounts").stat().st_mode) == 0o600


def test_another_process_sees_changes_at_once(place: Path) -> None:
    accounts = HouseholdAccounts.create(place / "accounts")
    token = accounts.add("grandma")
    running = HouseholdAccounts(place / "accounts")
    assert running.is_shown("grandma", token)
    another = accounts.add("grandma", anew=True)
    assert (running.is_shown("grandma", token), running.is_shown("grandma", another)) == (False, True)
    accounts.remove("grandma")
    assert not running.is_shown("grandma", another)


def test_two_who_change_it_at_once_lose_nothing(place: Path) -> None:
    HouseholdAccounts.create(place / "accounts")
    threads = [
        threading.Thread(target=lambda name=f"person-{number}": HouseholdAccounts(place / "accounts").add(name)) for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(HouseholdAccounts(place / "accounts").names()) == 20


@pytest.mark.parametrize(
    "text",
    [
        "",
        "chatseal-vault-accounts 2\n",
        "chatseal-vault-accounts 1",
        "chatseal-vault-accounts 1\ngrandma\n",
        "chatseal-vault-accounts 1\ngrandma " + "g" * 64 + "\n",
        "chatseal-vault-accounts 1\n a " + "0" * 64 + "\n",
        "chatseal-vault-accounts 1\n" + 2 * ("a " + "0" * 64 + "\n"),
        "chatseal-vault-accounts 1\nb\xe4r " + "0" * 64 + "\n",
    ],
)
def test_a_file_that_is_no_list_lets_nobody_in(place: Path, text: str) -> None:
    path = place / "accounts"
    path.write_bytes(text.encode("latin-1"))
    path.chmod(0o600)
    with pytest.raises(VaultAccountError):
        HouseholdAccounts(path)


def test_a_list_that_others_can_read_is_refused(place: Path) -> None:
    HouseholdAccounts.create(place / "accounts")
    (place / "accounts").chmod(0o644)
    with pytest.raises(KeyExposedError):
        HouseholdAccounts(place / "accounts")


def test_names_have_limits_and_the_list_has_one(place: Path) -> None:
    accounts = HouseholdAccounts.create(place / "accounts")
    for name in ("", "a b", "b\xe4r", "a\n", "x" * 129):
        with pytest.raises(VaultAccountError):
            accounts.add(name)
    accounts.add("#hash")
    with pytest.raises(TargetExistsError):
        accounts.add("#hash")
    digests = "".join(f"{'x' * 90}{number:03} {'0' * 64}\n" for number in range(ACCOUNTS_MAX))
    (place / "accounts").write_text(f"chatseal-vault-accounts 1\n{digests}")
    with pytest.raises(VaultAccountError, match="at most"):
        HouseholdAccounts(place / "accounts").add("one-more")


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (None, ""),
        ("", ""),
        ("Bearer", ""),
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Basic abc", ""),
        ("Bearer " + "x" * 4097, ""),
    ],
)
def test_what_follows_bearer_is_the_token(header: str | None, token: str) -> None:
    assert bearer(header) == token


class Provider:
    """An identity provider: keys, and tokens signed with them."""

    def __init__(self) -> None:
        self.keys: list[Any] = [OKPKey.generate_key("Ed25519", {"kid": "a"})]
        self.now, self.asked, self.is_down = time.time(), 0, False

    def fetch(self, _: str) -> bytes:
        self.asked += 1
        if self.is_down:
            raise OSError("down")
        return json.dumps(KeySet(self.keys).as_dict(private=False)).encode()

    def accounts(self) -> OidcAccounts:
        return OidcAccounts(ISSUER, VAULT, "https://id.example/keys", clock=lambda: self.now, fetch=self.fetch)

    def token(self, key: Any = None, algorithm: str = "Ed25519", **claims: Any) -> str:
        key = key or self.keys[-1]
        said = {"iss": ISSUER, "aud": VAULT, "sub": "grandma", "exp": int(self.now) + 300} | claims
        return jwt.encode({"alg": algorithm, "kid": key.kid}, {k: v for k, v in said.items() if v is not None}, key, algorithms=[algorithm])


def test_a_providers_token_shows_its_subject_alone() -> None:
    provider = Provider()
    accounts, token = provider.accounts(), provider.token()
    assert accounts.is_shown("grandma", token)
    assert not accounts.is_shown("grandpa", token)
    assert provider.accounts().names() == ()


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"exp": "tomorrow"},
        {"sub": None},
        {"sub": ["grandma"]},
        {"nbf": 2**40},
    ],
    ids=str,
)
def test_a_token_for_somebody_else_or_of_another_time_shows_nothing(claims: dict[str, Any]) -> None:
    provider = Provider()
    assert not provider.accounts().is_shown("grandma", provider.token(**claims))


def test_tokens_that_the_provider_did_not_sign_show_nothing() -> None:
    provider = Provider()
    accounts, good = provider.accounts(), provider.token()
    head, body, signature = good.split(".")
    public = json.dumps(provider.keys[0].as_dict(private=False)).encode()
    forged = [
        "",
        "x",
        "..",
        "a.b.c",
        good[:-4] + "AAAA",
        f"{head}.{body}.",
        f"eyJhbGciOiJub25lIn0.{body}.",  # {"alg":"none"}
        f"{head}.{body}.{signature}.{signature}",
        provider.token(OKPKey.generate_key("Ed25519", {"kid": "a"})),  # another's key under the same name
        provider.token(OctKey.import_key(public, {"kid": "a"}), "HS256"),  # the public key as a shared secret
        "x" * 5000,
        "\ud800",
    ]
    for token in forged:
        assert not accounts.is_shown("grandma", token)
    assert accounts.is_shown("grandma", good)


@pytest.mark.parametrize(
    ("key", "algorithm"), [(ECKey.generate_key("P-256", {"kid": "e"}), "ES256"), (RSAKey.generate_key(2048, {"kid": "r"}), "RS256")]
)
def test_the_usual_algorithms_are_taken(key: Any, algorithm: str) -> None:
    provider = Provider()
    provider.keys.append(key)
    assert provider.accounts().is_shown("grandma", provider.token(key, algorithm))


def test_new_keys_are_fetched_once_a_minute_at_most_and_old_ones_serve_a_day() -> None:
    provider = Provider()
    accounts = provider.accounts()
    provider.now += 61
    provider.keys.append(OKPKey.generate_key("Ed25519", {"kid": "b"}))
    assert accounts.is_shown("grandma", provider.token())
    assert provider.asked == 2
    stranger = provider.token(OKPKey.generate_key("Ed25519", {"kid": "z"}))
    for _ in range(20):
        assert not accounts.is_shown("grandma", stranger)
    assert provider.asked == 2
    provider.is_down = True
    provider.now += 7200
    assert accounts.is_shown("grandma", provider.token())
    provider.now += 24 * 3600
    with pytest.raises(VaultBusyError):
        accounts.is_shown("grandma", provider.token())


@pytest.mark.parametrize(
    "keys", [b"", b"[]", b"{}", b'{"keys": []}', b'{"keys": [{"kty": "oct", "k": "AAAA"}]}', b'{"keys": [{"kty": "RSA"}]}', b"[" * 70_000]
)
def test_keys_that_are_none_are_refused(keys: bytes) -> None:
    with pytest.raises(VaultAccountError):
        OidcAccounts(ISSUER, VAULT, "https://id.example/keys", fetch=lambda _: keys)


def test_private_keys_in_the_set_are_refused_and_http_is_not_asked(place: Path) -> None:
    private = json.dumps(KeySet(Provider().keys).as_dict(private=True))
    (place / "keys").write_text(private)
    with pytest.raises(VaultAccountError):
        OidcAccounts(ISSUER, VAULT, str(place / "keys"))
    with pytest.raises(VaultAccountError, match="https"):
        OidcAccounts(ISSUER, VAULT, "http://id.example/keys")
