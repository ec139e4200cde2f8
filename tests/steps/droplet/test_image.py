"""The image of a customer's droplet: chosen, said, recorded before the request, and the same one again."""

from pathlib import Path

import pytest

from provisioner.errors import CloudError
from provisioner.images.naming import image_name, image_tag
from provisioner.images.recipe import read_recipe
from provisioner.sandbox.cloud.catalog import Image
from provisioner.settings import Settings
from provisioner.steps.droplet.step import CreateDroplet
from provisioner.timestamps import now, present
from tests.clouds import FastCloud
from tests.steps.droplets import new_work
from tests.steps.support import MARK, new_record


def add_image(cloud: FastCloud, *, digest: str | None = None, min_disk: int = 50) -> str:
    """An image of our own in the account; its id."""
    recipe = read_recipe(Settings())
    number = cloud.cloud.next_id()
    cloud.machines._snapshots.add(str(number))
    name = image_name(recipe.base, digest or recipe.digest, present(), MARK)
    tags = (image_tag(MARK),)
    cloud.cloud.snapshots[number] = Image(
        number, name, "Debian", None, min_disk, now(), ("sfo3",), 3.0, tags, kind="snapshot"
    )
    return str(number)


def test_the_newest_image_that_fits_is_used_and_recorded(cloud: FastCloud, operator_key: Path) -> None:
    image = add_image(cloud)
    work = new_work(cloud, operator_key)

    [planned] = CreateDroplet().plan(work)
    CreateDroplet().run(work)

    assert "image provisioner-debian-12-x64-" in planned.text
    assert any(said.startswith("image provisioner-debian-12-x64-") for said in work.said)
    assert work.customer.setup.droplet.image == image
    assert cloud.droplets[0].image.id == int(image)


def test_without_one_the_plain_image_is_used_and_that_is_said(cloud: FastCloud, operator_key: Path) -> None:
    add_image(cloud, digest="0" * 12)
    work = new_work(cloud, operator_key)

    CreateDroplet().run(work)

    assert any("what goes into ours has changed" in said for said in work.said)
    assert work.customer.setup.droplet.image == "debian-12-x64"


def test_a_named_image_stays_as_it_is(cloud: FastCloud, operator_key: Path) -> None:
    add_image(cloud)
    work = new_work(cloud, operator_key, image="ubuntu-24-04-x64")

    CreateDroplet().run(work)

    assert cloud.droplets[0].image.slug == "ubuntu-24-04-x64"
    assert cloud.requests("GET", "/v2/snapshots") == 0


def test_a_disk_that_is_too_small_gets_the_plain_image(cloud: FastCloud, operator_key: Path) -> None:
    add_image(cloud)
    work = new_work(cloud, operator_key, size="s-1vcpu-1gb")

    CreateDroplet().run(work)

    assert cloud.droplets[0].image.slug == "debian-12-x64"
    assert any("ours needs a disk of 50 GB" in said for said in work.said)


def test_images_that_cannot_be_listed_hinder_nobody(cloud: FastCloud, operator_key: Path) -> None:
    cloud.fault("status", "GET", "snapshots", count=None, params={"status": 403})
    work = new_work(cloud, operator_key)

    CreateDroplet().run(work)

    assert cloud.droplets[0].image.slug == "debian-12-x64"
    assert any("could not be asked" in said for said in work.said)


def test_after_a_lost_answer_the_same_image_is_asked_for_again(cloud: FastCloud, operator_key: Path) -> None:
    """Although a newer one is there by then."""
    first = add_image(cloud)
    cloud.fault("reset", "POST", "droplets$", count=None)
    work = new_work(cloud, operator_key)
    with pytest.raises(CloudError):
        CreateDroplet().run(work)
    cloud.book.clear()
    add_image(cloud)

    again = new_work(cloud, operator_key, work.saved)
    CreateDroplet().run(again)

    [droplet] = cloud.droplets
    assert (str(droplet.image.id), again.customer.setup.droplet.image) == (first, first)


def test_after_a_refusal_it_is_chosen_anew(cloud: FastCloud, operator_key: Path) -> None:
    """The one that was chosen may be what is refused."""
    add_image(cloud)
    cloud.fault("status", "POST", "droplets$", params={"status": 422, "message": "invalid image"})
    work = new_work(cloud, operator_key)
    with pytest.raises(CloudError):
        CreateDroplet().run(work)
    cloud.cloud.snapshots.clear()

    CreateDroplet().run(new_work(cloud, operator_key, work.saved))

    assert cloud.droplets[0].image.slug == "debian-12-x64"


def test_the_image_of_an_earlier_droplet_is_no_wish(cloud: FastCloud, operator_key: Path) -> None:
    image = add_image(cloud)
    earlier = {"image": "ubuntu-24-04-x64"}
    work = new_work(cloud, operator_key, new_record(setup={"status": "pending", "droplet": earlier}))

    CreateDroplet().run(work)

    assert cloud.droplets[0].image.id == int(image)
