"""What runs on a customer's server for a backup, as commands for root."""

import shlex
from pathlib import Path

PLACE = "~/.provisioner-backup"
_REMOTE = Path(__file__).parent / "remote"


def as_user(script: str, *words: str) -> str:
    """The command that runs this script as the assistant's user, with these arguments."""
    return shlex.join(["as-openclaw", "bash", "-c", script, "provisioner", *words])


def shipped_script(name: str, *words: str) -> str:
    """The same for a script of `remote/`."""
    return as_user((_REMOTE / name).read_text("utf-8"), *words)


READ = as_user(f"exec cat {PLACE}/backup")
FORGET = as_user(f"rm --recursive --force {PLACE}")
