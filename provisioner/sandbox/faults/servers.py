"""Faults of the droplets themselves: what others' servers bring along and a clean image does not.

They are put on a droplet's disk before its first boot, as the image of a provider, a script of a marketplace
or the daily update of a distribution would leave them.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from provisioner.sandbox.faults.rules import Fault, ServerKind

METHOD: Final = "BOOT"
"""What a rule's method is compared with; its path is searched in the droplet's name."""
WAIT: Final = "Please wait while we get your droplet ready..."
EXPIRED: Final = "expired_password"
LOCKS: Final = (
    "/var/lib/apt/lists/lock",
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/cache/apt/archives/lock",
)

_OWN: Final = "usr/local/lib/sandbox"
_NOWHERE: Final = "192.0.2.53"
_UNREACHABLE: Final = "http://127.0.0.1:9/apt/droplet-agent"
_GREETING: Final = "Welcome to your droplet. Have a lot of fun..."

_HOLD: Final = """\
#!/usr/bin/python3
import fcntl, time
held = [open(path, "a") for path in {locks!r}]
for file in held:
    fcntl.lockf(file, fcntl.LOCK_EX)
time.sleep({seconds})
"""
_UNIT: Final = """\
[Unit]
Description={description}
[Service]
ExecStart=/{program}
[Install]
WantedBy=multi-user.target
"""


def roughen(root: Path, struck: Iterable[Fault]) -> None:
    """Put what these faults are made of on the disk at `root`, which has not been booted yet."""
    for fault in struck:
        for kind in _PARTS if fault.kind == "rough" else (fault.kind,):
            _MAKERS[kind](root, fault.params.seconds or _SECONDS.get(kind, 0))


def _package_lock(root: Path, seconds: float) -> None:
    program = _HOLD.format(locks=LOCKS, seconds=seconds)
    _at_boot(root, "package-lock", "Daily apt upgrade and clean activities", program)


def _foreign_packages(root: Path, _seconds: float) -> None:
    _write(root, "etc/apt/sources.list.d/droplet-agent.list", f"deb [trusted=yes] {_UNREACHABLE} main main\n")


def _late_dns(root: Path, seconds: float) -> None:
    names = root / "etc/resolv.conf"
    _write(root, f"{_OWN}/resolv.conf", names.read_text())
    names.write_text(f"nameserver {_NOWHERE}\n")
    program = f"#!/bin/sh\nsleep {seconds}\ncp /{_OWN}/resolv.conf /etc/resolv.conf\n"
    _at_boot(root, "late-dns", "Names can be resolved a while after the boot", program)


def _boot_complaint(root: Path, seconds: float) -> None:
    program = f"#!/bin/sh\nsleep {seconds}\necho 'the agent could not be installed' >&2\nexit 1\n"
    _write(root, "var/lib/cloud/scripts/per-instance/001_onboot", program, mode=0o755)


def _talking_bashrc(root: Path, _seconds: float) -> None:
    """Debian's bash reads it for commands over SSH too, down to where it asks for an interactive shell."""
    bashrc = root / "root/.bashrc"
    rest = bashrc.read_text() if bashrc.exists() else ""
    _write(root, "root/.bashrc", f"echo '{_GREETING}'\necho '(root)' >&2\n{rest}")


def _banner(root: Path, _seconds: float) -> None:
    _write(root, "etc/motd", f"{_GREETING}\n")
    _write(root, "etc/issue.net", "Authorized users only.\n" * 3)
    _write(root, "etc/ssh/sshd_config.d/60-banner.conf", "Banner /etc/issue.net\nPrintMotd yes\n")


def _busy_login(root: Path, seconds: float) -> None:
    rule = "etc/ssh/sshd_config.d/50-wait.conf"
    _write(root, rule, f"Match User root\n  ForceCommand echo '{WAIT}'\n")
    program = f"#!/bin/sh\nsleep {seconds}\nrm -f /{rule}\nsystemctl reload ssh.service\n"
    _at_boot(root, "busy-login", "Logins run nothing until the first boot is over", program)


def _expired_password(root: Path, _seconds: float) -> None:
    """As `chage -d 0 root` does."""
    shadow = root / "etc/shadow"
    lines = [line.split(":") for line in shadow.read_text().splitlines()]
    for fields in lines:
        if fields[0] == "root":
            fields[2] = "0"
    shadow.write_text("".join(":".join(fields) + "\n" for fields in lines))


_MAKERS: Final[dict[str, Callable[[Path, float], None]]] = {
    "package_lock": _package_lock,
    "foreign_packages": _foreign_packages,
    "late_dns": _late_dns,
    "boot_complaint": _boot_complaint,
    "talking_bashrc": _talking_bashrc,
    "banner": _banner,
    "busy_login": _busy_login,
    EXPIRED: _expired_password,
}
_PARTS: Final = tuple(kind for kind in _MAKERS if kind != EXPIRED)
"""Everything at once, but for what lets nobody in."""
_SECONDS: Final[dict[ServerKind | str, float]] = {
    "package_lock": 60,
    "late_dns": 30,
    "boot_complaint": 25,
    "busy_login": 20,
}


def _at_boot(root: Path, name: str, description: str, program: str) -> None:
    """A program that every boot starts in the background."""
    path, unit = f"{_OWN}/{name}", f"etc/systemd/system/sandbox-{name}.service"
    _write(root, path, program, mode=0o755)
    _write(root, unit, _UNIT.format(description=description, program=path))
    wanted = root / "etc/systemd/system/multi-user.target.wants" / Path(unit).name
    wanted.parent.mkdir(parents=True, exist_ok=True)
    wanted.symlink_to(f"/{unit}")


def _write(root: Path, relative: str, text: str, mode: int = 0o644) -> None:
    path = root / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
