"""What must never be seen, and the one place that cuts it out.

Values that are secret are known by where they stand in a record, by the settings that hold them, and, for
text that comes from elsewhere, by their shape.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

MASK = "[hidden]"

SECRET_PATHS = frozenset({"setup.messaging.botToken", "setup.messaging.link.code"})
_SECRET_NAME = re.compile(r"token|secret|passw(or)?d|api_?key|private_?key|credential", re.IGNORECASE)

_SHAPES = (
    re.compile(r"\bdo[opr]_v1_[0-9a-f]{32,}"),
    re.compile(r"\bsk-ant-[A-Za-z0-9_-]{8,}"),
    re.compile(r"\b\d{6,12}:[A-Za-z0-9_-]{30,}"),
    re.compile(r"\b(?:sk|rk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,}"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),
)
# A shorter value would cut ordinary words out of every text.
_SHORTEST = 6


def is_secret_path(path: str) -> bool:
    """Whether the value at this dotted path of a record must be hidden; an unknown field by its name."""
    return path in SECRET_PATHS or bool(_SECRET_NAME.search(path.rsplit(".", 1)[-1]))


def mask_record(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A copy of a record's document with every secret value hidden; empty ones stay as they are."""
    return {key: _masked(value, f"{prefix}{key}") for key, value in data.items()}


def secrets_in(data: Mapping[str, Any], prefix: str = "") -> list[str]:
    """The secret values of a record's document, for a `Redactor`."""
    found: list[str] = []
    for key, value in data.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping):
            found += secrets_in(value, f"{path}.")
        elif isinstance(value, str) and value and is_secret_path(path):
            found.append(value)
    return found


class Redactor:
    """Cuts known secret values, and whatever has the shape of one, out of text that is about to be seen."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: set[str] = set()
        self.learn(*values)

    def learn(self, *values: str) -> None:
        """Values to cut from now on; a value of several lines also by its lines."""
        for value in values:
            self._values.update(part for part in (value, *value.splitlines()) if len(part) >= _SHORTEST)

    def __call__(self, text: str) -> str:
        for value in sorted(self._values, key=len, reverse=True):
            text = text.replace(value, MASK)
        for shape in _SHAPES:
            text = shape.sub(MASK, text)
        return text


def _masked(value: Any, path: str) -> Any:
    if isinstance(value, Mapping):
        return mask_record(value, f"{path}.")
    if isinstance(value, list):
        return [_masked(item, path) for item in value]
    if value is not None and value != "" and is_secret_path(path):
        return MASK
    return value
