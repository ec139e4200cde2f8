"""Whose keys for the model are replaced, and that none of the old ones is left however often it is killed."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.customers.record import Customer
from provisioner.customers.rotating import MODEL_KEY, is_rotating
from provisioner.errors import InputError
from provisioner.runs.rotating import ask_everybody_to_rotate, ask_to_rotate
from provisioner.runs.runner import Runner
from provisioner.runs.workflow import ROTATE_MODEL_KEY
from provisioner.services.factory import Services
from provisioner.settings import Settings
from provisioner.step import Done
from provisioner.workspace import Workspace, init_workspace
from tests.dying import killed_at
from tests.openrouters import ServedAccount, openrouter
from tests.steps.key_servers import KeyServer

ASKED = {"kind": MODEL_KEY, "requestedAt": "2026-11-01T00:00:00Z"}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return init_workspace(tmp_path / "workspace")[0]


def add(workspace: Workspace, email: str, rotation: Any = None, **key: Any) -> None:
    record = new_record(SignUp(email, "sub"))
    own = {"requestedAt": "2026-11-01T00:00:00Z", "hash": "0a", **key}
    fields = {"setup.moltbot.installed": True, "setup.moltbot.version": "1", "setup.droplet.id": "7"}
    record.update({**fields, "status": "active", "setup.modelKey": own, "setup.rotation": rotation})
    workspace.store().add(record)


def everybody(workspace: Workspace, *, again: bool = False) -> tuple[str, ...]:
    store, broken = workspace.store(), list[object]()
    return ask_everybody_to_rotate(store, ROTATE_MODEL_KEY, MODEL_KEY, broken.append, again=again).customers


def test_all_whose_assistant_uses_one_and_first_those_that_were_begun(workspace: Workspace) -> None:
    add(workspace, "a@example.com")
    add(workspace, "b@example.com", hash=None)
    add(workspace, "c@example.com", stopped=True)
    add(workspace, "d@example.com", rotation={**ASKED, "kind": "bot-token"})

    assert everybody(workspace) == ("a@example.com",)
    # Who was never asked, as where the command was killed over it, is left, too; whose is replaced is not.
    add(workspace, "e@example.com")
    assert everybody(workspace) == ("a@example.com", "e@example.com")
    with workspace.store().edit("a@example.com") as record:
        record.set("setup.rotation", None)
    assert everybody(workspace) == ("e@example.com",)
    assert everybody(workspace, again=True) == ("e@example.com", "a@example.com")


def test_a_stopped_key_is_started_before_it_is_replaced(workspace: Workspace) -> None:
    add(workspace, "c@example.com", stopped=True)

    with pytest.raises(InputError, match="stopped") as refused:
        ask_to_rotate(workspace.store(), "c@example.com", ROTATE_MODEL_KEY, MODEL_KEY)

    assert refused.value.hint == "provisioner model-key c@example.com --start"


@dataclass
class Customers:
    """A dozen, each with a server and a key of their own."""

    workspace: Workspace
    router: ServedAccount
    servers: dict[str, KeyServer]

    def all(self) -> list[Customer]:
        return [one.customer for one in self.workspace.store().all() if one.customer is not None]

    def rotate(self) -> None:
        """`rotate model-key --all`, one after the other, as a new process."""
        settings = Settings.model_validate(self.router.settings)
        services = Services(settings, clock=self.router.clock)
        for who in everybody(self.workspace):
            runner = Runner(
                self.workspace, settings, lambda _: None, workflow=ROTATE_MODEL_KEY, services=services
            )
            assert runner.run(who).outcome == Done()


@pytest.fixture
def dozen(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Customers]:
    servers: dict[str, KeyServer] = {}

    def server_of(customer: Callable[[], Customer], *_: object) -> KeyServer:
        return servers[customer().id]

    # Nothing of a server's but the files of its keys, and which of them its gateway uses, plays a part.
    monkeypatch.setattr("provisioner.runs.customer_server.CustomerServer", server_of)
    with openrouter() as router:
        for number in range(12):
            email, name = f"c{number}@example.com", f"key {number}"
            key = router.account.add(name, None, "monthly")
            add(workspace, email, hash=key.hash, mark=f"{number:012x}", name=name)
            customer = workspace.store().read(email).customer
            servers[customer.id] = KeyServer(
                router=router, files={f"{number:012x}": key.secret}, used=f"{number:012x}"
            )
        yield Customers(workspace, router, servers)


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_ten_times_every_assistant_answers_and_no_old_key_does(dozen: Customers, seed: int) -> None:
    old = [key.secret for key in dozen.router.keys]
    chosen = random.Random(seed)
    for _ in range(10):
        with killed_at(chosen.randrange(150)):
            dozen.rotate()
        for server in dozen.servers.values():
            assert dozen.router.answers(server.files[server.used]) == 200
    while any(is_rotating(one, MODEL_KEY) for one in dozen.all()):
        dozen.rotate()

    assert {dozen.router.answers(secret) for secret in old} == {401}
    used = sorted(server.files[server.used] for server in dozen.servers.values())
    assert used == sorted(key.secret for key in dozen.router.keys)
    assert {dozen.router.answers(secret) for secret in used} == {200}
    assert all(len(server.files) == 1 for server in dozen.servers.values())
    assert all(one.setup.model_key.replacement is None for one in dozen.all())
