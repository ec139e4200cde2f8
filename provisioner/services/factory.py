"""The outside services, made from the settings when they are first used."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provisioner.clock import SYSTEM_CLOCK, Clock
from provisioner.settings import Settings

if TYPE_CHECKING:
    from provisioner.services.digitalocean.client import DigitalOcean
    from provisioner.services.mail import Mailer
    from provisioner.services.model_keys.anthropic import ModelProvider
    from provisioner.services.model_keys.openrouter import OpenRouter
    from provisioner.services.stripe.client import Stripe
    from provisioner.services.telegram.client import TelegramBot

_MODEL_SECONDS = 5.0
"""How long everybody waits for the model's provider, of whom nothing is needed yet."""


class Services:
    """One way to each service, for several threads."""

    def __init__(
        self,
        settings: Settings,
        rates: Path | None = None,
        clock: Clock = SYSTEM_CLOCK,
        *,
        new_cloud: "Callable[[], DigitalOcean] | None" = None,
        new_mailer: "Callable[[], Mailer | None] | None" = None,
    ) -> None:
        """`rates` is where a workspace counts the requests of all its processes; without it none are.

        `new_cloud` and `new_mailer` make other clients than those of the settings.
        """
        self._settings = settings
        self._clock = clock
        self._making = threading.Lock()
        self._new_cloud = new_cloud or (lambda: connect_cloud(settings, rates, clock))
        self._new_mailer = new_mailer or (lambda: connect_mailer(settings))
        self._cloud: DigitalOcean | None = None
        self._model: ModelProvider | None = None

    @property
    def cloud(self) -> "DigitalOcean":
        """The account of the token, which whoever asks has seen to be set."""
        with self._making:
            if self._cloud is None:
                self._cloud = self._new_cloud()
            return self._cloud

    @property
    def model(self) -> "ModelProvider":
        """The account of the model's key, which whoever asks has seen to be set."""
        from provisioner.services.model_keys.anthropic import ModelProvider

        with self._making:
            if self._model is None:
                settings = self._settings
                assert settings.anthropic_key is not None, "whoever asks has looked before"
                key = settings.anthropic_key.get_secret_value()
                self._model = ModelProvider(key, settings.anthropic_base_url, deadline=_MODEL_SECONDS)
            return self._model

    @property
    def model_keys(self) -> "OpenRouter":
        """The account of the management key, which whoever asks has seen to be set."""
        return connect_model_keys(self._settings, self._clock)

    def telegram(self, token: str) -> "TelegramBot":
        from provisioner.services.telegram.client import TelegramBot

        return TelegramBot(token, self._settings.telegram_api_root)

    @property
    def mail(self) -> "Mailer | None":
        """Sends e-mail; None where no mail server is set."""
        return self._new_mailer()


def connect_cloud(
    settings: Settings,
    rates: Path | None = None,
    clock: Clock = SYSTEM_CLOCK,
    client: "Callable[..., DigitalOcean] | None" = None,
) -> "DigitalOcean":
    """A client, of this kind if one is given, with the account's token and the budget of its requests."""
    from provisioner.services.digitalocean.client import DigitalOcean
    from provisioner.services.digitalocean.rate_budget import RateBudget

    assert settings.digitalocean_token is not None, "whoever asks has looked before"
    token, endpoint = settings.digitalocean_token.get_secret_value(), settings.digitalocean_endpoint
    budget = None
    if rates is not None:
        budget = RateBudget(rates, token, endpoint, a_minute=settings.droplet.requests_per_minute)
    return (client or DigitalOcean)(token, endpoint, clock=clock, budget=budget)


def connect_model_keys(settings: Settings, clock: Clock = SYSTEM_CLOCK, **options: Any) -> "OpenRouter":
    """The account in which customers' own keys for the model are; `options` are the client's."""
    from provisioner.services.model_keys.openrouter import OpenRouter

    assert settings.openrouter_management_key is not None, "whoever asks has looked before"
    key = settings.openrouter_management_key.get_secret_value()
    return OpenRouter(key, settings.openrouter_base_url, clock=clock, **options)


def connect_stripe(settings: Settings) -> "Stripe | None":
    """The account of the secret key; None if none is set."""
    from provisioner.services.stripe.client import Stripe

    if settings.stripe_key is None:
        return None
    return Stripe(settings.stripe_key.get_secret_value(), settings.stripe_api_base)


def connect_mailer(settings: Settings) -> "Mailer | None":
    """Sends over the mail server of the settings; None if there is none."""
    from provisioner.services.mail import Mailer

    if settings.smtp_url is None:
        return None
    return Mailer(settings.smtp_url.get_secret_value(), settings.sender)
