"""What the steps hand to the shipped playbooks, with something in every place."""

from collections.abc import Mapping
from typing import Any

from provisioner.playbook.load import load
from provisioner.playbook.script import Script, render

HOSTILE = 'Ada "O\'Hara"\n$(touch /tmp/owned) `id` ; rm -rf ~ && {{ 7 * 7 }} 🦞'

SERVER: dict[str, Any] = {"ssh_port": 22, "reboot_at": "11:00"}

OPENCLAW: dict[str, Any] = {
    "moltbot_version": "2026.9.6",
    "node_version": "24.19.0",
    "node_mirror": "http://127.0.0.1/node",
}

MOLTBOT: dict[str, Any] = {
    "node_version": "24.19.0",
    "model": "anthropic/claude-sonnet-5",
    "base_url": "",
    "nobody": False,
    "key_mark": "0123456789ab",
    "customer_name": "Ada Example",
    "joined": "2026-01-29",
    "plan": "Moltbot",
    "operator_name": "StuffPress",
    "operator_contact": "help@example.com",
}

TELEGRAM: dict[str, Any] = {
    "bot_id": "8100000001",
    "token_mark": "0123456789ab",
    "user_id": "111",
    "api_root": "https://api.telegram.org",
    "started": True,
    "greeted": False,
}

ALL: Mapping[str, Mapping[str, Any]] = {
    "server": SERVER,
    "openclaw": OPENCLAW,
    "moltbot": MOLTBOT,
    "telegram": TELEGRAM,
}
"""By playbook, in the order in which they are applied."""


def rendered(name: str, **changes: Any) -> Script:
    """A shipped playbook with these values."""
    return render(load(name), {**ALL[name], **changes})


def file_with(script: Script, words: str) -> str:
    """The one file of a script that has these words in it."""
    (found,) = [content for content in script.files.values() if words.encode() in content]
    return found.decode()
