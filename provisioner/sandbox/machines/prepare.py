"""Installs what this machine lacks to run the sandbox, and says what and why before it does."""

import os
import shutil
from collections.abc import Mapping
from typing import Final

from provisioner.errors import SandboxError
from provisioner.sandbox.machines import host
from provisioner.sandbox.machines.cache import Say

_WHY: Final = {
    "systemd-container": "droplets are real systems: systemd-nspawn runs them",
    "debootstrap": "makes the Debian that they run",
    "nftables": "their networks, and the way out of them",
    "iproute2": "their network namespaces",
    "openssh-server": "the tests of the SSH connection talk to a real sshd",
    "zsh": "the tests of completion ask the shells themselves",
    "fish": "the tests of completion ask the shells themselves",
    "openssh-client": "the tests compare with the system's own ssh",
    "chromium": "the tests of the dashboard use it as a person does",
}
FOR_TESTS: Final[Mapping[str, str]] = {
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "zsh": "zsh",
    "fish": "fish",
    "chromium": "chromium",
}
"""What the tests need besides, as command and Debian package."""


def prepare(say: Say, extra: Mapping[str, str] | None = None) -> None:
    """Have apt install what is lacking; SandboxError where that cannot be done here."""
    packages = [
        *host.lacking_packages(),
        *(package for name, package in (extra or {}).items() if not _has(name)),
    ]
    if not packages:
        return
    if os.geteuid() != 0 or not _has("apt-get"):
        hint = f"as root: apt-get install {' '.join(packages)}"
        raise SandboxError("prepare this machine", cause=f"it lacks {', '.join(packages)}", hint=hint)
    for package in packages:
        say(f"installing {package}: {_WHY[package]}")
    host.run("apt-get", "update", "-qq", timeout=300)
    host.run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages, timeout=600)


def _has(command: str) -> bool:
    return (
        shutil.which(command, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin") is not None
    )
