"""Unexpected errors: the traceback goes to a file, without secrets."""

import os
import tempfile
import traceback
from pathlib import Path

from provisioner import timestamps
from provisioner.cli.context import current_workspace
from provisioner.cli.output.redaction import known_redactor
from provisioner.errors import ProvisionerError


def report(error: BaseException) -> str:
    """Save the traceback where only the operator can read it; one line that says where."""
    redact = known_redactor()
    text = redact("".join(traceback.format_exception(error)))
    summary = redact(f"{type(error).__name__}: {error}")
    try:
        where = f"its traceback is in {_save(text)}"
    except OSError as problem:
        where = f"its traceback could not be saved: {problem.strerror}"
    return f"error: {summary} - this is a bug; {where}"


def _save(text: str) -> Path:
    name = f"crash-{timestamps.now().replace(':', '')}-"
    handle, path = tempfile.mkstemp(prefix=name, suffix=".txt", dir=_folder())
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    return Path(path)


def _folder() -> Path | None:
    """The workspace's state folder; None, for the system's temporary one, if it is not writable."""
    try:
        folder = current_workspace().state_dir
    except (ProvisionerError, OSError):
        return None
    return folder if os.access(folder, os.W_OK) else None
