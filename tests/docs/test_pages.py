"""The documents as documents: links lead somewhere, and nothing in them is longer than a person reads."""

from pathlib import Path

import pytest

import chatseal
from docs.pages import PAGES, ROOT, code, links, page_id

LOCAL = ("http://", "https://", "#", "mailto:")


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    targets = [link.split("#")[0] for link in links(page) if not link.startswith(LOCAL)]
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_name_of_the_package_that_a_page_mentions_exists(page: Path) -> None:
    names = {
        word.removeprefix("chatseal.").split("(")[0].split(".")[0]
        for word in code(page.read_text(encoding="utf-8"))
        if word.startswith("chatseal.") and word != "chatseal.toml"
    }
    modules = {"rescue", "sample", "cli", "errors", "events", "keys", "format", "sealing", "vault"}
    assert names - modules <= {*chatseal.__all__, "__all__"}


def test_the_first_page_is_short_and_says_what_a_key_is_at_once() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 120
    assert "64 hexadecimal digits" in text[: text.index("key") + 200]


def test_the_first_page_says_that_nobody_audited_it() -> None:
    assert "not audited" in (ROOT / "README.md").read_text(encoding="utf-8").lower()


def test_every_design_note_is_in_the_index() -> None:
    index = ROOT / "docs" / "design" / "README.md"
    assert set(links(index)) >= {note.name for note in index.parent.glob("*.md") if note != index}
