"""Taking a server of the pool: one customer each, whoever is killed, whoever comes at the same moment."""

import shutil
import threading
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioner.settings import MoltbotSettings
from tests.clouds import CloudServer, FastCloud
from tests.dying import killed_at
from tests.pool.sites import Site
from tests.steps.droplets import installed_host_key

ANNA, BEN, CORA = "anna@example.com", "ben@example.com", "cora@example.com"


@pytest.fixture
def site(tmp_path: Path, cloud: FastCloud) -> Site:
    return Site.at(tmp_path / "workspace", cloud)


def test_a_server_that_is_ready_is_taken_and_made_theirs(site: Site) -> None:
    site.keeper().fill()
    [droplet] = site.cloud.droplets
    member = droplet.name
    site.add(ANNA)

    site.run(ANNA)

    assert site.cloud.droplets == [droplet]
    site.demand_theirs(ANNA)
    recorded = site.customer(ANNA).setup.droplet
    assert recorded.pool == member
    assert recorded.host_key is not None
    assert recorded.host_key.split()[:2] == installed_host_key(droplet).split()[:2]
    assert recorded.host_key_renewed is None
    assert site.keeper().members.all() == []
    events = [event.event for event in site.customer(ANNA).timeline]
    assert events == ["subscription_created", "droplet_claimed", "droplet_active"]


def test_an_empty_pool_means_a_new_droplet_and_a_line_that_says_so(site: Site) -> None:
    site.add(ANNA)

    site.run(ANNA)

    site.demand_theirs(ANNA)
    assert any("the pool has no server ready" in said for said in site.said)
    assert "droplet_created" in [event.event for event in site.customer(ANNA).timeline]


def test_where_no_pool_is_wanted_none_is_looked_for(site: Site) -> None:
    site.keeper().fill()
    site.said.clear()
    site.want(0)
    site.add(ANNA)

    site.run(ANNA)

    assert len(site.cloud.droplets) == 2
    assert not any("pool" in said for said in site.said)


@pytest.mark.parametrize("field", [{"region": "fra1"}, {"size": "s-2vcpu-4gb"}])
def test_one_of_another_kind_is_not_taken(site: Site, field: dict[str, str]) -> None:
    site.keeper().fill()
    site.add(ANNA)
    with site.workspace.store().edit(ANNA) as record:
        record.update({f"setup.droplet.{name}": value for name, value in field.items()})

    site.run(ANNA)

    assert len(site.pool_droplets) == 1
    site.demand_theirs(ANNA)


def test_one_of_other_playbooks_is_not_taken(site: Site) -> None:
    site.keeper().fill()
    newer = MoltbotSettings(version="2026.9.7")
    site.settings = site.settings.model_copy(update={"moltbot": newer})
    site.add(ANNA)

    site.run(ANNA)

    assert len(site.pool_droplets) == 1


def test_one_that_is_off_or_gone_is_passed_over(site: Site) -> None:
    site.want(3)
    site.keeper().fill()
    off, gone, good = site.cloud.droplets
    off.status = "off"
    site.cloud.client().delete_droplet(str(gone.id))
    site.add(ANNA)

    site.run(ANNA)

    assert site.customer(ANNA).setup.droplet.id == str(good.id)


def test_one_that_is_being_destroyed_is_not_taken(site: Site) -> None:
    site.keeper().fill()
    with killed_at(next_delete(site)):
        site.keeper().drain()
    site.add(ANNA)

    site.run(ANNA)

    assert site.customer(ANNA).setup.droplet.pool is None
    site.keeper().drain()
    site.demand_theirs(ANNA)
    site.demand_nothing_forgotten()


def next_delete(site: Site) -> str:
    return f"before DELETE /v2/droplets/{site.cloud.droplets[0].id}"


def test_in_a_full_account_one_that_is_ready_can_be_had(site: Site) -> None:
    from provisioner.steps.droplet.step import CreateDroplet

    site.keeper().fill()
    site.cloud.cloud.options.droplet_limit = 1
    site.add(ANNA)
    services = site.cloud.services(site.settings)

    assert CreateDroplet().refusals(site.settings, services, site.customer(ANNA)) == []
    site.run(ANNA)

    site.demand_theirs(ANNA)
    site.add(BEN)
    [refusal] = CreateDroplet().refusals(
        site.settings, site.cloud.services(site.settings), site.customer(BEN)
    )
    assert "may have 1" in refusal


