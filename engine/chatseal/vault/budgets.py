"""Budgets: how many wrong guesses there may be in a generation, in 90 days and in the life of an account, and how long to wait between."""

from chatseal.vault.records import SLOTS, Account, Failure, Slot

ATTEMPT_MS = 60_000  # an attempt may succeed for so long
WINDOW_MS = 90 * 24 * 3600 * 1000
WINDOW_MOST = 30
LIFE_MOST = 100
PACING_MS = (0, 0, 0, 0, 60_000, 300_000, 3_600_000)  # the wait after so many guesses of a generation; the last for all more


def left(account: Account, slots: tuple[Slot, ...], now: int) -> int:
    """How many guesses may still be claimed. A guess that is open counts as if it had failed: only success takes it out again."""
    times = [failure.time for failure in account.recent] + [slot.time for slot in slots]
    in_window = sum(now - time < WINDOW_MS for time in times)
    return max(0, min(SLOTS - len(slots), WINDOW_MOST - in_window, LIFE_MOST - account.life - len(slots)))


def wait(slots: tuple[Slot, ...], now: int) -> int:
    """Milliseconds until the next guess may be claimed, counted from when the last one was: that never changes, and how it ended may be
    known later to one than to another. A clock that went back makes nobody wait longer than the step."""
    if not slots:
        return 0
    step = PACING_MS[min(len(slots), len(PACING_MS) - 1)]
    return min(step, max(0, max(slot.time for slot in slots) + step - now))


def window_wait(account: Account, slots: tuple[Slot, ...], now: int) -> int:
    """Milliseconds until the window of 90 days lets one more guess in; 0 if it does now."""
    times = sorted([failure.time for failure in account.recent] + [slot.time for slot in slots])
    inside = [time for time in times if now - time < WINDOW_MS]
    return 0 if len(inside) < WINDOW_MOST else inside[len(inside) - WINDOW_MOST] + WINDOW_MS - now


def is_life_spent(account: Account, slots: tuple[Slot, ...]) -> bool:
    """Whether the account has had all the failures it may ever have."""
    return account.life + len(slots) >= LIFE_MOST


def is_open(slot: Slot, now: int) -> bool:
    """Whether the attempt may still succeed. One from the future is from a clock that was wrong by too much to know."""
    return slot.closed == 0 and abs(now - slot.time) < ATTEMPT_MS


def failures(slots: tuple[Slot, ...]) -> tuple[Failure, ...]:
    """The guesses as failures."""
    return tuple(Failure(slot.time, slot.where) for slot in slots)


def counted(account: Account, slots: tuple[Slot, ...], now: int) -> tuple[int, tuple[Failure, ...]]:
    """`life` and `recent` of an account whose generation ends with these failures."""
    kept = [failure for failure in account.recent + failures(slots) if now - failure.time < WINDOW_MS]
    return account.life + len(slots), tuple(kept)
