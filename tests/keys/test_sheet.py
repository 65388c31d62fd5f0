"""The recovery sheet: everything is on one page and can be read back from it, and nothing of it is anywhere else."""

import io
import os
import re
import shlex
import stat
import subprocess
import sys
from datetime import date
from itertools import pairwise
from pathlib import Path

import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chatseal
from chatseal import BackupKey, TargetExistsError, recovery_sheet, rescue
from chatseal.keys.sheet import content as words
from chatseal.keys.sheet.content import ADDRESS_MAX, NAME_MAX, Content, content
from chatseal.keys.sheet.face import has
from chatseal.keys.sheet.layout import MARGIN, page
from chatseal.keys.sheet.marks import Ink, Page, Text, width
from chatseal.keys.sheet.recovery_sheet import FORMATS, PAPERS, draw
from keys.paper import DPI, Elements, numbered, pages, printed, scanned, stained, svg_in, texts

KEY = BackupKey.from_digits("6608dc1b97da9cdf07a0198e8be4d9addb8eae1b5ebc99ccdf6c93f968515b3c")
GROUPS = KEY.digits.split()
SCANNED = "CHATSEAL:1:" + "".join(GROUPS).upper()
DAY = date(2026, 11, 24)
LONG = [(f"https://storage-{number}.example.com/" + "folder/" * 99)[:ADDRESS_MAX] for number in range(3)]
HOSTILE = {
    "long": "Anna's phone and " * 60,
    "one long word": "x" * 5000,
    "control characters": "An\x00na\x1b[31m\r\n\x07\x7f\x9b\u2028phone",
    "markup": "<script>alert(1)</script>&amp;</text></svg><img src=x onerror='x'>\"--><b>",
    "markup of a style": "</style><style>*{display:none}",
    "the end of a comment": "]]> --> */ }} %s {0}",
    "right to left": "\u05d4\u05d8\u05dc\u05e4\u05d5\u05df \u0647\u0627\u062a\u0641 \u202egnp.exe\u2066",
    "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f4f1 \U0001f1e9\U0001f1ea",
    "accents that climb": "Z" + "\u0334\u0301" * 300 + "algo",
    "wide characters": "\u5f20\u4f1f\u7684\u624b\u673a" * 30 + "\ufdfd" * 20,
    "bytes that are no text": "Anna\udcff\udc80",
    "PDF's own syntax": "(Anna) \\) Tj ET endstream endobj %%EOF",
    "nothing": " \t ",
}

formats = pytest.mark.parametrize("format", FORMATS)
papers = pytest.mark.parametrize("paper", PAPERS)
hostile = pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())


# --- What is on it ----------------------------------------------------------------------------------------------------


@papers
@formats
def test_every_group_stands_on_the_page_in_order_with_its_number(format: str, paper: str) -> None:
    sheet = draw(KEY, format, name="Anna's phone", stores=LONG, paper=paper)
    assert list(numbered(texts(sheet, format))) == list(enumerate(GROUPS, 1))


def test_a_screen_reader_finds_the_same_words_in_the_html() -> None:
    sheet = draw(KEY, "html", name="Anna's phone", stores=["s3://anna"], vaults=["https://vault.example"], made=DAY)
    said = Elements(sheet).words
    assert [word for word in said if re.fullmatch("[0-9a-f]{4}", word)] == GROUPS
    drawn = " ".join(texts(sheet, "html"))
    for text in ("Anna's phone", "s3://anna", "https://vault.example", "24 November 2026", *words.WARNINGS, words.AFTERWARDS):
        assert any(text in word for word in said), text
        assert text in drawn
    for _, command in words.STEPS:
        assert command in said
    assert '<svg xmlns="http://www.w3.org/2000/svg" xml:lang="en"' in sheet.decode()
    assert ' aria-hidden="true">' in sheet.decode(), "the drawing would be read out as a second copy, in fragments"


@formats
def test_name_day_stores_vaults_warning_and_commands_are_on_the_page(format: str) -> None:
    stores, vaults = ["s3://anna-backups/phone", "/media/stick"], ["https://vault.example.org"]
    drawn = texts(draw(KEY, format, name="Anna's phone", stores=stores, vaults=vaults, made=DAY), format)
    for text in ("Recovery sheet", "Anna's phone", *stores, *vaults, "Made on 24 November 2026", *words.WARNINGS, "Notes"):
        assert text in drawn
    assert [text for text in drawn if text.startswith(("chmod", "chatseal unseal", "python -m"))] == [step[1] for step in words.STEPS]
    without = texts(draw(KEY, format), format)
    assert "Stored at" not in without
    assert "Key vault" not in without


