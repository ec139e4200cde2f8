"""Problems in the settings and their files, found without using any."""

from pathlib import Path

from provisioner.doctor.findings import Findings
from provisioner.doctor.settings_files import settings_problems
from provisioner.errors import SettingsError
from provisioner.settings import Settings
from provisioner.workspace import Workspace


def look_at_settings(workspace: Workspace, settings: Settings, found: Findings) -> None:
    """Check what a run needs, and who else can read it."""
    found.looked.append("settings")
    shared = settings.model_keys.provider == "shared"
    for name, value in (
        ("DIGITALOCEAN_ACCESS_TOKEN", settings.digitalocean_token),
        ("ANTHROPIC_API_KEY", settings.anthropic_key)
        if shared
        else ("OPENROUTER_MANAGEMENT_KEY", settings.openrouter_management_key),
    ):
        if value is None:
            found.note("settings", name, "is not set", "set it in the environment or in .env")
    for need in settings.missing_for_customers():
        found.note(
            "settings", "provisioner.toml", "nobody can be set up: customers could not write back", need
        )
    _look_at_key(settings.ssh.key, found)
    for problem in settings_problems(workspace):
        found.note("settings", problem.subject, problem.problem, problem.hint)


def _look_at_key(path: Path | None, found: Findings) -> None:
    from provisioner.ssh.keys import operator_key

    try:
        operator_key(path)
    except SettingsError as error:
        found.note("key", str(path or "[ssh] key"), error.cause or error.summary, error.hint or "")
