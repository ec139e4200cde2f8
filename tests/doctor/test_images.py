"""What doctor says of our own images, and of a builder that was left behind."""

from datetime import timedelta
from pathlib import Path

import pytest

from provisioner.doctor.findings import Findings, Trouble
from provisioner.doctor.images import ImageLook
from provisioner.images import shelf
from provisioner.settings import DropletSettings, MoltbotSettings
from provisioner.timestamps import present
from tests.clouds import FastCloud
from tests.dying import killed_at
from tests.images.builders import Site
from tests.images.test_build import PREPARED


@pytest.fixture
def site(tmp_path: Path, cloud: FastCloud) -> Site:
    return Site.at(tmp_path / "workspace", cloud)


def examined(site: Site) -> list[Trouble]:
    found = Findings()
    client = site.cloud.client()
    look = ImageLook(site.workspace, site.settings, client, site.workspace.mark(), found)
    look.left_behind({one.id: one for one in client.droplets_tagged("provisioner")}, {"s-1vcpu-2gb": 12.0})
    look.images()
    return found.noted


def test_where_none_was_ever_built_nothing_is_said(site: Site) -> None:
    assert examined(site) == []


def test_a_fresh_one_is_in_order(site: Site) -> None:
    site.process().build()

    assert examined(site) == []


def test_one_that_is_stale_is_to_be_built_again(site: Site) -> None:
    name = site.process().build().snapshot.name
    site.settings = site.settings.model_copy(update={"moltbot": MoltbotSettings(version="2026.9.7")})

    [found] = examined(site)

    assert (found.kind, found.whom, found.severity) == ("image", name, "advice")
    assert "what goes into ours has changed" in found.problem
    assert found.hint == "build it again: provisioner image build"


def test_one_of_thirty_days_is_to_be_built_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.process().build()
    monkeypatch.setattr(shelf, "present", lambda: present() + timedelta(days=31))

    [found] = examined(site)

    assert (found.kind, found.severity) == ("image", "advice")
    assert found.problem.startswith("31 days old")


def test_where_another_image_is_named_ours_are_nobodys_concern(site: Site) -> None:
    site.process().build()
    named = DropletSettings(image="ubuntu-24-04-x64", region="fra1")
    site.settings = site.settings.model_copy(update={"droplet": named})

    assert examined(site) == []


def test_a_builder_that_was_left_behind_is_a_problem(site: Site) -> None:
    with killed_at(PREPARED):
        site.process().build()

    [found] = examined(site)

    assert (found.kind, found.whom, found.severity) == ("droplet", str(site.cloud.droplets[0].id), "problem")
    assert "$12.00 a month" in found.problem
    assert "provisioner image build goes on with it" in found.hint


def test_one_that_is_at_work_is_none(site: Site) -> None:
    with killed_at(PREPARED):
        site.process().build()

    with site.process().file.claim("build an image"):
        assert examined(site) == []


def test_a_builder_of_which_nothing_is_written_down_is_to_be_deleted(site: Site) -> None:
    with killed_at(PREPARED):
        site.process().build()
    site.process().file.forget()

    [found] = examined(site)

    assert "control panel" in found.hint


def test_a_build_that_was_begun_is_told_of(site: Site) -> None:
    with killed_at("before POST /v2/droplets"):
        site.process().build()
    with killed_at("before rename"):
        site.process().build()

    [found] = examined(site)

    assert (found.kind, found.severity) == ("image", "advice")


def test_a_token_that_may_not_list_snapshots_is_said(site: Site) -> None:
    site.cloud.fault("status", "GET", "snapshots", count=None, params={"status": 403})

    [found] = examined(site)

    assert (found.kind, found.severity) == ("token", "advice")
