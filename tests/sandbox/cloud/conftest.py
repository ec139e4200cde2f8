"""A cloud of one's own for every test: over real HTTP in this process, with pretend machines."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from provisioner.sandbox.cloud.app import cloud_app
from provisioner.sandbox.cloud.state import Cloud
from provisioner.sandbox.faults.injection import BreakableProtocol, Injection
from provisioner.sandbox.faults.rules import FaultBook
from provisioner.sandbox.machines.pretend import PretendMachines
from tests.serving import serving

TOKEN = "dop_v1_" + "ab" * 32


class Clock:
    """Time that moves when a test says so."""

    def __init__(self) -> None:
        self.moment = time.time()

    def __call__(self) -> float:
        return self.moment

    def pass_(self, seconds: float) -> None:
        self.moment += seconds


@dataclass
class Api:
    """The API as a client has it, and what is behind it."""

    http: httpx.Client
    cloud: Cloud
    machines: PretendMachines
    book: FaultBook
    clock: Clock
    endpoint: str

    def create(self, name: str = "one", **more: Any) -> httpx.Response:
        body = {"name": name, "size": "s-1vcpu-2gb", "image": "debian-12-x64", "region": "sfo3", **more}
        return self.http.post("droplets/", json=body)

    def created(self, name: str = "one", **more: Any) -> dict[str, Any]:
        """A droplet that is active."""
        response = self.create(name, **more)
        assert response.status_code == 202, response.text
        return self.when(response.json()["droplet"]["id"], lambda droplet: droplet["status"] == "active")

    def droplet(self, droplet_id: int) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"droplets/{droplet_id}").json()["droplet"]
        return found

    def when(self, droplet_id: int, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        eventually(lambda: true(self.droplet(droplet_id)))
        return self.droplet(droplet_id)

    def act(self, droplet_id: int, kind: str, **more: Any) -> dict[str, Any]:
        """An action that has ended."""
        response = self.http.post(f"droplets/{droplet_id}/actions/", json={"type": kind, **more})
        assert response.status_code == 201, response.text
        action_id = response.json()["action"]["id"]

        def action() -> dict[str, Any]:
            found: dict[str, Any] = self.http.get(f"droplets/{droplet_id}/actions/{action_id}").json()[
                "action"
            ]
            return found

        eventually(lambda: action()["status"] != "in-progress")
        return action()


def eventually(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.005)


class Switch:
    """One server for all tests: a start and a stop take longer than most of them."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def server() -> Iterator[tuple[Switch, str]]:
    switch = Switch()
    with serving(switch, protocol=BreakableProtocol) as address:
        yield switch, address


@pytest.fixture
def api(server: tuple[Switch, str]) -> Iterator[Api]:
    switch, address = server
    clock, machines, book = Clock(), PretendMachines(), FaultBook()
    cloud = Cloud(machines, TOKEN, now=clock)
    cloud.options.minute_limit = cloud.options.hourly_limit = 1_000_000
    switch.app = Starlette(routes=[Mount("/v2", Injection(cloud_app(cloud), "cloud", book))])
    endpoint = f"{address}/v2/"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=endpoint, headers=headers, timeout=20, verify=False) as http:
        yield Api(http, cloud, machines, book, clock, endpoint)
    cloud.close()
