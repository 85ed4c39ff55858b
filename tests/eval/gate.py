"""What the gate is worth: how often what it finds likely is right, and what is left when it hides the rest. As lines of text
and as a picture in SVG. It must not know how holes are completed.
"""

BINS = 10

# The picture, in pixels: a square panel for each model, side by side.
SIDE, LEFT, TOP, GAP = 260, 56, 40, 84
HEIGHT = TOP + SIDE + 66
INK, PALE, BLUE, RED = "#57606a", "#d0d7de", "#0969da", "#bc4c00"


def is_right(hole):
    """The first line that is suggested to who asks is right, and nothing is broken."""
    return bool(hole["right"])


def is_harmful(hole):
    return bool(hole["duplicated"] or hole["unmatched"] or hole["misparsed"] or hole["open"])


def shown(holes):
    """The holes at which who does not ask is shown something."""
    return [hole for hole in holes if hole["unasked"]["text"] is not None]


def shares(holes):
    """Of the holes how many show something, and of these the shares that are right and harmful."""
    seen = [hole["unasked"] for hole in shown(holes)]
    most = max(len(seen), 1)
    return len(seen), sum(one["right"] for one in seen) / most, sum(one["harmful"] for one in seen) / most


def bins(holes):
    """(mean probability, share that is right, number) for each tenth of the probability that has suggestions."""
    groups = [[] for _ in range(BINS)]
    for hole in holes:
        if hole["probability"] is not None and hole["reason"] is None:
            groups[min(int(hole["probability"] * BINS), BINS - 1)].append(hole)
    for group in filter(None, groups):
        mean = sum(hole["probability"] for hole in group) / len(group)
        yield mean, sum(map(is_right, group)) / len(group), len(group)


def calibration_error(holes):
    """The mean distance between the probability and the share that is right, over the tenths."""
    tenths = list(bins(holes))
    return sum(abs(mean - right) * count for mean, right, count in tenths) / max(sum(count for *_, count in tenths), 1)


def report(of_models):
    """The figures, by language, kind of hole and kind of place."""
    for model, holes in of_models.items():
        count, right, harmful = shares(holes)
        asked = [hole for hole in holes if hole["reason"] is None]
        yield f"{model}: {len(holes)} holes; unasked {count} shown, {right:.1%} right, {harmful:.1%} harmful"
        everything = sum(map(is_right, asked)) / max(len(asked), 1)
        useful = sum(hole["unasked"]["right"] for hole in shown(holes)) / max(sum(map(is_right, asked)), 1)
        yield f"  without the gate {len(asked)} shown, {everything:.1%} right; it keeps {useful:.1%} of what is right"
        yield f"  {calibration_error(holes):.3f} between probability and share that is right, on average"
        for key in ("language", "kind", "place"):
            for value in sorted({hole[key] for hole in holes if hole[key]}):
                own = [hole for hole in holes if hole[key] == value]
                count, right, harmful = shares(own)
                yield f"  {key} {value}: {len(own)} holes, {count} shown, {right:.0%} right, {harmful:.0%} harmful"


def text(x, y, words, anchor="middle", colour=INK, more=""):
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{colour}"{more}>{words}</text>'


def frame(left, title, below):
    """A panel's grid, from 0 to 100 % on both axes."""
    yield text(left + SIDE / 2, TOP - 14, title, more=' font-weight="bold"')
    yield text(left + SIDE / 2, TOP + SIDE + 36, below)
    for step in range(0, 11, 2):
        x, y = left + SIDE * step / 10, TOP + SIDE * (10 - step) / 10
        yield f'<path d="M{left} {y:g}h{SIDE}M{x:g} {TOP}v{SIDE}" stroke="{PALE}" fill="none"/>'
        yield text(left - 6, y + 4, f"{step * 10} %", "end")
        yield text(x, TOP + SIDE + 16, f"{step / 10:g}")
    yield f'<path d="M{left} {TOP + SIDE}L{left + SIDE} {TOP}" stroke="{INK}" stroke-dasharray="4 4" fill="none"/>'


def curve(left, points, colour):
    """A line through points, x and y from 0 to 1."""
    places = [(left + SIDE * x, TOP + SIDE * (1 - y)) for x, y in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    yield f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for x, y in places:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'


def picture(of_models):
    drawn, left = [], LEFT
    for model, holes in of_models.items():
        tenths = list(bins(holes))
        drawn += frame(left, model, "probability by the gate")
        drawn += curve(left, [(mean, right) for mean, right, _ in tenths], BLUE)
        for mean, right, count in tenths:
            drawn.append(text(left + SIDE * mean, TOP + SIDE * (1 - right) - 8, count, more=' font-size="10"'))
        count, right, harmful = shares(holes)
        words = f"shown unasked: {count} of {len(holes)}, {right:.0%} right, {harmful:.0%} harmful"
        drawn.append(text(left, HEIGHT - 8, words, "start"))
        left += SIDE + GAP
    drawn.append(text(LEFT + 6, TOP + 16, "right, of all suggestions", "start", BLUE))
    width = left - GAP + 24
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" font-family="sans-serif" font-size="12">'
    return "\n".join([opening, f'<rect width="{width}" height="{HEIGHT}" fill="#ffffff"/>', *drawn, "</svg>", ""])
