"""What the operator decides once: `provisioner.toml`; for secrets and endpoints the environment or `.env`.

The environment goes before `.env`. A word in the file that no setting has is refused, so that a slip of the
pen is found before money is spent.
"""

import io
import ipaddress
import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from provisioner.errors import SettingsError
from provisioner.filesystem.textfiles import read_text
from provisioner.secrets import passwords_in
from provisioner.validation import Complaint, complaints

ALLOW_PLAINTEXT = "PROVISIONER_ALLOW_PLAINTEXT"
"""Set to 1 in the process's environment, never in `.env`, which may be another's: plain http is allowed."""

AUTO_IMAGE = "auto"
BASE_IMAGE = "debian-12-x64"
"""What our own images are made from, and servers where none of them fits."""
_SHIPPED = Path(__file__).with_name("provisioner.toml")


def _checked_path(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("no path has a NUL in it")
    return path


def _checked_token(token: SecretStr) -> SecretStr:
    value = token.get_secret_value()
    if not (value.isascii() and value.isprintable() and " " not in value):
        raise ValueError("has a blank, or a character that is none of a token's")
    return token


def _somebodys(contact: str) -> str | None:
    """None for what stood there before anybody had set it: nobody reads that mail."""
    return None if contact.strip() in ("", "support@example.com") else contact.strip()


# One line of a text for customers, or of an e-mail's head.
_Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]+$", max_length=200)]
# Without a blank or a letter that no header of a request can carry.
_Token = Annotated[SecretStr, AfterValidator(_checked_token)]
_ONE_DAY = 86_400
REGION = r"^[a-z]{3}[0-9]?$"
SIZE = r"^[a-z0-9.-]+$"
MODEL = r"^[a-z0-9._-]+(/[A-Za-z0-9._-]+)?/[A-Za-z0-9._:-]+$"
VERSION = r"^[0-9]{4}\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$"
_PRICE = r"^(price|plan)_[A-Za-z0-9_]{1,250}$"
_TIME = r"^(([01][0-9]|2[0-3]):[0-5][0-9])?$"
_TEN_YEARS = 87_600
_Wait = Annotated[float, Field(gt=0, le=_ONE_DAY)]


def default_toml(contact: str | None = None) -> str:
    """The settings as `init` writes them, with where customers write to if that is known."""
    shipped = read_text(_SHIPPED, "read the settings that come with the program")
    line = f"contact = {json.dumps(contact, ensure_ascii=False)}  # where customers write to"
    return shipped if contact is None else re.sub(r"(?m)^# contact = .*$", lambda _: line, shipped)


def provider_of(model: str) -> str:
    """Whose key the model takes: the first part of its name."""
    return model.partition("/")[0]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DropletSettings(_Section):
    """What is created for a customer, and how long it is waited for (seconds)."""

    region: str = Field(default="sfo3", pattern=REGION)
    size: str = Field(default="s-1vcpu-2gb", pattern=SIZE)
    image: str = Field(default=AUTO_IMAGE, pattern=r"^[a-z0-9.-]+$")
    """A slug or a snapshot's id; `AUTO_IMAGE`: the newest image of our own that fits, else `BASE_IMAGE`."""
    reboot_at: str = Field(default="11:00", pattern=_TIME)
    """UTC; when a server reboots on a day on which an update needs it. Empty: never by itself."""
    active_seconds: _Wait = 600
    ssh_seconds: _Wait = 300
    settle_seconds: float = Field(default=60, ge=0, le=_ONE_DAY)
    """How long an uncertain creation is looked for before another one may be tried."""
    poll_seconds: _Wait = 2
    requests_per_minute: int = Field(default=240, ge=1, le=100_000)
    """How many requests all runs of this workspace send to DigitalOcean together; it allows 250."""

    @property
    def plain_image(self) -> str:
        """The image that is named, or the one that is used where none of our own fits."""
        return BASE_IMAGE if self.image == AUTO_IMAGE else self.image


