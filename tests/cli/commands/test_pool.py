"""`pool status` and `pool drain` at the command line; `pool fill` up to its first effect."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.pool.fill import PoolKeeper
from provisioner.settings import load_settings
from provisioner.workspace import Workspace
from tests.cli.conftest import Invoke
from tests.clouds import TOKEN, CloudServer, FastCloud
from tests.pool.sites import Servers


@pytest.fixture
def account(
    clouds: CloudServer, monkeypatch: pytest.MonkeyPatch, workspace: Workspace
) -> Iterator[FastCloud]:
    with clouds.cloud() as fast:
        monkeypatch.setenv("DIGITALOCEAN_ACCESS_TOKEN", TOKEN)
        monkeypatch.setenv("DIGITALOCEAN_END_POINT", fast.endpoint)
        want(workspace.settings_file, 2)
        yield fast


def want(file: Path, size: int) -> None:
    text = re.sub(r"(?m)^(\[pool\]\nsize = )\d+", rf"\g<1>{size}", file.read_text("utf-8"))
    assert f"[pool]\nsize = {size}" in text
    file.write_text(text, "utf-8")


def fill(workspace: Workspace, account: FastCloud) -> None:
    """As `pool fill` does, but that no server is connected to."""
    settings = load_settings(workspace.root)
    keeper = PoolKeeper(
        workspace,
        settings,
        account.client(),
        lambda _: None,
        clock=account.clock,
        opened=Servers().opened,
    )
    assert not keeper.fill().failed


@pytest.mark.parametrize("columns", [80, 120])
def test_servers_are_listed_with_state_and_cost(
    invoke: Invoke,
    workspace: Workspace,
    account: FastCloud,
    columns: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    fill(workspace, account)
    account.droplets[1].status = "off"

    shown, document = invoke("pool", "status"), json.loads(invoke("pool", "status", "--json").out)

    assert shown.code == 0
    assert all(len(line) <= columns for line in shown.out.splitlines())
    assert sorted(line.split()[1] for line in shown.out.splitlines()[1:3]) == ["off", "ready"]
    assert "1 of 2 ready, $24.00 a month." in shown.out
    assert "to fill it: provisioner pool fill" in shown.err
    assert (document["kind"], document["ready"], document["missing"]) == ("pool", 1, 1)
    assert document["monthly"] == 24.0
    assert {one["state"] for one in document["servers"]} == {"ready", "off"}


def test_without_a_pool_that_is_said(invoke: Invoke, workspace: Workspace, account: FastCloud) -> None:
    want(workspace.settings_file, 0)

    shown = invoke("pool", "status")

    assert shown.code == 0
    assert shown.out.startswith("No pool is wanted ([pool] size in provisioner.toml); $0.00 a month.")


def test_none_is_filled_that_nobody_wants(invoke: Invoke, workspace: Workspace, account: FastCloud) -> None:
    want(workspace.settings_file, 0)

    refused = invoke("pool", "fill")

    assert refused.code == 2
    assert "set size under [pool] in provisioner.toml" in " ".join(refused.err.split())


def test_without_a_token_it_says_what_is_missing(
    invoke: Invoke, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DIGITALOCEAN_ACCESS_TOKEN", raising=False)
    for verb in ("status", "fill", "drain"):
        refused = invoke("pool", verb)
        assert refused.code == 2
        assert "DIGITALOCEAN_ACCESS_TOKEN" in refused.err


def test_nothing_is_destroyed_without_a_word(
    invoke: Invoke, workspace: Workspace, account: FastCloud
) -> None:
    fill(workspace, account)

    asked = invoke("pool", "drain", "--keep", "1")

    assert asked.code == 2
    said = " ".join(asked.err.split())
    assert "would destroy 1 server of the pool" in said
    assert "provisioner pool drain --keep 1 --yes" in said
    assert len(account.droplets) == 2


def test_what_is_drained_is_said(invoke: Invoke, workspace: Workspace, account: FastCloud) -> None:
    fill(workspace, account)

    shown = invoke("pool", "drain", "--yes", "--json")

    document = json.loads(shown.out)
    assert (shown.code, document["kind"], len(document["destroyed"])) == (0, "pool-change", 2)
    assert (document["servers"], document["monthly"]) == ([], 0.0)
    assert account.droplets == []


def test_what_could_not_be_destroyed_is_a_failure(
    invoke: Invoke, workspace: Workspace, account: FastCloud
) -> None:
    fill(workspace, account)
    for droplet in account.droplets:
        droplet.tags.remove(f"workspace:{workspace.mark()}")

    shown = invoke("pool", "drain", "--yes")

    assert shown.code == 1
    assert "could not tell which droplet to use for moltbot-pool-" in " ".join(shown.err.split())
    assert len(account.droplets) == 2
