"""The recovery sheet: one page with a backup key, to print and to keep.

    content   what the page says                     marks   what it is drawn from: text and ink
    layout    where everything goes                  recovery_sheet   the file
    pdf       the marks as PDF (reportlab)           svg     the marks as SVG
    html      the SVG in a page, and the same in words for a screen reader

segno and reportlab are imported when a sheet is drawn: all else works without them.
"""
