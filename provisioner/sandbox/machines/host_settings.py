"""What a machine takes over from its host to reach the same registries: certificates, apt, npm, resolvers."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from provisioner.sandbox.machines import host

_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_APT_KEYS: Final = (
    "Acquire::Check-Valid-Until",
    "Acquire::Check-Date",
    "Acquire::http::Proxy",
    "Acquire::https::Proxy",
)
_BUNDLE: Final = "/etc/ssl/certs/ca-certificates.crt"
_LOOPBACK: Final = ("127.", "::1")


def certificates(
    environment: Mapping[str, str] = os.environ, local: Path = Path("/usr/local/share/ca-certificates")
) -> tuple[str, ...]:
    """The PEM text of every authority that the operator of this machine added to the distribution's own."""
    paths = sorted(local.rglob("*.crt"))
    if extra := environment.get("NODE_EXTRA_CA_CERTS"):
        paths.append(Path(extra))
    texts = [path.read_text(errors="replace") for path in paths if path.is_file()]
    return tuple(dict.fromkeys(pem for text in texts for pem in split_pem(text)))


def split_pem(text: str) -> list[str]:
    """The certificates in a bundle, one text each."""
    return [match.group() + "\n" for match in _PEM.finditer(text)]


def environment_inside(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables that every process inside a machine must see to reach the registries of the host."""
    inside = {}
    if environment.get("NODE_EXTRA_CA_CERTS"):
        inside["NODE_EXTRA_CA_CERTS"] = _BUNDLE
    if registry := npm_registry(environment):
        inside["npm_config_registry"] = registry
    return inside


def npm_registry(environment: Mapping[str, str] = os.environ) -> str | None:
    """The npm registry that this machine is configured to use; None when nobody chose one."""
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        if environment.get(name):
            return environment[name]
    for path in (
        Path(environment.get("HOME", "/root")) / ".npmrc",
        Path("/etc/npmrc"),
        Path("/usr/etc/npmrc"),
    ):
        if path.is_file() and (found := re.search(r"^registry\s*=\s*(\S+)", path.read_text(), re.MULTILINE)):
            return found[1].strip("\"'")
    return None


def apt_settings(dump: str | None = None) -> str:
    """Those of this machine's apt settings that decide whether its mirrors can be used, as an apt.conf."""
    lines = (host.run("apt-config", "dump") if dump is None else dump).splitlines()
    return "".join(f"{line}\n" for line in lines if line.split(" ", 1)[0] in _APT_KEYS)


def resolv_conf(
    etc: Path = Path("/etc/resolv.conf"), uplink: Path = Path("/run/systemd/resolve/resolv.conf")
) -> str:
    """A resolv.conf that works inside, from where a resolver on the host's loopback cannot be reached."""
    for path in (etc, uplink):
        text = path.read_text() if path.is_file() else ""
        lines = [line for line in text.splitlines() if not _names_loopback(line)]
        if any(line.startswith("nameserver") for line in lines):
            return "\n".join(lines) + "\n"
    return ""


def _names_loopback(line: str) -> bool:
    words = line.split()
    return len(words) > 1 and words[0] == "nameserver" and words[1].startswith(_LOOPBACK)
