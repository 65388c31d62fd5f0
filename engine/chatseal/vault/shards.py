"""Shards: every record has a salt, a thousand salts have a shard key, and shard keys are sealed under the key of an epoch.

Destroying a record removes its salt. Copies of the database still have it, sealed; so `rotate` makes a new epoch, gives the salts that live
in such shards new shard keys, and destroys the keys of the older epochs."""

import os

from chatseal.errors import OutcomeUnknownError, VaultBusyError, VaultDamagedError
from chatseal.keys.secret import Secret
from chatseal.vault import labels
from chatseal.vault.audit import Kind
from chatseal.vault.book import TRIES, Book, Step
from chatseal.vault.records import (
    EPOCH,
    ID_LEN,
    SALT,
    SALTS_MAX,
    SHARD,
    Salt,
    Shard,
    decode_number,
    decode_salt,
    decode_shard,
    encode_number,
    encode_salt,
    encode_shard,
    id_in,
    salt_key,
)
from chatseal.vault.token import Token, open_under, seal_under

SALT_LEN = 32
KEY_LEN = 32
BATCH = 40  # salts that move in one transaction: etcd takes 128 operations


class Shards:
    """The salts of a vault. Any thread may use it."""

    def __init__(self, book: Book, token: Token) -> None:
        self._book, self._token = book, token
        self._hint = ""  # a shard that had room

    @staticmethod
    def new_salt() -> bytes:
        """A salt for a new registration."""
        return os.urandom(SALT_LEN)

    def open(self, record_id: bytes) -> bytes:
        """The salt of a record, 32 bytes. Raises VaultDamagedError if it is gone or does not open."""
        return self.opened(record_id)[0]

    def opened(self, record_id: bytes) -> tuple[bytes, Step]:
        """The salt of a record, and the condition that it is still the one: a record of the same id has another. Raises the same."""
        for _ in range(TRIES):
            salt, sealed = self._salt(record_id)
            data = self._book.store.read([SHARD + salt.shard])[0]
            if data is None:
                continue  # a rotation has moved the salt in between
            try:
                opened = open_under(self._key(salt.shard, decode_shard(data)), salt.sealed, labels.SALT + b" " + record_id)
            except VaultDamagedError:
                if self._book.store.read([SHARD + salt.shard])[0] == data:
                    raise
                continue  # a rotation has given the shard another key in between, and dropped this one
            if len(opened.view) != SALT_LEN:
                raise VaultDamagedError("the vault's database holds a salt of the wrong length")
            return bytes(opened.view), Step({salt_key(record_id): sealed})
        raise VaultDamagedError("the vault's database has lost a shard")

    def placed(self, record_id: bytes, salt: bytes, *, avoid: str = "") -> Step:
        """What stores the salt of a new record, in another shard than *avoid*."""
        if len(salt) != SALT_LEN:
            raise ValueError(f"a salt is {SALT_LEN} bytes")
        for _ in range(TRIES):
            fence = self._book.store.read([EPOCH])[0]
            try:
                shard_id, shard, step = self._room(1, avoid)
                sealed = seal_under(self._key(shard_id, shard), salt, labels.SALT + b" " + record_id)
            except VaultDamagedError:
                if self._book.store.read([EPOCH])[0] == fence:
                    raise
                continue  # a rotation has begun another epoch in between, and dropped the key of this one
            return step + Step({salt_key(record_id): None}, {salt_key(record_id): encode_salt(Salt(shard_id, sealed))})
        raise VaultBusyError("the vault rotates its epochs all the time")

    def removed(self, record_id: bytes) -> Step:
        """What destroys the salt of a record and marks its shard."""
        salt, data = self._salt(record_id)
        key = SHARD + salt.shard
        before = self._book.store.read([key])[0]
        step = Step({salt_key(record_id): data, key: before}, {salt_key(record_id): None})
        if before is None:  # damage, or a rotation in between, which breaks a condition; either way nothing keeps this salt
            return step
        shard = decode_shard(before)
        return step + Step({}, {key: encode_shard(Shard(shard.epoch, shard.key, max(0, shard.salts - 1), True))})

    def replaced(self, old: bytes, new: bytes, salt: bytes) -> Step:
        """What destroys the salt of one record and stores another's, which may have the same id."""
        removed = self.removed(old)
        placed = self.placed(new, salt, avoid=self._salt(old)[0].shard)
        return placed + removed if old != new else Step(placed.conditions | removed.conditions, removed.writes | placed.writes)

    def rotate(self) -> int:
        """Make all that was destroyed before final, and give the number of the new epoch. Killed at any moment, every live record opens,
        and the next call does the rest. Raises VaultBusyError if another rotation begins meanwhile."""
        epoch = self._token.new_epoch()
        fence = self._fence(epoch)
        stuck = 0
        while older := self._shards_before(epoch):
            marked = {shard_id for shard_id, shard, _ in older if shard.marked and shard.salts}
            done = sum([self._renewed(*found, epoch, fence) for found in older if found[0] not in marked])
            done += self._moved(marked, fence)
            stuck = 0 if done else stuck + 1
            if stuck == TRIES:
                raise VaultDamagedError("a shard of an older epoch counts salts that are nowhere")
        self._book.store.compact()
        for number in self._token.epochs():  # the oldest first, and none before nothing needs it
            if number < epoch:
                self._token.drop_epoch(number)
        self._book.commit(Step(events=(self._book.event(Kind.ROTATED, generation=epoch),)))
        return epoch

    def _fence(self, epoch: int) -> Step:
        """Let no shard be made for an older epoch from now on, and give the condition that no newer one has begun."""
        for _ in range(TRIES):
            before = self._book.store.read([EPOCH])[0]
            if decode_number(before) >= epoch:
                raise _overtaken()
            step = Step({EPOCH: before}, {EPOCH: encode_number(epoch)}, (self._book.event(Kind.ROTATING, generation=epoch),))
            if self._try(step):
                break
        return Step({EPOCH: encode_number(epoch)})

    def _try(self, step: Step) -> bool:
        """Whether a change is made. A change whose outcome nobody knows counts as not: it is made again only if it was not."""
        try:
            return self._book.commit(step)
        except OutcomeUnknownError:
            return False

    def _try_in_epoch(self, step: Step, fence: Step) -> bool:
        if self._try(step + fence):
            return True
        if self._book.store.read([EPOCH])[0] != fence.conditions[EPOCH]:
            raise _overtaken()
        return False

    def _renewed(self, shard_id: str, shard: Shard, data: bytes, epoch: int, fence: Step) -> bool:
        """Seal the key of a shard under the new epoch's key, or remove it with the last of its salts."""
        value = None
        if shard.salts:
            key = self._key(shard_id, shard)
            value = encode_shard(Shard(epoch, self._sealed(shard_id, key, epoch), shard.salts))
        return self._try_in_epoch(Step({SHARD + shard_id: data}, {SHARD + shard_id: value}), fence)

    def _moved(self, shards: set[str], fence: Step) -> int:
        """Seal the salts in these shards again, in others. How many transactions that took."""
        done, after = 0, SALT
        while shards and (page := self._book.store.list(SALT, after, BATCH)):
            after = page[-1][0]
            for shard_id in shards:
                batch = {key: data for key, data in page if decode_salt(data).shard == shard_id}
                done += bool(batch) and self._move(shard_id, batch, fence)
        return done

    def _move(self, shard_id: str, batch: dict[str, bytes], fence: Step) -> bool:
        place = SHARD + shard_id
        data = self._book.store.read([place])[0]
        if data is None:
            return False
        shard = decode_shard(data)
        key = self._key(shard_id, shard)
        target_id, target, step = self._room(len(batch), shard_id)
        target_key = self._key(target_id, target)
        rest = Shard(shard.epoch, shard.key, max(0, shard.salts - len(batch)), True)
        step += Step({place: data, **batch}, {place: encode_shard(rest)})
        for name, value in batch.items():
            context = labels.SALT + b" " + id_in(name, SALT, ID_LEN)
            opened = open_under(key, decode_salt(value).sealed, context)
            step.writes[name] = encode_salt(Salt(target_id, seal_under(target_key, opened.view, context)))
        return self._try_in_epoch(step, fence)

    def _shards_before(self, epoch: int) -> list[tuple[str, Shard, bytes]]:
        return [found for found in self._shards() if found[1].epoch < epoch]

    def _shards(self) -> list[tuple[str, Shard, bytes]]:
        """All shards: one for each thousand records."""
        found: list[tuple[str, Shard, bytes]] = []
        after = SHARD
        while page := self._book.store.list(SHARD, after):
            after = page[-1][0]
            found += [(key.removeprefix(SHARD), decode_shard(data), data) for key, data in page]
        return found

    def _room(self, salts: int, avoid: str) -> tuple[str, Shard, Step]:
        """A shard of the newest epoch with room for so many salts, and what counts them there: it may be one that is to be made."""
        fence, data = self._book.store.read([EPOCH, SHARD + (self._hint or "none")])
        found = [(self._hint, decode_shard(data), data)] if data is not None else []
        if not any(self._fits(*one[:2], salts, avoid, fence) for one in found):
            found = self._shards()
        for shard_id, shard, before in found:
            if self._fits(shard_id, shard, salts, avoid, fence):
                self._hint = shard_id
                counted = Shard(shard.epoch, shard.key, shard.salts + salts)
                return shard_id, shard, Step({SHARD + shard_id: before}, {SHARD + shard_id: encode_shard(counted)})
        shard_id = os.urandom(8).hex()
        epoch = decode_number(fence) or self._token.epochs()[-1]
        shard = Shard(epoch, self._sealed(shard_id, Secret.random(KEY_LEN), epoch), salts)
        step = Step({SHARD + shard_id: None, EPOCH: fence}, {SHARD + shard_id: encode_shard(shard)})
        if fence is None:
            step.writes[EPOCH] = encode_number(epoch)
        return shard_id, shard, step

    @staticmethod
    def _fits(shard_id: str, shard: Shard, salts: int, avoid: str, fence: bytes | None) -> bool:
        is_newest = shard.epoch == decode_number(fence)
        return is_newest and not shard.marked and shard.salts + salts <= SALTS_MAX and shard_id != avoid

    def _key(self, shard_id: str, shard: Shard) -> Secret:
        return self._token.open(shard.epoch, shard.key, labels.SHARD + b" " + shard_id.encode())

    def _sealed(self, shard_id: str, key: Secret, epoch: int) -> bytes:
        return self._token.seal(epoch, bytes(key.view), labels.SHARD + b" " + shard_id.encode())

    def _salt(self, record_id: bytes) -> tuple[Salt, bytes]:
        data = self._book.store.read([salt_key(record_id)])[0]
        if data is None:
            raise VaultDamagedError("the vault's database has lost a salt")
        return decode_salt(data), data


def _overtaken() -> VaultBusyError:
    return VaultBusyError("another rotation has begun")
