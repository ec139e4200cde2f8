"""Every secret that this process can know: of its environment, of `.env`, and of the records.

It is asked for where something is about to be printed or saved because something went wrong: nothing in here
raises, whatever state the workspace is in.
"""

import os
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from provisioner.secrets import Redactor, is_secret_name, passwords_in, secrets_in, secrets_in_text

_LARGEST_BYTES = 16 * 1024 * 1024
# A shorter value in .env that no name marks as a secret is a word such as a region.
_UNNAMED = 12


def known_redactor(root: Path | None, *, records: bool = True) -> Redactor:
    """A redactor that knows what the workspace at `root` and the process's environment hold."""
    redact = Redactor(environment_secrets(os.environ))
    if root is not None:
        redact.learn(*dotenv_secrets(root / ".env"))
        if records:
            redact.learn(*record_secrets(root / "customers"))
    return redact


def environment_secrets(environment: Mapping[str, str]) -> list[str]:
    """The values whose names say that they are secret, and the passwords in all addresses."""
    named = [value for name, value in environment.items() if is_secret_name(name)]
    return [*_and_parts(named), *passwords_in(environment.values())]


def dotenv_secrets(path: Path) -> list[str]:
    """What `.env` holds, also where it is not as `load_settings` wants it; addresses are no secrets."""
    values: list[str] = []
    for line in _lenient(_bytes_of(path)).splitlines():
        name, equals, value = line.partition("=")
        forms = {value.strip(), value.split(" #")[0].strip(), line.strip() if not equals else ""}
        forms |= {form.strip("'\"") for form in forms}
        bare = [form for form in forms if "://" not in form]
        values += bare if is_secret_name(name) else [form for form in bare if len(form) >= _UNNAMED]
        values += passwords_in(form for form in forms if "://" in form)
    return _and_parts(values)


def record_secrets(customers: Path) -> Iterator[str]:
    """The secrets of every record, of the broken ones too."""
    from provisioner.customers.files import document, file_names

    for folder in (customers / file_names.ACTIVE, customers / file_names.ARCHIVE):
        with suppress(OSError):
            for path in folder.iterdir():
                raw = _bytes_of(path)
                try:
                    yield from secrets_in(document.parse(raw))
                except (ValueError, RecursionError):
                    yield from secrets_in_text(_lenient(raw))


def _and_parts(values: list[str]) -> list[str]:
    """Each value, and each of several that stand in one, separated by commas."""
    return [part for value in values for part in {value, *map(str.strip, value.split(","))}]


def _lenient(raw: bytes) -> str:
    encoding = "utf-16" if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig"
    return raw.decode(encoding, "replace")


def _bytes_of(path: Path) -> bytes:
    with suppress(OSError):
        if path.is_file() and path.stat().st_size <= _LARGEST_BYTES:
            return path.read_bytes()
    return b""
