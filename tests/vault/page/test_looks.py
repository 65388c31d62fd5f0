"""What is on the page can be read: the colours differ enough, in the light and in the dark (WCAG 2.2, AA)."""

import re

import pytest

from vault.page.built import PAGE

STYLE = (PAGE / "page.css").read_text("utf-8")
TEXT, EDGE = 4.5, 3.0
PAIRS = [
    ("ink", "ground", TEXT),
    ("ink", "card", TEXT),
    ("ink", "wash", TEXT),
    ("ink", "alarm-wash", TEXT),
    ("soft", "ground", TEXT),
    ("soft", "card", TEXT),
    ("soft", "wash", TEXT),
    ("soft", "line", TEXT),  # a button that waits
    ("main", "card", TEXT),
    ("main", "ground", TEXT),
    ("main-ink", "main", TEXT),
    ("alarm", "card", TEXT),
    ("alarm", "alarm-wash", TEXT),
    ("edge", "card", EDGE),
]


def colours(*, is_dark: bool) -> dict[str, str]:
    light, dark = re.findall(r":root \{([^}]*)\}", STYLE)
    found = dict(re.findall(r"--([a-z-]+): #([0-9a-f]{6});", light))
    return found | dict(re.findall(r"--([a-z-]+): #([0-9a-f]{6});", dark)) if is_dark else found


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("is_dark", [False, True])
@pytest.mark.parametrize(("front", "back", "least"), PAIRS)
def test_two_colours_that_meet_differ_enough(front: str, back: str, least: float, is_dark: bool) -> None:
    known = colours(is_dark=is_dark)
    dimmer, brighter = sorted((luminance(known[front]), luminance(known[back])))
    assert (brighter + 0.05) / (dimmer + 0.05) >= least


def test_the_page_has_no_script_or_style_within_it_and_names_nothing_elsewhere() -> None:
    index = (PAGE / "index.html").read_text("utf-8")
    assert re.findall(r"<script(?![^>]* src=)", index) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=", index) == []
    for file in PAGE.iterdir():
        if file.suffix in (".html", ".css", ".js"):
            text = file.read_text("utf-8")
            assert re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}/", text) == []
            assert (
                re.findall(r"localStorage|sessionStorage|indexedDB|\.cookie|innerHTML|insertAdjacentHTML|eval\(|document\.write", text)
                == []
            )
