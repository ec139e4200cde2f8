"""Everything that the outside world may do wrong while a customer is set up, each by a name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.campaigns.world import World

_LAG_SECONDS = 0.25
"""Less than the campaign's settle window: beyond it nobody can promise anything (docs/reliability.md)."""


@dataclass(frozen=True)
class Fault:
    """Something wrong with some requests to one service; `count` is how many of them."""

    name: str
    service: str
    kind: str
    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    count: int = 1

    def put(self, world: World) -> None:
        world.fault(
            self.service, self.kind, self.method, self.path, count=self.count, params=dict(self.params)
        )


@dataclass(frozen=True)
class ServerFault:
    """Something that happens on the server's side of SSH, as soon as a playbook has had its first effect."""

    name: str
    script: str
    playbook: str

    def put(self, world: World) -> None:
        mark = f"/root/effects/{self.playbook}"
        wait = f"rm -f {mark}; timeout 50 bash -c 'until test -e {mark}; do sleep 0.01; done'"
        world.meanwhile(f"{wait}\n{self.script}\n:")


_REQUESTS = (
    ("POST", "/droplets/?$", "the request for the droplet"),
    ("GET", r"/droplets/?\?", "a list of droplets"),
    ("GET", r"/droplets/\d+", "a look at the droplet"),
    ("GET", "/account/keys", "a look at the key"),
    ("GET", "/firewalls", "the list of firewalls"),
)
_WAYS: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("the answer is lost", "drop_after_effect", {}),
    ("the connection is reset", "reset", {}),
    ("half an answer", "truncate", {}),
    ("500", "status", {"status": 500, "code": "server_error", "message": "no"}),
    ("HTML 504", "html", {"status": 504}),
    ("an error without an id", "no_error_id", {"status": 500}),
    ("429 with retry-after", "status", {"status": 429, "retry_after": 1, "message": "slow down"}),
    ("429 without retry-after", "status", {"status": 429, "message": "slow down"}),
    ("slow headers", "slow_headers", {"seconds": 0.2}),
    ("late", "delay", {"seconds": 0.2}),
)
AnyFault = Fault | ServerFault
CLOUD: tuple[Fault, ...] = (
    *(
        Fault(f"{way} for {what}", "cloud", kind, method, path, params)
        for method, path, what in _REQUESTS
        for way, kind, params in _WAYS
    ),
    Fault("lists lag", "cloud", "list_lag", "POST", "/droplets/?$", {"seconds": _LAG_SECONDS}),
    Fault("tags lag", "cloud", "tag_lag", "POST", "/droplets/?$", {"seconds": _LAG_SECONDS}),
    Fault("no action in the answer", "cloud", "empty_actions", "POST", "/droplets/?$"),
)
TELEGRAM: tuple[Fault, ...] = tuple(
    Fault(f"{way} for Telegram's {method}", "telegram", kind, "*", method, params)
    for method in ("getMe", "sendMessage")
    for way, kind, params in (
        ("the connection is reset", "reset", {}),
        ("500", "status", {"status": 500}),
        ("late", "delay", {"seconds": 0.2}),
    )
)
_SESSIONS = "-f '^sshd: root'"
_RESTART = "sleep 1; systemctl reset-failed; systemctl start ssh"
SERVER: tuple[ServerFault, ...] = tuple(
    ServerFault(f"SSH {what} during {playbook}", script, playbook)
    for playbook in ("server", "moltbot", "telegram")
    for what, script in (
        ("cut", f"pkill -KILL {_SESSIONS}"),
        ("cut and refused for a second", f"systemctl stop ssh; pkill -KILL {_SESSIONS}; {_RESTART}"),
        ("frozen", f"pkill -STOP {_SESSIONS}"),
    )
)
LOST_ANSWER = CLOUD[0]
LISTS_LAG, TAGS_LAG = CLOUD[-3], CLOUD[-2]
