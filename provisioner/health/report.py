"""What the program `openclaw-report` on a customer's server says, as `playbooks/README.md` has its shape.

Everything in it may be made up by whoever holds the server: it is read within bounds, and believed of that
server alone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from provisioner.ssh.json_answers import misfit, parse_json, unfit

PROGRAM: Final = "/usr/local/sbin/openclaw-report"
REPORT_SECONDS: Final = 15.0
"""How long a server's report may take; its program gives up after five seconds."""
_MOST_BYTES: Final = 65536
_MOST_CHANNELS: Final = 20
_LONGEST_TEXT: Final = 200
_MOST_NUMBER: Final = 1 << 40
_DOING: Final = "ask the server how it is"
_OPTIONAL_TEXT: Final = (str, type(None))
_SHAPE: Final = {"service": dict, "gateway": dict, "installed": _OPTIONAL_TEXT, "disk": dict}
_SERVICE: Final = {"active": bool, "state": _OPTIONAL_TEXT, "since": _OPTIONAL_TEXT}
_GATEWAY: Final = {"live": bool, "ready": bool, "failing": list, "version": _OPTIONAL_TEXT}
_CHANNEL: Final = {"connected": bool, "state": _OPTIONAL_TEXT, "error": _OPTIONAL_TEXT}
_DISK: Final = {"total_mb": int, "free_mb": int}


@dataclass(frozen=True)
class Channel:
    """One channel of the gateway; `error` is its last one, in its own words."""

    connected: bool
    state: str | None
    error: str | None


@dataclass(frozen=True)
class Resources:
    """What a server has left; sizes are in megabytes. None where it does not say: older programs did not."""

    memory_total: int | None = None
    memory_free: int | None = None
    swap_total: int | None = None
    swap_free: int | None = None
    gateway_memory: int | None = None
    """What the gateway and all that it has started use."""
    restarts: int | None = None
    """How often systemd has started the gateway again by itself."""
    load: float | None = None
    """How many processes wanted to run, on average over the last fifteen minutes."""
    processors: int | None = None
    clock: int | None = None
    """Its own time, in seconds since 1970."""


@dataclass(frozen=True)
class ServerReport:
    """How one server is. `since` is when its service was started; sizes are in megabytes.

    `running` is the version that the gateway says it is, `installed` the one that its next start would run.
    `channels` is None where the gateway does not say.
    """

    active: bool
    state: str | None
    since: str | None
    live: bool
    ready: bool
    failing: tuple[str, ...]
    running: str | None
    installed: str | None
    channels: Mapping[str, Channel] | None
    reboot_required: bool
    disk_total: int
    disk_free: int
    complaint: str | None = None
    """The last line of its log that says what breaks a gateway; None where none does."""
    resources: Resources = field(default_factory=Resources)


def read_report(text: str, whom: str) -> ServerReport:
    """The report in a program's output; RemoteError, naming the server, if it is none."""
    said = parse_json(text, doing=_DOING, whom=whom, most=_MOST_BYTES)
    _demand(said, _SHAPE, whom)
    service, gateway, disk = said["service"], said["gateway"], said["disk"]
    for part, shape in ((service, _SERVICE), (gateway, _GATEWAY), (disk, _DISK)):
        _demand(part, shape, whom)
    return ServerReport(
        active=service["active"],
        state=service["state"],
        since=service["since"],
        live=gateway["live"],
        ready=gateway["ready"],
        failing=tuple(str(one) for one in gateway["failing"][:_MOST_CHANNELS]),
        running=_version(gateway["version"]),
        installed=_version(said["installed"]),
        channels=_channels(said.get("channels"), whom),
        reboot_required=said.get("reboot_required") is True,
        disk_total=disk["total_mb"],
        disk_free=disk["free_mb"],
        complaint=_text(service.get("complaint")),
        resources=_resources(said),
    )


def _text(said: object) -> str | None:
    return said[:_LONGEST_TEXT] if isinstance(said, str) and said else None


def _resources(said: Mapping[str, Any]) -> Resources:
    memory, swap, load = said.get("memory"), said.get("swap"), said.get("load")
    return Resources(
        memory_total=_number(memory, "total_mb"),
        memory_free=_number(memory, "available_mb"),
        swap_total=_number(swap, "total_mb"),
        swap_free=_number(swap, "free_mb"),
        gateway_memory=_number(said["service"], "memory_mb"),
        restarts=_number(said["service"], "restarts"),
        load=_load(load),
        processors=_number(said, "processors"),
        clock=_number(said, "clock"),
    )


def _number(part: object, name: str) -> int | None:
    """A whole number that is no nonsense; None for anything else."""
    value = part.get(name) if isinstance(part, dict) else None
    plain = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_NUMBER
    return value if plain else None


def _load(said: object) -> float | None:
    longest = said[-1] if isinstance(said, list) and len(said) == 3 else None
    if not isinstance(longest, int | float) or isinstance(longest, bool):
        return None
    return float(longest) if 0 <= longest < _MOST_NUMBER else None


def _version(said: str | None) -> str | None:
    """What could be one: it is put into commands and into the record."""
    return said if said and re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,39}", said) else None


def _channels(said: Any, whom: str) -> dict[str, Channel] | None:
    if not isinstance(said, dict):
        return None
    channels = {}
    for name, account in list(said.items())[:_MOST_CHANNELS]:
        _demand(account, _CHANNEL, whom)
        channels[name] = Channel(account["connected"], account["state"], account["error"])
    return channels


def _demand(document: object, shape: Mapping[str, Any], whom: str) -> None:
    if problem := misfit(document, shape):
        raise unfit(_DOING, whom, f"the server's answer is not as it should be: {problem}")
