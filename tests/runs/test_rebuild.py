"""A customer whose droplet is gone: a new server, on which their own bot answers, and nothing to tap."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import Any

import pytest

from provisioner import failpoints
from provisioner.customers.done import is_complete, steps_done
from provisioner.customers.new import SignUp, new_record
from provisioner.customers.record import Customer
from provisioner.droplets.identity import name_of, tag_of, tags_of
from provisioner.errors import CloudError, InputError
from provisioner.runs.progress import Progress
from provisioner.runs.rebuild import LostDroplet, clear_lost
from provisioner.runs.runner import Runner, RunResult
from provisioner.sandbox.cloud.state import Droplet
from provisioner.sandbox.telegram.app import telegram_app
from provisioner.sandbox.telegram.phones import Phones
from provisioner.sandbox.telegram.world import World
from provisioner.services.digitalocean.errors import DropletGone
from provisioner.services.digitalocean.models import DropletSpec
from provisioner.settings import Settings
from provisioner.ssh.keys import generate_keypair
from provisioner.step import Done, Failed
from provisioner.steps.droplet.adoption import adopt
from provisioner.workspace import Workspace, init_workspace
from tests.clouds import CloudServer, FastCloud, settings_for
from tests.serving import serving
from tests.steps.support import MemoryServer

EMAIL = "ada@example.com"
BOT = "ada_molt_bot"


class Crash(BaseException):
    """The process is gone."""


@dataclass
class Stage:
    workspace: Workspace
    settings: Settings
    cloud: FastCloud
    world: World
    phones: Phones
    servers: dict[str, MemoryServer] = field(default_factory=dict)
    heard: list[Progress] = field(default_factory=list)

    def sign_up(self) -> None:
        self.workspace.store().add(new_record(SignUp(EMAIL, "sub_1", name="Ada", telegram="@ada")))
        ada = self.world.add_user("Ada", "ada")
        bot = self.world.create_bot(ada, "Ada's Moltbot", BOT)
        self.phones.press_start("ada", BOT)
        self.set(setup__messaging__botToken=bot.token, setup__messaging__userId=str(ada.id))

    def set(self, **fields: Any) -> None:
        with self.workspace.store().edit(EMAIL) as record:
            for path, value in fields.items():
                record.set(path.replace("__", "."), value)

    def run(self) -> RunResult:
        services, clock = self.cloud.services(self.settings), self.cloud.clock
        runner = Runner(self.workspace, self.settings, self.heard.append, services=services, clock=clock)
        return runner.run(EMAIL)

    def rebuild(self, **options: bool) -> LostDroplet | None:
        return clear_lost(self.workspace.store(), self.cloud.client(), EMAIL, **options)

    @property
    def customer(self) -> Customer:
        return self.workspace.store().read(EMAIL).customer

    @property
    def events(self) -> list[str]:
        return [event.event for event in self.customer.timeline]

    @property
    def heard_from_bot(self) -> list[str]:
        return [message.text or "" for message in self.phones.chat("ada", BOT) if message.from_bot]

    @property
    def droplet(self) -> Droplet:
        [droplet] = self.cloud.droplets
        return droplet

    def lose(self) -> str:
        lost = str(self.droplet.id)
        self.cloud.client().delete_droplet(lost)
        return lost

    def demand_working(self) -> None:
        """All is done on the droplet that there is, over the customer's own bot."""
        customer = self.customer
        assert is_complete(customer)
        assert customer.status == "active"
        assert customer.setup.droplet.id == str(self.droplet.id)
        assert customer.setup.droplet.ip == self.droplet.address
        names = [name for name, _ in self.servers[str(self.droplet.id)].applied]
        assert {"server", "moltbot", "telegram"} <= set(names)


@contextmanager
def staged(clouds: CloudServer, folder: Path) -> Iterator[Stage]:
    workspace, _ = init_workspace(folder)
    world = World()
    with (
        clouds.cloud() as cloud,
        serving(telegram_app(world), before_stop=world.close) as root,
        pytest.MonkeyPatch.context() as patch,
    ):
        key = workspace.ssh_dir / "id_ed25519"
        settings = settings_for(cloud, ssh={"key": key}, anthropic_key="sk-ant-1", telegram_api_root=root)
        stage = Stage(workspace, settings, cloud, world, Phones(world))
        _serve_from_memory(stage, patch)
        stage.sign_up()
        yield stage