class PoolSettings(_Section):
    """How many servers run before anybody needs them, in each of these regions."""

    size: int = Field(default=0, ge=0, le=100)
    regions: tuple[Annotated[str, Field(pattern=REGION)], ...] = ()
    """Empty: the region of `[droplet]`."""


class SshSettings(_Section):
    key: Annotated[Path, AfterValidator(_checked_path)] | None = None
    port: int = Field(default=22, ge=1, le=65535)


class MoltbotSettings(_Section):
    version: str = Field(default="2026.9.6", pattern=VERSION)
    node: str = Field(default="24.19.0", pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")
    node_sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    """Of the archive for the servers' processor; empty: the mirror's own list of sums has to do."""
    model: str = Field(default="anthropic/claude-sonnet-5", pattern=MODEL)


class ModelKeySettings(_Section):
    """Whose key the assistants use for the model, and what each customer's may spend."""

    provider: Literal["shared", "openrouter"] = "shared"
    """shared: the operator's own, on every server. openrouter: one for each customer, made by us."""
    monthly_budget: int = Field(default=25, ge=1, le=100_000)
    """Dollars; a record's `setup.modelKey.budget` goes before it."""
    check_hours: float = Field(default=24, gt=0, le=_TEN_YEARS)
    """How often the worker asks what a key has spent."""

    @property
    def model_provider(self) -> str:
        """The provider that models have to be of."""
        return "anthropic" if self.provider == "shared" else self.provider


class PlanSettings(_Section):
    """What customers with this price get in place of the settings; None: as those say."""

    size: str | None = Field(default=None, pattern=SIZE)
    region: str | None = Field(default=None, pattern=REGION)
    model: str | None = Field(default=None, pattern=MODEL)
    version: str | None = Field(default=None, pattern=VERSION)


class OperatorSettings(_Section):
    """How the operator is called in texts that customers read."""

    name: _Line = "StuffPress"
    contact: Annotated[_Line, AfterValidator(_somebodys)] | None = None
    """Where customers write to; None until the operator has said it."""
    alerts: _Line | None = None
    """Where failures that need a person are sent; None: to the contact."""
    telegram: str | None = Field(default=None, pattern=r"^-?[0-9]{3,18}$")
    """The operator's numeric id on Telegram, to whom the manager bot may write."""
    summary_at: str = Field(default="07:00", pattern=_TIME)
    """UTC; when what is open is summed up. Empty: never."""


class MailSettings(_Section):
    sender: _Line | None = None


class MessagingSettings(_Section):
    """How long a customer's personal link is good, and when they are reminded of it (hours)."""

    link_hours: float = Field(default=168, gt=0, le=_TEN_YEARS)
    reminder_hours: tuple[Annotated[float, Field(gt=0, le=_TEN_YEARS)], ...] = (24, 72)


class BackupSettings(_Section):
    """How many backups of each customer are kept, and how large one may be."""

    every_hours: float = Field(default=24, ge=0, le=_TEN_YEARS)
    """How often the worker takes one; 0 for never."""
    daily: int = Field(default=7, ge=1, le=10_000)
    """Of how many days the last one is kept; days without a backup do not count."""
    weekly: int = Field(default=4, ge=0, le=10_000)
    largest_megabytes: int = Field(default=20_000, ge=1)


class WorkerSettings(_Section):
    """How the worker goes about it."""

    jobs: int = Field(default=10, ge=0, le=200)
    """How many customers are at work at the same moment; 0: nothing is done by itself."""
    quiet_hours: str = Field(
        default="", pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9])?$"
    )
    """UTC; nobody is written to unasked then, and servers are rebooted. Empty: never."""


class HealthSettings(_Section):
    """How servers are looked after."""

    every_minutes: float = Field(default=10, ge=0, le=1440)
    """How often the worker looks at each server; 0 for never."""
    mend_hours: float = Field(default=6, ge=0, le=_TEN_YEARS)
    """In so many hours each kind of problem is mended once; 0: the worker mends nothing."""


