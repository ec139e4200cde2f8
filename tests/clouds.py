"""The sandbox's DigitalOcean API in this process, over real HTTP, without machines and without waiting."""

import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from provisioner.sandbox.cloud.app import cloud_app
from provisioner.sandbox.cloud.state import Cloud, Droplet
from provisioner.sandbox.faults.injection import BreakableProtocol, Injection
from provisioner.sandbox.faults.rules import FaultBook, FaultParams, Rule
from provisioner.sandbox.machines.pretend import PretendMachines
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.services.factory import Services
from provisioner.settings import OperatorSettings, Settings
from tests.serving import serving
from tests.steps.support import FastClock

TOKEN = "dop_v1_" + "5e" * 32


@dataclass
class FastCloud:
    """One cloud, with the clock that it shares with whoever is tested against it."""

    cloud: Cloud
    machines: PretendMachines
    book: FaultBook
    clock: FastClock
    endpoint: str

    def client(self, token: str = TOKEN, **options: Any) -> DigitalOcean:
        return DigitalOcean(token, self.endpoint, clock=self.clock, **options)

    def services(self, settings: Settings, **options: Any) -> Services:
        client = self.client(**options)
        return Services(settings, new_cloud=lambda: client)

    def fault(self, kind: str, method: str = "*", path: str = "", **rule: Any) -> None:
        """Break the next requests that fit; `params` as the sandbox's faults take them."""
        params = FaultParams(**rule.pop("params", {}))
        self.book.add(Rule(service="cloud", kind=kind, method=method, path=path, params=params, **rule))  # type: ignore[arg-type]

    def requests(self, method: str = "", route: str = "") -> int:
        """How often this was asked, whatever came of it; without a word, everything."""
        deadline = time.monotonic() + 10
        # An answer is counted a moment after it was given.
        while sum(row.count for row in self.book.requests()) < self.book.busiest("cloud", seconds=math.inf):
            assert time.monotonic() < deadline, "a request was never answered"
            time.sleep(0.001)
        rows = self.book.requests()
        return sum(row.count for row in rows if method in ("", row.method) and route in ("", row.route))

    @property
    def droplets(self) -> list[Droplet]:
        return list(self.cloud.droplets.values())

    def await_actions(self) -> None:
        await_actions(self.cloud)


def await_actions(cloud: Cloud) -> None:
    """Until nothing is being done to a droplet any more: an action goes on after its request was answered."""
    deadline = time.monotonic() + 10
    while any(droplet.pending is not None for droplet in list(cloud.droplets.values())):
        assert time.monotonic() < deadline, "an action on a droplet never ends"
        time.sleep(0.002)


class CloudServer:
    """One address at which one cloud after another is served: starting a server takes longer than a test."""

    def __init__(self) -> None:
        self.root = ""
        self._app: ASGIApp = Starlette()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    @contextmanager
    def cloud(self) -> Iterator[FastCloud]:
        """A fresh cloud there, for as long as the block lasts."""
        clock = FastClock()
        machines = PretendMachines()
        cloud = Cloud(machines, TOKEN, now=clock.time)
        book = FaultBook()
        self._app = Starlette(routes=[Mount("/v2", Injection(cloud_app(cloud), "cloud", book))])
        try:
            yield FastCloud(cloud, machines, book, clock, f"{self.root}/v2/")
        finally:
            cloud.close()
            machines.close()


@contextmanager
def cloud_server() -> Iterator[CloudServer]:
    """On loopback, for as long as the block lasts."""
    # Every connection that a fault breaks is a warning to it.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    server = CloudServer()
    with serving(server, protocol=BreakableProtocol) as server.root:
        yield server


_OPERATOR = OperatorSettings(contact="help@example.com")


def settings_for(fast: FastCloud, **sections: Any) -> Settings:
    """Settings that point at this cloud, and for the model at nobody, unless said otherwise."""
    return Settings(
        digitalocean_token=SecretStr(TOKEN),
        digitalocean_endpoint=fast.endpoint,
        **{"anthropic_base_url": "http://127.0.0.1:9", "operator": _OPERATOR, **sections},
    )
