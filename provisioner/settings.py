"""What the operator decides once: `provisioner.toml`; for secrets and endpoints the environment or `.env`.

The environment goes before `.env`. A word in the file that no setting has is refused, so that a slip of the
pen is found before money is spent.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from provisioner.errors import SettingsError
from provisioner.secrets import passwords_in
from provisioner.textfiles import read_text

DEFAULT_TOML = """\
# provisioner settings. Everything here has a default; secrets belong into .env beside this file.

[droplet]
region = "sfo3"
size = "s-1vcpu-2gb"           # $12 a month; the gateway needs about 1 GB of memory
image = "debian-12-x64"        # "ubuntu-24-04-x64" may be chosen too

[ssh]
# key = "~/.ssh/id_ed25519"    # the operator's private key; without it .provisioner/ssh/id_ed25519

[moltbot]
version = "2026.9.6"           # of the npm package openclaw
node = "24.19.0"
model = "anthropic/claude-sonnet-5"

[operator]
name = "StuffPress"
contact = "support@example.com"  # where customers write to

[mail]
# sender = "StuffPress <support@example.com>"  # without it, the operator's name and contact

[messaging]
link_hours = 168               # how long a customer's personal link is good
reminder_hours = [24, 72]      # after so long a customer who is waited for is reminded
"""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DropletSettings(_Section):
    """What is created for a customer, and how long it is waited for (seconds)."""

    region: str = Field(default="sfo3", pattern=r"^[a-z]{3}[0-9]?$")
    size: str = Field(default="s-1vcpu-2gb", pattern=r"^[a-z0-9.-]+$")
    image: str = Field(default="debian-12-x64", pattern=r"^[a-z0-9.-]+$")
    active_seconds: float = Field(default=600, gt=0)
    ssh_seconds: float = Field(default=300, gt=0)
    settle_seconds: float = Field(default=60, ge=0)
    """How long an uncertain creation is looked for before another one may be tried."""
    poll_seconds: float = Field(default=2, gt=0)
    requests_per_minute: int = Field(default=240, ge=1)
    """How many requests all runs of this workspace send to DigitalOcean together; it allows 250."""


class SshSettings(_Section):
    key: Path | None = None
    port: int = Field(default=22, ge=1, le=65535)


class MoltbotSettings(_Section):
    version: str = Field(default="2026.9.6", pattern=r"^[0-9]{4}\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$")
    node: str = Field(default="24.19.0", pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")
    model: str = Field(default="anthropic/claude-sonnet-5", pattern=r"^[a-z0-9._-]+/[A-Za-z0-9._-]+$")


class OperatorSettings(_Section):
    """How the operator is called in texts that customers read."""

    name: str = "StuffPress"
    contact: str = "support@example.com"


class MailSettings(_Section):
    sender: str | None = None


class MessagingSettings(_Section):
    """How long a customer's personal link is good, and when they are reminded of it (hours)."""

    link_hours: float = Field(default=168, gt=0)
    reminder_hours: tuple[float, ...] = (24, 72)


class Settings(_Section):
    """Everything that a run may need; what is not set is None, and only the step that needs it asks."""

    droplet: DropletSettings = DropletSettings()
    ssh: SshSettings = SshSettings()
    moltbot: MoltbotSettings = MoltbotSettings()
    operator: OperatorSettings = OperatorSettings()
    mail: MailSettings = MailSettings()
    messaging: MessagingSettings = MessagingSettings()

    digitalocean_token: SecretStr | None = None
    digitalocean_endpoint: str = "https://api.digitalocean.com/v2/"
    anthropic_key: SecretStr | None = None
    anthropic_base_url: str | None = None
    telegram_api_root: str = "https://api.telegram.org"
    telegram_manager_token: SecretStr | None = None
    smtp_url: SecretStr | None = None
    node_mirror: str = "https://nodejs.org/dist"

    def secret_values(self) -> list[str]:
        """Every secret that is set, for a `Redactor`."""
        values = (getattr(self, name) for name in type(self).model_fields)
        secret = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
        return [*secret, *passwords_in(secret)]


FROM_ENVIRONMENT = {
    "digitalocean_token": "DIGITALOCEAN_ACCESS_TOKEN",
    "digitalocean_endpoint": "DIGITALOCEAN_END_POINT",
    "anthropic_key": "ANTHROPIC_API_KEY",
    "anthropic_base_url": "ANTHROPIC_BASE_URL",
    "telegram_api_root": "TELEGRAM_API_ROOT",
    "telegram_manager_token": "TELEGRAM_MANAGER_TOKEN",
    "smtp_url": "SMTP_URL",
    "node_mirror": "PROVISIONER_NODE_MIRROR",
}


def load_settings(root: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of the workspace at `root`; SettingsError names the file and the word that is wrong."""
    process = os.environ if environment is None else environment
    merged = {**_read_dotenv(root / ".env"), **process}
    values: dict[str, Any] = _read_toml(root / "provisioner.toml")
    values |= {field: merged[name] for field, name in FROM_ENVIRONMENT.items() if merged.get(name)}
    try:
        settings = Settings.model_validate(values)
    except ValidationError as problem:
        raise _explained(problem) from None
    return _with_key_path(settings, root)


def _with_key_path(settings: Settings, root: Path) -> Settings:
    """The operator's key with its whole path: the one that is set, or else the one that init makes."""
    key = root / (settings.ssh.key or Path(".provisioner/ssh/id_ed25519")).expanduser()
    return settings.model_copy(update={"ssh": settings.ssh.model_copy(update={"key": key})})


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(read_text(path, "read the settings"))
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as problem:
        raise SettingsError("read the settings", whom=str(path), cause=problem) from None
    stray = sorted(set(values) & set(FROM_ENVIRONMENT))
    if stray:
        name = FROM_ENVIRONMENT[stray[0]]
        raise SettingsError(
            "read the settings",
            whom=str(path),
            cause=f"{stray[0]} does not belong there",
            hint=f"put {name} into .env",
        )
    return values


def _read_dotenv(path: Path) -> dict[str, str]:
    """`NAME=value` lines; `export` in front, quotes around the value and # lines are allowed."""
    try:
        lines = read_text(path, "read the settings").splitlines()
    except FileNotFoundError:
        return {}
    values: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        text = line.strip().removeprefix("export ").strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals or not name.strip().isidentifier():
            raise SettingsError(
                "read the settings", whom=f"{path}, line {number}", cause="not a NAME=value line"
            )
        values[name.strip()] = _unquoted(value.strip())
    return values


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value


def _explained(problem: ValidationError) -> SettingsError:
    # The input is left out of the text: it may be a secret.
    lines = [f"{_named(error['loc'])}: {error['msg']}" for error in problem.errors(include_input=False)]
    return SettingsError("read the settings", cause="; ".join(lines), hint="correct provisioner.toml or .env")


def _named(location: tuple[int | str, ...]) -> str:
    name = ".".join(str(part) for part in location)
    return FROM_ENVIRONMENT.get(name, name)
