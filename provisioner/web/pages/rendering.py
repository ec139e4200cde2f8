"""HTML of templates: everything escaped, without secrets, and without what changes how text is read."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from provisioner.printable import clean_lines
from provisioner.timestamps import moment, present

_FOLDER: Final = Path(__file__).parent / "templates"
_CALLED: Final = {"done": "well", "new": "not begun", "paused": "stopped midway", "suspended": "paused"}
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))

Redact = Callable[[str], str]
_redact: ContextVar[Redact] = ContextVar("redact")


def render(template: str, redact: Redact, values: Mapping[str, Any]) -> str:
    """The page; each value in it has gone through `redact`."""
    before = _redact.set(redact)
    try:
        return _environment().get_template(template).render(values)
    finally:
        _redact.reset(before)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(ago=ago, called=called, day=day, when=when, words=words)
    return environment


def _shown(value: Any) -> Any:
    """What stands in the page for a value; markup is ours, and was looked at when it was made."""
    if value is None:
        return ""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _redact.get()(clean_lines(value))
    return value


def ago(text: str | None, now: datetime | None = None) -> str:
    """How long ago, or how long from now, a moment is: "3 h ago", "in 2 d"."""
    at = moment(text) if text else None
    if at is None:
        return ""
    seconds = ((now or present()) - at).total_seconds()
    if -60 < seconds < 60:
        return "just now"
    number = next(f"{abs(seconds) // size:.0f} {unit}" for size, unit in _UNITS if abs(seconds) >= size)
    return f"{number} ago" if seconds > 0 else f"in {number}"


def day(text: str | None) -> str:
    """The day of a moment: 2026-09-01."""
    return text[:10] if text else ""


def when(text: str | None) -> str:
    """A moment for people: 2026-09-01 08:30 UTC."""
    return f"{text[:10]} {text[11:16]} UTC" if text else ""


def words(name: str) -> str:
    """A name of ours as words: pending_setup is "pending setup"."""
    return name.replace("_", " ")


def called(state: str) -> str:
    """What a state is called on the pages, where `provisioner status` has a word for terminals."""
    return _CALLED.get(state) or words(state)
