"""A handover, from the request to the end: what is replaced, what is proven, and what never is undone."""

import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from provisioner.errors import InputError, RemoteError
from provisioner.runs.workflow import APPLY, BACKUP, PAUSE, PROVISION
from provisioner.secrets import mark_of, secrets_in
from provisioner.ssh.keys import sha256_fingerprint
from provisioner.step import Done, Failed, Waiting
from tests.backups.assistants import EMAIL
from tests.clouds import CloudServer, FastCloud, cloud_server
from tests.dying import killed_at
from tests.steps.handover.owners import OUR_MODEL_KEY, THEIR_MODEL_KEY, Owner, owner


@pytest.fixture
def ada(cloud: FastCloud, tmp_path: Path) -> Iterator[Owner]:
    with owner(tmp_path, cloud) as found:
        yield found


def test_with_their_keys_all_is_theirs_and_said(ada: Owner) -> None:
    ada.run(BACKUP)
    old = ada.bot.token
    ada.ask(api_key=THEIR_MODEL_KEY)

    assert ada.run().outcome == Done()

    ada.demand_theirs(old)
    assert ada.model_keys == {f"model-{mark_of(THEIR_MODEL_KEY)}": THEIR_MODEL_KEY}
    assert ada.leaver.site.assistant.gateway == "started"
    assert [one.what for one in ada.handover.report] == [
        "SSH",
        "the bot's token",
        "the gateway's token",
        "the key for the model",
        "what is ours on the server",
        "what is the customer's here",
        "the operator's SSH access",
    ]
    assert ada.handover.report[0].proof == "a login with it"
    assert "1 backups deleted" in ada.handover.report[5].done
    assert ada.leaver.mailbox.subjects == ["Your server is in your hands now"]
    assert "stands still" not in ada.leaver.mailbox.got[0][1].text
    requested = next(one for one in ada.customer.timeline if one.event == "handover_requested")
    assert requested.by == "bob"
    before = ada.leaver.site.workspace.store().read(EMAIL).data
    assert ada.run().outcome == Done()
    assert ada.leaver.site.workspace.store().read(EMAIL).data == before


def killed_while_handing_over(clouds: CloudServer, folder: Path, at: int) -> list[str]:
    with clouds.cloud() as cloud, owner(folder, cloud) as ada:
        old = ada.bot.token
        with killed_at(at) as places:
            ada.ask(api_key=THEIR_MODEL_KEY)
            ada.run()
        assert ada.gets_in(ada.leaver.site.server.operator.private) or ada.gets_in(ada.keys.private)
        if ada.customer.handover is None:
            ada.ask(api_key=THEIR_MODEL_KEY)
        assert ada.run().outcome == Done()
        ada.demand_theirs(old)
        assert ada.gateway.starts == 1
        assert ada.leaver.mailbox.subjects.count("Your server is in your hands now") <= 1
    return places


def test_killed_anywhere_it_ends_the_same(clouds: CloudServer, tmp_path: Path) -> None:
    for at in count(0, 23):
        if at >= len(killed_while_handing_over(clouds, tmp_path / str(at), at)):
            break
    assert at > 60


@pytest.mark.parametrize(
    "place",
    [
        "after a key may log in",
        "after replace the token of the customer's bot",
        "after the gateway has started with another token",
        "after what is ours is removed from a server",
        "before a key may not log in any more",
        "after a key may not log in any more",
    ],
)
def test_killed_where_it_matters_it_ends_the_same(ada: Owner, place: str) -> None:
    old = ada.bot.token
    ada.ask(api_key=THEIR_MODEL_KEY)
    with killed_at(place) as places:
        ada.run()
    assert places[-1] == place

    assert ada.run().outcome == Done()

    ada.demand_theirs(old)


def test_without_a_key_for_the_model_it_stands_still_and_they_are_told(ada: Owner) -> None:
    old = ada.bot.token
    ada.ask()

    assert ada.run().outcome == Done()

    ada.demand_theirs(old)
    assert ada.model_keys == {}
    assert ada.leaver.site.assistant.gateway == "stopped"
    assert "systemctl --user enable --now openclaw-gateway" in ada.leaver.mailbox.got[0][1].text


def test_nothing_of_ours_is_touched_before_they_have_logged_in(ada: Owner) -> None:
    old = ada.bot.token
    ada.ask(key_file=None)

    waiting = ada.run().outcome

    assert waiting == Waiting(EMAIL, "to log in once with their key: ssh root@127.0.0.1", "login")
    assert (ada.bot_token, ada.gateway.starts, ada.customer.status) == (old, 0, "active")
    assert ada.run(BACKUP).outcome == Done()
    line = f"Accepted publickey for root from 10.0.0.1 port 5 ssh2: ED25519 {sha256_fingerprint(ada.public)}"
    (ada.disk / "home/openclaw/logins").write_text(f"{line}\n")
    assert ada.run().outcome == Done()
    assert ada.handover.report[0].proof == "the server's log has their login"
    ada.demand_theirs(old)


