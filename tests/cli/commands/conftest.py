from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke
from tests.clouds import TOKEN, CloudServer, FastCloud
from tests.steps.leavers import Leaver, leaver

EMAIL = "ada@example.com"


@pytest.fixture(scope="module")
def served(clouds: CloudServer) -> Iterator[FastCloud]:
    with clouds.cloud() as fast:
        yield fast


@pytest.fixture
def cloud(served: FastCloud, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> FastCloud:
    """An account in which the customer `EMAIL` has a droplet; no other service is set."""
    monkeypatch.setenv("DIGITALOCEAN_ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("DIGITALOCEAN_END_POINT", served.endpoint)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-12345678")
    monkeypatch.setenv("TELEGRAM_MANAGER_TOKEN", "")
    monkeypatch.delenv("SMTP_URL", raising=False)
    assert invoke("add", EMAIL, "sub_1").code == 0
    ended = invoke("provision", EMAIL, "--until", "droplet")
    assert ended.code == 0, ended.err
    return served


@pytest.fixture
def ada(
    tmp_path: Path, clouds: CloudServer, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Leaver]:
    """A customer with a droplet and an assistant behind a real sshd, whose workspace the commands find."""
    with clouds.cloud() as cloud, leaver(tmp_path / "site", cloud) as found:
        monkeypatch.setenv("PROVISIONER_WORKSPACE", str(found.site.workspace.root))
        monkeypatch.setattr("provisioner.settings.load_settings", lambda _: found.site.settings)
        yield found
