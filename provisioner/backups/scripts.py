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


def receive(size: int) -> str:
    """The command that takes a backup of so many bytes from its standard input, and prints its digest."""
    place = "~/.provisioner-restore"
    return as_user(
        f"set -euo pipefail; umask 077; rm -rf {place}; mkdir {place}; "
        f"head --bytes {size} > {place}/backup; sha256sum {place}/backup"
    )


READ = as_user(f"exec cat {PLACE}/backup")
FORGET = as_user(f"rm --recursive --force {PLACE}")
