"""The config: what is written is read, only by its holders, and what somebody else wrote is refused."""

import json
import traceback
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatseal import Argon2Cost, BackupKey, DamagedError, HolderError, IntegrityError, NotSealedError, Password, PrivateKey, WrongKeyError
from chatseal.errors import DroppedEpochError
from chatseal.format.labels import CONFIG, SEALED
from chatseal.keys.epoch_key import EpochKey
from chatseal.keys.secret import Secret
from chatseal.sealing.budget import Budget
from chatseal.sealing.seal import SealOptions
from chatseal.sealing.writer import SealedWriter
from chatseal.snapshots import envelope
from chatseal.snapshots.config import EPOCHS_MAX, Config
from corpus import PAIR_BYTES
from slow_writer import Draw, base64_text, cobblestone, end_line, framed, hpke_slot, key_slot, padded, private_key, stored_frame, stream_of
from snapshots.conftest import KEY

CREATED = datetime(2026, 11, 25, 10, 11, 12, tzinfo=UTC)
CONFIG_OF = Config("0f" * 16, 3, CREATED, (EpochKey(1, b"1" * 32), EpochKey(7, b"7" * 32)), Secret(b"f" * 32), True)


def shown(config: Config) -> tuple[Any, ...]:
    epochs = [(epoch.number, bytes(epoch.secret)) for epoch in config.epochs]
    return config.store_id, config.generation, config.created, epochs, bytes(config.fingerprint_key.view), config.puts_absent


def members() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(envelope.unseal(CONFIG_OF.seal(KEY), [KEY], CONFIG, 1 << 20, "config"))
    return found


MEMBERS = members()


def parsed(**changes: Any) -> Config:
    """What is made of CONFIG_OF with some members of somebody else's; Ellipsis takes one away."""
    changed = {name: value for name, value in (MEMBERS | changes).items() if value is not ...}
    return Config._parse(json.dumps(changed).encode())


def test_a_config_comes_back() -> None:
    assert shown(Config.open(CONFIG_OF.seal(KEY), [KEY])) == shown(CONFIG_OF) == shown(parsed(later={}))


@given(
    numbers=st.lists(st.integers(1, 999_999_999), min_size=1, max_size=5, unique=True).map(sorted),
    generation=st.integers(1, 2**63 - 1),
    created=st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)),
    puts_absent=st.booleans(),
    keys=st.binary(min_size=32, max_size=32),
)
def test_any_config_comes_back(numbers: list[int], generation: int, created: datetime, puts_absent: bool, keys: bytes) -> None:
    epochs = tuple(EpochKey(number, keys) for number in numbers)
    config = Config(keys[:16].hex(), generation, created.replace(microsecond=0), epochs, Secret(keys), puts_absent)
    assert shown(Config._parse(json.dumps(config._members()).encode())) == shown(config)


def test_a_new_config_is_like_no_other() -> None:
    one, other = Config.new(puts_absent=False), Config.new(puts_absent=False)
    assert shown(Config.open(one.seal(KEY), [KEY])) == shown(one)
    assert one.store_id != other.store_id
    assert len({bytes(secret) for c in (one, other) for secret in (c.epoch.secret, c.fingerprint_key.view, c.name_key().view)}) == 6


def test_the_newest_epoch_seals_and_each_opens_its_own() -> None:
    assert CONFIG_OF.epoch.number == 7
    assert bytes(CONFIG_OF.epoch_key(1).secret) == b"1" * 32
    with pytest.raises(DroppedEpochError, match="epoch 2"):  # there may have been one, and there is none any more
        CONFIG_OF.epoch_key(2)
    with pytest.raises(DamagedError, match="epoch 8"):
        CONFIG_OF.epoch_key(8)


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("value", [..., None, 0, -1, 2**63, 1.0, "", "x", [], {}, [1], "0F" * 16, "0f" * 32 + " "])
def test_a_member_that_is_missing_or_of_another_form_is_damage(name: str, value: object) -> None:
    with pytest.raises(DamagedError):
        parsed(**{name: value})


A, B = "0a" * 32, "0b" * 32


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("version", True),
        ("version", 2),
        ("generation", True),
        ("puts_absent", 1),
        ("store", "0f" * 15),
        ("store", "0f" * 17),
        ("store", "0f" * 15 + " 0"),
        ("store", "\u0660" * 32),
        ("fingerprints", A.upper()),
        ("fingerprints", "0a" * 31),
        ("fingerprints", "0a" * 31 + "  "),
        ("created", "2026-11-25 10:11:12"),
        ("epochs", [[1, A], [1, B]]),
        ("epochs", [[2, A], [1, B]]),
        ("epochs", [[0, A]]),
        ("epochs", [[-1, A]]),
        ("epochs", [[True, A]]),
        ("epochs", [[1.0, A]]),
        ("epochs", [["1", A]]),
        ("epochs", [[1_000_000_000, A]]),
        ("epochs", [[1, A.upper()]]),
        ("epochs", [[1, A[:-2]]]),
        ("epochs", [[1, A + "00"]]),
        ("epochs", [[1, "0a " * 32]]),
        ("epochs", [[1, None]]),
        ("epochs", [[1]]),
        ("epochs", [[1, A, 1]]),
        ("epochs", [{"number": 1, "key": A}]),
        ("epochs", [[n + 1, A] for n in range(EPOCHS_MAX + 1)]),
    ],
)
def test_a_config_that_breaks_a_rule_is_damage(name: str, value: object) -> None:
    with pytest.raises(DamagedError):
        parsed(**{name: value})


