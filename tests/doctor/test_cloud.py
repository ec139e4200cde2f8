"""`doctor` and `adopt` against the sandbox's cloud."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.customers.record import Customer
from provisioner.doctor.examination import Doctor
from provisioner.doctor.findings import Diagnosis
from provisioner.droplets.identity import FLEET_TAG, name_of, same_key, tag_of, tags_of
from provisioner.errors import HostKeyError, InputError
from provisioner.health.report import ServerReport
from provisioner.sandbox.cloud.catalog import size_named
from provisioner.sandbox.cloud.state import Droplet, Firewall
from provisioner.sandbox.model.app import Model, model_app
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.services.digitalocean.models import DropletInfo, DropletSpec
from provisioner.ssh.keys import generate_keypair
from provisioner.steps.droplet.adoption import adopt, others
from provisioner.timestamps import present, written
from provisioner.workspace import Workspace, init_workspace
from tests.clouds import CloudServer, FastCloud, settings_for
from tests.doctor.hints import check_hint
from tests.health.test_judge import WELL
from tests.serving import serving

EMAIL = "ada@example.com"
OTHER = "bob@example.com"


@pytest.fixture(scope="module")
def model_root() -> Iterator[str]:
    with serving(model_app(Model())) as root:
        yield root


@dataclass
class Stage:
    workspace: Workspace
    model_root: str
    fast: FastCloud
    cloud: DigitalOcean
    wrong_keys: set[str] = field(default_factory=set)
    reports: dict[str, ServerReport | None] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    def customer(self, email: str = EMAIL) -> Customer:
        return self.workspace.store().read(email).customer

    def set(self, email: str = EMAIL, **fields: object) -> None:
        with self.workspace.store().edit(email) as record:
            for path, value in fields.items():
                record.set(path.replace("__", "."), value)

    def droplet(self, info: DropletInfo) -> Droplet:
        """As the cloud itself has it."""
        return self.fast.cloud.droplets[int(info.id)]

    def create(self, email: str = EMAIL, *, tags: tuple[str, ...] | None = None) -> DropletInfo:
        """A droplet as the first step would ask for it."""
        identifier = self.customer(email).id
        tags = (
            tags_of(identifier, generate_keypair("h").public, self.workspace.mark()) if tags is None else tags
        )
        spec = DropletSpec(name_of(identifier), "sfo3", "s-1vcpu-2gb", "debian-12-x64", (), tags, "")
        return self._active(self.cloud.create_droplet(spec).id)

    def provisioned(self, email: str = EMAIL) -> DropletInfo:
        droplet = self.create(email)
        self.cloud.ensure_firewall(FLEET_TAG)
        adopt(self.workspace.store(), self.cloud, email, droplet.id, host_key=None, force=False)
        self.set(email, setup__moltbot__installed=True, setup__moltbot__version=WELL.running)
        self.set(email, setup__messaging__connected=True, setup__handoff__completed=True)
        self.set(email, status="active", setup__status="complete")
        return droplet

    def ours(self) -> Firewall:
        (firewall,) = self.fast.cloud.firewalls.values()
        return firewall

    def let_in(self, protocol: str, ports: str) -> None:
        sources = {"addresses": ["0.0.0.0/0"]}
        self.ours().inbound_rules.append({"protocol": protocol, "ports": ports, "sources": sources})

    def add_firewall(self, name: str, droplets: list[int], protocol: str, ports: str) -> None:
        rule = {"protocol": protocol, "ports": ports, "sources": {"addresses": ["0.0.0.0/0"]}}
        self.fast.cloud.firewalls[name] = replace(
            self.ours(), id=name, name=name, inbound_rules=[rule], droplet_ids=droplets, tags=[]
        )

    def mark(self, mark: str) -> None:
        (self.workspace.customers_dir / ".workspace-id").write_text(f"{mark}\n")

    def examine(self) -> Diagnosis:
        key = self.workspace.ssh_dir / "id_ed25519"
        model = {"anthropic_key": "sk-ant-12345678", "anthropic_base_url": self.model_root}
        settings = settings_for(self.fast, ssh={"key": key}, **model, **self.settings)
        return Doctor(self.workspace, settings, self.cloud, self._visit).examine()

    def troubles(self) -> list[tuple[str, str]]:
        return [(trouble.kind, trouble.problem) for trouble in self.examine().troubles]

    def _visit(self, customer: Customer) -> ServerReport | None:
        if customer.email in self.wrong_keys:
            raise HostKeyError("connect", whom=customer.email, cause="it showed another host key")
        return self.reports.get(customer.email, WELL)

    def _active(self, droplet_id: str) -> DropletInfo:
        while (droplet := self.cloud.droplet(droplet_id)).status != "active":
            self.fast.clock.sleep(1)
        return droplet


@pytest.fixture
def stage(clouds: CloudServer, model_root: str, tmp_path: Path) -> Iterator[Stage]:
    workspace, _ = init_workspace(tmp_path / "workspace")
    for email in (EMAIL, OTHER):
        workspace.store().add(new_record(SignUp(email, "sub")))
    with clouds.cloud() as fast:
        yield Stage(workspace, model_root, fast, fast.client())


def test_nothing_is_wrong_and_each_droplet_has_its_price(stage: Stage) -> None:
    stage.provisioned()
    stage.provisioned(OTHER)

    diagnosis = stage.examine()

    assert diagnosis.troubles == ()
    assert sorted((cost.email, cost.monthly) for cost in diagnosis.costs) == [(EMAIL, 12.0), (OTHER, 12.0)]
    assert diagnosis.monthly == 24
    assert diagnosis.looked == (
        "settings",
        "records",
        "account",
        "what can be created",
        "droplets",
        "images",
        "firewalls",
        "servers",
        "model key",
    )


Harm = Callable[[Stage, DropletInfo], object]
HARMS: dict[str, tuple[Harm, str, str]] = {
    "gone": (lambda s, d: s.cloud.delete_droplet(d.id), "droplet", "is gone"),
    "moved": (lambda s, _d: s.set(setup__droplet__ip="192.0.2.1"), "droplet", "the record has 192.0.2.1"),
    "twice": (lambda s, _d: s.create(), "droplet", "has several droplets"),
    "unknown": (lambda s, _d: s.create(tags=(FLEET_TAG,)), "droplet", "no record has this droplet"),
    "untagged": (lambda s, d: s.droplet(d).tags.clear(), "droplet", "lacks the tag"),
    "off": (lambda s, d: setattr(s.droplet(d), "status", "off"), "droplet", "is off, and costs the same"),
    "resized": (
        lambda s, d: setattr(s.droplet(d), "size", size_named("s-2vcpu-4gb")),
        "droplet",
        "the size of droplet",
    ),
    "moved away": (
        lambda s, _d: s.set(setup__droplet__region="ams3"),
        "droplet",
        "is sfo3, the record has ams3",
    ),
    "stopped": (
        lambda s, _d: s.reports.update({EMAIL: replace(WELL, active=False, live=False, state="failed")}),
        "server",
        "the gateway is stopped (failed)",
    ),
    "set up before": (
        lambda s, _d: s.reports.update({EMAIL: None}),
        "server",
        "cannot say how its assistant",
    ),
    "archived": (lambda s, _d: s.workspace.store().archive(EMAIL), "droplet", "is archived, and droplet"),
    "other key": (
        lambda s, _d: s.set(setup__droplet__hostKey=generate_keypair("x").public),
        "droplet",
        "another host key",
    ),
    "shows other key": (lambda s, _d: s.wrong_keys.add(EMAIL), "server", "the host key changed"),
    "cancelled": (lambda s, _d: s.set(status="cancelled"), "droplet", "still costs $12.00 a month"),
    "open": (lambda s, _d: s.fast.cloud.firewalls.clear(), "firewall", "no firewall of ours covers"),
    "widened": (lambda s, _d: s.let_in("tcp", "1-65535"), "firewall", "lets in more than SSH: tcp 1-65535"),
    "another firewall": (
        lambda s, d: s.add_firewall("web", [int(d.id)], "tcp", "443"),
        "firewall",
        "the firewall web, which is not ours, lets in tcp 443",
    ),
    "closed": (lambda s, _d: s.ours().inbound_rules.clear(), "firewall", "does not let in SSH (port 22)"),
    "full with somebody coming": (
        lambda s, _d: setattr(s.fast.cloud.options, "droplet_limit", 1),
        "limit",
        "the account has 1 droplets, and may have 1",
    ),
    "region sold out": (
        lambda s, _d: setattr(s.fast.cloud.options, "sold_out", ("sfo3",)),
        "region",
        "the region sfo3 takes no new droplets now",
    ),
    "a wish that there is not": (
        lambda s, _d: s.set(OTHER, setup__droplet__size="s-1vcpu-2bg"),
        "size",
        "DigitalOcean has no size s-1vcpu-2bg",
    ),
    "odd mark": (lambda s, _d: s.mark("../x"), "settings", "it is none"),
    "interrupted": (
        lambda s, _d: s.set(OTHER, status="in_progress", setup__status="in_progress"),
        "run",
        "nobody is at it",
    ),
    "email": (
        lambda s, _d: s.set(OTHER, setup__emails=[{"reason": "contact", "begunAt": "2026-11-25T10:00:00Z"}]),
        "mail",
        "the e-mail “contact” may not have gone out",
    ),
    "locked": (lambda s, _d: setattr(s.fast.cloud.options, "account_status", "locked"), "account", "locked"),
    "revoked": (lambda s, _d: setattr(s.fast.cloud.options, "token", "revoked"), "token", "authenticate"),
}


@pytest.mark.parametrize("name", sorted(HARMS))
def test_each_harm_is_found_with_what_to_do(stage: Stage, name: str) -> None:
    harm, kind, words = HARMS[name]
    harm(stage, stage.provisioned())

    found = stage.examine().troubles

    matching = [trouble for trouble in found if trouble.kind == kind and words in trouble.problem]
    assert matching, found
    assert all(trouble.hint for trouble in found)
    for trouble in found:
        check_hint(trouble.hint)


def test_an_archived_customers_droplet_is_theirs_and_costs_money(stage: Stage) -> None:
    droplet = stage.provisioned()
    stage.workspace.store().archive(EMAIL)

    diagnosis = stage.examine()

    (trouble,) = diagnosis.troubles
    assert (trouble.whom, trouble.problem) == (
        EMAIL,
        f"is archived, and droplet {droplet.id} still costs $12.00 a month",
    )
    assert check_hint(trouble.hint) == [["cancel", EMAIL, "--now"], ["restore", EMAIL]]
    assert [cost.email for cost in diagnosis.costs] == [EMAIL]


@pytest.mark.parametrize(("days", "severity"), [(-1, "problem"), (5, "advice")])
def test_a_droplet_in_its_grace_is_no_trouble_until_that_is_over(
    stage: Stage, days: int, severity: str
) -> None:
    droplet = stage.provisioned()
    ends = written(present() + timedelta(days=days))
    leaving = {"requestedAt": ends, "stopAt": ends, "graceDays": 14, "stoppedAt": ends, "destroyAt": ends}
    with stage.workspace.store().edit(EMAIL) as record:
        record.update({"status": "cancelled", "leaving": {**leaving, "withoutBackup": True}})

    [found] = [one for one in stage.examine().findings if one.kind == "droplet"]

    assert found.severity == severity
    assert f"droplet {droplet.id}" in found.problem
    assert "$12.00 a month" in found.problem
    assert (ends[:10] in found.problem) == (days > 0)
    assert check_hint(found.hint)[0] == ["cancel", EMAIL]


def test_backups_of_digitalocean_are_named_with_what_they_cost(stage: Stage) -> None:
    droplet, other = stage.provisioned(), stage.provisioned(OTHER)
    for one in (droplet, stage.create(tags=(FLEET_TAG, "workspace:w3f9a1c2"))):
        stage.droplet(one).features.append("backups")

    diagnosis = stage.examine()

    [found] = [one for one in diagnosis.advice if "backs droplet" in one.problem]
    assert (found.whom, found.severity) == (EMAIL, "advice")
    assert found.problem == (
        f"DigitalOcean backs droplet {droplet.id} up itself, which costs $2.40 (weekly) or $3.60 (daily) a "
        "month more"
    )
    assert other.id not in str(diagnosis.advice)


def test_a_snapshot_of_somebody_who_has_left_is_named_with_what_it_costs(stage: Stage) -> None:
    droplet, other = stage.provisioned(), stage.provisioned(OTHER)
    for info, email in ((droplet, EMAIL), (other, OTHER)):
        stage.cloud.take_snapshot(info.id, f"of {email}")
        while len(stage.droplet(info).snapshot_ids) == 0:
            stage.fast.clock.sleep(1)
        snapshot = str(stage.droplet(info).snapshot_ids[0])
        stage.cloud.tag_snapshot(snapshot, tag_of(stage.customer(email).id))
    [theirs, _] = stage.cloud.snapshots()
    stage.cloud.delete_droplet(droplet.id)
    stage.set(status="cancelled", setup__droplet__id=None)
    stage.workspace.store().archive(EMAIL)

    [trouble] = [one for one in stage.examine().troubles if one.kind == "droplet"]

    problem = f"has left, and snapshot {theirs.id} (of {EMAIL}) still costs $0.15 a month"
    assert (trouble.whom, trouble.problem) == (EMAIL, problem)
    check_hint(trouble.hint)
    stage.settings["cancel"] = {"keep_snapshots": True}
    assert "snapshot" not in str(stage.examine().troubles)


def test_a_droplet_of_another_workspace_is_left_alone_whatever_it_says(stage: Stage) -> None:
    stage.provisioned()
    stage.mark("w00000001")
    # A copy of a workspace has the same customers, and their tags.
    for tags in ((FLEET_TAG,), (FLEET_TAG, tag_of(stage.customer().id))):
        stage.create(tags=(*tags, "workspace:w3f9a1c2"))

    diagnosis = stage.examine()

    assert diagnosis.troubles == ()
    (advice,) = [one for one in diagnosis.advice if one.kind == "droplet"]
    assert (advice.whom, advice.severity) == ("workspace w3f9a1c2", "advice")
    assert "2 droplets on this account are of another workspace" in advice.problem
    assert "delete" not in advice.hint
    assert sorted(cost.workspace or "ours" for cost in diagnosis.costs) == ["ours", "w3f9a1c2", "w3f9a1c2"]
    assert diagnosis.monthly == 12


@pytest.mark.parametrize(
    ("tags", "says", "advises_deletion"),
    [((), "it does not say which workspace made it", False), (("workspace:w00000001",), "", True)],
)
def test_only_a_droplet_with_this_workspaces_mark_may_be_deleted(
    stage: Stage, tags: tuple[str, ...], says: str, advises_deletion: bool
) -> None:
    stage.mark("w00000001")
    droplet = stage.create(tags=(FLEET_TAG, *tags))

    (trouble,) = [one for one in stage.examine().troubles if one.kind == "droplet"]

    assert trouble.whom == droplet.id
    assert says in trouble.problem
    assert ("delete" in trouble.hint) is advises_deletion
    assert check_hint(trouble.hint) == [["adopt", "EMAIL", droplet.id]]


def test_a_server_that_is_off_or_gone_is_not_asked(stage: Stage) -> None:
    droplet = stage.provisioned()
    stage.wrong_keys.add(EMAIL)
    stage.droplet(droplet).status = "off"

    assert [kind for kind, _ in stage.troubles()] == ["droplet"]


def test_an_archived_customers_droplet_may_be_gone(stage: Stage) -> None:
    droplet = stage.provisioned()
    stage.workspace.store().archive(EMAIL)
    stage.cloud.delete_droplet(droplet.id)

    assert stage.troubles() == []


def test_a_full_account_is_no_trouble_while_nobody_comes(stage: Stage) -> None:
    stage.provisioned()
    stage.provisioned(OTHER)
    stage.fast.cloud.options.droplet_limit = 2

    diagnosis = stage.examine()

    assert diagnosis.troubles == ()
    assert ("limit", "advice") in [(one.kind, one.severity) for one in diagnosis.advice]


def test_adopting_one_of_two_writes_it_and_names_the_other(stage: Stage) -> None:
    first, second = stage.create(), stage.create()
    store = stage.workspace.store()

    adopt(store, stage.cloud, EMAIL, second.id, host_key=None, force=False)

    droplet = stage.customer().setup.droplet
    assert (droplet.id, droplet.ip) == (second.id, second.public_ipv4)
    assert droplet.host_key
    assert stage.customer().timeline[-1].event == "droplet_adopted"
    assert others(stage.cloud, stage.customer().id, second.id) == [first.id]


def test_what_speaks_against_it_needs_force_and_the_host_key_is_never_guessed(stage: Stage) -> None:
    store, stranger = stage.workspace.store(), stage.create(tags=(FLEET_TAG,))
    key = generate_keypair("told").public

    with pytest.raises(InputError, match="host key"):
        adopt(store, stage.cloud, EMAIL, stranger.id, host_key=None, force=True)
    with pytest.raises(InputError, match="lacks the tag"):
        adopt(store, stage.cloud, EMAIL, stranger.id, host_key=key, force=False)
    assert stage.customer().setup.droplet.id is None

    adopt(store, stage.cloud, EMAIL, stranger.id, host_key=key, force=True)
    assert same_key(stage.customer().setup.droplet.host_key, key)


def test_a_droplet_that_another_record_has_is_refused_whatever_is_said(stage: Stage) -> None:
    droplet = stage.provisioned()

    with pytest.raises(InputError, match=EMAIL):
        adopt(stage.workspace.store(), stage.cloud, OTHER, droplet.id, host_key=None, force=True)