class StripeSettings(_Section):
    """What becomes of Stripe's events."""

    mode: Literal["live", "test"] | None = None
    """Whose events are taken; None: those of the mode that the secret key is for, or live ones."""
    provision: Literal["at payment", "by hand"] = "at payment"
    telegram_field: str = Field(default="telegram", pattern=r"^[A-Za-z0-9_-]{1,200}$")


class BillingSettings(_Section):
    """What becomes of customers who do not pay."""

    reminder_days: tuple[Annotated[float, Field(gt=0, le=365)], ...] = (1, 3, 7)
    """How long after a failed payment they are reminded by e-mail; empty: never."""
    portal: str = Field(default="", pattern=r"^(https://[^\s]{1,300})?$")
    """Stripe's customer portal, where they pay and change their card; named in e-mails."""
    unpaid_days: float = Field(default=14, ge=0, le=365)
    when_unpaid: Literal["tell", "pause", "cancel"] = "tell"
    churn_at: Literal["end", "request"] = "end"
    """When who leaves counts as lost: at the end of what is paid, or when they say so."""


class CancelSettings(_Section):
    """What is left of customers who leave, and how long."""

    grace_days: int = Field(default=14, ge=0, le=3650)
    """Between the stop of the assistant and the destruction of its server."""
    keep_snapshots: bool = False
    """Whether snapshots with the customer's tag stay, and are paid for."""


class WebSettings(_Section):
    """Where the dashboard is."""

    address: str = Field(default="", pattern=r"^(https://[A-Za-z0-9.:\[\]-]{1,250})?$")
    """From outside, through a proxy that has the certificate. Empty: from this machine alone."""


