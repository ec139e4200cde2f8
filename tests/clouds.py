"""The sandbox's DigitalOcean API in this process, over real HTTP, without machines and without waiting."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Mount

from provisioner.sandbox.cloud.app import cloud_app
from provisioner.sandbox.cloud.state import Cloud, Droplet
from provisioner.sandbox.faults import FaultBook, Params, Rule
from provisioner.sandbox.injection import BreakableProtocol, Injection
from provisioner.sandbox.pretend import PretendMachines
from provisioner.services import Services
from provisioner.services.digitalocean import DigitalOcean
from provisioner.settings import Settings
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
        return CloudServices(settings, self.client(**options))

    def fault(self, kind: str, method: str = "*", path: str = "", **rule: Any) -> None:
        """Break the next requests that fit; `params` as the sandbox's faults take them."""
        params = Params(**rule.pop("params", {}))
        self.book.add(Rule(service="cloud", kind=kind, method=method, path=path, params=params, **rule))  # type: ignore[arg-type]

    def requests(self, method: str, route: str) -> int:
        """How often this was asked, whatever came of it."""
        rows = (row for row in self.book.requests() if (row.method, row.route) == (method, route))
        return sum(row.count for row in rows)

    @property
    def droplets(self) -> list[Droplet]:
        return list(self.cloud.droplets.values())


class CloudServices(Services):
    """Services with this cloud."""

    def __init__(self, settings: Settings, cloud: DigitalOcean) -> None:
        super().__init__(settings)
        self._cloud = cloud


@contextmanager
def fast_cloud() -> Iterator[FastCloud]:
    """A cloud on loopback, for as long as the block lasts."""
    # Every connection that a fault breaks is a warning to it.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    clock = FastClock()
    machines = PretendMachines()
    cloud = Cloud(machines, TOKEN, now=clock.time)
    book = FaultBook()
    app = Starlette(routes=[Mount("/v2", Injection(cloud_app(cloud), "cloud", book))])
    with serving(app, protocol=BreakableProtocol) as root:
        try:
            yield FastCloud(cloud, machines, book, clock, f"{root}/v2/")
        finally:
            cloud.close()
            machines.close()


def settings_for(fast: FastCloud, **sections: Any) -> Settings:
    """Settings that point at this cloud."""
    return Settings(
        digitalocean_token=SecretStr(TOKEN), digitalocean_endpoint=fast.endpoint, **sections
    )
