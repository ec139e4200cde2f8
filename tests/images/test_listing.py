"""What is listed of our own images, and what may be deleted."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from provisioner.images.listing import Listed, listed
from provisioner.images.naming import image_name, image_tag
from provisioner.images.prune import prunable, prune
from provisioner.images.recipe import Recipe
from provisioner.services.digitalocean.models import Snapshot
from tests.clouds import FastCloud
from tests.images.builders import Site

MARK = "w0000001"
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
RECIPE = Recipe("debian-12-x64", {}, "0123456789ab")


def snapshot(
    number: int,
    day: int,
    *,
    digest: str = RECIPE.digest,
    region: str = "sfo3",
    mark: str = MARK,
    tagged: bool = True,
) -> Snapshot:
    made = datetime(2026, 11, day, 12, tzinfo=UTC)
    name = image_name("debian-12-x64", digest, made, mark)
    tags = (image_tag(mark),) if tagged else ()
    return Snapshot(str(number), name, f"{made:%Y-%m-%dT%H:%M:%SZ}", (region,), 50, 2.5, tags)


THERE = [
    snapshot(1, 20),
    snapshot(2, 24),
    snapshot(3, 26, digest="ba9876543210"),
    snapshot(4, 10, region="fra1"),
    snapshot(5, 9, region="fra1"),
    snapshot(6, 25, tagged=False),
    snapshot(7, 23, mark="w0000009"),
    snapshot(8, 22, mark="w0000009", tagged=False),
    replace(snapshot(9, 21), name="a backup"),
]


def shown(there: list[Snapshot] = THERE) -> list[Listed]:
    return listed(there, RECIPE, "sfo3", 50, NOW, MARK)


def test_each_is_listed_with_what_becomes_of_it() -> None:
    assert [(one.snapshot.id, one.state, one.days) for one in shown()] == [
        ("3", "stale", 1),
        ("2", "used", 3),
        ("1", "spare", 7),
        ("4", "elsewhere", 17),
        ("5", "spare", 18),
        ("6", "unfinished", 2),
    ]
    assert round(shown()[0].monthly, 2) == 0.15


def test_only_what_nothing_begins_with_may_go() -> None:
    """Nothing of another workspace's, and nothing else that the account has."""
    assert [one.snapshot.id for one in prunable(shown(), None)] == ["3", "1", "5", "6"]


def test_the_one_that_is_being_built_stays() -> None:
    assert "6" not in [one.snapshot.id for one in prunable(shown(), THERE[5].name)]


def test_a_size_whose_disk_is_too_small_uses_none() -> None:
    assert [one.state for one in listed([snapshot(1, 20)], RECIPE, "sfo3", 25, NOW, MARK)] == ["elsewhere"]


def test_what_is_deleted_is_said_with_what_it_saves(cloud: FastCloud, tmp_path: Path) -> None:
    site = Site.at(tmp_path / "workspace", cloud)
    built = site.process().build().snapshot
    one = Listed(built, "stale", 1, 0.15)
    said: list[str] = []

    pruned = prune(cloud.client(), [one, one], said.append)

    assert cloud.cloud.snapshots == {}
    assert said == [f"deleting {built.name}"] * 2
    assert pruned.monthly == 0.3
