"""The systems that droplets start from: built once from the distribution's packages, then kept in a cache.

The tree is an ordinary Debian with the distribution's own cloud-init. It differs from a cloud provider's
image in what only costs time in a container (documentation, background timers, consoles), and in what the
host lends it.
"""

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from provisioner.errors import SandboxError
from provisioner.sandbox.machines import apt_sources, host, host_settings
from provisioner.sandbox.machines.apt_sources import AptSource
from provisioner.sandbox.machines.cache import Say, build_once

DEBIAN: Final = "debian-12-x64"
LISTED_ONLY: Final = ("ubuntu-24-04-x64",)
"""Images that the cloud lists and the sandbox cannot boot."""

_RECIPE: Final = 2
_RELEASE: Final = "bookworm"
_PACKAGES: Final = (
    "ca-certificates",
    "cloud-init",
    "curl",
    "dbus-user-session",
    "iproute2",
    "iputils-ping",
    "libpam-systemd",
    "locales",
    "openssh-server",
    "procps",
    "python3",
    "sudo",
    "systemd",
    "systemd-sysv",
    "xz-utils",
)
_IDLE_TIMERS: Final = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
)
_MASKED: Final = ("console-getty.service", "getty@tty1.service", "systemd-networkd-wait-online.service")
_BUILD_WITHIN: Final = 900.0

_DPKG: Final = """\
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
"""
# Without the second block root's keys are refused with a request to log in as somebody else.
_CLOUD: Final = """\
datasource_list: [NoCloud]
network: {config: disabled}
growpart: {mode: "off"}
resize_rootfs: false

disable_root: false
users: []

apt: {preserve_sources_list: true}
locale: C.UTF-8
manage_etc_hosts: true
"""


