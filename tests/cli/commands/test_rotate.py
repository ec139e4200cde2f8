"""`rotate`: whom it is done for, and what is said of those whom no wave came to."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from provisioner.errors import RemoteError
from provisioner.runs.fleet import JobResult
from tests.backups.assistants import EMAIL, Site, site
from tests.cli.conftest import Invoke
from tests.clouds import CloudServer
from tests.steps.gateways import gateway_on
from tests.steps.rotation.test_ssh_key import turner

TOKEN = "0ld" * 21


@pytest.fixture
def ada(tmp_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with site(tmp_path / "site") as found:
        monkeypatch.setenv("PROVISIONER_WORKSPACE", str(found.workspace.root))
        monkeypatch.setattr("provisioner.settings.load_settings", lambda _: found.settings)
        yield found


def test_a_gateway_gets_another_token(ada: Site, invoke: Invoke) -> None:
    gateway = gateway_on(ada.assistant, TOKEN)

    ended = invoke("rotate", "gateway-token", EMAIL)

    assert ended.code == 0, ended.err
    assert "refuses the old one" in ended.err
    assert gateway.running != TOKEN
    assert gateway.running not in ended.err + ended.out


def test_whom_is_said(ada: Site, invoke: Invoke) -> None:
    assert invoke("rotate", "gateway-token").code == 2
    assert invoke("rotate", "gateway-token", EMAIL, "--all").code == 2
    assert invoke("rotate", "bot-token", EMAIL).code == 2
    assert ada.customer.setup.rotation is None


def test_after_a_failure_the_others_are_untouched_and_all_goes_on_with_them(
    ada: Site, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ada.workspace.store().edit(EMAIL) as record:
        data = {**record.data, "id": "cust_2", "email": "bob@example.com"}
    ada.workspace.store().add(type(record)(data))
    begun: list[str] = []

    def run_all(_: Any, customers: Sequence[str], *__: Any, **___: Any) -> list[JobResult]:
        begun.extend(customers)
        return [JobResult(who, refusal=RemoteError("connect", cause="no answer")) for who in customers]

    monkeypatch.setattr("provisioner.runs.fleet.Fleet.run_all", run_all)
    ended = invoke("rotate", "gateway-token", "--all", "--json")
    [untouched] = json.loads(ended.out)["untouched"]
    again = invoke("rotate", "gateway-token", "--all", "--canary", "2")

    assert ended.code == 1
    assert {*begun[:1], untouched} == {EMAIL, "bob@example.com"}
    assert sorted(begun[1:]) == [EMAIL, "bob@example.com"]
    assert "--again is for everybody anew" in again.err


def test_the_operators_key_says_which_one_is_in_use_and_what_is_left(
    clouds: CloudServer, tmp_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    with clouds.cloud() as cloud, turner(tmp_path / "site", cloud) as found:
        site = found.leaver.site
        monkeypatch.setenv("PROVISIONER_WORKSPACE", str(site.workspace.root))
        monkeypatch.setattr("provisioner.settings.load_settings", lambda _: site.settings)
        old = found.keys.current.private
        site.set(setup__droplet__ip=None)
        blocked = invoke("rotate", "ssh-key", "--json")
        site.set(setup__droplet__ip="127.0.0.1")
        ended = invoke("rotate", "ssh-key")

        assert blocked.code == 2
        assert (json.loads(blocked.out)["newInUse"], json.loads(blocked.out)["over"]) == (False, False)
        assert ended.code == 0, ended.err
        assert "no server takes the old one" in ended.err
        found.demand_over(old)
