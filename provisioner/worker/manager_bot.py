"""Reads the manager bot's messages all the time, so that nobody's tap waits for a run."""

import time
from collections.abc import Callable

from provisioner.messaging.telegram.manager import REST_SECONDS, STATE_FOLDER, ManagerBot
from provisioner.runs.work import text_of
from provisioner.services.factory import Services
from provisioner.settings import Settings
from provisioner.workspace import Workspace

POLL_SECONDS = 15
"""How long Telegram holds a question to which there is no answer yet."""


class ManagerReader:
    """One long question after the other."""

    def __init__(
        self, bot: ManagerBot, heard: Callable[[], None], pause: Callable[[float], None] = time.sleep
    ) -> None:
        """`heard` is called when something may have come."""
        self._bot = bot
        self._heard = heard
        self._pause = pause

    def look(self) -> None:
        """Take in what comes within `POLL_SECONDS`."""
        began = time.monotonic()
        try:
            self._bot.read_updates(wait=POLL_SECONDS)
        finally:
            took = time.monotonic() - began
            if took < POLL_SECONDS:
                self._heard()
            # A look that is too early is none, and a run may have looked a moment ago.
            self._pause(max(0.0, REST_SECONDS - took))


def manager_reader(
    workspace: Workspace, settings: Settings, services: Services, heard: Callable[[], None]
) -> ManagerReader | None:
    """None where no manager bot is set."""
    token = settings.telegram_manager_token
    if token is None:
        return None
    bot = ManagerBot(
        workspace.store(),
        workspace.state_dir / STATE_FOLDER,
        services.telegram(token.get_secret_value()),
        lambda name, variables: text_of(workspace, settings, name, variables),
    )
    return ManagerReader(bot, heard)
