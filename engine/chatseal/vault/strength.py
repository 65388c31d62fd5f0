"""Strength: what a new password would withstand, judged on this device before the vault sees anything of it."""

import math
from dataclasses import dataclass

SCORE_MIN = 3  # of 4: more than 10^8 guesses
JUDGED_MAX = 72  # characters; what follows only adds


@dataclass(frozen=True, slots=True)
class Strength:
    """*score* from 0 to 4, the number of guesses as a power of ten, and for people why it is no better."""

    score: int
    magnitude: float
    why: str

    @property
    def is_weak(self) -> bool:
        """Whether a password is refused unless its owner insists."""
        return self.score < SCORE_MIN


def judge(text: str, known: tuple[str, ...] = ()) -> Strength:
    """The strength of a password. *known* are words that whoever guesses knows: the account's name, the vault's."""
    from zxcvbn import zxcvbn

    if not text:
        return Strength(0, 0.0, "It is empty.")
    words = [word for word in known if word]
    found = zxcvbn(text[:JUDGED_MAX], user_inputs=words)
    feedback = found["feedback"]
    hints = [str(hint).rstrip(".") + "." for hint in (feedback["warning"], *feedback["suggestions"]) if hint]
    return Strength(int(found["score"]), math.log10(max(1.0, float(found["guesses"]))), " ".join(hints))
