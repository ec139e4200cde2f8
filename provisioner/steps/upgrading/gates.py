"""What a version has to show before it may stay: it starts, is the right one, and does what worked before."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from provisioner.backups.scripts import as_user
from provisioner.customers.parts.setup import Before
from provisioner.customers.versions import VERSION
from provisioner.errors import RemoteError
from provisioner.failpoints import failpoint
from provisioner.printable import clean
from provisioner.ssh.json_answers import Kinds, misfit, parse_json, unfit
from provisioner.step import Work
from provisioner.steps.answer import refusal
from provisioner.steps.gateway import launch_gateway

_LOOK: Final = (
    "command -v openclaw-report > /dev/null || "
    "{ echo 'the server was set up by an older version: apply brings it up to date' >&2; exit 1; }; "
    "openclaw-report && { openclaw-rpc health 30 < /dev/null || echo null; }"
)
"""Two lines: how the server and its assistant are, and what the gateway says of itself."""
_START_SECONDS: Final = 600
"""How long a first start may take, which migrates what the version before has written."""
_WAIT: Final = (
    f"said=$(timeout {_START_SECONDS} openclaw-gateway wait 2>&1); "
    """jq --null-input --argjson exit $? --arg said "$said" '{exit: $exit, said: $said[-2000:]}'"""
)
_REPAIR: Final = as_user(
    "systemctl --user stop openclaw-gateway.service; "
    "timeout 600 openclaw doctor --fix --non-interactive --yes > /dev/null 2>&1 < /dev/null || true"
)
"""Whether it could is seen by whether the gateway starts."""
_REPAIR_SECONDS: Final = 1000.0
_SETTLE_SECONDS: Final = 240.0
"""How long its channels may take to connect after that."""
_ANSWER_TRIES: Final = 3
_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE: Final = 30.0
_DOING: Final = "see how the assistant is"
_LONGEST: Final = 400
_ERROR: Final = re.compile(r"\b\w*Error\b|refused|cannot", re.IGNORECASE)
_SHAPE: Final[dict[str, Kinds]] = {"gateway": dict, "installed": (str, type(None))}


@dataclass(frozen=True)
class Seen:
    """How the assistant is: what is installed, what runs, and what works of it."""

    installed: str | None
    running: str | None
    ready: bool
    healthy: bool
    channels: frozenset[str]
    """Those that are connected."""
    troubles: tuple[str, ...] = ()
    """What the gateway itself says is wrong."""


def look(work: Work) -> Seen:
    """How the assistant is now. RemoteError if that cannot be seen, which says nothing about it."""
    email = work.customer.email
    lines = work.server.run(_LOOK, timeout=60).splitlines()
    if len(lines) != 2:
        raise unfit(_DOING, email, f"it says {len(lines)} lines")
    said, health = (parse_json(line, doing=_DOING, whom=email) for line in lines)
    problem = misfit(said, _SHAPE)
    if problem:
        raise unfit(_DOING, email, problem)
    gateway, troubles = said["gateway"], tuple(_troubles(health))
    return Seen(
        installed=_version(said["installed"]),
        running=_version(gateway.get("version")),
        ready=gateway.get("ready") is True,
        healthy=isinstance(health, dict) and health.get("ok") is True and not troubles,
        channels=_connected(said.get("channels")),
        troubles=troubles,
    )


def before_of(seen: Seen, installed: str, *, answered: bool) -> Before:
    """What has to be so afterwards, too."""
    return Before(
        version=installed,
        ready=seen.ready and seen.healthy,
        channels=tuple(sorted(seen.channels)),
        answered=answered,
    )


def failing(seen: Seen, wanted: str, before: Before) -> str | None:
    """What is not as it has to be, in words; None where all is. Pure."""
    if seen.running != wanted:
        return f"the gateway says that it is {seen.running or 'no version'}, and not {wanted}"
    lost = sorted(set(before.channels) - seen.channels)
    if lost:
        return f"{', '.join(lost)} was connected before, and is not"
    if before.ready and not seen.healthy:
        return f"the gateway is not healthy: {'; '.join(seen.troubles) or 'it does not say why'}"
    if before.ready and not seen.ready:
        return "the gateway is not ready"
    return None


def start_and_judge(work: Work, wanted: str, before: Before, *, repair: bool = False) -> str | None:
    """Start the gateway, and why it may not stay as it is; None if it passes all gates.

    With `repair` one that does not start has its own doctor go over the state once, as its updater does.
    RemoteError where that cannot be seen, as over a lost connection: it says nothing about the version.
    """
    launch_gateway(work)
    reason = _not_started(work)
    if reason is not None and repair:
        work.say("having its doctor go over what the version before has written")
        work.server.run(_REPAIR, timeout=_REPAIR_SECONDS)
        launch_gateway(work)
        reason = _not_started(work)
    reason = reason or wrong_after_start(work, wanted, before)
    if reason is None and before.answered:
        reason = _no_answer(work)
    failpoint("after the gates")
    return reason and clean(reason)[:_LONGEST]


def _not_started(work: Work) -> str | None:
    said = parse_json(
        work.server.run(_WAIT, timeout=_START_SECONDS + 30), doing=_DOING, whom=work.customer.email
    )
    problem = misfit(said, {"exit": int, "said": str})
    if problem:
        raise unfit(_DOING, work.customer.email, problem)
    if said["exit"] == 0:
        return None
    lines = [line.strip() for line in said["said"].splitlines() if line.strip()]
    # What systemd says of it comes last, and is not why.
    last = [line for line in lines if _ERROR.search(line)][-1:] or lines[-3:]
    return f"it does not start: {' / '.join(last) or 'it does not say why'}"


def wrong_after_start(work: Work, wanted: str, before: Before) -> str | None:
    """What is not as it has to be within some minutes after a start; None where all is.

    Channels take a moment to connect; the last reason counts.
    """
    give_up = work.clock.monotonic() + _SETTLE_SECONDS
    pause = _PAUSE_SECONDS
    work.say("waiting until everything works that worked before")
    while True:
        reason = failing(look(work), wanted, before)
        if reason is None or work.clock.monotonic() >= give_up:
            return reason
        work.clock.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _no_answer(work: Work) -> str | None:
    """A provider that is overloaded for a moment is no fault of the version's."""
    reason = None
    for attempt in range(_ANSWER_TRIES):
        if attempt:
            work.clock.sleep(10 * attempt)
        work.say("having the assistant answer once")
        reason = refusal(work)
        if reason is None:
            return None
    return f"it does not answer: {reason}"


def _troubles(health: Any) -> Iterator[str]:
    if not isinstance(health, dict):
        yield "it does not say how it is"
        return
    plugins, models = health.get("plugins"), health.get("modelRuntime")
    errors = plugins.get("errors") if isinstance(plugins, dict) else None
    for one in errors[:8] if isinstance(errors, list) else ():
        text = one.get("message") if isinstance(one, dict) else one
        yield clean(str(text))[:120]
    if isinstance(models, dict) and models.get("degraded"):
        yield "its models are not ready"


def _connected(channels: Any) -> frozenset[str]:
    if not isinstance(channels, Mapping):
        return frozenset()
    return frozenset(
        name
        for name, account in channels.items()
        if isinstance(account, dict) and account.get("connected") is True
    )


def _version(said: Any) -> str | None:
    return said if isinstance(said, str) and VERSION.fullmatch(said) else None


def demand_seen(work: Work, seen: Seen) -> str:
    """The version that is installed. RemoteError if the server does not say it."""
    if seen.installed is None:
        cause = "the server does not say which version is installed"
        raise RemoteError(_DOING, whom=work.customer.email, cause=cause)
    return seen.installed
