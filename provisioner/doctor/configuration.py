"""What can be seen of the settings, and of the operator's SSH key, without using any."""

from pathlib import Path

from provisioner.doctor.findings import Findings
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
    path = settings.ssh.key
    problem = _key_problem(path)
    if problem:
        found.note("key", str(path), problem, "run provisioner init, or correct [ssh] key")


def _key_problem(path: Path | None) -> str | None:
    from cryptography.exceptions import UnsupportedAlgorithm

    from provisioner.remote.keys import public_half

    if path is None:
        return "no SSH key is set"
    try:
        public_half(path.read_text("ascii"))
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "is not a private key in OpenSSH form without a passphrase"
    return "can be read by others" if path.stat().st_mode & 0o077 else None
