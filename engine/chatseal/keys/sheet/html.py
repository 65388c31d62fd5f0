"""HTML: the drawn page for eyes and printers, and the same in words for screen readers. It loads nothing and runs nothing."""

from html import escape

from chatseal.keys.sheet import content as words
from chatseal.keys.sheet.content import TITLE, Content
from chatseal.keys.sheet.marks import Page
from chatseal.keys.sheet.svg import svg

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<meta name="viewport" content="width=device-width">
<title>chatseal {title}</title>
<style>
@page {{ size: {width}pt {height}pt; margin: 0 }}
html, body {{ margin: 0; background: #fff }}
body > svg {{ display: block; margin: 0 auto; width: {width}pt; max-width: 100%; height: auto }}
main {{ position: absolute; top: 0; left: 0; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }}
@media print {{
  main {{ display: none }}
  html, body {{ height: {height}pt; overflow: hidden }}
  body > svg {{ width: {width}pt; max-width: none; height: {height}pt; break-inside: avoid }}
}}
</style>
</head>
<body>
"""


def html(page: Page, content: Content) -> str:
    """The HTML document of *page*, which says *content*."""
    head = _HEAD.format(title=TITLE.lower(), width=f"{page.width:g}", height=f"{page.height:g}")
    return head + svg(page, ' aria-hidden="true"') + _in_words(content) + "</body>\n</html>\n"


def _in_words(content: Content) -> str:
    """Everything but the QR code, which is the digits again; a name cannot turn the line around it."""
    facts = [f"<dt>{label}</dt>{''.join(f'<dd><bdi>{escape(value)}</bdi></dd>' for value in values)}" for label, values in content.facts]
    steps = [f"<li>{escape(what)}<br><code>{escape(command)}</code></li>" for what, command in words.STEPS]
    lines = [
        "<main>",
        f"<h1>{TITLE}</h1>",
        f"<p>{words.PURPOSE}</p>",
        "<dl>",
        *facts,
        f"<dt>Made on</dt><dd>{content.made}</dd>",
        "</dl>",
        f"<h2>{words.KEY}</h2>",
        "<ol>",
        *(f"<li>{group}</li>" for group in content.groups),
        "</ol>",
        f"<h2>{words.WARNING}</h2>",
        *(f"<p>{escape(text)}</p>" for text in words.WARNINGS),
        f"<h2>{words.RESTORE}</h2>",
        "<ol>",
        *steps,
        "</ol>",
        f"<p>{words.AFTERWARDS}</p>",
        f"<p>{content.footer}. {words.FORMAT}.</p>",
        "</main>",
        "",
    ]
    return "\n".join(lines)