class Settings(_Section):
    """Everything that a run may need; what is not set is None, and only the step that needs it asks."""

    droplet: DropletSettings = DropletSettings()
    pool: PoolSettings = PoolSettings()
    ssh: SshSettings = SshSettings()
    moltbot: MoltbotSettings = MoltbotSettings()
    plans: dict[Annotated[str, Field(pattern=_PRICE)], PlanSettings] = {}
    """By Stripe's id of the price; a customer's own record goes before."""
    model_keys: ModelKeySettings = ModelKeySettings()
    operator: OperatorSettings = OperatorSettings()
    mail: MailSettings = MailSettings()
    messaging: MessagingSettings = MessagingSettings()
    backup: BackupSettings = BackupSettings()
    stripe: StripeSettings = StripeSettings()
    billing: BillingSettings = BillingSettings()
    cancel: CancelSettings = CancelSettings()
    worker: WorkerSettings = WorkerSettings()
    health: HealthSettings = HealthSettings()
    web: WebSettings = WebSettings()

    digitalocean_token: _Token | None = None
    digitalocean_endpoint: str = "https://api.digitalocean.com/v2/"
    anthropic_key: _Token | None = None
    anthropic_base_url: str | None = None
    openrouter_management_key: _Token | None = None
    openrouter_base_url: str | None = None
    telegram_api_root: str = "https://api.telegram.org"
    telegram_manager_token: _Token | None = None
    smtp_url: SecretStr | None = None
    stripe_key: _Token | None = None
    stripe_webhook_secrets: SecretStr | None = None
    """One, or several separated by commas while one takes the other's place."""
    stripe_api_base: str | None = None
    node_mirror: str = "https://nodejs.org/dist"

    @property
    def reboot_hours(self) -> str:
        """When a server may be rebooted, as "21:00-07:00"; empty where no hour is."""
        begin = self.droplet.reboot_at
        if self.worker.quiet_hours or not begin:
            return self.worker.quiet_hours
        return f"{begin}-{(int(begin[:2]) + 1) % 24:02}{begin[2:]}"

    @property
    def pool_regions(self) -> tuple[str, ...]:
        """Where servers run before anybody needs them."""
        return tuple(dict.fromkeys(self.pool.regions)) or (self.droplet.region,)

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """With each of which an event of Stripe may be signed."""
        held = self.stripe_webhook_secrets
        words = held.get_secret_value().split(",") if held is not None else ()
        return tuple(word.strip() for word in words if word.strip())

    @property
    def is_live(self) -> bool:
        """Whether Stripe's events are about real money."""
        if self.stripe.mode is not None:
            return self.stripe.mode == "live"
        return self.stripe_key is None or "_test_" not in self.stripe_key.get_secret_value()

    @property
    def sender(self) -> str:
        """Who e-mails are from: an address, with a name where there is one; its address may be empty."""
        from email.utils import formataddr

        return self.mail.sender or formataddr((self.operator.name, self.operator.contact or ""))

    def missing_for_model(self) -> list[str]:
        """What has to be set before an assistant gets its key for the model, each as an instruction."""
        if self.model_keys.provider == "openrouter":
            return self.missing_for_model_keys()
        return [] if self.anthropic_key else ["set ANTHROPIC_API_KEY in the environment or in .env"]

    def missing_for_model_keys(self) -> list[str]:
        """What has to be set before a customer's own key is made, changed or deleted."""
        if self.openrouter_management_key is not None:
            return []
        return ["set OPENROUTER_MANAGEMENT_KEY in the environment or in .env"]

    def missing_for_customers(self) -> list[str]:
        """What has to be set before anything is written to customers, each as an instruction."""
        from email.utils import parseaddr

        if self.operator.contact is None:
            return ["set [operator] contact in provisioner.toml: where customers write to, as they are told"]
        if self.smtp_url is not None and "@" not in parseaddr(self.sender)[1]:
            return ["set [mail] sender in provisioner.toml: the address that e-mails to customers are from"]
        return []

    def known_to_texts(self) -> dict[str, str]:
        """What every text to customers may say; what is not set is empty."""
        operator = self.operator
        return {
            "operator_name": operator.name,
            "operator_contact": operator.contact or "",
            "portal_link": self.billing.portal,
        }

    def secret_values(self) -> list[str]:
        """Every secret that is set, for a `Redactor`."""
        values = (getattr(self, name) for name in type(self).model_fields)
        secret = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
        return [*secret, *self.webhook_secrets, *passwords_in(secret)]


FROM_ENVIRONMENT = {
    "digitalocean_token": "DIGITALOCEAN_ACCESS_TOKEN",
    "digitalocean_endpoint": "DIGITALOCEAN_END_POINT",
    "anthropic_key": "ANTHROPIC_API_KEY",
    "anthropic_base_url": "ANTHROPIC_BASE_URL",
    "openrouter_management_key": "OPENROUTER_MANAGEMENT_KEY",
    "openrouter_base_url": "OPENROUTER_BASE_URL",
    "telegram_api_root": "TELEGRAM_API_ROOT",
    "telegram_manager_token": "TELEGRAM_MANAGER_TOKEN",
    "smtp_url": "SMTP_URL",
    "stripe_key": "STRIPE_SECRET_KEY",
    "stripe_webhook_secrets": "STRIPE_WEBHOOK_SECRET",
    "stripe_api_base": "STRIPE_API_BASE",
    "node_mirror": "PROVISIONER_NODE_MIRROR",
}


ENDPOINTS = (
    "digitalocean_endpoint",
    "anthropic_base_url",
    "openrouter_base_url",
    "telegram_api_root",
    "stripe_api_base",
    "node_mirror",
)


