"""How a sandbox is started: what the command line and the tests may choose."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from provisioner.sandbox.cache import DEFAULT_CACHE
from provisioner.sandbox.cloud.knobs import CloudKnobs
from provisioner.sandbox.state import StateFolder, folder_named


class Options(BaseModel):
    """One sandbox; `pretend` has no machines behind its droplets and needs no root."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: Path
    pretend: bool = False
    cache: Path = DEFAULT_CACHE
    cloud: CloudKnobs = CloudKnobs()

    @property
    def folder(self) -> StateFolder:
        return StateFolder(self.state)


def state_path(name: str, state: Path | None) -> Path:
    return state if state is not None else folder_named(name)
