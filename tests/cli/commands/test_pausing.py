import json

from tests.backups.assistants import EMAIL
from tests.cli.conftest import Invoke
from tests.steps.leavers import Leaver


def test_paused_shown_and_back(ada: Leaver, invoke: Invoke) -> None:
    paused = invoke("pause", EMAIL, "--reason", "on holiday")

    assert paused.code == 0, paused.err
    assert f"to have it run again: provisioner pause {EMAIL} --undo" in " ".join(paused.err.split())
    assert "the end of their pause, paused since" in invoke("list").out
    [shown] = json.loads(invoke("list", "--json").out)["customers"]
    assert (shown["status"], shown["state"]) == ("active", "suspended")
    [status] = json.loads(invoke("status", "--json").out)["customers"]
    assert (status["state"], status["command"]) == ("suspended", f"provisioner pause {EMAIL} --undo")
    refused = invoke("provision", EMAIL)
    assert (refused.code, "their assistant is paused" in refused.err) == (2, True)
    again = invoke("pause", EMAIL, "--json")
    assert json.loads(again.out)["customers"][0]["pause"]["reason"] == "on holiday"
    assert ada.site.assistant.gateway == "stopped"

    back = invoke("pause", EMAIL, "--undo")

    assert back.code == 0, back.err
    assert f"{EMAIL}: not paused" in back.err
    assert ada.site.assistant.gateway == "started"
    assert invoke("pause", EMAIL, "--undo").code == 0
    ada.demand_untouched()
