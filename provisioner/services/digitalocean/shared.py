"""The DigitalOcean API for many customers at once: few requests for all of them together."""

import threading
from typing import Any

from provisioner.services.coalescing import SharedLook
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.services.digitalocean.models import DropletInfo, DropletSpec

_WAVE = 10
"""How many droplets are asked for at the same moment."""


class SharedCloud(DigitalOcean):
    """Reads all droplets with `tag` in one request, at most every `interval` seconds, for all who wait."""

    def __init__(self, token: str, endpoint: str, *, tag: str, interval: float, **options: Any) -> None:
        super().__init__(token, endpoint, **options)
        self._tag = tag
        self._wave = threading.BoundedSemaphore(_WAVE)
        self._look = SharedLook(self._everybody, self.clock, interval)
        self._last: dict[str, DropletInfo] = {}

    def droplet(self, droplet_id: str) -> DropletInfo:
        """As its own request would say: lists and tags lag, so one that is not listed is asked for itself."""
        return self._look.fresh().get(droplet_id) or super().droplet(droplet_id)

    def droplets_beside(self, droplet: DropletInfo, tag: str) -> list[DropletInfo]:
        everybody = self._last
        if droplet.id not in everybody:
            return super().droplets_beside(droplet, tag)
        return [other for other in everybody.values() if tag in other.tags]

    def create_droplet(self, spec: DropletSpec) -> DropletInfo:
        with self._wave:
            return super().create_droplet(spec)

    def _everybody(self) -> dict[str, DropletInfo]:
        self._last = {droplet.id: droplet for droplet in self.droplets_tagged(self._tag)}
        return self._last