def test_as_many_epochs_as_there_may_be() -> None:
    assert parsed(epochs=[[n + 1, A] for n in range(EPOCHS_MAX)]).epoch.number == EPOCHS_MAX


def test_any_changed_byte_of_it_is_noticed() -> None:
    data = CONFIG_OF.seal(KEY)
    for at in [*range(200), *range(200, len(data) - 600, 97), *range(len(data) - 600, len(data), 7)]:
        with pytest.raises((IntegrityError, WrongKeyError)):
            Config.open(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], [KEY])


def test_another_key_is_a_wrong_key() -> None:
    with pytest.raises(WrongKeyError):
        Config.open(CONFIG_OF.seal(KEY), [BackupKey(bytes(32))])


def test_keys_and_passwords_open_it() -> None:
    password = Password("see you at ten", cost=Argon2Cost(19 << 10, 1, 1))
    data = CONFIG_OF.seal([KEY, password])
    assert data.startswith(b"chatseal/v1 config\n")
    for opener in (KEY, password):
        assert shown(Config.open(data, [opener])) == shown(CONFIG_OF)


def test_a_config_is_never_sealed_for_a_public_key(pair: PrivateKey) -> None:
    with pytest.raises(HolderError, match="not by a public key"):
        CONFIG_OF.seal(pair.public_key)
    with pytest.raises(HolderError, match="not by a public key"):
        CONFIG_OF.seal([KEY, pair.public_key])


def test_a_config_that_the_provider_made_for_the_victims_public_key_does_not_open(pair: PrivateKey) -> None:
    """Whoever keeps a store knows a public key like anybody. A store of their own, sealed for it, would get the next backup, under keys
    that they know."""
    theirs = json.dumps(MEMBERS).encode()
    draw = Draw("the provider")
    file_key = draw(32)
    payload = cobblestone(file_key, b"chatseal/v1\0config", stream_of(framed([stored_frame(theirs)], {"kind": "stream"})), draw(24))
    for info in (b"chatseal/v1 slot hpke\0config", b"chatseal/v1 slot hpke\0sealed"):
        slot = hpke_slot(private_key(PAIR_BYTES).public_key(), file_key, info)
        before = padded(b"chatseal/v1 config\nsize %d\n%s\n" % (len(payload), slot))
        forged = before + end_line(before, file_key, payload) + payload
        with pytest.raises(WrongKeyError):
            Config.open(forged, [pair])
        with pytest.raises(WrongKeyError):
            Config.open(forged, [KEY, pair])
    own = key_slot(bytes(KEY.secret), file_key, draw(24))
    before = padded(b"chatseal/v1 config\nsize %d\n%s\n" % (len(payload), own))
    assert shown(Config.open(before + end_line(before, file_key, payload) + payload, [KEY])) == shown(CONFIG_OF), (
        "but for the slot it is right"
    )


def test_another_kind_of_file_is_no_config() -> None:
    plain = json.dumps(MEMBERS).encode()
    for kind in (SEALED, "pack\0" + "0f" * 16 + "\0config", "snapshot\0\0"):
        pieces: list[bytes] = []
        with SealedWriter(
            pieces, KEY if kind == SEALED else EpochKey(1, bytes(KEY.secret)), SealOptions(), Budget.of(1, None), overwrite=False, kind=kind
        ) as writer:
            writer.write(plain)
        data = b"".join(pieces)
        with pytest.raises(NotSealedError):
            Config.open(data, [KEY])
        line, _, rest = data.partition(b"\n")
        with pytest.raises((IntegrityError, WrongKeyError)):
            Config.open(b"chatseal/v1 config\n" + rest, [KEY])
        assert line != b"chatseal/v1 config"


def test_a_config_too_large_is_damage() -> None:
    data = b"".join(envelope.seal([KEY], CONFIG, [json.dumps(MEMBERS).encode(), b" " * (1 << 20)]))
    with pytest.raises(DamagedError):
        Config.open(data, [KEY])


def test_nothing_shows_a_key_of_the_store() -> None:
    config = CONFIG_OF
    try:
        raise ValueError(config)
    except ValueError as error:
        text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format()) + repr(config)
    for secret in (b"1" * 32, b"7" * 32, b"f" * 32):
        assert secret.hex() not in text
        assert secret.decode() not in text


def test_the_body_of_a_slot_is_the_documents() -> None:
    line = CONFIG_OF.seal(KEY).split(b"\n")[2]
    assert line.startswith(b"slot key ")
    assert len(line) == len("slot key ") + len(base64_text(bytes(104)))
