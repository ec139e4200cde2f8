"""Charts as SVG, without styles in it: the page's own CSS gives the colours, light and dark."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

_WIDTH: Final = 720
_HEIGHT: Final = 200
_LEFT: Final = 96
_BELOW: Final = 24
_ABOVE: Final = 12
_LABELS: Final = 12


@dataclass(frozen=True)
class Bar:
    """One bar: what stands below it, how high it is, and how that is said."""

    label: str
    value: float
    said: str
    is_open: bool = False
    """Whether its time is not over."""


def bars(title: str, description: str, found: Sequence[Bar], name: str) -> Markup:
    """A chart of bars from zero up; the same figures stand in a table beside it. `name` is its id."""
    top = max((one.value for one in found), default=0) or 1
    step = (_WIDTH - _LEFT) / max(1, len(found))
    parts = [
        Markup(
            '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-labelledby="{}-title {}-text">'
            '<title id="{}-title">{}</title><desc id="{}-text">{}</desc>'
        ).format(_WIDTH, _HEIGHT, name, name, name, title, name, description),
        *_lines(max(found, key=lambda one: one.value).said if found else ""),
    ]
    every = -(-len(found) // _LABELS)
    for number, one in enumerate(found):
        parts.append(_bar(one, _LEFT + number * step, step, one.value / top))
        if (len(found) - 1 - number) % max(1, every) == 0:
            parts.append(_text(_LEFT + (number + 0.5) * step, _HEIGHT - 6, one.label, "middle"))
    return Markup("").join([*parts, Markup("</svg>")])


def _bar(one: Bar, left: float, step: float, share: float) -> Markup:
    height = share * (_HEIGHT - _BELOW - _ABOVE)
    return Markup(
        '<rect class="bar{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="2">'
        "<title>{}: {}</title></rect>"
    ).format(
        " now" if one.is_open else "",
        left + step * 0.12,
        _HEIGHT - _BELOW - height,
        max(1.0, step * 0.76),
        height,
        one.label,
        one.said,
    )


def _lines(highest: str) -> list[Markup]:
    """Zero, and the highest bar."""
    line = Markup('<line class="axis" x1="{}" x2="{}" y1="{}" y2="{}"/>')
    levels = ((_HEIGHT - _BELOW, "0"), (_ABOVE, highest))
    drawn = [line.format(_LEFT, _WIDTH, level, level) for level, _ in levels]
    return drawn + [_text(_LEFT - 8, level + 4, words, "end") for level, words in levels]


def _text(x: float, y: float, words: str, anchor: str) -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        x, y, anchor, escape(words)
    )
