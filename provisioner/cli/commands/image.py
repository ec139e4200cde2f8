"""`image build`, `image list` and `image prune`: servers that begin with everything installed."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.account import account
from provisioner.cli.options import Json
from provisioner.cli.output.result import Response
from provisioner.errors import InputError
from provisioner.printable import command

if TYPE_CHECKING:
    from provisioner.images.listing import Listed

_image = typer.Typer(
    help="Build, list and delete images that servers begin with.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(_image, name="image")


@_image.command("build")
def build(
    region: Annotated[
        str | None, typer.Option(metavar="REGION", help="Where; default: that of the settings.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Even if a fresh one is there: with today's updates.")
    ] = False,
    as_json: Json = False,
) -> Response:
    """Build an image with all that is the same for every customer.

    A droplet is made for it, and destroyed at the end; the image costs $0.06 per GB and month. No key, no
    token and nothing of a customer's is in it.

    Run it again at any time to resume. Exit code 4 while another process builds.
    """
    from provisioner.cli.output.images import BuiltResult
    from provisioner.cli.output.live import shown_in_passing
    from provisioner.images.build import ImageBuild

    workspace, settings, cloud = account("build an image")
    place = _demand_region(region)
    with shown_in_passing("image") as say:
        built = ImageBuild(workspace, settings, cloud, say).build(place, again=again)
    return Response(BuiltResult(built), as_json)


@_image.command("list")
def list_(as_json: Json = False) -> Response:
    """List them with age, size and cost; which one is used.

    used: new servers begin with it. elsewhere: the newest in another region. spare: there is a newer one.
    stale: playbooks or versions have changed since. unfinished: its build was given up.
    """
    from provisioner.cli.output.images import ShelfResult
    from provisioner.images.shelf import look

    return Response(ShelfResult(look(*account("list the images"))), as_json)


@_image.command("prune")
def prune(
    yes: Annotated[bool, typer.Option("--yes", help="Without asking.")] = False,
    as_json: Json = False,
) -> Response:
    """Delete those that no new server would begin with.

    They are stale or unfinished, or there is a newer one. The newest in each region stays. Servers that were
    made from a deleted image go on; other snapshots of the account are never touched.
    """
    from provisioner.cli.output.images import PrunedResult
    from provisioner.cli.output.live import shown_on_terminal
    from provisioner.images.build import build_file
    from provisioner.images.prune import prune as delete
    from provisioner.images.shelf import look

    workspace, settings, cloud = account("delete images")
    with build_file(workspace).claim("delete images"):
        images = look(workspace, settings, cloud).prunable
        if images and not yes:
            _ask(images, as_json=as_json)
        with shown_on_terminal("image") as say:
            return Response(PrunedResult(delete(cloud, images, say)), as_json)


def _ask(images: "list[Listed]", *, as_json: bool) -> None:
    """InputError unless somebody at a terminal says yes."""
    from provisioner.cli.output.images import about_to_go

    again = command("image prune", options="--yes")
    if as_json or not _at_a_terminal():
        raise InputError("delete images", cause=f"would delete {about_to_go(images)}", hint=f"do it: {again}")
    if not typer.confirm(f"Delete {about_to_go(images)}?", err=True):
        raise InputError("delete images", cause="nothing was deleted", hint=f"without asking: {again}")


def _at_a_terminal() -> bool:
    return sys.stdin.isatty()


def _demand_region(region: str | None) -> str | None:
    from provisioner.settings import DropletSettings

    if region is not None:
        try:
            DropletSettings(region=region)
        except ValueError:
            cause = f"{region} is no region's name, as sfo3 is"
            raise InputError("build an image", cause=cause) from None
    return region
