"""The outside services, made from the settings when they are first used."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.clock import SYSTEM_CLOCK, Clock
from provisioner.settings import Settings

if TYPE_CHECKING:
    from provisioner.services.digitalocean.client import DigitalOcean
    from provisioner.services.mail import Mailer
    from provisioner.services.model_keys import ModelProvider
    from provisioner.services.telegram.client import TelegramBot

_MODEL_SECONDS = 5.0
"""How long everybody waits for the model's provider, of whom nothing is needed yet."""


class Services:
    """One way to each service, for several threads; a test hands in others by overriding these."""

    def __init__(self, settings: Settings, rates: Path | None = None, clock: Clock = SYSTEM_CLOCK) -> None:
        """`rates` is where a workspace counts the requests of all its processes; without it none are."""
        self._settings = settings
        self._rates = rates
        self._clock = clock
        self._making = threading.Lock()
        self._cloud: DigitalOcean | None = None
        self._model: ModelProvider | None = None

    @property
    def cloud(self) -> "DigitalOcean":
        with self._making:
            if self._cloud is None:
                self._cloud = self._new_cloud()
            return self._cloud

    def _new_cloud(self) -> "DigitalOcean":
        from provisioner.services.digitalocean.client import DigitalOcean

        return self._connected(DigitalOcean)

    def _connected(self, client: "Callable[..., DigitalOcean]") -> "DigitalOcean":
        """A client of this kind, with the account's token and the budget of its requests."""
        from provisioner.services.digitalocean.rate_budget import RateBudget

        settings = self._settings
        assert settings.digitalocean_token is not None, "whoever asks has looked before"
        token, endpoint = settings.digitalocean_token.get_secret_value(), settings.digitalocean_endpoint
        budget = None
        if self._rates:
            a_minute = settings.droplet.requests_per_minute
            budget = RateBudget(self._rates, token, endpoint, a_minute=a_minute)
        return client(token, endpoint, clock=self._clock, budget=budget)

    @property
    def model(self) -> "ModelProvider":
        """The account of the model's key, which whoever asks has seen to be set."""
        from provisioner.services.model_keys import ModelProvider

        with self._making:
            if self._model is None:
                settings = self._settings
                assert settings.anthropic_key is not None, "whoever asks has looked before"
                key = settings.anthropic_key.get_secret_value()
                self._model = ModelProvider(key, settings.anthropic_base_url, deadline=_MODEL_SECONDS)
            return self._model

    def telegram(self, token: str) -> "TelegramBot":
        from provisioner.services.telegram.client import TelegramBot

        return TelegramBot(token, self._settings.telegram_api_root)

    @property
    def mail(self) -> "Mailer | None":
        """Sends e-mail; None where no mail server is set."""
        from provisioner.services.mail import Mailer

        settings = self._settings
        if settings.smtp_url is None:
            return None
        return Mailer(settings.smtp_url.get_secret_value(), settings.sender)
