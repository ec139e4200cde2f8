"""Filling and draining the pool: killed anywhere, there are as many servers as are wanted."""

from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from provisioner import failpoints
from provisioner.errors import BusyError
from provisioner.filesystem.locks import holder_of
from provisioner.pool.droplet import pool_tag
from provisioner.pool.listing import look
from provisioner.pool.state import FRESH_DAYS
from provisioner.settings import MoltbotSettings
from provisioner.timestamps import moment, present
from tests.clouds import CloudServer, FastCloud
from tests.dying import killed_at
from tests.pool.sites import Site


@pytest.fixture
def site(tmp_path: Path, cloud: FastCloud) -> Site:
    return Site.at(tmp_path / "workspace", cloud)


def states(site: Site) -> list[str]:
    return [one.state for one in look(site.workspace, site.settings, site.cloud.client()).servers]


def test_what_is_missing_is_made_and_runs_a_gateway_that_knows_nobody(site: Site) -> None:
    site.want(2)

    filled = site.keeper().fill()

    assert {one.name for one in filled.made} == {one.name for one in site.keeper().members.all()}
    assert states(site) == ["ready", "ready"]
    ours = {f"workspace:{site.workspace.mark()}", "provisioner"}
    for droplet in site.cloud.droplets:
        assert {pool_tag(droplet.name), *ours} < set(droplet.tags)
    assert [name for _, name in site.servers.done] == ["server", "openclaw", "moltbot"] * 2
    for playbook, variables in site.servers.given:
        if playbook == "moltbot":
            assert variables["nobody"] is True
            assert variables["customer_name"] == ""


def test_all_are_asked_for_before_the_first_is_waited_for(site: Site) -> None:
    site.want(3)
    with killed_at("before a server of the pool is ready"):
        site.keeper().fill()

    assert len(site.cloud.droplets) == 3


def test_a_full_pool_is_left_as_it_is(site: Site) -> None:
    site.keeper().fill()
    posts = site.cloud.requests("POST")

    again = site.keeper().fill()

    assert (again.made, again.destroyed, again.failed) == ([], [], [])
    assert site.cloud.requests("POST") == posts


def test_each_region_has_its_own(site: Site) -> None:
    pool = site.settings.pool.model_copy(update={"regions": ("fra1", "nyc3")})
    site.settings = site.settings.model_copy(update={"pool": pool})

    site.keeper().fill()

    assert sorted(one.region.slug for one in site.cloud.droplets) == ["fra1", "nyc3"]


def test_one_of_other_playbooks_or_versions_is_replaced(site: Site) -> None:
    site.keeper().fill()
    [before] = site.cloud.droplets
    newer = MoltbotSettings(version="2026.9.7")
    site.settings = site.settings.model_copy(update={"moltbot": newer})
    assert states(site) == ["stale"]

    filled = site.keeper().fill()

    [after] = site.cloud.droplets
    assert after.id != before.id
    assert [one.leaving for one in filled.destroyed] == ["playbooks, versions or settings have changed since"]
    assert states(site) == ["ready"]


