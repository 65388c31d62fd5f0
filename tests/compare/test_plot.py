"""The picture: all that was measured is in it, of both kinds, the same bytes for the same numbers."""

import io
from xml.etree import ElementTree

import pytest

from chatseal.compare.contest import Laps, Outcome
from chatseal.compare.peers import PEERS, Setting
from chatseal.compare.pipeline import Ran

pytest.importorskip("matplotlib")

from chatseal.compare import plot

LEVELS = {"chatseal": (-5, 1, 3), "age": (-5, 1, 3), "zstd-gpg": (3,), "borg": (1, 3)}


def outcomes(words: tuple[str, ...]) -> list[Outcome]:
    """Made up, but possible."""
    found = []
    for number, peer in enumerate(PEERS):
        for level in LEVELS.get(peer.word, (None,)) if peer.word in words else ():
            share = 1.0002 if peer.word == "rclone" else 0.5 - 0.02 * (level or 0)
            laps = Laps(10**9, (Ran(1.5 + number + (level or 0) / 9, 1.0, (10**7,)),), (round(share * 10**9),))
            found.append(Outcome(peer, Setting(f"setting {level}", level), "", laps, None, laps))
    return [*found, Outcome(PEERS[-1], Setting("broken"), error="it broke")]


def drawn(found: list[Outcome], kind: str) -> bytes:
    file = io.BytesIO()
    plot.draw(found, file, kind, "chat.db & <more>, 2 threads")
    return file.getvalue()


ALL = tuple(peer.word for peer in PEERS)


def test_an_svg_names_every_tool_and_says_what_it_shows() -> None:
    picture = drawn(outcomes(ALL), "svg")
    texts = {text for element in ElementTree.fromstring(picture).iter() for text in [element.text] if text}
    assert {peer.name for peer in PEERS} <= texts
    assert "First backup of chat.db & <more>, 2 threads" in texts
    assert picture == drawn(outcomes(ALL), "svg")


@pytest.mark.parametrize("words", [ALL, ("chatseal",), ("rclone",), ("gpg", "restic")], ids=" ".join)
def test_a_png_is_drawn_of_whatever_there_is(words: tuple[str, ...]) -> None:
    picture = drawn(outcomes(words), "png")
    assert picture.startswith(b"\x89PNG\r\n")
    assert len(picture) > 10_000


def test_who_does_not_compress_stands_in_a_panel_of_its_own_and_leaves_the_others_room() -> None:
    picture = plot._picture([one for one in outcomes(ALL) if one.backup], "")
    left, right = picture.axes
    assert max(left.get_xlim()) < 80
    assert min(right.get_xlim()) > 90
    assert len(plot._picture([one for one in outcomes(("chatseal", "age")) if one.backup], "").axes) == 1
