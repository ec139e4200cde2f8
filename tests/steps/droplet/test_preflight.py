"""What the cloud says against a droplet is known before anything is spent or anybody written to."""

from pathlib import Path
from typing import Any

import pytest

from provisioner.customers.new import SignUp
from provisioner.customers.new import new_record as signed_up
from provisioner.errors import InputError
from provisioner.runs.planning import plan
from provisioner.runs.runner import Runner
from provisioner.services.digitalocean.errors import NoAnswer, NotTheApi
from provisioner.settings import PlanSettings, Settings
from provisioner.ssh.keys import generate_keypair
from provisioner.step import Done, Failed, Work
from provisioner.steps.droplet.preflight import Problem, preflight
from provisioner.steps.droplet.step import CreateDroplet
from provisioner.steps.droplet.wish import Wish, planned_wishes, wish_of
from provisioner.workspace import Workspace, init_workspace
from tests.clouds import FastCloud, settings_for
from tests.runs.test_runner import EarlyFake
from tests.steps.support import new_record, workflow

EMAIL = "customer@example.com"
PLAIN = Wish(EMAIL, "sfo3", "s-1vcpu-2gb", "debian-12-x64")
KEY = generate_keypair("operator").public
FORBIDDEN = {
    "status": 403,
    "code": "forbidden",
    "message": "You are not authorized to perform this operation",
}


def only(cloud: FastCloud, **wish: Any) -> Problem:
    [problem] = preflight(cloud.client(), [Wish(**{**vars(PLAIN), **wish})], KEY)
    return problem


def test_nothing_is_in_the_way_of_a_plain_droplet_and_little_is_asked(cloud: FastCloud) -> None:
    client = cloud.client()

    assert preflight(client, [PLAIN], KEY) == []

    asked = cloud.requests()
    assert asked == 7
    assert cloud.requests("POST") == 0
    assert preflight(client, [PLAIN] * 50, KEY) == []
    assert cloud.requests() == asked


def test_a_region_may_be_the_beginning_of_several(cloud: FastCloud) -> None:
    assert preflight(cloud.client(), [Wish(EMAIL, "sfo", PLAIN.size, PLAIN.image)]) == []


@pytest.mark.parametrize(
    ("wish", "kind", "what", "hint"),
    [
        ({"region": "sfo9"}, "region", "has no region sfo9", 'region = "sfo'),
        ({"region": "atl1"}, "region", "has no region atl1", "under [droplet] in provisioner.toml"),
        ({"size": "s-1vcpu-2g"}, "size", "has no size s-1vcpu-2g", 'size = "s-1vcpu-2gb"'),
        ({"image": "debian-12"}, "image", "has no image debian-12", 'image = "debian-12-x64"'),
        (
            {"size": "s-1vcpu-512mb-10gb", "region": "blr1"},
            "size",
            "cannot be had in blr1 now (it can be had in ",
            'size = "s-1vcpu-2gb"',
        ),
    ],
)
def test_a_wrong_word_is_named_with_the_nearest_right_one(
    cloud: FastCloud, wish: dict[str, str], kind: str, what: str, hint: str
) -> None:
    problem = only(cloud, **wish)

    assert problem.kind == kind
    assert what in problem.what
    assert hint in problem.hint


def test_what_the_record_wishes_is_changed_in_the_record(cloud: FastCloud) -> None:
    record = new_record(setup={"status": "pending", "droplet": {"size": "s-1vcpu-3gb"}})
    wish = wish_of(record.customer, Settings())

    [problem] = preflight(cloud.client(), [wish])

    assert (wish.size, wish.region) == ("s-1vcpu-3gb", "sfo3")
    assert f"provisioner update {EMAIL} setup.droplet.size s-1vcpu-" in problem.hint


def test_what_a_plan_wishes_is_changed_in_the_plan(cloud: FastCloud) -> None:
    record = new_record(subscription={"stripePriceId": "price_big"})
    settings = Settings(plans={"price_big": PlanSettings(size="s-1vcpu-3gb")})

    [problem] = preflight(cloud.client(), [wish_of(record.customer, settings)])

    assert problem.what == "DigitalOcean has no size s-1vcpu-3gb"
    assert '" under [plans."price_big"] in provisioner.toml' in problem.hint
    assert preflight(cloud.client(), list(planned_wishes(settings))) == [problem]


def test_an_image_that_does_not_fit_on_the_disk_is_named(cloud: FastCloud, monkeypatch: Any) -> None:
    from provisioner.sandbox.cloud import catalog, images

    large = [catalog.Image(1, "x", "Debian", "debian-12-x64", 30, "2026-01-01T00:00:00Z", ("sfo3",))]
    monkeypatch.setattr(images, "IMAGES", tuple(large))

    problem = only(cloud, size="s-1vcpu-1gb")

    assert problem.what == "the image debian-12-x64 needs 30 GB of disk, and s-1vcpu-1gb has 25"
    assert "s-1vcpu-2gb" in problem.hint


