"""Paper: what a person, a printer and a camera find on a recovery sheet. None of it is the code that drew the sheet."""

import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree

import pypdf
import pypdfium2
import resvg_py
import zxingcpp
from PIL import Image, ImageDraw

DPI = 150
_SVG = "{http://www.w3.org/2000/svg}"


def pages(pdf: bytes) -> int:
    return len(pypdf.PdfReader(io.BytesIO(pdf)).pages)


def printed(sheet: bytes, format: str) -> Image.Image:
    """The page as a printer of 150 dpi makes it, in colour if there is some."""
    if format == "pdf":
        page = pypdfium2.PdfDocument(sheet)[0]
        image: Image.Image = page.render(scale=DPI / 72).to_pil().convert("RGB")
        return image
    return Image.open(io.BytesIO(resvg_py.svg_to_bytes(svg_string=svg_in(sheet), dpi=DPI))).convert("RGB")


def scanned(image: Image.Image) -> str:
    """The text of the one code that a camera finds."""
    (code,) = zxingcpp.read_barcodes(image)
    assert code.format == zxingcpp.BarcodeFormat.QRCode
    return str(code.text)


def stained(image: Image.Image) -> Image.Image:
    """The same with a stain on the middle of the code, a fifth as wide as the code is."""
    (code,) = zxingcpp.read_barcodes(image)
    corner, opposite = code.position.top_left, code.position.bottom_right
    x, y, radius = (corner.x + opposite.x) / 2, (corner.y + opposite.y) / 2, (opposite.x - corner.x) / 10
    assert radius > 10
    copy = image.copy()
    ImageDraw.Draw(copy).ellipse((x - radius, y - radius, x + radius, y + radius), fill="black")
    return copy


def svg_in(sheet: bytes) -> str:
    """The drawing in an SVG or an HTML file."""
    found = re.search("<svg .*</svg>", sheet.decode("utf-8"), re.DOTALL)
    assert found is not None
    return found[0]


def texts(sheet: bytes, format: str) -> list[str]:
    """The lines of text on the page, in order."""
    if format == "pdf":
        return [line.strip() for line in pypdf.PdfReader(io.BytesIO(sheet)).pages[0].extract_text().splitlines()]
    return ["".join(element.itertext()) for element in ElementTree.fromstring(svg_in(sheet)).iter(f"{_SVG}text")]


def numbered(lines: list[str]) -> Iterator[tuple[int, str]]:
    """The groups of digits, each with the position mark before it."""
    for mark, group in pairwise(lines):
        if re.fullmatch("[0-9a-f]{4}", group) and re.fullmatch("[0-9]{1,2}", mark):
            yield int(mark), group


class Elements(HTMLParser):
    """The names of elements and attributes in a document, and its words outside of the drawing."""

    def __init__(self, sheet: bytes) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.words: list[str] = []
        self._inside: list[str] = []
        self.feed(sheet.decode("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names |= {tag, *(f"{tag} {name}" for name, _ in attrs)}
        self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "main" in self._inside and data.strip():
            self.words.append(data)
