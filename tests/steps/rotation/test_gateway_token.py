"""The gateway's token: another one, made on the server, taken there, and the old one refused."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from provisioner.errors import InputError, RemoteError
from provisioner.runs.rotating import ask_everybody_to_rotate, ask_to_rotate
from provisioner.runs.workflow import ROTATE_BOT_TOKEN, ROTATE_GATEWAY_TOKEN
from provisioner.step import Done, Failed
from tests.backups.assistants import EMAIL, Site, site
from tests.dying import killed_at
from tests.steps.gateways import Gateway, gateway_on

OLD = "0ld" * 21


@pytest.fixture
def ada(tmp_path: Path) -> Iterator[tuple[Site, Gateway]]:
    with site(tmp_path) as found:
        yield found, gateway_on(found.assistant, OLD)


def ask(found: Site) -> None:
    ask_to_rotate(found.workspace.store(), EMAIL, ROTATE_GATEWAY_TOKEN, "gateway-token")


def demand_replaced(found: Site, gateway: Gateway) -> None:
    assert gateway.running == gateway.written
    assert len(gateway.running) == 64
    assert gateway.kept == []
    assert found.customer.setup.rotation is None


def test_another_token_with_one_start(ada: tuple[Site, Gateway]) -> None:
    found, gateway = ada
    ask(found)

    assert found.run(ROTATE_GATEWAY_TOKEN).outcome == Done()

    demand_replaced(found, gateway)
    assert gateway.running != OLD
    assert gateway.starts == 1
    assert found.events[-2:] == ["rotation_requested", "gateway_token_replaced"]
    text = str(found.workspace.store().read(EMAIL).data) + "".join(one.text for one in found.heard)
    assert gateway.running not in text, "it never leaves the server"
    assert found.run(ROTATE_GATEWAY_TOKEN).outcome == Done()
    assert gateway.starts == 1


def test_killed_anywhere_it_ends_the_same(ada: tuple[Site, Gateway]) -> None:
    """Each kill on another rotation; there is one start more after each."""
    found, gateway = ada
    for at in count(0, 7):
        before, starts, events = gateway.running, gateway.starts, found.events.count("gateway_token_replaced")
        ask(found)
        with killed_at(at) as places:
            found.run(ROTATE_GATEWAY_TOKEN)
        assert found.run(ROTATE_GATEWAY_TOKEN).outcome == Done()
        demand_replaced(found, gateway)
        assert gateway.running != before
        assert gateway.starts == starts + 1
        assert found.events.count("gateway_token_replaced") == events + 1
        if at >= len(places):
            break
    assert at > 15


def test_a_gateway_that_takes_the_old_one_still_is_not_done(ada: tuple[Site, Gateway]) -> None:
    found, gateway = ada
    (found.assistant.home / "bin" / "openclaw-gateway").write_text("#!/bin/bash\n")
    ask(found)

    outcome = found.run(ROTATE_GATEWAY_TOKEN).outcome

    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, RemoteError)
    assert "answers 401 to the new one and 200 to the old one" in str(outcome.error.cause)
    assert found.customer.setup.rotation is not None
    gateway_on(found.assistant, gateway.written)
    (found.assistant.home / "running").write_text(OLD)
    assert found.run(ROTATE_GATEWAY_TOKEN).outcome == Done()
    demand_replaced(found, gateway)


def test_one_secret_at_a_time(ada: tuple[Site, Gateway]) -> None:
    found, _ = ada
    found.set(setup__messaging__botToken="123456:" + "a" * 35)
    ask(found)

    with pytest.raises(InputError, match="their gateway-token is being replaced") as refused:
        ask_to_rotate(found.workspace.store(), EMAIL, ROTATE_BOT_TOKEN, "bot-token")

    assert f"provisioner rotate gateway-token {EMAIL}" in str(refused.value.hint)


def test_who_has_nothing_to_rotate_is_refused(ada: tuple[Site, Gateway]) -> None:
    found, _ = ada
    store = found.workspace.store()
    with pytest.raises(InputError, match="they have no bot yet"):
        ask_to_rotate(store, EMAIL, ROTATE_BOT_TOKEN, "bot-token")
    found.set(setup__moltbot__installed=False)
    with pytest.raises(InputError, match="nothing is installed"):
        ask(found)
    assert (
        ask_everybody_to_rotate(store, ROTATE_GATEWAY_TOKEN, "gateway-token", lambda _: None).customers == ()
    )


def test_all_goes_on_with_those_who_are_left(ada: tuple[Site, Gateway]) -> None:
    found, gateway = ada
    store = found.workspace.store()

    def everybody(again: bool = False) -> tuple[tuple[str, ...], bool]:
        asked = ask_everybody_to_rotate(
            store, ROTATE_GATEWAY_TOKEN, "gateway-token", lambda _: None, again=again
        )
        return asked.customers, asked.goes_on

    assert everybody() == ((EMAIL,), False)
    assert everybody() == ((EMAIL,), True)
    assert everybody(again=True) == ((EMAIL,), False)
    assert found.events.count("rotation_requested") == 1
    assert found.run(ROTATE_GATEWAY_TOKEN).outcome == Done()
    assert everybody() == ((EMAIL,), False)
    assert gateway.starts == 1
