"""What a password would withstand, and when to try it again."""

from pathlib import Path

import pytest

from chatseal.vault.rehearsal import DAY, NAME, Rehearsal, begun, keep, read
from chatseal.vault.strength import judge


@pytest.mark.parametrize("text", ["", "1", "password", "123456", "grandma1950", "qwertyuiop", "aaaaaaaaaaaaaaaa"])
def test_what_is_guessed_soon_is_weak_and_it_is_said_why(text: str) -> None:
    found = judge(text, ("grandma", "vault.example"))
    assert found.is_weak
    assert found.why


@pytest.mark.parametrize("text", ["correct lamp battery ostrich", "zV9#mK2p!xQ7", "x" + "correct lamp battery ostrich" * 40])
def test_what_withstands_is_not_weak(text: str) -> None:
    assert not judge(text).is_weak


def test_the_days_grow_with_every_success_and_begin_again_after_a_failure() -> None:
    now, found, waits = 1_000_000, begun(1_000_000), []
    for _ in range(7):
        waits.append((found.due - now) // DAY)
        now = found.due
        found = found.after(went_well=True, now=now)
    assert waits == [1, 3, 7, 30, 90, 90, 90]
    assert found.after(went_well=False, now=now) == begun(now)


def test_it_is_kept_and_what_cannot_be_read_is_none(tmp_path: Path) -> None:
    assert read(tmp_path / "not there") is None
    keep(tmp_path / "state", Rehearsal(3, 77))
    assert read(tmp_path / "state") == Rehearsal(3, 77)
    for data in (b"", b"{}", b'{"step":-1,"due":0}', b'{"step":true,"due":0}', bytes(9000)):
        (tmp_path / "state" / NAME).write_bytes(data)
        assert read(tmp_path / "state") is None
