from collections.abc import Sequence
from pathlib import Path

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.errors import InputError
from provisioner.runs.planning import Plan, plan
from provisioner.settings import Settings
from provisioner.step import Planned, Step, Work
from provisioner.steps.droplet.step import CreateDroplet
from provisioner.steps.handoff import Handoff
from provisioner.steps.moltbot import Moltbot
from provisioner.workspace import Workspace, init_workspace
from tests.runs.test_runner import FakeStep
from tests.steps.support import MemoryServer, MemoryWork, workflow
from tests.steps.support import new_record as record_of

EMAIL = "customer@example.com"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace, _ = init_workspace(tmp_path / "workspace")
    workspace.store().add(new_record(SignUp(EMAIL, "sub_1")))
    return workspace


def _plan(workspace: Workspace, steps: Sequence[Step]) -> Plan:
    return plan(workspace, Settings(), EMAIL, lambda _: None, workflow=workflow(*steps))


def test_each_step_says_what_it_would_do_and_nothing_is_done(workspace: Workspace) -> None:
    before = workspace.store().read(EMAIL).data

    made = _plan(workspace, [FakeStep("one"), FakeStep("two")])

    assert [(step.step, step.done) for step in made.steps] == [("one", False), ("two", False)]
    assert made.steps[0].planned[0].text == "do one"
    assert not made.missing
    assert workspace.store().read(EMAIL).data == before
    assert list(workspace.runs_dir.glob("*.jsonl")) == []


def test_what_is_missing_is_named_instead(workspace: Workspace) -> None:
    made = _plan(workspace, [FakeStep("one", missing=["set A"]), FakeStep("two")])

    assert made.missing
    assert (made.steps[0].missing, made.steps[0].planned) == (("set A",), ())
    assert made.steps[1].planned


def _work(server: MemoryServer | None = None, **setup: object) -> MemoryWork:
    from pydantic import SecretStr

    from provisioner.services.factory import Services

    settings = Settings(anthropic_key=SecretStr("sk-ant-key"))
    store = record_of(setup={"status": "in_progress", **setup})
    return MemoryWork(settings, Services(settings), store, server=server or MemoryServer())


def test_a_droplet_is_planned_as_the_settings_want_it() -> None:
    (planned,) = CreateDroplet().plan(_work())

    assert planned.needed
    assert planned.text.endswith("s-1vcpu-2gb, sfo3, image debian-12-x64")


def test_a_droplet_that_may_exist_is_looked_for() -> None:
    (planned,) = CreateDroplet().plan(_work(droplet={"requestedAt": "2026-01-29T06:00:00Z"}))

    assert planned.needed
    assert planned.text.startswith("look for the droplet")


def test_a_droplet_that_is_there_is_so_already() -> None:
    droplet = {"id": "7", "ip": "192.0.2.7", "hostKey": "ssh-ed25519 A"}

    (planned,) = CreateDroplet().plan(_work(droplet=droplet))

    assert (planned.text, planned.needed) == ("droplet 7 at 192.0.2.7", False)


def test_a_server_that_is_not_there_is_not_asked() -> None:
    server = MemoryServer(at=lambda what: pytest.fail(f"asked to {what}"))

    (planned,) = Moltbot().plan(_work(server))

    assert planned.needed


def test_a_server_that_is_there_is_asked_by_the_guards_alone() -> None:
    asked: list[str] = []

    planned = Moltbot().plan(_work(MemoryServer(at=asked.append), droplet={"ip": "192.0.2.7"}))

    assert asked == ["plan server", "plan openclaw", "plan moltbot", "run openclaw-report"]
    assert len(planned) == 3


def test_the_handoff_plans_what_is_left() -> None:
    planned = Handoff().plan(_work(handoff={"onboardingMessageSent": True}))

    assert [(one.text, one.needed) for one in planned] == [
        ("have the assistant answer once", True),
        ("send the onboarding message", False),
        ("have its security audited", True),
        ("close the setup", True),
    ]


class _Talker(FakeStep):
    def plan(self, work: Work) -> list[Planned]:
        work.say("asking with a-key-of-no-known-form")
        return []


def test_what_a_plan_says_has_no_secret_in_it(workspace: Workspace) -> None:
    (workspace.root / ".env").write_text("ANTHROPIC_API_KEY=a-key-of-no-known-form\n")
    heard: list[str] = []
    plan(workspace, Settings(), EMAIL, heard.append, workflow=workflow(_Talker("one")))
    assert heard == ["asking with [hidden]"]


@pytest.mark.parametrize("status", ["cancelled", "handed_over"])
def test_for_whoever_a_run_refuses_there_is_no_plan(workspace: Workspace, status: str) -> None:
    with workspace.store().edit(EMAIL) as record:
        record.set("status", status)

    with pytest.raises(InputError, match=status):
        _plan(workspace, [FakeStep("one")])
    workspace.store().archive(EMAIL)
    with pytest.raises(InputError, match="archived"):
        _plan(workspace, [FakeStep("one")])


def test_a_server_that_does_not_answer_is_not_waited_for_as_a_run_does(workspace: Workspace) -> None:
    given: list[float] = []

    class Looks(FakeStep):
        def plan(self, work: Work) -> list[Planned]:
            given.append(work.settings.droplet.ssh_seconds)
            return []

    _plan(workspace, [Looks("one")])
    assert given == [20]
