"""Building an image: killed anywhere, there is one builder, and then one image and no builder."""

from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from provisioner.errors import BusyError, CloudError, ProvisionerError, RemoteError, SandboxError
from provisioner.images.builder import builder_tag
from provisioner.images.naming import image_tag, own_images
from provisioner.images.recipe import read_recipe
from provisioner.services.digitalocean.errors import DropletUnclear
from provisioner.settings import MoltbotSettings
from tests.clouds import CloudServer, FastCloud
from tests.dying import killed_at
from tests.images.builders import Site

PREPARED = "before clean the builder"


@pytest.fixture
def site(tmp_path: Path, cloud: FastCloud) -> Site:
    return Site.at(tmp_path / "workspace", cloud)


def demand_one_image(site: Site) -> None:
    """One image of ours with its tag, and nothing else is left of building it."""
    mark = site.workspace.mark()
    [snapshot] = site.cloud.client().snapshots()
    [image] = own_images([snapshot], mark)
    assert image.digest == read_recipe(site.settings).digest
    assert site.cloud.droplets == []
    assert site.process().file.read() is None


def test_a_builder_is_prepared_cleaned_kept_and_destroyed(site: Site) -> None:
    built = site.process().build()

    demand_one_image(site)
    assert built.new
    assert built.snapshot.tags == (image_tag(site.workspace.mark()),)
    [key] = {where for where, _ in site.builders.done}
    assert site.builders.of(key) == ["server", "openclaw", "warm", "refresh", "clean"]


def test_a_gateway_that_does_not_start_there_is_no_reason_to_have_no_image(site: Site) -> None:
    site.builders.failing = {"warm"}

    site.process().build()

    demand_one_image(site)
    assert any("without what Node compiles" in said for said in site.said)


def test_what_cannot_be_installed_is_no_image(site: Site) -> None:
    site.builders.failing = {"refresh"}

    with pytest.raises(RemoteError):
        site.process().build()

    assert site.cloud.cloud.snapshots == {}
    site.builders.failing.clear()
    site.process().build()
    demand_one_image(site)


def test_the_builder_is_a_droplet_as_all_of_ours_are(site: Site) -> None:
    with killed_at(PREPARED):
        site.process().build()

    [droplet] = site.cloud.droplets
    mark = site.workspace.mark()
    assert droplet.name == f"provisioner-image-{mark}"
    assert {builder_tag(mark), f"workspace:{mark}", "provisioner"} < set(droplet.tags)
    assert sum(tag.startswith("host-key:") for tag in droplet.tags) == 1
    assert droplet.image.slug == "debian-12-x64"


def test_what_is_there_already_is_not_built_again(site: Site) -> None:
    first = site.process().build()
    requests = site.cloud.requests("POST")

    again = site.process().build()

    assert (again.snapshot, again.new) == (first.snapshot, False)
    assert site.cloud.requests("POST") == requests


def test_it_is_built_again_where_that_is_said(site: Site) -> None:
    first = site.process().build()
    site.cloud.clock.sleep(2)

    again = site.process().build(again=True)

    assert again.new
    assert again.snapshot.id != first.snapshot.id
    assert site.cloud.droplets == []


def test_killed_at_every_boundary_and_run_again(clouds: CloudServer, tmp_path: Path) -> None:
    for dies_at in count():
        with clouds.cloud() as cloud:
            site = Site.at(tmp_path / str(dies_at), cloud)
            with killed_at(dies_at) as places:
                site.process().build()
            assert len(site.cloud.droplets) <= 1, places[-1]
            with suppress(RemoteError):
                # One whose cleaning is not certain is given up, and that is said.
                site.process().build()
            site.process().build()
            demand_one_image(site)
            if dies_at >= len(places):
                break
    assert {"before clean the builder", "after clean the builder"} <= set(places)
    assert any("DELETE" in place for place in places)
    assert len(places) > 60


@pytest.mark.parametrize("place", ["droplets$", "actions$", "resources$", "droplets/[0-9]+$"])
def test_answers_that_are_lost(site: Site, place: str) -> None:
    site.cloud.fault("drop_after_effect", "*", place)

    with suppress(ProvisionerError):
        site.process().build()
    site.process().build()

    demand_one_image(site)


def test_lists_and_tags_that_lag(site: Site) -> None:
    site.cloud.cloud.options.list_lag = 40
    site.cloud.cloud.options.tag_lag = 20
    site.cloud.fault("drop_after_effect", "POST", "droplets$")

    site.process().build()

    site.cloud.clock.sleep(41)
    demand_one_image(site)


def test_a_builder_that_does_not_switch_itself_off_is_no_image(site: Site) -> None:
    """Killed before the last act of its cleaning, or failed there: it is replaced."""
    site.builders.halts = False

    with pytest.raises(RemoteError, match=r"did not switch itself off.*: there is a ~") as caught:
        site.process().build()

    assert caught.value.retry
    assert site.cloud.droplets == []
    assert site.cloud.cloud.snapshots == {}
    site.builders.halts = True
    site.process().build()
    demand_one_image(site)


def test_one_of_other_playbooks_is_given_up(site: Site) -> None:
    with killed_at(PREPARED):
        site.process().build()
    assert len(site.cloud.droplets) == 1
    newer = MoltbotSettings(version="2026.9.7")
    site.settings = site.settings.model_copy(update={"moltbot": newer})

    site.process().build()

    demand_one_image(site)
    assert any("giving up" in said for said in site.said)


def test_nothing_else_is_ever_destroyed(site: Site) -> None:
    """Id, name and tag have to say that it is the builder."""
    with killed_at(PREPARED):
        site.process().build()
    [droplet] = site.cloud.droplets
    droplet.tags.clear()
    newer = MoltbotSettings(version="2026.9.7")
    site.settings = site.settings.model_copy(update={"moltbot": newer})

    with pytest.raises(DropletUnclear, match="not the image builder"):
        site.process().build()

    assert site.cloud.droplets == [droplet]


def test_a_second_process_is_told_who_builds(site: Site) -> None:
    build = site.process()
    with build.file.claim("build an image"), pytest.raises(BusyError, match="process") as caught:
        site.process().build()
    assert caught.value.exit_code == 4
    assert site.cloud.droplets == []


def test_a_snapshot_that_fails_is_asked_for_again(site: Site) -> None:
    broken = site.cloud.machines.snapshot

    def fail(machine_id: int, snapshot_id: str) -> int:
        raise SandboxError("take a snapshot", cause="no space")

    site.cloud.machines.snapshot = fail  # type: ignore[method-assign]
    with pytest.raises(CloudError, match="could not take it"):
        site.process().build()
    site.cloud.machines.snapshot = broken  # type: ignore[method-assign]

    site.process().build()

    demand_one_image(site)


def test_a_builder_that_somebody_deleted_is_begun_anew(site: Site) -> None:
    with killed_at(PREPARED):
        site.process().build()
    site.cloud.client().delete_droplet(str(site.cloud.droplets[0].id))

    with pytest.raises(CloudError, match="is gone"):
        site.process().build()
    site.process().build()

    demand_one_image(site)


def test_it_is_built_where_that_is_said(site: Site) -> None:
    assert site.process().build("fra1").snapshot.regions == ("fra1",)
