"""The workspace with Telegram, phones and a mailbox around it that tests of messaging have."""

from tests.messaging.conftest import mail_server, mailbox
from tests.messaging.conftest import stage as outside

__all__ = ["mail_server", "mailbox", "outside"]