def test_the_day_is_today_unless_it_is_given() -> None:
    today = f"Made on {date.today().day} "
    assert any(text.startswith(today) for text in texts(draw(KEY, "svg"), "svg"))


# --- It restores ------------------------------------------------------------------------------------------------------


@papers
@formats
def test_a_camera_and_the_text_it_sees_restore_a_sealed_file(format: str, paper: str, tmp_path: Path) -> None:
    sealed = chatseal.seal_bytes(b"see you at ten", KEY)
    recovery_sheet(KEY, tmp_path / f"sheet.{format}", name="Anna's phone", paper="letter" if paper == "letter" else "a4")
    text = scanned(printed((tmp_path / f"sheet.{format}").read_bytes(), format))
    assert text == SCANNED
    assert chatseal.unseal_bytes(sealed, BackupKey.from_digits(text)) == b"see you at ten"
    (tmp_path / "my.key").write_text(text)
    (tmp_path / "my.key").chmod(0o600)
    assert chatseal.unseal_bytes(sealed, BackupKey.from_file(tmp_path / "my.key")) == b"see you at ten"
    assert b"".join(rescue.rescue(io.BytesIO(sealed), rescue.read_key_file(str(tmp_path / "my.key")))) == b"see you at ten"


def test_a_camera_reads_a_code_with_a_stain_on_it() -> None:
    assert scanned(stained(printed(draw(KEY, "pdf"), "pdf"))) == SCANNED


def test_the_commands_on_the_sheet_restore_with_the_digits_on_the_sheet(tmp_path: Path) -> None:
    (tmp_path / words.FILE).write_bytes(chatseal.seal_bytes(b"see you at ten", KEY))
    drawn = texts(draw(KEY, "pdf"), "pdf")
    (tmp_path / "my.key").write_text("\n".join(group for _, group in numbered(drawn)))
    (tmp_path / "my.key").chmod(0o644)
    names = {"chatseal": [sys.executable, "-m", "chatseal"], "python": [sys.executable]}
    protect, *lines = [line for line in drawn if line.startswith(("chmod ", "chatseal unseal ", "python "))]
    subprocess.run(shlex.split(protect), cwd=tmp_path, check=True)
    assert stat.S_IMODE((tmp_path / "my.key").stat().st_mode) == 0o600
    assert len(lines) == 2
    environment = {**os.environ, "PYTHONPATH": str(Path(chatseal.__file__).parents[1])}
    for line in lines:
        program, *arguments = shlex.split(line)
        subprocess.run([*names[program], *arguments], cwd=tmp_path, env=environment, check=True, capture_output=True)
        assert (tmp_path / "chat.db").read_bytes() == b"see you at ten"
        (tmp_path / "chat.db").unlink()


# --- One page, whatever is written on it ------------------------------------------------------------------------------


@papers
@formats
@pytest.mark.parametrize("stores", [0, 3])
def test_as_many_as_three_long_addresses_fit_on_one_page_and_are_whole(format: str, paper: str, stores: int) -> None:
    sheet = draw(KEY, format, name="n" * 500, stores=LONG[:stores], paper=paper)
    if format == "pdf":
        assert pages(sheet) == 1
    drawn = "".join(texts(sheet, format))
    assert all(address in drawn for address in LONG[:stores])
    assert_nothing_in_the_margins(sheet, format)


def assert_nothing_in_the_margins(sheet: bytes, format: str) -> None:
    image = printed(sheet, format).convert("L")
    edge = int((MARGIN - 3) * DPI / 72)
    box = image.point(lambda value: 255 - value).getbbox()
    assert box is not None
    assert box[0] >= edge
    assert box[1] >= edge
    assert box[2] <= image.width - edge
    assert box[3] <= image.height - edge


