"""How a sandbox is started: what the command line and the tests may choose."""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from provisioner.sandbox.cloud.options import CloudOptions
from provisioner.sandbox.control.state import StateFolder
from provisioner.sandbox.machines.cache import DEFAULT_CACHE


def own_cache() -> Path:
    """Where this user may keep what takes long to make."""
    if os.geteuid() == 0:
        return DEFAULT_CACHE
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / DEFAULT_CACHE.name


class Options(BaseModel):
    """One sandbox; `pretend` has no machines behind its droplets and needs no root."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: Path
    pretend: bool = False
    cache: Path = Field(default_factory=own_cache)
    cloud: CloudOptions = CloudOptions()

    @property
    def folder(self) -> StateFolder:
        return StateFolder(self.state)
