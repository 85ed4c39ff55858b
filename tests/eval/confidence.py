"""How much the model's confidence is worth: how often a suggestion is right whose first line has a given probability, and
what a threshold leaves. As lines of text and as a picture in SVG. It must not know how holes are completed.
"""

BINS = 10
THRESHOLDS = [0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]

# The picture, in pixels: two square panels beside each other.
SIDE, LEFT, TOP, GAP = 260, 56, 40, 84
WIDTH, HEIGHT = LEFT + 2 * SIDE + GAP + 24, TOP + SIDE + 66
INK, PALE, BLUE, RED = "#57606a", "#d0d7de", "#0969da", "#bc4c00"


def is_right(hole):
    """What was asked for is there: the first line, or the few characters that were cut out."""
    return hole["correct"] or hole["first_line"]


def bins(shown):
    """(mean confidence, share that is right, number) for each tenth of the confidence that has suggestions."""
    groups = [[] for _ in range(BINS)]
    for hole in shown:
        groups[min(int(hole["confidence"] * BINS), BINS - 1)].append(hole)
    for group in filter(None, groups):
        mean = sum(hole["confidence"] for hole in group) / len(group)
        yield mean, sum(map(is_right, group)) / len(group), len(group)


def thresholds(shown, holes):
    """(threshold, share of what is shown that is right, share of all holes that get something), while there is any."""
    for least in THRESHOLDS:
        sure = [hole for hole in shown if hole["confidence"] >= least]
        if sure:
            yield least, sum(map(is_right, sure)) / len(sure), len(sure) / holes


def calibration_error(shown):
    """The mean distance between confidence and being right, over the tenths."""
    return sum(abs(mean - right) * count for mean, right, count in bins(shown)) / len(shown)


def table(shown, holes):
    yield f"confidence: {calibration_error(shown):.3f} away from the share that is right, on average"
    yield "  tenth by mean confidence: " + ", ".join(f"{mean:.2f} {right:.0%} of {n}" for mean, right, n in bins(shown))
    for least, right, covered in thresholds(shown, holes):
        yield f"  at least {least:.2f}: {right:.0%} right, {covered:.0%} of all holes"


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


def curve(left, points, colour):
    """A line through points, x and y from 0 to 1."""
    places = [(left + SIDE * x, TOP + SIDE * (1 - y)) for x, y in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    yield f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for x, y in places:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'


def picture(shown, holes):
    second = LEFT + SIDE + GAP
    tenths, limits = list(bins(shown)), list(thresholds(shown, holes))
    drawn = [*frame(LEFT, "How sure, and how often right", "probability of the first line")]
    drawn.append(
        f'<path d="M{LEFT} {TOP + SIDE}L{LEFT + SIDE} {TOP}" stroke="{INK}" stroke-dasharray="4 4" fill="none"/>'
    )
    drawn += curve(LEFT, [(mean, right) for mean, right, _ in tenths], BLUE)
    for mean, right, count in tenths:
        drawn.append(text(LEFT + SIDE * mean, TOP + SIDE * (1 - right) - 8, count, more=' font-size="10"'))
    drawn += frame(second, "What a threshold leaves", "confidence, the setting")
    drawn += curve(second, [(least, right) for least, right, _ in limits], BLUE)
    drawn += curve(second, [(least, covered) for least, _, covered in limits], RED)
    drawn.append(text(second + SIDE - 6, TOP + 16, "right, of what is shown", "end", BLUE))
    drawn.append(text(second + SIDE - 6, TOP + 32, "shown, of all holes", "end", RED))
    drawn.append(text(LEFT, HEIGHT - 8, f"{holes} holes, {len(shown)} suggestions; numbers at the points: suggestions", "start"))
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">'
    return "\n".join([opening, f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>', *drawn, "</svg>", ""])
