"""What must never be seen, and the one place that cuts it out.

Values that are secret are known by where they stand in a record, by the settings that hold them, and, for
text that comes from elsewhere, by their shape.
"""

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any

MASK = "[hidden]"

SECRET_PATHS = frozenset({"setup.messaging.botToken", "setup.messaging.link.code"})
_SECRET_NAME = re.compile(
    r"token|secret|passw(or)?d|pass_?(phrase|code)|credential|bearer|cookie"
    r"|(api|auth|private|access|signing|encryption)_?key|_key$",
    re.IGNORECASE,
)

_SHAPES = (
    re.compile(r"\bdo[opr]_v1_[0-9a-f]{32,}"),
    re.compile(r"\bsk-ant-[A-Za-z0-9_-]{8,}"),
    re.compile(r"\bsk-or-v1-[0-9a-f]{32,}"),
    re.compile(r"\b\d{6,12}:[A-Za-z0-9_-]{30,}"),
    re.compile(r"\b(?:sk|rk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,}"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),
)
# A shorter value is cut where it stands alone only: it is a part of ordinary words.
_SHORT = 6
# And one that is shorter than this, or one of these, never: no text would be left.
_SHORTEST = 4
_NO_SECRETS = frozenset({"true", "false", "null", "none", "auto", "force", "never", "always", "prefer"})
# What looks the same wherever it is written, but for the colon in an address.
_PLAIN = re.compile(r"[A-Za-z0-9_.~:-]+")
_PAIR = re.compile(r'"([^"\\\n]{1,100})"\s*:\s*"((?:[^"\\\n]|\\.)*)"?')


def mark_of(secret: str) -> str:
    """A name for a secret in what is no secret: another for every one, and nothing can be learnt from it."""
    return sha256(secret.encode()).hexdigest()[:12]


def is_secret_name(name: str) -> bool:
    """Whether what goes by this name is to be hidden: a field, or a variable of the environment."""
    return bool(_SECRET_NAME.search(name))


@lru_cache(maxsize=4096)
def is_secret_path(path: str) -> bool:
    """Whether the value at this dotted path of a record must be hidden; an unknown one by any name in it."""
    return path in SECRET_PATHS or any(map(is_secret_name, path.split(".")))


def mask_record(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A copy of a record's document with every secret value hidden; empty ones stay as they are."""
    return {key: _masked(value, f"{prefix}{key}") for key, value in data.items()}


def secrets_in(data: Mapping[str, Any]) -> list[str]:
    """The secret values of a record's document, wherever they stand, for a `Redactor`."""
    found: list[str] = []
    _collect(data, "", found)
    return found


def secrets_in_text(text: str) -> list[str]:
    """The same for a text that was to be a record and cannot be read as one."""
    return [value for name, value in _PAIR.findall(text) if is_secret_name(name) or name == "code"]


def passwords_in(addresses: Iterable[str]) -> list[str]:
    """A password is a secret without its address too, as it is typed and as it is sent."""
    from urllib.parse import unquote

    found = [_password(address) for address in addresses if "://" in address]
    return [form for password in found if password for form in {password, unquote(password)}]


def _password(address: str) -> str | None:
    from urllib.parse import urlsplit

    try:
        return urlsplit(address).password
    except ValueError:
        return None


class Redactor:
    """Cuts known secret values, and whatever has the shape of one, out of text that is about to be seen."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: set[str] = set()
        self._alone: set[str] = set()
        self._sorted: list[str] | None = None
        self.learn(*values)

    def learn(self, *values: str) -> None:
        """Values to cut from now on, in each form in which a text may show them; several lines one by one."""
        for value in values:
            for part in (value, *value.splitlines()):
                self._learn_line(part.strip())

    def _learn_line(self, value: str) -> None:
        if len(value) >= _SHORT and value.lower() not in _NO_SECRETS:
            self._values.update(_forms(value))
            self._sorted = None
        elif len(value) >= _SHORTEST and value.lower() not in _NO_SECRETS:
            self._alone.add(value)

    def __call__(self, text: str) -> str:
        # A longer value first: it may have a shorter one in it.
        if self._sorted is None:
            self._sorted = sorted(self._values, key=len, reverse=True)
        for value in self._sorted:
            text = text.replace(value, MASK)
        for value in self._alone:
            if value in text:
                text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])", MASK, text)
        for shape in _SHAPES:
            text = shape.sub(MASK, text)
        return text


def _forms(value: str) -> set[str]:
    """The value as it is, and as JSON, Python, an address and HTML write it."""
    if _PLAIN.fullmatch(value):
        return {value, value.replace(":", "%3A")}
    import html
    from urllib.parse import quote

    return {
        value,
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        quote(value, safe="", errors="replace"),
        quote(value, errors="replace"),
        html.escape(value),
    }


def _collect(value: Any, path: str, found: list[str]) -> None:
    """Add every secret value inside; `path` are the names that lead to it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            _collect(inner, f"{path}.{key}" if path else str(key), found)
    elif isinstance(value, list | tuple):
        for inner in value:
            _collect(inner, path, found)
    elif is_secret_path(path) and _hides(value):
        found.append(_word(value))


def _hides(value: Any) -> bool:
    return value is not None and value != "" and not isinstance(value, bool)


def _word(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _masked(value: Any, path: str) -> Any:
    if isinstance(value, Mapping):
        return mask_record(value, f"{path}.")
    if isinstance(value, list):
        return [_masked(item, path) for item in value]
    return MASK if _hides(value) and is_secret_path(path) else value