def _serve_from_memory(stage: Stage, patch: pytest.MonkeyPatch) -> None:
    """One server for each droplet."""

    def server_of(customer: Callable[[], Customer], *_: object) -> MemoryServer:
        versions = {"moltbot": {"version": "2026.9.6"}}
        server = stage.servers.setdefault(
            customer().setup.droplet.id or "", MemoryServer(registered=versions)
        )
        patch.setattr(server, "close", lambda: None, raising=False)
        return server

    patch.setattr("provisioner.runs.customer_server.CustomerServer", server_of)


@pytest.fixture
def stage(clouds: CloudServer, tmp_path: Path) -> Iterator[Stage]:
    with staged(clouds, tmp_path / "workspace") as stage:
        assert stage.run().outcome == Done()
        stage.demand_working()
        yield stage


def test_a_lost_droplet_is_replaced_by_one_on_which_the_same_bot_answers(stage: Stage) -> None:
    before = stage.customer
    lost = stage.lose()

    assert stage.rebuild() == LostDroplet(lost, before.setup.droplet.ip)
    between = stage.customer
    assert stage.run().outcome == Done()

    assert (between.status, between.setup.status, steps_done(between)) == ("active", "in_progress", ())
    stage.demand_working()
    after = stage.customer
    assert after.setup.droplet.id != lost
    assert after.setup.messaging.bot_token == before.setup.messaging.bot_token
    assert after.setup.messaging.user_id == before.setup.messaging.user_id
    assert after.setup.handoff.completed_at == before.setup.handoff.completed_at
    assert stage.events.count("host_key_renewed") == 2
    assert stage.events.count("droplet_lost") == 1
    assert stage.events.count("onboarding_complete") == 1
    assert stage.events[-1] == "rebuild_complete"
    hello = [text for text in stage.heard_from_bot if "I am your Moltbot" in text]
    assert len(hello) == 1
    assert "back on a new server" in stage.heard_from_bot[-1]


def test_an_id_that_is_set_to_null_by_hand_ends_in_the_same(stage: Stage) -> None:
    """Also where the record is of a time when steps did not name their droplet."""
    stage.lose()
    stage.set(
        setup__moltbot__dropletId=None, setup__messaging__dropletId=None, setup__handoff__dropletId=None
    )
    stage.set(setup__droplet__id=None)

    assert stage.run().outcome == Done()

    stage.demand_working()


def test_an_id_that_is_set_to_null_of_a_droplet_that_lives_finds_it_with_its_own_host_key(
    stage: Stage,
) -> None:
    before = stage.customer
    stage.set(setup__droplet__id=None)

    assert stage.run().outcome == Done()

    assert stage.customer.setup.droplet == before.setup.droplet
    assert is_complete(stage.customer)


def test_killed_anywhere_it_goes_on_with_one_droplet_and_one_event(
    clouds: CloudServer, tmp_path: Path
) -> None:
    with staged(clouds, tmp_path / "workspace") as stage:
        stage.run()
        kept = stage.workspace.store().read(EMAIL).data
        for dies_at in chain(range(12), count(12, 9)):
            for droplet in stage.cloud.droplets:
                stage.cloud.client().delete_droplet(str(droplet.id))
            with stage.workspace.store().edit(EMAIL) as record:
                record.data = {**kept, "timeline": record.data["timeline"]}
            events = len(stage.events)
            passed = _rebuild_dying(stage, dies_at)
            if not (stage.cloud.droplets and is_complete(stage.customer)):
                stage.rebuild()
            assert stage.run().outcome == Done()
            stage.demand_working()
            new = stage.events[events:]
            assert new.count("droplet_lost") == 1
            assert new.count("rebuild_complete") == 1
            assert len([text for text in stage.heard_from_bot if "I am your Moltbot" in text]) == 1
            if dies_at >= passed:
                break
    assert dies_at >= 30


def _rebuild_dying(stage: Stage, at: int) -> int:
    """One process that dies at that failpoint, or ends by itself; how many failpoints it passed."""
    places: list[str] = []

    def watch(place: str) -> None:
        places.append(place)
        if len(places) - 1 == at:
            raise Crash(place)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(failpoints, "watch", watch)
        try:
            stage.rebuild()
            stage.run()
        except Crash:
            pass
    return len(places)


