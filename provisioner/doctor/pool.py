"""Checks of the pool: servers that nobody can have, that are missing, or that no file knows."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from provisioner.doctor.findings import Findings
from provisioner.errors import ProvisionerError
from provisioner.pool.droplet import is_of_pool
from provisioner.pool.listing import PoolLook, compare
from provisioner.printable import command
from provisioner.services.digitalocean.models import DropletInfo
from provisioner.settings import Settings
from provisioner.workspace import Workspace

_WORDS = {
    "unfinished": "was begun, and is not ready",
    "stale": "nobody gets it any more: playbooks, versions or settings have changed since it was made",
    "old": "nobody gets it any more: it is too old",
    "gone": "its droplet is gone",
    "off": "nobody can have it: its droplet is not running",
    "leaving": "it was being destroyed, and is not gone",
}


@dataclass(frozen=True)
class PoolCheck:
    """Checks the pool of one workspace, whose droplets carry `mark`."""

    workspace: Workspace
    settings: Settings
    mark: str
    found: Findings

    def compare(
        self, droplets: Mapping[str, DropletInfo], prices: Mapping[str, float], owned: Collection[str]
    ) -> None:
        """Note what is not as it should be; `owned` are the droplets that records have."""
        try:
            look = compare(self.workspace, self.settings, droplets, prices)
        except ProvisionerError as error:
            self.found.note("pool", error.whom or "the pool", str(error.cause), error.hint or "")
            return
        strays = self._strays(droplets, look, owned)
        if not (look.servers or look.size or strays):
            return
        self.found.looked.append("pool")
        for stray in strays:
            costs = _costs(prices.get(stray.size)) or "; it costs money"
            problem = f"a server of the pool that nothing knows any more ({stray.name}){costs}"
            hint = "nobody's data is on it: delete it in the control panel"
            self.found.note("droplet", stray.id, problem, hint)
        if look.filler is None:
            self._judge(look)

    def _judge(self, look: PoolLook) -> None:
        """Nobody is at work on it."""
        for one in look.servers:
            if one.state in _WORDS:
                hint = command("pool fill" if look.size else "pool drain")
                problem = f"{_WORDS[one.state]}{_costs(one.monthly)}"
                self.found.advise("pool", one.member.name, problem, hint)
        if look.missing:
            wanted = look.size * len(look.wanted)
            self.found.advise("pool", "the pool", f"{look.ready} of {wanted} are ready", command("pool fill"))
        if look.ready and not look.size:
            problem = f"no pool is wanted, and its servers cost ${look.monthly:.2f} a month"
            self.found.advise("pool", "the pool", problem, command("pool drain"))

    def _strays(
        self, droplets: Mapping[str, DropletInfo], look: PoolLook, owned: Collection[str]
    ) -> list[DropletInfo]:
        """With the pool's tag, and neither in a record nor written down, not even by the name."""
        ids = {one.member.droplet_id for one in look.servers}
        names = {one.member.name for one in look.servers}
        return [
            one
            for one in droplets.values()
            if is_of_pool(one.tags, self.mark) and not (one.id in owned or one.id in ids or one.name in names)
        ]


def _costs(monthly: float | None) -> str:
    return f"; it costs ${monthly:.2f} a month" if monthly else ""
