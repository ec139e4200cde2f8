"""Whose keys for the model are replaced."""

from pathlib import Path
from typing import Any

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.customers.rotating import MODEL_KEY
from provisioner.errors import InputError
from provisioner.runs.rotating import ask_everybody_to_rotate, ask_to_rotate
from provisioner.runs.workflow import ROTATE_MODEL_KEY
from provisioner.workspace import Workspace, init_workspace

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
    add(workspace, "e@example.com")
    assert everybody(workspace) == ("a@example.com",)
    assert everybody(workspace, again=True) == ("a@example.com", "e@example.com")


def test_a_stopped_key_is_started_before_it_is_replaced(workspace: Workspace) -> None:
    add(workspace, "c@example.com", stopped=True)

    with pytest.raises(InputError, match="stopped") as refused:
        ask_to_rotate(workspace.store(), "c@example.com", ROTATE_MODEL_KEY, MODEL_KEY)

    assert refused.value.hint == "provisioner model-key c@example.com --start"
