"""The workspace with its settings and its cloud account, for commands that are about no customer."""

from typing import TYPE_CHECKING

from provisioner.cli.context import current_workspace
from provisioner.errors import SettingsError

if TYPE_CHECKING:
    from provisioner.services.digitalocean.client import DigitalOcean
    from provisioner.settings import Settings
    from provisioner.workspace import Workspace


def account(doing: str) -> "tuple[Workspace, Settings, DigitalOcean]":
    """SettingsError if there is no token."""
    from provisioner.services.factory import Services
    from provisioner.settings import load_settings

    workspace = current_workspace()
    settings = load_settings(workspace.root)
    if settings.digitalocean_token is None:
        hint = "set DIGITALOCEAN_ACCESS_TOKEN in the environment or in .env"
        raise SettingsError(doing, cause="no token is set", hint=hint)
    return workspace, settings, Services(settings, workspace.rates_dir).cloud
