"""The map of a sweep as SVG, which shows by colour and by name which design is best, and hatches where others tie with it."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape, unescape

from gridagora.report.style import FONT, label
from gridagora.report.sweep_map import MapField, MapPanel, SweepMap, SweepScatter, alternative

WIDTH, LEFT, GAP = 760, 112, 26
LINE = 18
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"  # stand for names where fields are narrow
FIELD_MOST, FIELD_LEAST, FIELD_HIGH = 150, 26, 46
LETTER_PX = 6.4  # of a name at 12 px
SCATTER_HIGH = 380
DOT = 7


def draw(
    shown: SweepMap | SweepScatter,
    tones: Mapping[str, str],
    metric: str,
    name: str = "map",
    width: int = WIDTH,
) -> str:
    """Return the drawing as part of a page.

    Parameters
    ----------
    shown
        What is drawn.
    tones
        Colour of each design.
    metric
        Name of what designs are ranked by.
    name
        Of the drawing, the only one of a page that has it.
    width
        Of the drawing of a map [px].
    """
    names = {name: unescape(label(name)) for name in tones}
    keys = names
    if isinstance(shown, SweepMap):
        if _needs_letters(shown, names, width):
            names = {name: LETTERS[row % len(LETTERS)] for row, name in enumerate(tones)}
            keys = {name: f"{names[name]} {keys[name]}" for name in tones}
        body, high = _maps(shown, tones, names, width)
    else:
        body, high = _scatter(shown, tones)
    legend, below = _legend(shown, tones, keys, high, width)
    told = escape(alternative(shown, metric))
    return (
        f'<svg viewBox="0 0 {width} {below}" width="{width}" height="{below}" role="img" '
        f'aria-labelledby="{name}-title {name}-told" font-family="{escape(FONT)}" font-size="12" fill="currentColor">'
        f'<title id="{name}-title">Best design by {escape(metric)}</title><desc id="{name}-told">{told}</desc>'
        f"<defs>{''.join(_hatches(tones))}</defs>{''.join(body)}{''.join(legend)}</svg>\n"
    )


def as_file(drawing: str) -> str:
    """Return a drawing as a file of its own."""
    return drawing.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def _hatches(tones: Mapping[str, str]) -> Iterator[str]:
    for row, tone in enumerate(tones.values()):
        yield (
            f'<pattern id="tie-{row}" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
            f'<rect width="3" height="8" fill="{tone}"/></pattern>'
        )


def _text(x: float, y: float, text: str, anchor: str = "middle", extra: str = "") -> str:
    said = escape(text, quote=False)
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{said}</text>'


def _short(text: str, room: float) -> str:
    """Return a text that fits into so many pixels, its end cut where it has to be."""
    most = max(2, int(room / LETTER_PX))
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _maps(
    shown: SweepMap, tones: Mapping[str, str], names: Mapping[str, str], width: int
) -> tuple[list[str], int]:
    """Return all panels, as many abreast as there is room for, and the height that they take."""
    room, (wide, tall) = _room(shown, width), _size(shown, width)
    abreast, high = _abreast(shown), LINE * 4 + len(shown.rows) * tall
    body: list[str] = []
    for at, panel in enumerate(shown.panels):
        left = LEFT + (at % abreast) * (room + LEFT + GAP)
        body += _panel(shown, panel, (left, (at // abreast) * high), (wide, tall), tones, names)
    return body, high * -(-len(shown.panels) // abreast)


def _needs_letters(shown: SweepMap, names: Mapping[str, str], width: int) -> bool:
    """Return whether some name, with at how many points it leads, is longer than a field is wide."""
    shares = [
        len(f" {field.leads}/{field.points}")
        for panel in shown.panels
        for field in panel.fields
        if field.points > 1
    ]
    longest = max((len(names[name]) for name in shown.designs), default=0)
    return LETTER_PX * (longest + max(shares, default=0)) > _size(shown, width)[0] - 6


def _abreast(shown: SweepMap) -> int:
    columns = len(shown.columns)
    return min(len(shown.panels), 3 if columns <= 4 else 2 if columns <= 8 else 1)


def _room(shown: SweepMap, width: int) -> float:
    """Return the width of a panel without its labels [px]."""
    abreast = _abreast(shown)
    return (width - abreast * (LEFT + GAP)) / abreast


def _size(shown: SweepMap, width: int) -> tuple[float, int]:
    """Return width and height of a field [px]."""
    tall = FIELD_HIGH if len(shown.panels) == 1 and len(shown.rows) <= 12 else FIELD_LEAST
    return min(_room(shown, width) / len(shown.columns), FIELD_MOST), tall


def _panel(
    shown: SweepMap,
    panel: MapPanel,
    corner: tuple[float, float],
    size: tuple[float, float],
    tones: Mapping[str, str],
    names: Mapping[str, str],
) -> Iterator[str]:
    (left, top), (wide, tall) = corner, size
    columns, rows = len(shown.columns), len(shown.rows)
    begin, end = top + LINE * 1.5, top + LINE * 1.5 + rows * tall
    if panel.heading:
        yield _text(left, top + LINE, _short(panel.heading, columns * wide + GAP), "start")
    for field in panel.fields:
        x, y = left + field.column * wide, end - (field.row + 1) * tall
        yield from _field(field, (x, y), size, tones, names)
    yield from _borders(panel, left, end, wide, tall)
    every = max(1, round(LETTER_PX * 5 / wide + 0.5)) if wide < LETTER_PX * 6 else 1
    for column in range(0, columns, every):
        text = _short(shown.columns[column], wide * every - 2)
        yield _text(left + (column + 0.5) * wide, end + LINE - 3, text)
    for row, value in enumerate(shown.rows if shown.up else ()):
        yield _text(left - 6, end - (row + 0.5) * tall + 4, _short(value, LEFT - LINE - 12), "end")
    yield _text(left + columns * wide / 2, end + 2 * LINE - 2, shown.across)
    if shown.up:
        yield _sideways(left - LEFT + LINE - 4, (begin + end) / 2, shown.up)


def _sideways(x: float, y: float, text: str) -> str:
    return _text(x, y, text, extra=f' transform="rotate(-90 {x:.1f} {y:.1f})"')


def _field(
    field: MapField,
    place: tuple[float, float],
    size: tuple[float, float],
    tones: Mapping[str, str],
    names: Mapping[str, str],
) -> Iterator[str]:
    (x, y), (wide, tall) = place, size
    box = f'x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall:.1f}"'
    yield f'<rect {box} fill="{tones[field.best]}" fill-opacity="0.55"/>'
    if field.ties:
        row = list(tones).index(field.ties[0]) if field.ties[0] in tones else 0
        yield f'<rect {box} fill="url(#tie-{row})" fill-opacity="0.6"/>'
    share = f" {field.leads}/{field.points}" if field.points > 1 else ""
    middle = x + wide / 2
    text = _short(f"{names[field.best]}{share}", wide)
    told = [text, *(_short(f"= {names.get(name, name)}", wide) for name in field.ties[:1])]
    if tall < 2 * LINE:
        told = [f"{text} =" if field.ties and len(text) * LETTER_PX < wide - 12 else text]
    for line, each in enumerate(told):
        down = y + tall / 2 + 4 + (line - (len(told) - 1) / 2) * (LINE - 3)
        halo = ' stroke="#fff" stroke-opacity="0.75" stroke-width="3" paint-order="stroke" fill="#16191f"'
        yield _text(middle, down, each, extra=halo)


def _borders(panel: MapPanel, left: float, end: float, wide: float, tall: float) -> Iterator[str]:
    """Yield a line between neighbours with different best designs."""
    best = {(field.column, field.row): field.best for field in panel.fields}
    path = []
    for (column, row), name in best.items():
        x, y = left + (column + 1) * wide, end - (row + 1) * tall
        if best.get((column + 1, row), name) != name:
            path.append(f"M{x:.1f} {y:.1f}v{tall:.1f}")
        if best.get((column, row + 1), name) != name:
            path.append(f"M{x:.1f} {y:.1f}h{-wide:.1f}")
    if path:
        yield f'<path d="{"".join(path)}" stroke="currentColor" stroke-width="3" fill="none"/>'


def _scatter(shown: SweepScatter, tones: Mapping[str, str]) -> tuple[list[str], int]:
    wide, top = WIDTH - LEFT - GAP, LINE
    end = top + SCATTER_HIGH
    body = [
        f'<rect x="{LEFT}" y="{top}" width="{wide}" height="{SCATTER_HIGH}" fill="none" stroke="currentColor" '
        'stroke-opacity="0.3"/>'
    ]
    inner = DOT + 4  # marks at the edge stay whole
    place = {name: row for row, name in enumerate(tones)}
    for at, text in shown.ticks_across:
        body.append(_text(LEFT + inner + at * (wide - 2 * inner), end + LINE - 2, text))
    for at, text in shown.ticks_up:
        y = end - inner - at * (SCATTER_HIGH - 2 * inner)
        body.append(_text(LEFT - 8, y + 4, _short(text, LEFT - LINE - 12), "end"))
    for dot in shown.dots:
        x = LEFT + inner + dot.x * (wide - 2 * inner)
        y = end - inner - dot.y * (SCATTER_HIGH - 2 * inner)
        body.append(_mark(x, y, place[dot.best], tones[dot.best], is_open=bool(dot.ties)))
    body.append(_text(LEFT + wide / 2, end + 2 * LINE, shown.across))
    if shown.up:
        body.append(_sideways(LINE, (top + end) / 2, shown.up))
    return body, int(end + 3 * LINE)


def _mark(x: float, y: float, row: int, tone: str, *, is_open: bool) -> str:
    """Return a mark: every design has a shape of its own, filled where nothing ties."""
    points: Mapping[int, Sequence[tuple[float, float]]] = {
        1: [(-1, -1), (1, -1), (1, 1), (-1, 1)],
        2: [(0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)],
        3: [(0, -1.2), (1.2, 1), (-1.2, 1)],
        4: [(-1.3, -0.4), (1.3, -0.4), (1.3, 0.4), (-1.3, 0.4)],
        5: [(-0.4, -1.3), (0.4, -1.3), (0.4, 1.3), (-0.4, 1.3)],
        6: [(-1.2, 0), (-0.6, -1.1), (0.6, -1.1), (1.2, 0), (0.6, 1.1), (-0.6, 1.1)],
        7: [(0, 1.2), (1.2, -1), (-1.2, -1)],
        8: [(-1.2, -1.2), (0, -0.5), (1.2, -1.2), (0, 1.3)],
    }
    style = (
        f'fill="{tone}" fill-opacity="{0 if is_open else 0.85}" stroke="{tone}" stroke-width="2"'
    )
    if row % 9 == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{DOT}" {style}/>'
    corners = " ".join(f"{x + DOT * dx:.1f},{y + DOT * dy:.1f}" for dx, dy in points[row % 9])
    return f'<polygon points="{corners}" {style}/>'


def _legend(
    shown: SweepMap | SweepScatter,
    tones: Mapping[str, str],
    keys: Mapping[str, str],
    top: float,
    width: int,
) -> tuple[list[str], int]:
    """Return the names of what is shown, and how ties are marked, and where the drawing ends."""
    ties = "hatched: ties with the design of that colour, which the 95 % interval cannot part"
    if LEFT + LETTER_PX * len(ties) > width:
        ties = "hatched: the 95 % interval does not part it from that one"
    if isinstance(shown, SweepScatter):
        ties = "open: another design ties with it"
    x, y, body = float(LEFT), top + LINE, []
    for name in shown.designs:
        text = keys[name]
        wide = LETTER_PX * len(text) + 2 * LINE + 8
        if x + wide > width and x > LEFT:
            x, y = float(LEFT), y + LINE
        if isinstance(shown, SweepScatter):
            body.append(_mark(x + 7, y - 4, list(tones).index(name), tones[name], is_open=False))
        else:
            box = f'x="{x:.1f}" y="{y - 11:.1f}" width="14" height="14"'
            body.append(f'<rect {box} fill="{tones[name]}" fill-opacity="0.55"/>')
        body.append(_text(x + 20, y, text, "start"))
        x += wide
    body.append(_text(LEFT, y + LINE, ties, "start", ' fill-opacity="0.7"'))
    return body, int(y + 2 * LINE)