def assert_inside_and_apart(drawn: Page) -> None:
    """All marks lie between the margins, and no line of text on another."""
    for mark in drawn.marks:
        if isinstance(mark, Ink):
            for x, y, w, h in mark.boxes:
                assert MARGIN - 0.01 <= x <= x + w <= drawn.width - MARGIN + 0.01
                assert MARGIN <= y <= y + h <= drawn.height - MARGIN
        else:
            length = width(mark.text, mark.face, mark.size)
            begin = mark.x - length if mark.ends else mark.x
            assert MARGIN - 0.01 <= begin <= begin + length <= drawn.width - MARGIN + 0.01, len(mark.text)
    lines = [mark for mark in drawn.marks if isinstance(mark, Text)]
    for one, other in pairwise(lines):
        same = one.y == other.y or re.fullmatch("[0-9a-f]{1,4}", other.text) or re.fullmatch("[0-9a-f]{1,4}", one.text)
        assert same or other.y - one.y >= other.size, "lines would touch"


@given(
    name=st.text(max_size=400),
    stores=st.lists(st.text(max_size=ADDRESS_MAX // 6), max_size=3),
    paper=st.sampled_from(PAPERS),
    format=st.sampled_from(FORMATS),
)
def test_any_texts_stay_between_the_margins(name: str, stores: list[str], paper: str, format: str) -> None:
    drawn = page(content(KEY, name, stores, [], DAY, any_font=format != "pdf"), paper)
    assert_inside_and_apart(drawn)
    if format == "pdf":
        assert all(has(character) for mark in drawn.marks if isinstance(mark, Text) for character in mark.text)


@hostile
def test_a_hostile_name_neither_breaks_the_page_nor_gets_into_its_markup(name: str) -> None:
    for format in FORMATS:
        sheet = draw(KEY, format, name=name, stores=[name[:60]], made=DAY)
        drawn = texts(sheet, format)
        assert list(numbered(drawn)) == list(enumerate(GROUPS, 1))
        assert all(line.replace("\u200d", "").isprintable() for line in drawn)
        if format == "pdf":
            assert pages(sheet) == 1
            assert scanned(printed(sheet, format)) == SCANNED
            assert_nothing_in_the_margins(sheet, format)
        else:
            assert Elements(sheet).names == Elements(draw(KEY, format, name="Anna", stores=["/mnt"], made=DAY)).names


def test_a_name_of_markup_is_shown_as_it_was_written() -> None:
    name = HOSTILE["markup"]
    for format in ("svg", "html"):
        assert name in texts(draw(KEY, format, name=name), format)
    assert name in Elements(draw(KEY, "html", name=name)).words


@pytest.mark.parametrize(
    ("name", "any_font", "shown"),
    [
        ("  Anna's \n phone ", True, "Anna's phone"),
        ("An\x00na \u202egnp", True, "An\ufffdna \ufffdgnp"),
        ("An\x00na \u202egnp", False, "An?na ?gnp"),
        ("\u0410\u043d\u044f \U0001f4f1", True, "\u0410\u043d\u044f \U0001f4f1"),
        ("\u0410\u043d\u044f \U0001f4f1 Zo\xeb", False, "??? ? Zo\xeb"),
        ("x" * NAME_MAX, True, "x" * NAME_MAX),
        ("x" * (NAME_MAX + 1), True, "x" * (NAME_MAX - 1) + "\u2026"),
        ("a" + "\u0301" * 9, True, "a" + "\u0301" * 4),
    ],
)
def test_what_cannot_be_drawn_in_a_name_is_replaced_visibly(name: str, any_font: bool, shown: str) -> None:
    assert words.label(name, any_font) == shown


@pytest.mark.parametrize(
    ("address", "any_font", "shown"),
    [
        ("/media/Zo\xeb/a b", False, "/media/Zo\xeb/a b"),
        ("/media/\u0410\u043d\u044f", True, "/media/\u0410\u043d\u044f"),
        ("/media/\u0410\u043d\u044f", False, r"/media/\u0410\u043d\u044f"),
        ("/media/a\tb\u202e\udc80", True, r"/media/a\tb\u202e\udc80"),
    ],
)
def test_what_cannot_be_drawn_in_an_address_is_written_as_its_number(address: str, any_font: bool, shown: str) -> None:
    assert words.address(address, any_font) == shown


@formats
def test_more_than_fits_is_refused_and_never_cut(format: str, tmp_path: Path) -> None:
    path = tmp_path / f"sheet.{format}"
    too_much: list[tuple[list[str], str]] = [
        (["x" * (ADDRESS_MAX + 1)], "longer than the 300 characters"),
        (["x"] * 9, "room for 8"),
        (["x" * ADDRESS_MAX] * 8, "do not fit on one page"),
    ]
    for addresses, why in too_much:
        with pytest.raises(ValueError, match=why):
            recovery_sheet(KEY, path, stores=addresses)
        with pytest.raises(ValueError, match=why):
            recovery_sheet(KEY, path, vaults=addresses)
    assert not path.exists()


@pytest.mark.parametrize(("format", "paper"), [("pdf", "a4"), ("pdf", "letter"), ("svg", "a4"), ("html", "letter")])
def test_the_sheet_is_black_and_white_and_as_large_as_the_paper(format: str, paper: str) -> None:
    image = printed(draw(KEY, format, name="Anna", stores=LONG, paper=paper), format)
    red, green, blue = (channel.tobytes() for channel in image.split())
    assert red == green == blue
    for pixels, points in zip(image.size, {"a4": (595, 842), "letter": (612, 792)}[paper], strict=True):
        assert abs(pixels * 72 / DPI - points) < 1


def test_what_is_drawn_loads_nothing_and_runs_nothing() -> None:
    for format in ("svg", "html"):
        names = Elements(draw(KEY, format, name="Anna", stores=["https://example.com"])).names
        assert not {name for name in names if re.search(r"script|link|img|image|iframe|object| href| src| on|foreign", name)}
    assert "http" not in svg_in(draw(KEY, "svg")).replace("http://www.w3.org/2000/svg", "")
    assert "default-src 'none'" in draw(KEY, "html").decode()


# --- Nothing anywhere else --------------------------------------------------------------------------------------------


def test_the_properties_of_a_pdf_say_nothing_of_key_or_name() -> None:
    sheet = draw(KEY, "pdf", name="Anna's phone", stores=["s3://anna"])
    reader = pypdf.PdfReader(io.BytesIO(sheet))
    assert reader.metadata is not None
    assert reader.metadata.title == "chatseal recovery sheet"
    assert reader.xmp_metadata is None
    outside = re.sub(rb"stream\r?\n.*?endstream", b"", sheet, flags=re.DOTALL).lower()
    assert len(outside) > 500
    digits = "".join(GROUPS)
    runs = [digits[begin : begin + 8] for begin in range(57)]
    for secret in [*runs, "Anna", "anna"]:
        assert secret.encode() not in outside
        assert not any(secret in str(value) for value in reader.metadata.values())


def test_titles_and_names_in_markup_say_nothing_of_the_key() -> None:
    for format in ("svg", "html"):
        for title in re.findall("<title>(.*?)</title>", draw(KEY, format, name="Anna").decode()):
            assert title == "chatseal recovery sheet"


def test_neither_words_nor_marks_show_the_key_when_they_are_shown() -> None:
    says: Content = content(KEY, "Anna", [], [], DAY, any_font=True)
    drawn = page(says, "a4")
    for thing in (says, drawn, *drawn.marks):
        assert GROUPS[0] not in repr(thing)


@formats
def test_a_sheet_is_its_owners_alone_and_the_only_file(format: str, tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        recovery_sheet(KEY, tmp_path / f"sheet.{format.upper()}")
    finally:
        os.umask(old)
    assert [path.name for path in tmp_path.iterdir()] == [f"sheet.{format.upper()}"]
    assert stat.S_IMODE((tmp_path / f"sheet.{format.upper()}").stat().st_mode) == 0o600


def test_a_sheet_overwrites_nothing_and_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "sheet.pdf").write_bytes(b"older")
    (tmp_path / "link.pdf").symlink_to(tmp_path / "nowhere")
    for name in ("sheet.pdf", "link.pdf"):
        with pytest.raises(TargetExistsError, match="a recovery sheet is never overwritten"):
            recovery_sheet(KEY, tmp_path / name)
    assert (tmp_path / "sheet.pdf").read_bytes() == b"older"
    assert not (tmp_path / "nowhere").exists()


def test_a_sheet_that_cannot_be_made_durable_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(5, "input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="input/output"):
        recovery_sheet(KEY, tmp_path / "sheet.pdf")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["sheet", "sheet.png", ".pdf", "sheet.pdf.txt"])
def test_an_ending_that_names_no_format_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"does not end in \.pdf, \.svg or \.html"):
        recovery_sheet(KEY, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_another_paper_is_refused() -> None:
    with pytest.raises(ValueError, match="a4, letter"):
        draw(KEY, "pdf", paper="napkin")
