"""`image list` and `image prune` at the command line; `image build` up to its first effect."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from provisioner.cli.commands import image
from provisioner.images.build import build_file
from provisioner.images.naming import image_name, image_tag
from provisioner.images.recipe import read_recipe
from provisioner.sandbox.cloud.catalog import Image
from provisioner.settings import load_settings
from provisioner.timestamps import present
from provisioner.workspace import Workspace
from tests.cli.conftest import Invoke
from tests.clouds import TOKEN, CloudServer, FastCloud

STALE = "ba9876543210"


@pytest.fixture
def account(clouds: CloudServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[FastCloud]:
    with clouds.cloud() as fast:
        monkeypatch.setenv("DIGITALOCEAN_ACCESS_TOKEN", TOKEN)
        monkeypatch.setenv("DIGITALOCEAN_END_POINT", fast.endpoint)
        yield fast


def add_image(account: FastCloud, workspace: Workspace, *, days: int, digest: str | None = None) -> str:
    """An image that this workspace built so long ago; its id."""
    recipe, mark = read_recipe(load_settings(workspace.root)), workspace.mark()
    number, made = account.cloud.next_id(), present() - timedelta(days=days)
    name = image_name(recipe.base, digest or recipe.digest, made, mark)
    at, tags = f"{made:%Y-%m-%dT%H:%M:%SZ}", (image_tag(mark),)
    account.cloud.snapshots[number] = Image(
        number, name, "Debian", None, 50, at, ("sfo3",), 2.5, tags, kind="snapshot"
    )
    return str(number)


def test_without_images_the_plain_one_is_used_and_that_is_said(
    invoke: Invoke, workspace: Workspace, account: FastCloud
) -> None:
    shown = invoke("image", "list")

    assert shown.code == 0
    assert shown.out.startswith("No images, $0.00 a month.\n")
    assert "new droplets: image debian-12-x64: none of our own was built" in " ".join(shown.err.split())


@pytest.mark.parametrize("columns", [80, 120])
def test_images_are_listed_with_age_size_and_cost(
    invoke: Invoke,
    workspace: Workspace,
    account: FastCloud,
    columns: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    used = add_image(account, workspace, days=3)
    stale = add_image(account, workspace, days=40, digest=STALE)

    shown, document = invoke("image", "list"), json.loads(invoke("image", "list", "--json").out)

    assert all(len(line) <= columns for line in shown.out.splitlines())
    assert [line.split()[:4] for line in shown.out.splitlines()[1:3]] == [
        [used, "used", "3", "d"],
        [stale, "stale", "40", "d"],
    ]
    assert "2 images, $0.30 a month." in shown.out
    assert "1 may go ($0.15 a month): provisioner image prune" in shown.out
    assert (document["kind"], document["chosen"], document["monthly"]) == ("images", used, 0.3)
    assert document["images"][0]["state"] == "used"
    assert document["images"][0]["gigabytes"] == 2.5


def test_nothing_is_deleted_without_a_word(invoke: Invoke, workspace: Workspace, account: FastCloud) -> None:
    add_image(account, workspace, days=40, digest=STALE)

    asked = invoke("image", "prune")

    assert asked.code == 2
    assert "would delete provisioner-debian-12-x64-ba9876543210" in " ".join(asked.err.split())
    assert "saves $0.15 a month" in " ".join(asked.err.split())
    assert len(account.cloud.snapshots) == 1


@pytest.mark.parametrize(("answer", "code", "left"), [(True, 0, 0), (False, 2, 1)], ids=["yes", "no"])
def test_somebody_at_a_terminal_is_asked(
    invoke: Invoke,
    workspace: Workspace,
    account: FastCloud,
    monkeypatch: pytest.MonkeyPatch,
    answer: bool,
    code: int,
    left: int,
) -> None:
    add_image(account, workspace, days=40, digest=STALE)
    asked: list[str] = []

    def confirm(text: str, *, err: bool) -> bool:
        asked.append(text)
        return answer

    monkeypatch.setattr(image, "_at_a_terminal", lambda: True)
    monkeypatch.setattr("typer.confirm", confirm)

    assert invoke("image", "prune").code == code
    assert asked[0].startswith("Delete provisioner-debian-12-x64-ba9876543210")
    assert len(account.cloud.snapshots) == left


def test_what_nothing_begins_with_is_deleted(
    invoke: Invoke, workspace: Workspace, account: FastCloud
) -> None:
    used = add_image(account, workspace, days=3)
    stale = add_image(account, workspace, days=40, digest=STALE)

    pruned = invoke("image", "prune", "--yes", "--json")

    document = json.loads(pruned.out)
    assert pruned.code == 0
    assert [one["id"] for one in document["deleted"]] == [stale]
    assert (document["kind"], document["monthlySaved"]) == ("image-prune", 0.15)
    assert list(account.cloud.snapshots) == [int(used)]
    assert "No image may go" in invoke("image", "prune", "--yes").err


def test_what_is_there_already_is_said(invoke: Invoke, workspace: Workspace, account: FastCloud) -> None:
    used = add_image(account, workspace, days=3)

    built, document = invoke("image", "build"), json.loads(invoke("image", "build", "--json").out)

    assert built.code == 0
    assert "is there already" in built.err
    assert "image build --again" in " ".join(built.err.split())
    assert (document["kind"], document["id"], document["new"]) == ("image-build", used, False)
    assert account.droplets == []


def test_another_process_that_builds_is_named(
    invoke: Invoke, workspace: Workspace, account: FastCloud
) -> None:
    with build_file(workspace).claim("build an image"):
        for words in (("build",), ("prune", "--yes")):
            busy = invoke("image", *words)
            assert busy.code == 4
            assert "process" in busy.err
    assert account.droplets == []


@pytest.mark.parametrize("words", [("build",), ("list",), ("prune",)])
def test_without_a_token_it_says_so(
    invoke: Invoke, workspace: Workspace, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DIGITALOCEAN_ACCESS_TOKEN", raising=False)

    refused = invoke("image", *words)

    assert refused.code == 2
    assert "DIGITALOCEAN_ACCESS_TOKEN" in refused.err


def test_a_region_that_is_none_is_refused(invoke: Invoke, workspace: Workspace, account: FastCloud) -> None:
    assert invoke("image", "build", "--region", "Paris").code == 2
    assert account.requests() == 0