@pytest.mark.parametrize(
    ("options", "kind", "what"),
    [
        ({"token": "revoked"}, "token", "DIGITALOCEAN_ACCESS_TOKEN"),
        ({"account_status": "locked"}, "account", "Your account is locked."),
        ({"droplet_limit": 0}, "limit", "has 0 droplets, and may have 0"),
        ({"sold_out": ("sfo3",)}, "region", "takes no new droplets now"),
        ({"sold_out": ("s-1vcpu-2gb",)}, "size", "cannot be had in sfo3 now"),
    ],
)
def test_what_the_account_may_not_is_named(
    cloud: FastCloud, options: dict[str, object], kind: str, what: str
) -> None:
    for option, value in options.items():
        setattr(cloud.cloud.options, option, value)

    found = preflight(cloud.client(), [PLAIN], KEY)

    assert [problem.kind for problem in found][:1] == [kind]
    assert what in found[0].what


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/account/?(\\?|$)", "account:read"),
        ("/droplets", "droplet:read"),
        ("/regions", "regions:read"),
        ("/sizes", "sizes:read"),
        ("/images/", "image:read"),
        ("/account/keys", "ssh_key:read"),
        ("/firewalls", "firewall:read"),
    ],
)
def test_a_scope_that_is_missing_is_named(cloud: FastCloud, path: str, scope: str) -> None:
    cloud.fault("status", "GET", path, count=None, params=FORBIDDEN)

    problem = only(cloud)

    assert problem.kind == "token"
    assert scope in problem.hint


# In a plan and in a run


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace, _ = init_workspace(tmp_path / "workspace")
    workspace.store().add(signed_up(SignUp(EMAIL, "sub_1")))
    return workspace


def settings_in(workspace: Workspace, cloud: FastCloud, **droplet: Any) -> Settings:
    return settings_for(cloud, ssh={"key": workspace.ssh_dir / "id_ed25519"}, droplet=droplet)


def never(work: Work) -> None:
    pytest.fail("somebody was written to")


def test_a_run_is_refused_before_anybody_is_written_to(cloud: FastCloud, workspace: Workspace) -> None:
    settings = settings_in(workspace, cloud, region="sfo9")
    before = workspace.store().read(EMAIL).data
    runner = Runner(
        workspace,
        settings,
        lambda _: None,
        services=cloud.services(settings),
        workflow=workflow(CreateDroplet(), EarlyFake("late", early=[never])),
        clock=cloud.clock,
    )

    with pytest.raises(InputError) as refusal:
        runner.run(EMAIL)

    assert "DigitalOcean has no region sfo9" in (refusal.value.hint or "")
    assert workspace.store().read(EMAIL).data == before
    assert cloud.requests("POST") == 0


def test_a_plan_says_it_too(cloud: FastCloud, workspace: Workspace) -> None:
    cloud.cloud.options.token = "revoked"

    made = plan(
        workspace, settings_in(workspace, cloud), EMAIL, lambda _: None, workflow=workflow(CreateDroplet())
    )

    assert made.missing
    assert made.steps[0].planned == ()
    assert "DIGITALOCEAN_ACCESS_TOKEN" in made.steps[0].missing[0]


def test_a_plan_that_cannot_ask_is_no_plan(cloud: FastCloud, workspace: Workspace) -> None:
    cloud.fault("html", "GET", count=None, params={"status": 504})

    with pytest.raises(NoAnswer):
        plan(
            workspace,
            settings_in(workspace, cloud),
            EMAIL,
            lambda _: None,
            workflow=workflow(CreateDroplet()),
            services=cloud.services(settings_in(workspace, cloud)),
        )


def test_an_api_that_is_down_stops_nobody_who_needs_no_droplet(
    cloud: FastCloud, workspace: Workspace
) -> None:
    settings = settings_in(workspace, cloud)
    with workspace.store().edit(EMAIL) as record:
        record.set("setup.droplet.id", "7")
        record.set("setup.droplet.ip", "192.0.2.7")
        record.set("setup.droplet.hostKey", "ssh-ed25519 A")
    cloud.fault("html", count=None, params={"status": 504})
    late = EarlyFake("late", early=[lambda _: None])

    runner = Runner(
        workspace,
        settings,
        lambda _: None,
        services=cloud.services(settings),
        workflow=workflow(CreateDroplet(), late),
        clock=cloud.clock,
    )

    assert runner.run(EMAIL).outcome == Done()
    assert cloud.requests() == 0


def test_a_gateways_page_stops_a_run_with_what_it_is(cloud: FastCloud, workspace: Workspace) -> None:
    cloud.fault("html", count=None, params={"status": 403})
    settings = settings_in(workspace, cloud)
    runner = Runner(
        workspace,
        settings,
        lambda _: None,
        services=cloud.services(settings),
        workflow=workflow(CreateDroplet()),
    )

    with pytest.raises(NotTheApi) as refusal:
        runner.run(EMAIL)

    assert "network" in (refusal.value.hint or "")
    assert "token" not in (refusal.value.hint or "")


def test_an_api_that_is_down_for_a_while_ends_a_new_customers_run_in_its_step(
    cloud: FastCloud, workspace: Workspace
) -> None:
    cloud.fault("html", count=None, params={"status": 504})
    settings = settings_in(workspace, cloud)
    runner = Runner(
        workspace,
        settings,
        lambda _: None,
        services=cloud.services(settings),
        workflow=workflow(CreateDroplet()),
        clock=cloud.clock,
    )

    outcome = runner.run(EMAIL).outcome

    assert isinstance(outcome, Failed)
    assert outcome.error.retry