def test_their_word_is_enough_and_is_said_to_be_no_more(ada: Owner) -> None:
    ada.ask(key_file=None)
    ada.run()
    ada.go_on(by_word=True)

    assert ada.run().outcome == Done()

    assert ada.handover.report[0].proof == "their word, as bob says"


def test_a_secret_of_ours_on_the_disk_keeps_our_way_in(ada: Owner) -> None:
    left = ada.disk / "home/openclaw/.openclaw/workspace"
    left.mkdir()
    (left / "notes.md").write_text(f"my key is {OUR_MODEL_KEY}!")
    ada.ask(api_key=THEIR_MODEL_KEY)

    outcome = ada.run().outcome

    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, RemoteError)
    assert "notes.md" in str(outcome.error.cause)
    assert OUR_MODEL_KEY not in outcome.error.summary
    assert ada.gets_in(ada.leaver.site.server.operator.private)
    (left / "notes.md").unlink()
    assert ada.run().outcome == Done()
    assert not ada.gets_in(ada.leaver.site.server.operator.private)


def test_our_key_stays_where_theirs_would_not_get_in(ada: Owner) -> None:
    ada.ask(api_key=THEIR_MODEL_KEY)
    with killed_at("before a key may not log in any more"):
        ada.run()
    keys = ada.disk / "home/openclaw/.ssh/authorized_keys"
    keys.write_text(f"{ada.leaver.site.server.operator.public}\n")

    outcome = ada.run().outcome

    assert isinstance(outcome, Failed)
    assert "the other key may not log in" in str(outcome.error.cause)
    assert ada.gets_in(ada.leaver.site.server.operator.private)
    assert ada.customer.status == "active"


def test_a_server_of_an_older_version_is_brought_up_to_date_first(ada: Owner) -> None:
    (ada.disk / "home/openclaw/bin/openclaw-configure").unlink()
    ada.ask()

    outcome = ada.run().outcome

    assert isinstance(outcome, Failed)
    assert f"provisioner apply {EMAIL}" in str(outcome.error.hint)
    assert ada.handover.key_proven_at is None
    assert not ada.gets_in(ada.keys.private)


def test_what_the_record_says_of_it_is_no_secret(ada: Owner) -> None:
    """A field whose name sounds like one would hide its words, and moments, wherever they are printed."""
    ada.ask(api_key=THEIR_MODEL_KEY)
    assert secrets_in({"handover": ada.customer.model_dump(by_alias=True)["handover"]}) == [THEIR_MODEL_KEY]
    ada.run()

    assert secrets_in({"handover": ada.customer.model_dump(by_alias=True)["handover"]}) == []


@pytest.mark.parametrize("workflow", [PROVISION, APPLY, BACKUP, PAUSE])
def test_nothing_else_begins_once_it_cannot_be_left_at_that(ada: Owner, workflow: object) -> None:
    ada.ask()
    with killed_at("before the gateway's token is replaced"):
        ada.run()

    if workflow is PAUSE:
        with pytest.raises(InputError, match="is being handed over"):
            ada.leaver.pause()
    elif workflow is PROVISION:
        ada.leaver.site.set(setup__messaging__connected=False)
    if workflow is not PAUSE:
        with pytest.raises(InputError, match="is being handed over"):
            ada.run(workflow)  # type: ignore[arg-type]


def test_what_has_to_be_finished_first(ada: Owner) -> None:
    ada.leaver.pause()
    with pytest.raises(InputError, match="paused"):
        ada.ask()
    ada.leaver.site.set(setup__pause=None)
    ada.leaver.ask("now")
    with pytest.raises(InputError, match="they are leaving"):
        ada.ask()
    ada.leaver.site.set(leaving=None, setup__status="in_progress")
    with pytest.raises(InputError, match="setup in_progress"):
        ada.ask()
    ada.leaver.site.set(setup__status="complete")
    with pytest.raises(InputError, match="their key is not given"):
        ada.ask(ssh_key=None)
    ada.ask()
    with pytest.raises(InputError, match="another SSH key"):
        ada.ask(ssh_key=ada.leaver.site.server.operator.public)
    assert ada.leaver.site.events.count("handover_requested") == 1


def main() -> None:
    """A death at each failpoint of the whole course; says how many there were."""
    with tempfile.TemporaryDirectory() as folder, cloud_server() as clouds:
        for at in count():
            places = killed_while_handing_over(clouds, Path(folder) / str(at), at)
            if at >= len(places):
                break
            print(at, places[-1], flush=True)
    print(f"{at} deaths, each at another failpoint; all theirs, and nothing ours, each time")


if __name__ == "__main__":
    main()