@dataclass(frozen=True)
class Recipe:
    """Everything that goes into an image; two equal recipes make the same image."""

    sources: tuple[AptSource, ...]
    apt_settings: str
    certificates: tuple[str, ...]
    environment: dict[str, str]
    packages: tuple[str, ...] = _PACKAGES
    release: str = _RELEASE
    version: int = _RECIPE

    @classmethod
    def of_this_host(cls) -> "Recipe":
        return cls(
            sources=apt_sources.read(Path("/etc/apt"), _RELEASE),
            apt_settings=host_settings.apt_settings(),
            certificates=host_settings.certificates(),
            environment=host_settings.environment_inside(),
        )

    @property
    def key(self) -> str:
        text = json.dumps([asdict(self), _DPKG, _CLOUD, _IDLE_TIMERS, _MASKED], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def ensure(slug: str, cache: Path, say: Say) -> Path:
    """The root folder of the image `slug`, built now if the cache does not have it; never write to it.

    Takes about a minute when it builds; of two processes at a time one builds and the other waits. Raises
    `SandboxError` for an image that cannot run here, and when the build fails.
    """
    if slug != DEBIAN:
        cause = "the sandbox boots Debian 12 only" if slug in LISTED_ONLY else "there is no such image"
        raise SandboxError("start a machine", whom=slug, cause=cause, hint=f"choose the image {DEBIAN}")
    recipe = Recipe.of_this_host()
    image = cache / f"{slug}-{recipe.key}"
    build_once(image, lambda root: _build(recipe, root, say), f"the base image {slug}", say)
    return image


def _build(recipe: Recipe, root: Path, say: Say) -> None:
    log = root.with_name("log")
    _bootstrap(recipe, root, log, say)
    _lend_host_settings(recipe, root, log)
    _install(recipe, root, log, say)
    _configure(root, log)


def _bootstrap(recipe: Recipe, root: Path, log: Path, say: Say) -> None:
    say("unpacking a minimal Debian")
    main = recipe.sources[0]
    signed = (
        ["--no-check-gpg"] if main.trusted else [f"--keyring={main.signed_by or apt_sources.DEFAULT_KEYRING}"]
    )
    words = ["debootstrap", "--variant=minbase", "--include=ca-certificates", *signed]
    _contained(*words, recipe.release, str(root), main.uri, log=log)


def _lend_host_settings(recipe: Recipe, root: Path, log: Path) -> None:
    _write(root, "etc/apt/apt.conf.d/50-host", recipe.apt_settings + 'Acquire::Languages "none";\n')
    _write(root, "etc/apt/sources.list.d/debian.sources", apt_sources.render(recipe.sources))
    (root / "etc/apt/sources.list").unlink(missing_ok=True)
    known = set(host_settings.split_pem((root / "etc/ssl/certs/ca-certificates.crt").read_text()))
    for number, pem in enumerate(pem for pem in recipe.certificates if pem not in known):
        _write(root, f"usr/local/share/ca-certificates/host-{number}.crt", pem)
    _inside(root, "update-ca-certificates", log=log)
    _set_environment(root, recipe.environment)


def _set_environment(root: Path, variables: dict[str, str]) -> None:
    """Sessions read the first file, the services of the system and of each user the other two."""
    if not variables:
        return
    lines = [f"{name}={value}" for name, value in sorted(variables.items())]
    _write(root, "etc/environment", "\n".join(lines) + "\n")
    manager = "[Manager]\nDefaultEnvironment=" + " ".join(f'"{line}"' for line in lines) + "\n"
    _write(root, "etc/systemd/system.conf.d/50-host.conf", manager)
    _write(root, "etc/systemd/user.conf.d/50-host.conf", manager)


def _install(recipe: Recipe, root: Path, log: Path, say: Say) -> None:
    say("installing systemd, sshd and cloud-init into it")
    _write(root, "etc/dpkg/dpkg.cfg.d/50-small", _DPKG)
    _write(root, "usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", mode=0o755)
    _inside(root, "apt-get", "--quiet", "update", log=log)
    options = ("--quiet", "--yes", "--no-install-recommends", "-o", "DPkg::Options::=--force-unsafe-io")
    _inside(root, "apt-get", *options, "install", *recipe.packages, log=log)
    _inside(root, "apt-get", *options, "dist-upgrade", log=log)
    (root / "usr/sbin/policy-rc.d").unlink()


def _configure(root: Path, log: Path) -> None:
    """Make it an image: nothing in it belongs to one machine, and nothing idle runs at boot."""
    _write(root, "etc/cloud/cloud.cfg.d/90_sandbox.cfg", _CLOUD)
    # cloud-init sets it too, but later than the first session may begin.
    _write(root, "etc/default/locale", "LANG=C.UTF-8\n")
    _inside(root, "systemctl", "disable", *_IDLE_TIMERS, log=log)
    _inside(root, "systemctl", "mask", *_MASKED, log=log)
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    # An empty file means that the next boot makes an id; a missing one, that it sets up every service anew.
    _write(root, "etc/machine-id", "")
    (root / "var/lib/dbus/machine-id").unlink(missing_ok=True)
    for emptied in (
        "var/lib/apt/lists",
        "var/cache/apt",
        "var/lib/cloud",
        "var/log/apt",
        "tmp",
        "debootstrap",
    ):
        shutil.rmtree(root / emptied, ignore_errors=True)
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    (root / "var/lib/apt/lists").mkdir()
    (root / "var/cache/apt/archives/partial").mkdir(parents=True)


def _contained(*argv: str, log: Path) -> None:
    """Run a command whose mounts and processes end with it, and which ends when we do."""
    shell = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child")
    try:
        host.run(*shell, *argv, timeout=_BUILD_WITHIN, log=log)
    except SandboxError as error:
        raise SandboxError("build the base image", cause=error, hint=_advice(log)) from error


def _inside(root: Path, *argv: str, log: Path) -> None:
    enter = 'mount -t proc proc "$1/proc" && shift && exec "$@"'
    path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
    words = [
        "chroot",
        str(root),
        "/usr/bin/env",
        "-i",
        path,
        "LC_ALL=C.UTF-8",
        "DEBIAN_FRONTEND=noninteractive",
    ]
    _contained("/bin/sh", "-c", enter, "sh", str(root), *words, *argv, log=log)


def _advice(log: Path) -> str:
    text = log.read_text(errors="replace") if log.exists() else ""
    if "Could not resolve" in text or "unable to resolve" in text or "Failed to fetch" in text:
        return "check that `apt-get update` works on this machine, then run the command again"
    return "run the command again; if it fails again, check `apt-get update` and the free disk space"


def _write(root: Path, relative: str, text: str, mode: int = 0o644) -> None:
    path = root / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
