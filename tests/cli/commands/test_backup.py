from pathlib import Path

import pytest

from provisioner.settings import Settings
from tests.backups.assistants import EMAIL, site
from tests.cli.conftest import Invoke


def test_one_customer_and_what_all_take(
    tmp_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site(tmp_path / "site") as ada:
        monkeypatch.setenv("PROVISIONER_WORKSPACE", str(ada.workspace.root))
        monkeypatch.setattr("provisioner.settings.load_settings", lambda _: ada.settings)

        first = invoke("backup", EMAIL)
        second = invoke("backup", "--all", "--json")

        assert first.code == second.code == 0, first.err
        assert f"{EMAIL}: 2" in first.err
        assert "1 backup of all customers" in first.err
        [entry] = ada.customer.backups
        assert entry.file in second.out
        assert '"number": 1' in second.out


def test_whom_is_said(invoke: Invoke) -> None:
    assert invoke("backup").code == 2
    assert invoke("backup", EMAIL, "--all").code == 2


def test_nobody_has_an_assistant(invoke: Invoke) -> None:
    invoke("add", EMAIL, "sub_1")

    ended = invoke("backup", "--all")

    assert ended.code == 0
    assert "nobody whose assistant runs" in ended.err


def test_one_whose_setup_has_not_begun(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provisioner.settings.load_settings", lambda _: Settings())
    invoke("add", EMAIL, "sub_1")

    ended = invoke("backup", EMAIL)

    assert ended.code == 2
    assert "back the assistant up" in ended.err
    assert "the status is pending_setup" in ended.err


def test_nothing_to_bring_back(invoke: Invoke) -> None:
    invoke("add", EMAIL, "sub_1")
    invoke("update", EMAIL, "status", "active")

    none = invoke("restore-backup", EMAIL)
    other = invoke("restore-backup", EMAIL, "nowhere")

    assert none.code == other.code == 2
    assert "there is no backup in" in none.err
    assert "those that are kept: none" in other.err