def test_killed_anywhere_everybody_gets_one_of_their_own(tmp_path: Path, clouds: CloudServer) -> None:
    """The one who is killed goes on after another has come in between."""
    for at in count():
        with clouds.cloud() as cloud:
            site = Site.at(tmp_path / f"{at}", cloud, size=2, settle_seconds=1)
            site.keeper().fill()
            for email in (ANNA, BEN, CORA):
                site.add(email)
            with killed_at(at) as places:
                site.run(ANNA)
            site.run(BEN)
            site.run(ANNA)
            site.run(CORA)
            site.demand_theirs(ANNA, BEN, CORA)
            assert len(cloud.droplets) == 3, places[-1]
            site.keeper().drain()
            site.demand_nothing_forgotten()
            assert len(cloud.droplets) == 3, places[-1]
        if len(places) <= at:
            break
    assert at > 20


def test_those_who_come_at_the_same_moment_get_one_each(site: Site) -> None:
    site.want(3)
    site.keeper().fill()
    people = [f"p{number}@example.com" for number in range(6)]
    for email in people:
        site.add(email)
    failed: list[BaseException] = []

    def run(email: str) -> None:
        try:
            site.run(email)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(email,)) for email in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    site.demand_theirs(*people)
    assert sum(site.customer(email).setup.droplet.pool is not None for email in people) == 3
    assert len(site.cloud.droplets) == 6
    site.demand_nothing_forgotten()


def test_who_is_killed_goes_on_where_the_pools_folder_is_lost(site: Site) -> None:
    """It is in no backup."""
    site.keeper().fill()
    site.add(ANNA)
    with killed_at("after a server of the pool is taken"):
        site.run(ANNA)
    shutil.rmtree(site.workspace.state_dir / "pool")

    site.run(ANNA)

    site.demand_theirs(ANNA)


def test_a_record_that_cannot_be_read_may_have_what_was_about_to_be_taken(site: Site) -> None:
    site.keeper().fill()
    site.add(ANNA)
    site.add(BEN)
    with killed_at("after a server of the pool is taken"):
        site.run(ANNA)
    assert site.customer(ANNA).setup.droplet.id
    [path] = site.workspace.customers_dir.glob("active/anna*.json")
    whole = path.read_bytes()
    path.write_bytes(whole[:100])

    site.run(BEN)

    assert site.customer(BEN).setup.droplet.pool is None
    path.write_bytes(whole)
    site.run(ANNA)
    site.demand_theirs(ANNA, BEN)


WAYS = st.lists(
    st.tuples(st.sampled_from(["fill", "drain", ANNA, BEN, CORA]), st.integers(0, 60)), min_size=1, max_size=8
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ways=WAYS, size=st.integers(1, 3), lag=st.sampled_from([0.0, 3.0]), late=st.booleans())
def test_whatever_is_killed_in_whatever_order(
    tmp_path_factory: pytest.TempPathFactory,
    clouds: CloudServer,
    ways: list[tuple[str, int]],
    size: int,
    lag: float,
    late: bool,
) -> None:
    """Processes that fill, drain and take servers die one after the other; lists lag, answers are lost."""
    with clouds.cloud() as cloud:
        site = Site.at(tmp_path_factory.mktemp("site"), cloud, size=size, settle_seconds=5)
        cloud.cloud.options.list_lag = lag
        if late:
            cloud.fault("drop_after_effect", "POST", "", count=1)
        for email in (ANNA, BEN, CORA):
            site.add(email)
        for who, at in ways:
            with killed_at(at):
                run(site, who)
        cloud.book.clear()
        for who in (ANNA, BEN, CORA):
            run(site, who)
        site.demand_theirs(ANNA, BEN, CORA)
        run(site, "fill")
        site.demand_nothing_forgotten()
        assert len(site.pool_droplets) == size
        run(site, "drain")
        assert len(cloud.droplets) == 3


def run(site: Site, who: str) -> None:
    keeper = site.keeper()
    if who == "fill":
        keeper.fill()
    elif who == "drain":
        keeper.drain()
    else:
        site.run(who)
