"""Everything that the outside world may do wrong while a customer is set up, each by a name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from provisioner.services.digitalocean.client import DigitalOcean
from tests.campaigns.world import World

_LAG_SECONDS = 0.25
"""Less than the campaign's settle window: beyond it nobody can promise anything (docs/reliability.md)."""
_Way = tuple[str, str, Mapping[str, Any]]


@dataclass(frozen=True)
class Fault:
    """Something wrong (`way`) with some requests (`what`) to one service; `count` is how many of them,
    `after` how many pass before.

    With `replaces` a droplet is lost by it, and another one has to be made.
    """

    way: str
    what: str
    service: str
    kind: str
    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    count: int = 1
    after: int = 0
    replaces: bool = False

    @property
    def name(self) -> str:
        return f"{self.way}: {self.what}"

    def put(self, world: World) -> None:
        rule = {"count": self.count, "after": self.after, "params": dict(self.params)}
        world.fault(self.service, self.kind, self.method, self.path, **rule)


@dataclass(frozen=True)
class ServerFault:
    """Something that happens on the server's side of SSH, as soon as a playbook has had its first effect."""

    way: str
    script: str
    playbook: str
    replaces = False

    @property
    def name(self) -> str:
        return f"{self.way}: during {self.playbook}"

    def put(self, world: World) -> None:
        mark = f"/root/effects/{self.playbook}"
        wait = f"rm -f {mark}; timeout 50 bash -c 'until test -e {mark}; do sleep 0.01; done'"
        world.meanwhile(f"{wait}\n{self.script}\n:")


@dataclass(frozen=True)
class PoolFault:
    """Something that is wrong with the servers of the pool before anybody takes one."""

    way: str
    harm: Callable[[World], None]
    replaces = False

    @property
    def name(self) -> str:
        return f"{self.way}: the pool's servers"

    def put(self, world: World) -> None:
        self.harm(world)


AnyFault = Fault | ServerFault | PoolFault

