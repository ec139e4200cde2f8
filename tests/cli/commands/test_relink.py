"""`relink` at the command line."""

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.timestamps import now
from provisioner.workspace import Workspace
from tests.cli.conftest import Invoke

ADA = "ada@example.com"
TOKEN = "123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"
CODE = "s3cr3t-c0de"


@pytest.fixture(autouse=True)
def taken(workspace: Workspace) -> None:
    """Mallory has Ada's link, and a bot on Ada's server."""
    store = workspace.store()
    store.add(new_record(SignUp(ADA, "sub_1", name="Ada", telegram="@mallory")))
    with store.edit(ADA) as record:
        record.set("setup.moltbot.installed", True)
        record.set("setup.messaging.link", {"code": CODE, "manager": "stuffpress_bot", "usedAt": now()})
        record.set("setup.messaging.userId", "700")
        record.set("setup.messaging.botId", "123456789")
        record.set("setup.messaging.botUsername", "taken_bot")
        record.set("setup.messaging.botToken", TOKEN)
        record.set("setup.messaging.managed", True)
        record.add_event("bot_created", "@mallory (700) created @taken_bot")


def test_it_says_who_had_the_link_and_what_to_run(invoke: Invoke, workspace: Workspace) -> None:
    done = invoke("relink", ADA.upper(), "--username", "ada")

    assert (done.code, done.out) == (0, "")
    said = done.err.splitlines()
    assert said[0] == (
        "The operator withdrew the link: @mallory (700) had it, with the bot @taken_bot; "
        "the next one is for @ada."
    )
    assert f"provisioner ssh {ADA} -- " in done.err
    assert said[-1].endswith(f"provisioner provision {ADA}")
    assert not [secret for secret in (TOKEN, CODE) if secret in done.err]
    messaging = workspace.store().read(ADA).customer.setup.messaging
    assert (messaging.username, messaging.link, messaging.bot_token) == ("@ada", None, None)


def test_without_a_username_it_says_that_the_next_one_is_open_to_anybody(invoke: Invoke) -> None:
    done = invoke("relink", ADA)
    assert "Whoever uses the next one first" in done.err
    assert f"provisioner relink {ADA} --username NAME" in done.err

    again = invoke("relink", ADA)
    assert (again.code, again.err.splitlines()[0]) == (0, f"{ADA} has no link that could be withdrawn.")


def test_what_is_refused_has_its_exit_code_and_what_to_do(invoke: Invoke, workspace: Workspace) -> None:
    store = workspace.store()
    assert invoke("relink", "nobody@example.com").code == 2
    assert invoke("relink", ADA, "--username", "a b").code == 2
    with store.claim(ADA, doing=f"provision {ADA}"):
        busy = invoke("relink", ADA)
    assert (busy.code, f"provision {ADA}" in busy.err) == (4, True)
    with store.edit(ADA) as record:
        record.set("setup.status", "complete")
    refused = invoke("relink", ADA)
    assert (refused.code, "--force" in refused.err) == (2, True)
    assert invoke("relink", ADA, "--force").code == 0
