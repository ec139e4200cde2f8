"""The host's side of a sandbox's network, taken away while others are at it too."""

import uuid
from pathlib import Path

import pytest

from provisioner.errors import SandboxError
from provisioner.sandbox.machines import host, network

pytestmark = pytest.mark.sandbox
_LINKS = Path("/sys/class/net")
run = host.run


def test_a_link_that_goes_by_itself_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the kernel takes links away some time after their namespace."""
    sandbox_id = f"test-{uuid.uuid4()}"
    opened = network.Network.open(sandbox_id)

    def overtaken(*argv: str | Path, **how: object) -> str:
        if argv[:3] == ("ip", "link", "delete"):
            run(*argv)
        return run(*argv, **how)  # type: ignore[arg-type]

    try:
        opened.attach(str(opened.subnet[2]))
        assert (_LINKS / opened.names.stem).exists()
        monkeypatch.setattr(host, "run", overtaken)
        network.remove(sandbox_id)
        assert not [path for path in _LINKS.iterdir() if opened.names.owns(path.name)]
    finally:
        monkeypatch.undo()
        network.remove(sandbox_id)


def test_a_link_that_stays_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox_id = f"test-{uuid.uuid4()}"
    opened = network.Network.open(sandbox_id)

    def refuse(*argv: str | Path, **how: object) -> str:
        if argv[:3] == ("ip", "link", "delete"):
            raise SandboxError("run ip", cause="not permitted")
        return run(*argv, **how)  # type: ignore[arg-type]

    try:
        monkeypatch.setattr(host, "run", refuse)
        with pytest.raises(SandboxError, match="not permitted"):
            network.remove(sandbox_id)
        assert (_LINKS / opened.names.stem).exists()
    finally:
        monkeypatch.undo()
        network.remove(sandbox_id)