_REQUESTS = (
    ("POST", "/droplets/?$", "the request for the droplet", 0),
    ("GET", r"/droplets/?\?", "a list of droplets", 1),
    ("GET", r"/droplets/\d+", "a look at the droplet", 0),
    ("GET", "/account/keys", "a look at the key", 0),
    ("GET", "/firewalls", "the list of firewalls", 1),
    ("GET", r"/account/?(\?|$)", "the first question before any effect", 0),
    ("GET", "/images/", "the last question before any effect", 0),
)
"""The number is that of equal requests before: some things are asked before any effect, and then again."""
_WAYS: tuple[_Way, ...] = (
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
_REFUSALS: tuple[_Way, ...] = tuple(
    (way, "status", {"status": status, "code": code, "message": message})
    for way, status, code, message in (
        ("401, the token was revoked", 401, "Unauthorized", "Unable to authenticate you"),
        ("403, the account is locked", 403, "forbidden", "Your account has been locked"),
        (
            "422, the limit is reached",
            422,
            "unprocessable_entity",
            "creating this/these droplet(s) will exceed your droplet limit",
        ),
        ("422, the size cannot be had", 422, "unprocessable_entity", "Size is not available in this region"),
    )
)


def _after_post(way: str, kind: str, seconds: float = 0, *, replaces: bool = False) -> Fault:
    params = {"seconds": seconds} if seconds else {}
    what = "the new droplet"
    return Fault(way, what, "cloud", kind, "POST", "/droplets/?$", params, replaces=replaces)


LISTS_LAG = _after_post("lists lag", "list_lag", _LAG_SECONDS)
TAGS_LAG = _after_post("tags lag", "tag_lag", _LAG_SECONDS)
VANISHES = _after_post("202, then 404", "vanish", replaces=True)
CLOUD: tuple[Fault, ...] = (
    *(
        Fault(way, what, "cloud", kind, method, path, params, after=after)
        for method, path, what, after in _REQUESTS
        for way, kind, params in _WAYS
    ),
    *(
        Fault(way, what, "cloud", kind, method, path, params)
        for method, path, what, _ in _REQUESTS[:1]
        for way, kind, params in _REFUSALS
    ),
    LISTS_LAG,
    TAGS_LAG,
    VANISHES,
    _after_post("no action in the answer", "empty_actions"),
)
LOST_ANSWER = CLOUD[0]
LATER_PAGES: tuple[Fault, ...] = tuple(
    Fault(f"{way} on page {page}", "a list of droplets", "cloud", kind, "GET", rf"[?&]page={page}\b", params)
    for page in (2, 3)
    for way, kind, params in _WAYS
)
"""Where a page has one droplet, and three customers are set up at once."""
_LOOKS = (
    ("GET", r"/droplets/\d+", "a look at the pool's server", 0),
    ("GET", r"/droplets/\d+", "a second look at the pool's server", 1),
)
_GIFTS = (
    ("POST", "/tags/?$", "the customer's tag", 0),
    ("POST", "/tags/.+/resources", "the customer's tag on the server", 0),
    ("POST", r"/droplets/\d+/actions", "the customer's name for the server", 0),
)
_REST = (
    ("GET", r"/droplets/?\?", "a list of droplets", 0),
    ("DELETE", "/tags/", "the end of the pool's tag", 0),
)
_NOT_FOUND: _Way = ("404", "status", {"status": 404, "code": "not_found", "message": "not found"})
_HAS_ACTION: _Way = (
    "422, an action is going on",
    "status",
    {"status": 422, "code": "unprocessable_entity", "message": "Droplet already has a pending event."},
)
CLAIMING: tuple[Fault, ...] = tuple(
    Fault(way, what, "cloud", kind, method, path, params, after=after)
    for requests, ways in (
        (_LOOKS, (*_WAYS, _NOT_FOUND)),
        (_GIFTS, (*_WAYS, _NOT_FOUND)),
        (_GIFTS[-1:], (_HAS_ACTION,)),
        (_REST, _WAYS),
    )
    for method, path, what, after in requests
    for way, kind, params in ways
)
"""Whatever is asked when a server of the pool is taken; a 404 for what is to be deleted is believed."""
DRAINING: tuple[Fault, ...] = tuple(
    Fault(way, "the end of the pool's server", "cloud", kind, "DELETE", r"/droplets/\d+", params)
    for way, kind, params in _WAYS
)


def _lists_lag(world: World) -> None:
    for droplet in world.droplets:
        droplet.listed_at = world.cloud.now() + _LAG_SECONDS


def _tags_lag(world: World) -> None:
    for droplet in world.droplets:
        droplet.tagged_at = world.cloud.now() + _LAG_SECONDS


def _vanishes(world: World) -> None:
    cloud = DigitalOcean(world.tokens.digitalocean, world.environment()["DIGITALOCEAN_END_POINT"])
    cloud.delete_droplet(str(min(world.cloud.droplets)))


def _is_off(world: World) -> None:
    world.cloud.droplets[min(world.cloud.droplets)].status = "off"


POOL: tuple[PoolFault, ...] = (
    PoolFault("lists lag", _lists_lag),
    PoolFault("tags lag", _tags_lag),
    PoolFault("the oldest has vanished", _vanishes),
    PoolFault("the oldest is off", _is_off),
)
LOST_CLAIMS: tuple[tuple[AnyFault, ...], ...] = (
    *((one,) for one in CLAIMING if one.method != "GET" and one.way in ("the answer is lost", "500")),
    POOL[:2],
)
"""Ways for a claim to go wrong that are worth a death at each failpoint."""
TELEGRAM: tuple[Fault, ...] = tuple(
    Fault(way, f"Telegram's {method}", "telegram", kind, "*", method, params)
    for method in ("getMe", "sendMessage", "editMessageText", "getUpdates", "getManagedBotToken")
    for way, kind, params in (
        ("the answer is lost", "drop_after_effect", {}),
        ("the connection is reset", "reset", {}),
        ("500", "status", {"status": 500}),
        ("429 with retry-after", "status", {"status": 429, "retry_after": 1}),
        ("late", "delay", {"seconds": 0.2}),
    )
)
MAIL: tuple[Fault, ...] = tuple(
    Fault(way, "an e-mail", "mail", kind, "DATA", "", params)
    for way, kind, params in (
        ("the answer is lost", "drop_after_effect", {}),
        ("the connection is reset", "reset", {}),
        ("451", "status", {"status": 451}),
        ("550", "status", {"status": 550}),
        ("late", "delay", {"seconds": 0.2}),
    )
)
_SESSIONS = "-f '^sshd: root'"
_RESTART = "sleep 1; systemctl reset-failed; systemctl start ssh"
SERVER: tuple[ServerFault, ...] = tuple(
    ServerFault(f"SSH is {what}", script, playbook)
    for playbook in ("server", "moltbot", "telegram")
    for what, script in (
        ("cut", f"pkill -KILL {_SESSIONS}"),
        ("cut, then refused for a second", f"systemctl stop ssh; pkill -KILL {_SESSIONS}; {_RESTART}"),
        ("frozen", f"pkill -STOP {_SESSIONS}"),
    )
)
