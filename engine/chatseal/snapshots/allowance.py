"""Allowance: how much of something may be too much, as people say it."""

from dataclasses import dataclass
from typing import Final, Self

from chatseal.sizes import parse_size

MAX_UNUSED: Final = "5%"
MAX_FRAGMENTATION: Final = "50%"


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many bytes may be too many: a *share* of those that are needed, or an *amount*; None is any."""

    share: float = 0.0
    amount: int | None = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """`5%`, `200M` or `unlimited`. Raises ValueError."""
        if text == "unlimited":
            return cls(amount=None)
        if text.endswith("%"):
            share = float(text[:-1])
            if not 0 <= share <= 1000:
                raise ValueError("a share is 0% to 1000%")
            return cls(share / 100)
        return cls(amount=parse_size(text))

    def bytes_of(self, needed: int) -> float:
        """The limit where so many bytes are needed."""
        return float("inf") if self.amount is None else max(self.share * needed, self.amount)


UNLIMITED: Final = Allowance(amount=None)
