from contextlib import suppress
from pathlib import Path

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.customers.renaming import EVENT, rename
from provisioner.errors import BusyError, InputError, UnknownCustomer
from provisioner.filesystem.durable import Files
from provisioner.workspace import Workspace, init_workspace

OLD, NEW = "ada@example.com", "ada.king@example.org"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace, _ = init_workspace(tmp_path / "workspace")
    workspace.store().add(new_record(SignUp(OLD, "sub_1")))
    return workspace


def demand_renamed(workspace: Workspace, identifier: str) -> None:
    """One record, under one name, with all of its history and one event."""
    customer = workspace.store().read(NEW).customer
    assert customer.id == identifier
    assert [event.event for event in customer.timeline] == ["subscription_created", EVENT]
    assert [path.name for path in workspace.customers_dir.glob("*/*")] == ["ada.king_at_example.org.json"]
    with pytest.raises(UnknownCustomer):
        workspace.store().read(OLD)


def test_a_new_address(workspace: Workspace) -> None:
    identifier = workspace.store().read(OLD).customer.id

    rename(workspace.store(), OLD, NEW, "bob")

    demand_renamed(workspace, identifier)
    assert workspace.store().read(NEW).customer.timeline[-1].by == "bob"
    rename(workspace.store(), OLD, NEW, "bob")
    rename(workspace.store(), NEW, NEW, "bob")
    demand_renamed(workspace, identifier)


class Dead(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("effect", ["create", "write", "sync", "rename", "sync_folder"])
@pytest.mark.parametrize("survives", [0, 1, 2])
def test_killed_anywhere_the_same_again_ends_the_same(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, effect: str, survives: int
) -> None:
    identifier, real = workspace.store().read(OLD).customer.id, getattr(Files, effect)
    done: list[str] = []

    def dies(self: Files, *words: object) -> object:
        if len(done) == survives:
            raise Dead
        done.append(effect)
        return real(self, *words)

    with monkeypatch.context() as patch:
        patch.setattr(Files, effect, dies)
        with suppress(Dead):
            rename(workspace.store(), OLD, NEW, "bob")

    rename(workspace.store(), OLD, NEW, "bob")

    demand_renamed(workspace, identifier)


def test_one_in_the_archive(workspace: Workspace) -> None:
    workspace.store().archive(OLD)

    rename(workspace.store(), OLD, NEW, "bob")

    assert workspace.store().find(NEW).archived


def test_an_address_that_is_anothers(workspace: Workspace) -> None:
    workspace.store().add(new_record(SignUp(NEW, "sub_2")))

    with pytest.raises(InputError, match="the customer is there already"):
        rename(workspace.store(), OLD, NEW, "bob")
    with pytest.raises(UnknownCustomer):
        rename(workspace.store(), "grace@example.com", NEW, "bob")
    assert workspace.store().read(OLD).customer.email == OLD


@pytest.mark.parametrize("word", ["ada", "-ada@example.com", "a b@example.com"])
def test_what_is_no_address(workspace: Workspace, word: str) -> None:
    with pytest.raises(InputError):
        rename(workspace.store(), OLD, word, "bob")


def test_nobody_is_renamed_while_a_run_is_at_work(workspace: Workspace) -> None:
    store = workspace.store()
    with store.claim(OLD, "provision"), pytest.raises(BusyError, match="provision"):
        rename(store, OLD, NEW, "bob")
