"""The outside services, made from the settings when they are first used."""

from typing import TYPE_CHECKING

from provisioner.settings import Settings

if TYPE_CHECKING:
    from provisioner.services.digitalocean import DigitalOcean
    from provisioner.services.mail import Mailer
    from provisioner.services.telegram import TelegramBot


class Services:
    """One way to each service; a test hands in others by overriding these."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cloud: DigitalOcean | None = None

    @property
    def cloud(self) -> "DigitalOcean":
        if self._cloud is None:
            from provisioner.services.digitalocean import DigitalOcean

            token = self._settings.digitalocean_token
            assert token is not None, "the droplet step's needs() asks for the token"
            self._cloud = DigitalOcean(token.get_secret_value(), self._settings.digitalocean_endpoint)
        return self._cloud

    def telegram(self, token: str) -> "TelegramBot":
        from provisioner.services.telegram import TelegramBot

        return TelegramBot(token, self._settings.telegram_api_root)

    @property
    def mail(self) -> "Mailer | None":
        """Sends e-mail; None where no mail server is set."""
        from provisioner.services.mail import Mailer

        settings = self._settings
        if settings.smtp_url is None:
            return None
        sender = settings.mail.sender or f"{settings.operator.name} <{settings.operator.contact}>"
        return Mailer(settings.smtp_url.get_secret_value(), sender)
