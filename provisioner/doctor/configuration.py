"""What can be seen of the settings, and of the operator's SSH key, without using any."""

import shlex
from pathlib import Path

from provisioner.doctor.findings import Findings
from provisioner.errors import SettingsError
from provisioner.settings import Settings


def look_at_settings(settings: Settings, found: Findings) -> None:
    """At what a run could not do without."""
    found.looked.append("settings")
    for name, value in (
        ("DIGITALOCEAN_ACCESS_TOKEN", settings.digitalocean_token),
        ("ANTHROPIC_API_KEY", settings.anthropic_key),
    ):
        if value is None:
            found.note("settings", name, "is not set", "set it in the environment or in .env")
    _look_at_key(settings.ssh.key, found)


def _look_at_key(path: Path | None, found: Findings) -> None:
    from provisioner.remote.keys import foreign_public_file, operator_key

    try:
        key = operator_key(path)
    except SettingsError as error:
        found.note("key", str(path or "[ssh] key"), error.cause or error.summary, error.hint or "")
        return
    assert path is not None, "a key was read from it"
    path = path.expanduser()
    if path.stat().st_mode & 0o077:
        found.note("key", str(path), "can be read by others", f"chmod 600 {shlex.quote(str(path))}")
    if foreign := foreign_public_file(path, key):
        public = shlex.quote(f"{path}.pub")
        found.note("key", str(path), foreign, f"ssh-keygen -y -f {shlex.quote(str(path))} > {public}")