def test_a_droplet_that_is_adopted_has_nothing_of_what_was_done_on_the_last_one(stage: Stage) -> None:
    """Also where the record is of a time when steps did not name their droplet."""
    lost = stage.lose()
    stage.set(
        setup__moltbot__dropletId=None, setup__messaging__dropletId=None, setup__handoff__dropletId=None
    )
    client, identifier = stage.cloud.client(), stage.customer.id
    tags = tags_of(identifier, generate_keypair("x").public, stage.workspace.mark())
    spec = DropletSpec(name_of(identifier), "sfo3", "s-1vcpu-2gb", "debian-12-x64", (), tags, "")
    made = client.create_droplet(spec).id
    while client.droplet(made).status != "active":
        stage.cloud.clock.sleep(1)

    adopt(stage.workspace.store(), client, EMAIL, made, host_key=None, force=False)
    between = stage.customer
    assert stage.run().outcome == Done()

    assert made != lost
    assert steps_done(between) == ("droplet",)
    assert between.setup.droplet.host_key_renewed is None
    stage.demand_working()


# What is refused


def test_a_droplet_that_exists_is_never_touched_and_the_refusal_says_what_would_be_lost(stage: Stage) -> None:
    before = stage.workspace.store().read(EMAIL).data

    with pytest.raises(InputError, match="exists, and all that the assistant knows is on it") as refusal:
        stage.rebuild(force=True)

    assert stage.droplet.name in refusal.value.summary
    assert (stage.droplet.address or "nowhere") in refusal.value.summary
    assert "delete it in the DigitalOcean control panel" in (refusal.value.hint or "")
    assert stage.workspace.store().read(EMAIL).data == before


def test_a_token_of_another_account_does_not_pass_for_a_lost_droplet(stage: Stage) -> None:
    stage.lose()
    del stage.cloud.cloud.tags[tag_of(stage.customer.id)]

    with pytest.raises(InputError, match="nothing shows that it ever was") as refusal:
        stage.rebuild()

    assert f"provisioner rebuild {EMAIL} --force" in (refusal.value.hint or "")
    assert stage.customer.setup.droplet.id
    assert stage.rebuild(force=True) is not None


def test_an_answer_that_the_lists_contradict_is_not_believed(stage: Stage) -> None:
    message = {"status": 404, "code": "not_found", "message": "not found"}
    stage.cloud.fault("status", "GET", r"droplets/\d+", count=None, params=message)

    with pytest.raises(CloudError, match="but lists it"):
        stage.rebuild()

    assert stage.customer.setup.droplet.id


def test_an_api_that_gives_no_answer_clears_nothing(stage: Stage) -> None:
    stage.lose()
    stage.cloud.fault("html", "GET", r"droplets/\d+", count=None, params={"status": 504})

    with pytest.raises(CloudError):
        stage.rebuild()

    assert stage.customer.setup.droplet.id


def test_another_droplet_of_the_customers_is_named_before_anything_is_cleared(stage: Stage) -> None:
    lost = stage.customer.setup.droplet.id
    stage.set(setup__droplet__id="4711")

    with pytest.raises(InputError, match=f"droplet {lost} .* is this customer's") as refusal:
        stage.rebuild()

    assert f"provisioner adopt {EMAIL} {lost}" in (refusal.value.hint or "")


@pytest.mark.parametrize("status", ["cancelled", "handed_over"])
def test_whoever_has_gone_gets_no_new_server(stage: Stage, status: str) -> None:
    stage.lose()
    stage.set(status=status)

    with pytest.raises(InputError, match=status):
        stage.rebuild()


def test_a_record_without_a_droplet_has_nothing_to_clear(stage: Stage) -> None:
    stage.lose()
    stage.rebuild()
    before = stage.workspace.store().read(EMAIL).data

    assert stage.rebuild() is None
    assert stage.workspace.store().read(EMAIL).data == before


def test_a_run_that_was_not_finished_on_a_lost_droplet_names_the_command(stage: Stage) -> None:
    stage.lose()
    stage.set(setup__droplet__ip=None)

    outcome = stage.run().outcome

    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, DropletGone)
    assert outcome.error.hint == f"a new server in its place: provisioner rebuild {EMAIL}"
