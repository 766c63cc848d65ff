# SPDX-License-Identifier: Apache-2.0
"""Two kinds of plots as SVG text, nothing but strings: bars with their range,
and lines over a logarithmic number."""

import html
import math

BAR, GAP, LABEL, WIDTH, AXIS = 18, 8, 320, 960, 28
COLOURS = ("#1f6f8b", "#c8553d", "#588157", "#6d597a", "#b08900", "#444444")


def escape(text):
    """For text and attributes."""
    return html.escape(str(text), quote=True)


def short(value):
    """A number in few characters."""
    for limit, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.3g}"


def ticks(top, count=5):
    """Round numbers from 0 to at least `top`."""
    if top <= 0:
        return [0.0, 1.0]
    raw = top / count
    power = 10 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw)
    return [step * i for i in range(math.ceil(top / step - 1e-9) + 1)]


def _text(x, y, text, anchor="start", extra=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>'
            f"{escape(text)}</text>")


def _document(width, height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} '
            f'{height}" role="img">{"".join(parts)}</svg>')


def bars(groups, unit):
    """Horizontal bars. groups: (label, [(series, median, low, high)]); the
    series' colours follow their order in each group."""
    top = max((high for _, rows in groups for *_, high in rows), default=0)
    marks = ticks(top)
    scale = (WIDTH - LABEL - 90) / marks[-1]
    parts, y = [], 6
    for label, rows in groups:
        parts.append(_text(LABEL - 8, y + len(rows) * BAR / 2 + 4, label,
                           "end"))
        for index, row in enumerate(rows):
            parts += _bar(row, y, index, scale, unit)
            y += BAR
        y += GAP
    axis = [f'<line x1="{LABEL + m * scale:.1f}" x2="{LABEL + m * scale:.1f}" '
            f'y1="0" y2="{y}" class="grid"/>' +
            _text(LABEL + m * scale, y + 16, short(m), "middle")
            for m in marks]
    return _document(WIDTH, y + AXIS, axis + parts)


def _bar(row, y, index, scale, unit):
    series, median, low, high = row
    x = [LABEL + max(0, v) * scale for v in (median, low, high)]
    middle = y + BAR / 2
    title = f"{series}: {short(median)} {unit} ({short(low)}-{short(high)})"
    return [
        f'<rect x="{LABEL}" y="{y + 2}" width="{x[0] - LABEL:.1f}" '
        f'height="{BAR - 4}" fill="{COLOURS[index % len(COLOURS)]}">'
        f"<title>{escape(title)}</title></rect>",
        f'<line x1="{x[1]:.1f}" x2="{x[2]:.1f}" y1="{middle}" y2="{middle}" '
        'class="range"/>',
        _text(max(x[0], x[2]) + 6, middle + 4, short(median)),
    ]


def lines(series, unit, over):
    """Points joined by lines over a logarithmic axis. series: (label, [(x,
    median, low, high)]); over: what x counts."""
    height, left, bottom = 320, 60, 44
    points = [p for _, row in series for p in row]
    marks = ticks(max(high for *_, high in points))
    exponents = [math.log10(p[0]) for p in points]
    first = min(exponents)
    span = max(max(exponents) - first, 1e-9)

    def place(x, y):
        return (left + (math.log10(x) - first) / span * (WIDTH - left - 220),
                height - bottom - y / marks[-1] * (height - bottom - 12))

    parts = []
    for mark in marks:
        _, y = place(10 ** first, mark)
        parts.append(f'<line x1="{left}" x2="{WIDTH - 220}" y1="{y:.1f}" '
                     f'y2="{y:.1f}" class="grid"/>' +
                     _text(left - 6, y + 4, short(mark), "end"))
    for x in sorted({p[0] for p in points}):
        parts.append(_text(place(x, 0)[0], height - bottom + 18, short(x),
                           "middle"))
    parts.append(_text(left, height - 6, f"{unit} over {over}"))
    for index, (label, row) in enumerate(series):
        parts += _line(label, row, COLOURS[index % len(COLOURS)], place, unit)
        y = 16 + index * 18
        parts.append(f'<rect x="{WIDTH - 210}" y="{y - 9}" width="12" '
                     f'height="10" fill="{COLOURS[index % len(COLOURS)]}"/>' +
                     _text(WIDTH - 192, y, label))
    return _document(WIDTH, max(height, 24 + 18 * len(series)), parts)


def _line(label, row, colour, place, unit):
    at = [place(x, median) for x, median, *_ in row]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
    parts = [f'<polyline points="{path}" fill="none" stroke="{colour}" '
             'stroke-width="2"/>']
    for (x, median, low, high), (px, py) in zip(row, at):
        ends = [place(x, v)[1] for v in (low, high)]
        title = f"{label}, {short(x)}: {short(median)} {unit}"
        parts.append(
            f'<line x1="{px:.1f}" x2="{px:.1f}" y1="{ends[0]:.1f}" '
            f'y2="{ends[1]:.1f}" stroke="{colour}"/>'
            f'<circle cx="{px:.1f}" cy="{py:.1f}" r="4" fill="{colour}">'
            f"<title>{escape(title)}</title></circle>")
    return parts
