"""Tickets: what a registration's beginning leaves with the client, so that the service keeps nothing until its end: the salt, sealed.

    ticket   epoch 4 | time 8 (ms) | a salt of 32 bytes, sealed under the epoch's key: 72 more        big-endian, 116 bytes

The account, the record's id, the generation and the time are the seal's context: a ticket serves one registration of one account, and none
after it, for then the generation is another."""

from chatseal.errors import VaultDamagedError, VaultRefusedError
from chatseal.vault import labels
from chatseal.vault.guesses import Refusal
from chatseal.vault.shards import SALT_LEN
from chatseal.vault.token import SEALED_EXTRA, Token

LIFE_MS = 10 * 60 * 1000
LENGTH = 4 + 8 + SALT_LEN + SEALED_EXTRA


class Tickets:
    """Tickets that a token seals. Any thread may use it, and any process with the same token."""

    def __init__(self, token: Token) -> None:
        self._token = token

    def write(self, salt: bytes, account: bytes, record_id: bytes, generation: int, now: int) -> bytes:
        """The ticket for a salt of 32 bytes; *now* in milliseconds."""
        epoch = self._token.epochs()[-1]
        head = epoch.to_bytes(4, "big") + now.to_bytes(8, "big")
        return head + self._token.seal(epoch, salt, _context(head, account, record_id, generation))

    def read(self, ticket: bytes, account: bytes, record_id: bytes, generation: int, now: int) -> bytes:
        """The salt. Raises VaultRefusedError: `expired` for one that had its ten minutes, `no-attempt` for one that was given to somebody
        else, for another record or generation, in an epoch that is over, or never."""
        if len(ticket) != LENGTH:
            raise _unknown()
        head, sealed = ticket[:12], ticket[12:]
        try:
            salt = self._token.open(int.from_bytes(head[:4], "big"), sealed, _context(head, account, record_id, generation))
        except VaultDamagedError:
            raise _unknown() from None
        if not 0 <= now - int.from_bytes(head[4:], "big") < LIFE_MS:
            raise VaultRefusedError(Refusal.EXPIRED, "the registration took too long")
        return bytes(salt.view)


def _context(head: bytes, account: bytes, record_id: bytes, generation: int) -> bytes:
    return labels.TICKET + b" " + head + account + record_id + generation.to_bytes(8, "big")


def _unknown() -> VaultRefusedError:
    return VaultRefusedError(Refusal.NO_ATTEMPT, "the ticket is not one of this registration")
