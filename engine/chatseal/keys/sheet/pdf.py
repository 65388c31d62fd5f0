"""PDF: a page drawn with the fonts that every reader has. Its properties say that it is a sheet, and nothing of what is on it."""

from io import BytesIO

from reportlab.pdfgen.canvas import Canvas

from chatseal.keys.sheet.content import TITLE
from chatseal.keys.sheet.marks import Page, Text


def pdf(page: Page) -> bytes:
    """The PDF document of *page*."""
    buffer = BytesIO()
    canvas = Canvas(buffer, pagesize=(page.width, page.height), pageCompression=1, lang="en")
    canvas.setTitle(f"chatseal {TITLE.lower()}")
    for set_property in (canvas.setAuthor, canvas.setSubject, canvas.setKeywords):
        set_property("")
    canvas.setCreator("chatseal")
    for mark in page.marks:
        if isinstance(mark, Text):
            canvas.setFont(mark.face, mark.size)
            draw = canvas.drawRightString if mark.ends else canvas.drawString
            draw(mark.x, page.height - mark.y, mark.text)
            continue
        path = canvas.beginPath()
        for x, y, width, height in mark.boxes:
            path.rect(x, page.height - y - height, width, height)
        canvas.drawPath(path, stroke=0, fill=1)
    canvas.save()
    return buffer.getvalue()
