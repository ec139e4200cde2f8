"""The ways to the operator: e-mail, and the manager bot."""

from provisioner.services.factory import Services
from provisioner.settings import Settings
from provisioner.worker.alerts import Way, email_of


def ways_to_operator(settings: Settings, services: Services) -> dict[str, Way]:
    """Each way that is set, by its name."""
    ways: dict[str, Way] = {}
    address, mailer = settings.operator.alerts or settings.operator.contact, services.mail
    if address and mailer is not None:
        ways["mail"] = lambda subject, text: mailer.send(address, email_of(subject, text))
    chat, token = settings.operator.telegram, settings.telegram_manager_token
    if chat and token is not None:
        # An operator who has not pressed Start cannot be written to: that is said by whoever calls.
        bot = services.telegram(token.get_secret_value())
        ways["telegram"] = lambda _subject, text: _write(bot.send(chat, text))
    return ways


def _write(_message_id: str) -> None:
    """Nobody changes the message later."""
