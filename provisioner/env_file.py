"""`.env`: secrets and endpoints as NAME=value lines, by python-dotenv's rules; no other lines."""

import io
from pathlib import Path

from provisioner.errors import SettingsError
from provisioner.textfiles import read_text


def read_env_file(path: Path) -> dict[str, str]:
    """The values by name; none where there is no such file. SettingsError names the line that is none.

    A comment goes behind ` #`; quotes keep what is in them, several lines too; `${NAME}` is the value of
    another name; `export` in front is allowed.
    """
    try:
        text = read_text(path, "read the settings")
    except FileNotFoundError:
        return {}
    # It takes as long as everything else at the start, and many have no such file.
    from dotenv import dotenv_values
    from dotenv.parser import parse_stream

    for binding in parse_stream(io.StringIO(text)):
        passed_over = binding.key is None and not binding.error
        if passed_over or (binding.value is not None and binding.key and binding.key.isidentifier()):
            continue
        words = binding.original.string
        line = binding.original.line + words[: len(words) - len(words.lstrip())].count("\n")
        raise SettingsError(
            "read the settings", whom=f"{path}, line {line}", cause="not a NAME=value line", hint=_hint(words)
        )
    return {
        name: value for name, value in dotenv_values(stream=io.StringIO(text)).items() if value is not None
    }


def _hint(words: str) -> str | None:
    value = words.partition("=")[2].strip()
    if value[:1] in ("'", '"'):
        return f"a value that begins with {value[0]} has to end with it, and only a comment may follow"
    return None
