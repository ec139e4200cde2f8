"""What doctor says of the pool: what nobody can have, what is missing, and what nothing knows any more."""

from pathlib import Path

import pytest

from provisioner.doctor.droplets import Fleet
from provisioner.doctor.findings import Findings, Trouble
from provisioner.doctor.pool import PoolCheck
from provisioner.settings import MoltbotSettings
from tests.clouds import FastCloud
from tests.dying import killed_at
from tests.pool.sites import Site

PRICES = {"s-1vcpu-2gb": 12.0}


@pytest.fixture
def site(tmp_path: Path, cloud: FastCloud) -> Site:
    return Site.at(tmp_path / "workspace", cloud)


def examined(site: Site) -> list[Trouble]:
    found = Findings()
    droplets = {one.id: one for one in site.cloud.client().droplets_tagged("provisioner")}
    owned = [site.customer("anna@example.com").setup.droplet.id or ""] if has_anna(site) else []
    PoolCheck(site.workspace, site.settings, site.workspace.mark(), found).compare(droplets, PRICES, owned)
    return found.noted


def has_anna(site: Site) -> bool:
    return any(one.name.startswith("anna") for one in site.workspace.store().all())


def test_where_none_is_wanted_nothing_is_said(site: Site) -> None:
    site.want(0)
    assert examined(site) == []


def test_a_full_one_is_in_order(site: Site) -> None:
    site.keeper().fill()
    assert examined(site) == []


def test_what_is_missing_is_advice(site: Site) -> None:
    site.want(2)

    [found] = examined(site)

    assert (found.kind, found.problem, found.severity) == ("pool", "0 of 2 are ready", "advice")
    assert found.hint == "provisioner pool fill"


def test_one_that_is_stale_still_costs(site: Site) -> None:
    site.keeper().fill()
    [member] = site.keeper().members.all()
    site.settings = site.settings.model_copy(update={"moltbot": MoltbotSettings(version="2026.9.7")})

    stale, missing = examined(site)

    assert (stale.whom, stale.severity) == (member.name, "advice")
    assert stale.problem.endswith("it costs $12.00 a month")
    assert missing.problem == "0 of 1 are ready"


def test_one_that_was_begun_is_to_be_gone_on_with(site: Site) -> None:
    with killed_at("before a server of the pool is ready"):
        site.keeper().fill()

    begun, missing = examined(site)

    assert begun.problem.startswith("was begun, and is not ready; it costs $12.00")
    assert (begun.hint, missing.hint) == ("provisioner pool fill", "provisioner pool fill")


def test_while_somebody_fills_it_nothing_is_missing(site: Site) -> None:
    with site.keeper().members.filling("fill the pool"):
        assert examined(site) == []


def test_servers_of_a_pool_that_nobody_wants_any_more(site: Site) -> None:
    site.keeper().fill()
    site.want(0)

    [found] = examined(site)

    assert found.problem == "no pool is wanted, and its servers cost $12.00 a month"
    assert found.hint == "provisioner pool drain"


def test_one_that_nothing_knows_is_a_problem(site: Site) -> None:
    site.keeper().fill()
    [member] = site.keeper().members.all()
    site.keeper().members.forget(member.name)

    [found] = [one for one in examined(site) if one.severity == "problem"]

    assert (found.kind, found.whom) == ("droplet", member.droplet_id)
    assert "nothing knows any more" in found.problem
    assert "$12.00 a month" in found.problem


def test_one_that_a_customer_has_just_taken_is_theirs(site: Site) -> None:
    site.keeper().fill()
    site.add("anna@example.com")
    with killed_at("after a server of the pool is taken"):
        site.run("anna@example.com")

    [found] = examined(site)

    assert found.problem == "0 of 1 are ready"


def test_what_it_costs_is_the_pools(site: Site) -> None:
    site.keeper().fill()
    droplets = {one.id: one for one in site.cloud.client().droplets_tagged("provisioner")}
    fleet, found = Fleet([], [], droplets, PRICES, site.workspace.mark()), Findings()

    fleet.compare(found)

    [cost] = fleet.costs()
    assert (cost.email, cost.use, cost.monthly) == (None, "pool", 12.0)
    assert found.noted == []


def test_a_file_that_cannot_be_read_is_named(site: Site) -> None:
    site.keeper().fill()
    [path] = (site.workspace.state_dir / "pool").glob("*.json")
    path.write_text("{", "utf-8")

    [found] = examined(site)

    assert (found.kind, found.whom) == ("pool", str(path))
