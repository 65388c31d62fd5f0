"""The anchor: it goes forward only, survives a torn write, and threads share the waiting for the disk."""

import os
import threading
import time
from pathlib import Path

import pytest

from chatseal.errors import VaultBehindError, VaultDamagedError
from chatseal.vault.anchor import LINE, FileAnchor
from chatseal.vault.audit import START, Head


def head(index: int) -> Head:
    return Head(index, index.to_bytes(32, "big"))


@pytest.fixture
def anchor(place: Path) -> FileAnchor:
    return FileAnchor.create(place / "anchor", START)


def test_it_goes_forward_only(anchor: FileAnchor, place: Path) -> None:
    for index in (1, 2, 5, 3, 5, 6):
        anchor.advance(head(index))
    assert anchor.read() == head(6)
    other = FileAnchor(place / "anchor")
    other.advance(head(4))
    assert other.read() == head(6)


def test_a_torn_line_leaves_the_one_before(anchor: FileAnchor, place: Path) -> None:
    anchor.advance(head(1))
    anchor.advance(head(2))
    good = (place / "anchor").read_bytes()
    newest = good.index(b"%019d" % 2) // LINE
    for written in (0, 1, 30, 100, LINE - 1):
        line = good[newest * LINE :][:LINE]
        torn = bytes(written) + line[written:] if written else bytes(LINE)
        (place / "anchor").write_bytes(good[: newest * LINE] + torn + good[(newest + 1) * LINE :])
        assert anchor.read() == head(1)
        FileAnchor(place / "anchor").advance(head(3))
        assert anchor.read() == head(3)


@pytest.mark.parametrize("content", [b"", b"x" * 2 * LINE, b"\0" * 2 * LINE, b"x" * 100_000])
def test_a_damaged_anchor_is_no_anchor(anchor: FileAnchor, place: Path, content: bytes) -> None:
    (place / "anchor").write_bytes(content)
    for ask in (anchor.read, lambda: anchor.advance(head(1))):
        with pytest.raises(VaultDamagedError) as caught:
            ask()
        assert "chatseal-vault restore" in caught.value.remedy


def test_a_lost_anchor_is_no_anchor(place: Path) -> None:
    for ask in (FileAnchor(place / "anchor").read, lambda: FileAnchor(place / "anchor").advance(head(1))):
        with pytest.raises(VaultBehindError) as caught:
            ask()
        assert "chatseal-vault restore" in caught.value.remedy


def test_threads_share_the_waiting_and_none_returns_before_its_own_is_safe(
    anchor: FileAnchor, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = []

    def slow(descriptor: int) -> None:
        time.sleep(0.005)
        writes.append(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    found: list[bool] = []

    def advance(start: int) -> None:
        for index in range(start, 160, 8):
            anchor.advance(head(index))
            found.append(FileAnchor(place / "anchor").read().index >= index)

    threads = [threading.Thread(target=advance, args=(start,)) for start in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 159
    assert len(writes) < 120
    assert anchor.read() == head(159)


def test_a_write_that_fails_fails_for_whoever_waits_for_it(anchor: FileAnchor, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(5, "no")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="no"):
            anchor.advance(head(1))
    anchor.advance(head(1))
    assert anchor.read() == head(1)