def test_one_that_is_too_old_is_replaced(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.keeper().fill()
    [member] = site.keeper().members.all()
    begun = moment(member.begun_at)
    assert begun is not None
    for place in ("fill", "listing"):
        monkeypatch.setattr(f"provisioner.pool.{place}.present", lambda: begun + timedelta(days=FRESH_DAYS))
    assert states(site) == ["old"]

    filled = site.keeper().fill()

    assert [one.name for one in filled.destroyed] == [member.name]
    assert len(site.cloud.droplets) == 1
    assert present() < begun + timedelta(days=FRESH_DAYS)


def test_one_whose_gateway_is_not_ready_is_replaced(site: Site) -> None:
    site.keeper().fill()
    [member] = site.keeper().members.all()
    assert member.host_key
    site.servers.ill.add(member.host_key)

    filled = site.keeper().fill()

    assert [one.name for one in filled.destroyed] == [member.name]
    assert states(site) == ["ready"]


@pytest.mark.parametrize("ends", ["whole", "killed"])
def test_one_that_somebody_takes_meanwhile_is_not_destroyed(site: Site, ends: str) -> None:
    """As its gateway is not ready; the one who takes it may be killed just then."""
    site.keeper().fill()
    [member] = site.keeper().members.all()
    assert member.host_key
    site.servers.ill.add(member.host_key)
    email = site.add("anna@example.com")

    def take() -> None:
        if ends == "whole":
            site.run(email)
            return
        with killed_at("after a server of the pool is taken"):
            site.run(email)

    site.servers.meanwhile = take
    filled = site.keeper().fill()

    assert filled.destroyed == []
    site.servers.meanwhile = lambda: None
    site.run(email)
    site.demand_theirs(email)
    assert site.customer(email).setup.droplet.id == member.droplet_id


def test_one_that_does_not_answer_is_left_alone(site: Site) -> None:
    """The network may be at fault."""
    site.keeper().fill()
    [member] = site.keeper().members.all()
    assert member.host_key
    site.servers.silent.add(member.host_key)

    filled = site.keeper().fill()

    assert [name for name, _ in filled.failed] == [member.name]
    assert (filled.made, filled.destroyed) == ([], [])
    assert [str(one.id) for one in site.cloud.droplets] == [member.droplet_id]


def test_one_that_is_gone_from_the_account_is_replaced(site: Site) -> None:
    site.keeper().fill()
    site.cloud.client().delete_droplet(str(site.cloud.droplets[0].id))
    assert states(site) == ["gone"]

    site.keeper().fill()

    assert states(site) == ["ready"]
    site.demand_nothing_forgotten()


def test_one_that_fails_is_gone_on_with(site: Site) -> None:
    site.servers.failing = {"openclaw"}
    filled = site.keeper().fill()
    assert len(filled.failed) == 1
    assert states(site) == ["unfinished"]
    site.servers.failing.clear()

    site.keeper().fill()

    assert states(site) == ["ready"]
    assert len(site.cloud.droplets) == 1


def test_killed_anywhere_it_is_filled_and_drained_by_the_same_command(
    tmp_path: Path, clouds: CloudServer
) -> None:
    """At each failpoint of filling, of replacing and of draining."""
    newer = MoltbotSettings(version="2026.9.7")
    for at in count():
        with clouds.cloud() as cloud:
            site = Site.at(tmp_path / f"{at}", cloud, settle_seconds=1)
            with killed_at(at) as places:
                site.keeper().fill()
                site.settings = site.settings.model_copy(update={"moltbot": newer})
                site.keeper().fill()
                site.keeper().drain()
            site.settings = site.settings.model_copy(update={"moltbot": newer})
            site.keeper().fill()
            assert states(site) == ["ready"], places[-1]
            assert len(cloud.droplets) == 1, places[-1]
            site.demand_nothing_forgotten()
            site.keeper().drain()
            assert (cloud.droplets, site.keeper().members.all()) == ([], [])
        if len(places) <= at:
            break
    assert at > 60


def test_the_newest_may_be_kept(site: Site) -> None:
    site.want(3)
    made = site.keeper().fill().made

    drained = site.keeper().drain(keep=1)

    [left] = site.keeper().members.all()
    assert left.name in {one.name for one in made}
    assert len(drained.destroyed) == 2
    assert [one.name for one in site.cloud.droplets] == [left.name]


def test_nothing_but_the_pools_is_destroyed(site: Site) -> None:
    """Id, name and tags have to say that it is the pool's."""
    site.keeper().fill()
    [droplet] = site.cloud.droplets
    droplet.tags.clear()

    drained = site.keeper().drain()

    [(_, error)] = drained.failed
    assert "by its name and its tags" in str(error.cause)
    assert site.cloud.droplets == [droplet]


def test_a_second_process_is_told_who_is_at_work(site: Site) -> None:
    keeper = site.keeper()
    with keeper.members.filling("fill the pool"):
        with pytest.raises(BusyError, match="process"):
            site.keeper().fill()
        with pytest.raises(BusyError, match="process"):
            site.keeper().drain()
    assert site.cloud.droplets == []


def test_one_that_is_not_known_everywhere_yet_is_not_forgotten(site: Site) -> None:
    """What has never been seen is looked for, for a whole window, before it counts as gone."""
    site.cloud.fault("status", "GET", r"/droplets/\d+", count=None, params={"status": 401})
    site.keeper().fill()
    site.cloud.book.clear()
    assert len(site.cloud.droplets) == 1
    site.cloud.fault("status", "GET", r"/droplets/\d+", params={"status": 404, "code": "not_found"})

    site.keeper().drain()

    assert site.cloud.droplets == []
    site.demand_nothing_forgotten()


def test_nobody_can_take_one_while_it_is_decided_that_it_leaves(site: Site) -> None:
    site.keeper().fill()
    held = []

    def watch(place: str) -> None:
        if place == "before rename":
            held.append(holder_of(site.workspace.state_dir / "pool" / "choosing.lock") is not None)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(failpoints, "watch", watch)
        site.keeper().drain()

    assert held == [True]
