import json

import pytest

from tests.backups.assistants import EMAIL
from tests.cli.conftest import Invoke
from tests.steps.leavers import Leaver


def test_in_grace_and_back_again(ada: Leaver, invoke: Invoke) -> None:
    cancelled = invoke("cancel", EMAIL, "--now", "--reason", "too dear")

    assert cancelled.code == 0, cancelled.err
    assert "waiting until" in cancelled.err
    assert f"to undo it: provisioner cancel {EMAIL} --undo" in cancelled.err
    assert "too dear" in str([event.details for event in ada.customer.timeline])
    assert invoke("provision", EMAIL).code == 2
    assert f"if they stay: provisioner cancel {EMAIL} --undo" in invoke("provision", EMAIL).err

    back = invoke("cancel", EMAIL, "--undo")

    assert back.code == 0, back.err
    assert "stays, and is active" in back.err
    assert ada.customer.leaving is None
    ada.demand_untouched()


def test_without_a_word_it_is_at_the_end_of_what_is_paid(ada: Leaver, invoke: Invoke) -> None:
    refused = invoke("cancel", EMAIL)
    ends = ada.period_ends_in(20)
    asked = invoke("cancel", EMAIL, "--json")

    assert refused.code == 2
    assert "--now" in refused.err
    assert asked.code == 0, asked.err
    [entry] = json.loads(asked.out)["customers"]
    assert (entry["outcome"], entry["until"], entry["leaving"]["stopAt"]) == ("waiting", ends, ends)
    assert ada.customer.status == "active"


def test_only_one_of_them_can_be_meant(ada: Leaver, invoke: Invoke) -> None:
    assert invoke("cancel", EMAIL, "--now", "--undo").code == 2
    assert ada.customer.leaving is None


@pytest.mark.parametrize("words", [(), ("--yes", "other@example.com"), ("--yes", "yes")])
def test_nothing_is_destroyed_unless_the_address_is_typed(
    ada: Leaver, invoke: Invoke, words: tuple[str, ...]
) -> None:
    ended = invoke("destroy", EMAIL, *words)

    assert ended.code == 2
    assert ada.customer.leaving is None
    ada.demand_untouched()


def test_destroyed_at_once(ada: Leaver, invoke: Invoke) -> None:
    ended = invoke("destroy", EMAIL, "--yes", EMAIL.upper())

    assert ended.code == 0, ended.err
    assert f"the last backup is {ada.leaving.backup}" in ended.err
    ada.demand_gone()
    again = invoke("cancel", EMAIL)
    assert again.code == 0, again.err
    assert "has left" in again.err
