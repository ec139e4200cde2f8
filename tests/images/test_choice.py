"""Which image a droplet begins with: what fits, what is stale, and what is said of it."""

from datetime import UTC, datetime

import pytest

from provisioner.images.choice import choose
from provisioner.images.naming import image_name, image_tag, own_images
from provisioner.images.recipe import Recipe
from provisioner.services.digitalocean.models import Snapshot

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
RECIPE = Recipe("debian-12-x64", {}, "0123456789ab")
MARK = "w0000001"
STALE = "ba9876543210"


def snapshot(
    number: int = 1,
    *,
    digest: str = RECIPE.digest,
    day: int = 24,
    regions: tuple[str, ...] = ("sfo3",),
    min_disk: int = 50,
    tags: tuple[str, ...] = (image_tag(MARK),),
) -> Snapshot:
    made = datetime(2026, 11, day, 12, tzinfo=UTC)
    name = image_name("debian-12-x64", digest, made, MARK)
    return Snapshot(str(number), name, f"{made:%Y-%m-%dT%H:%M:%SZ}", regions, min_disk, 3.0, tags)


def test_the_newest_that_fits_is_chosen() -> None:
    there = [snapshot(1, day=20), snapshot(2, day=24), snapshot(3, day=22)]

    chosen = choose(own_images(there, MARK), RECIPE, "sfo3", 50, NOW)

    assert chosen.image == "2"
    assert chosen.said == "image provisioner-debian-12-x64-0123456789ab-20261124t120000-w0000001, 3 days old"


@pytest.mark.parametrize(
    ("there", "why"),
    [
        ([], "none of our own was built (provisioner image build --region sfo3)"),
        (
            [snapshot(digest=STALE)],
            "what goes into ours has changed since the newest one (3 days old)",
        ),
        ([snapshot(regions=("fra1",))], "ours is not in sfo3 (provisioner image build --region sfo3)"),
        ([snapshot(min_disk=60)], "ours needs a disk of 60 GB"),
        ([snapshot(tags=())], "none of our own was"),
        (
            [Snapshot("1", "backup", "2026-11-24T12:00:00Z", ("sfo3",), 1, 1.0, (image_tag("w"),))],
            "none of our",
        ),
    ],
    ids=["none", "stale", "elsewhere", "too large", "unfinished", "somebody's"],
)
def test_otherwise_the_plain_one_and_why(there: list[Snapshot], why: str) -> None:
    chosen = choose(own_images(there, MARK), RECIPE, "sfo3", 50, NOW)

    assert chosen.image == "debian-12-x64"
    assert str(chosen).startswith(f"image debian-12-x64: {why}")


def test_a_stale_one_is_passed_over_for_an_older_one_that_is_not() -> None:
    assert (
        choose(
            own_images([snapshot(1, day=20), snapshot(2, digest=STALE)], MARK), RECIPE, "sfo3", 50, NOW
        ).image
        == "1"
    )


def test_the_beginning_of_a_regions_name_is_no_place_where_an_image_is() -> None:
    """The API may place such a droplet where the image is not."""
    assert choose(own_images([snapshot()], MARK), RECIPE, "sfo", 50, NOW).image == "debian-12-x64"


def test_an_image_of_another_workspace_is_none_of_ours() -> None:
    assert len(own_images([snapshot(tags=("other", image_tag(MARK)))], MARK)) == 1
    assert own_images([snapshot()], "w0000009") == []
    assert own_images([snapshot(tags=(image_tag("w0000009"),))], MARK) == []
