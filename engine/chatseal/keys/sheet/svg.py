"""SVG: a page as text and one path for each piece of ink. It loads nothing and runs nothing."""

from xml.sax.saxutils import escape

from chatseal.keys.sheet.content import TITLE
from chatseal.keys.sheet.face import Face, has
from chatseal.keys.sheet.marks import Ink, Page, Text, width

_SANS = "Helvetica, Arial, 'Liberation Sans', 'Nimbus Sans', sans-serif"
_MONO = "'Liberation Mono', 'Courier New', 'Nimbus Mono PS', monospace"
_CLASSES = {Face.PLAIN: "s", Face.BOLD: "s b", Face.MONO: "m", Face.MONO_BOLD: "m b"}
STYLE = f"text{{fill:#000;white-space:pre}}.s{{font-family:{_SANS}}}.m{{font-family:{_MONO}}}.b{{font-weight:bold}}"


def svg(page: Page, attributes: str = "") -> str:
    """The `svg` element of *page*, with *attributes* besides its own."""
    size = f'width="{_n(page.width)}pt" height="{_n(page.height)}pt" viewBox="0 0 {_n(page.width)} {_n(page.height)}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" xml:lang="en" {size}{attributes}>',
        f"<title>chatseal {TITLE.lower()}</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{_n(page.width)}" height="{_n(page.height)}" fill="#fff"/>',
        *(_text(mark) if isinstance(mark, Text) else _ink(mark) for mark in page.marks),
        "</svg>\n",
    ]
    return "\n".join(lines)


def _text(mark: Text) -> str:
    """Where the font is another, textLength keeps the line as long as it was measured."""
    end = ' text-anchor="end"' if mark.ends else ""
    if mark.text and all(map(has, mark.text)):
        end += f' textLength="{_n(width(mark.text, mark.face, mark.size))}" lengthAdjust="spacingAndGlyphs"'
    place = f'class="{_CLASSES[mark.face]}" x="{_n(mark.x)}" y="{_n(mark.y)}" font-size="{_n(mark.size)}"'
    return f"<text {place}{end}>{escape(mark.text)}</text>"


def _ink(mark: Ink) -> str:
    return f'<path d="{"".join(f"M{_n(x)} {_n(y)}h{_n(w)}v{_n(h)}h{_n(-w)}z" for x, y, w, h in mark.boxes)}"/>'


def _n(number: float) -> str:
    return f"{number:.3f}".rstrip("0").rstrip(".")