def load_settings(root: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of the workspace at `root`; SettingsError names the file and the word that is wrong."""
    process = os.environ if environment is None else environment
    merged = {**read_env_file(root / ".env"), **process}
    values: dict[str, Any] = _read_toml(root / "provisioner.toml")
    values |= {field: merged[name].strip() for field, name in FROM_ENVIRONMENT.items() if merged.get(name)}
    try:
        settings = Settings.model_validate(values)
    except ValidationError as problem:
        raise _explained(problem) from None
    for field in ENDPOINTS:
        if field in settings.model_fields_set:
            check_endpoint(FROM_ENVIRONMENT[field], getattr(settings, field), process)
    return _with_key_path(settings, root)


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
            "read the settings",
            whom=f"{path}, line {line}",
            cause="not a NAME=value line",
            hint=_quote_hint(words),
        )
    return {
        name: value for name, value in dotenv_values(stream=io.StringIO(text)).items() if value is not None
    }


def _quote_hint(words: str) -> str | None:
    value = words.partition("=")[2].strip()
    if value[:1] in ("'", '"'):
        return f"a value that begins with {value[0]} has to end with it, and only a comment may follow"
    return None


def check_endpoint(name: str, address: str, environment: Mapping[str, str]) -> None:
    """SettingsError unless what is sent to the `address` of the setting `name` can be read by nobody else."""
    scheme, host = _scheme_and_host(address)
    if scheme not in ("https", "http") or not host:
        raise SettingsError("read the settings", cause=f"{name} is not an address that begins with https://")
    if scheme == "https" or _is_here(host) or environment.get(ALLOW_PLAINTEXT) == "1":
        return
    raise SettingsError(
        "read the settings",
        cause=f"{name} is http://{host}/…, without TLS: whoever is on the way reads the secrets sent there",
        hint=f"use https://, or set {ALLOW_PLAINTEXT}=1 in the environment (not in .env) if the way is yours",
    )


def _scheme_and_host(address: str) -> tuple[str, str | None]:
    try:
        found = urlsplit(address)
    except ValueError:
        return "", None
    return found.scheme, found.hostname


def _is_here(host: str) -> bool:
    """Whether this is the machine itself, without asking anybody for the name."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _with_key_path(settings: Settings, root: Path) -> Settings:
    """The operator's key with its whole path: the one that is set, or else the one that init makes."""
    named = settings.ssh.key or Path(".provisioner/ssh/id_ed25519")
    try:
        key = root / named.expanduser()
    except RuntimeError:
        cause = f"ssh.key: {named} begins with the home of a user who does not exist"
        raise SettingsError("read the settings", cause=cause, hint="correct provisioner.toml") from None
    return settings.model_copy(update={"ssh": settings.ssh.model_copy(update={"key": key})})


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(read_text(path, "read the settings"))
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as problem:
        # Not a TOMLDecodeError where a number is too long for Python, or lists are too deep.
        hint = 'correct that line; texts stand in straight quotes, as region = "sfo3"'
        raise SettingsError("read the settings", whom=str(path), cause=problem, hint=hint) from None
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


def _explained(problem: ValidationError) -> SettingsError:
    said = "; ".join(map(_said, complaints(problem)))
    return SettingsError("read the settings", cause=said, hint="correct provisioner.toml or .env")


def _said(one: Complaint) -> str:
    if one.kind == "extra_forbidden":
        near = nearest(one.where, _names_in_toml(one.where))
        return f"{one.where}: there is no such setting" + (f"; did you mean {near}?" if near else "")
    return f"{FROM_ENVIRONMENT.get(one.where, one.where)}: {one.text}"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a misspelt one is most likely to be."""
    import difflib

    folded = {one.lower(): one for one in known}
    found = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.7)
    return folded[found[0]] if found else None


def _names_in_toml(like: str) -> Iterator[str]:
    """All that may stand there; in a plan, what one may say."""
    yield "plans"
    if like.startswith("plans."):
        yield from (f"{like.rpartition('.')[0]}.{name}" for name in PlanSettings.model_fields)
    for section, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield section
            yield from (f"{section}.{name}" for name in field.annotation.model_fields)
