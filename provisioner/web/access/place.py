"""Where it is kept who may come in, and where the pages are served now."""

import re
from pathlib import Path

from provisioner.filesystem.locks import holder_of
from provisioner.workspace import Workspace

_SERVING = re.compile(r"serve on (http://\S+)")


def access_folder(workspace: Workspace) -> Path:
    """Where it is kept who may come in."""
    return workspace.state_dir / "web"


def serving_at(workspace: Workspace) -> str | None:
    """The address at which a process serves this workspace, on this machine; None if none does."""
    holder = holder_of(workspace.locks_dir / "serve.lock")
    found = _SERVING.fullmatch(holder.doing) if holder is not None else None
    return found[1] if found else None
