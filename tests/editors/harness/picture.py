"""A screen as an SVG picture, for the READMEs: text, so that it stays small and can be compared.

It must not know which program has painted the screen.
"""

import collections
from xml.sax.saxutils import escape

WIDTH, HEIGHT, MARGIN = 8.43, 19, 12
# What a terminal has where a program names no colour.
BACKGROUND, FOREGROUND = "14161b", "e0e2ea"
NAMED = {
    "black": "2c2e33", "red": "ffc0b9", "green": "b3f6c0", "brown": "fce094", "blue": "a6dbff", "magenta": "ffcaff",
    "cyan": "8cf8f7", "white": "eef1f8", "brightblack": "9b9ea4",
}  # fmt: skip


# What is completed in them: what `pop` does is missing.
STACK = '''class Stack:
    """A stack of numbers."""

    def __init__(self):
        self.items = []

    def push(self, item):
        self.items.append(item)

    def pop(self):
        """Remove the newest item and return it."""
'''


def check(path, text):
    """Fails where a committed picture is another one, and makes it anew."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
        raise AssertionError(f"{path} did not show what is shown now, and has been made anew: look at it, and commit it")


def svg(frame, first=0, last=None, columns=None):
    """The lines `first` to `last` of a frame, `columns` wide."""
    rows = [row[:columns] for row in frame.cells[first:last]]
    width, height = WIDTH * len(rows[0]) + 2 * MARGIN, HEIGHT * len(rows) + 2 * MARGIN
    shades = collections.Counter(_shades(cell)[1] for row in rows for cell in row)
    [(background, _)] = shades.most_common(1)
    areas, texts = [], []
    for y, row in enumerate(rows):
        top = MARGIN + y * HEIGHT
        for x, text, cell in _runs(row):
            fg, bg = _shades(cell)
            if bg != background:
                areas.append(_area(MARGIN + x * WIDTH, top, len(text) * WIDTH, bg))
            inked = text.strip()
            if inked:
                left = MARGIN + (x + len(text) - len(text.lstrip())) * WIDTH
                style = ' font-weight="bold"' if cell.bold else ""
                style += ' font-style="italic"' if cell.italics else ""
                texts.append(
                    f'<text x="{left:.1f}" y="{top + 14}" fill="#{fg}" textLength="{len(inked) * WIDTH:.1f}"'
                    f' xml:space="preserve"{style}>{escape(inked)}</text>'
                )
    y, x = frame.cursor
    if first <= y < first + len(rows):
        areas.append(_area(MARGIN + x * WIDTH, MARGIN + (y - first) * HEIGHT, 2, FOREGROUND))
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}"'
        ' font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">',
        f'<rect width="100%" height="100%" rx="8" fill="#{background}"/>',
        *areas,
        *texts,
        "</svg>",
        "",
    ])  # fmt: skip


def _area(left, top, width, colour):
    return f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{HEIGHT}" fill="#{colour}"/>'


def _shades(cell):
    """The colours of the letter and of what is behind it."""
    fg, bg = _colour(cell.fg, FOREGROUND), _colour(cell.bg, BACKGROUND)
    return (bg, fg) if cell.reverse else (fg, bg)


def _colour(name, default):
    return default if name == "default" else NAMED.get(name, name)


def _runs(row):
    """Stretches of cells that look the same: where each begins, its text and its first cell."""
    x = 0
    while x < len(row):
        end = x + 1
        while end < len(row) and row[end]._replace(data="") == row[x]._replace(data=""):
            end += 1
        yield x, "".join(cell.data for cell in row[x:end]), row[x]
        x = end
