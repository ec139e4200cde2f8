"""The sandbox's own commands: start, stop, status, and the settings that point at it."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from provisioner.cli.options import Json
from provisioner.cli.output import render
from provisioner.cli.output.result import Answer, Block, Response, Told, done
from provisioner.cli.sandbox import faults, openrouter, people, stripe
from provisioner.cli.sandbox.choice import choose_sandbox, chosen_state, sandbox_command, the_sandbox

if TYPE_CHECKING:
    from provisioner.sandbox.control.client import SandboxStatus
    from provisioner.sandbox.control.options import Options

sandbox_app = typer.Typer(
    help="Simulated cloud, Telegram, Stripe, model and mailbox.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
faults.register(sandbox_app)
people.register(sandbox_app)
stripe.register(sandbox_app)
openrouter.register(sandbox_app)


def register(app: typer.Typer) -> None:
    """Add the sandbox's commands, under its name."""
    app.add_typer(sandbox_app, name="sandbox")


@sandbox_app.callback()
def _options(
    name: Annotated[
        str,
        typer.Option(
            metavar="NAME", envvar="PROVISIONER_SANDBOX", help="Which sandbox, if you have several."
        ),
    ] = "default",
    state: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Its folder, instead of the one for its name.")
    ] = None,
) -> None:
    choose_sandbox(name, state)


@sandbox_app.command("up")
def up(
    pretend: Annotated[
        bool, typer.Option(help="Simulate the droplets too; needs neither root nor Linux.")
    ] = False,
    foreground: Annotated[bool, typer.Option(help="Run in the foreground until Ctrl-C.")] = False,
    boot_seconds: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="Minimum time until a droplet is active.")
    ] = 0,
) -> Response | None:
    """Start the sandbox, and wait until it answers."""
    from provisioner.sandbox.cloud.options import CloudOptions
    from provisioner.sandbox.control.options import Options

    options = Options(state=chosen_state(), pretend=pretend, cloud=CloudOptions(boot_seconds=boot_seconds))
    if foreground:
        _stay(options)
        return None
    return _start(options)


@sandbox_app.command("down")
def down() -> Response:
    """Stop the sandbox and clean up after it, also after a crash."""
    from provisioner.sandbox.control.launch import down as stop
    from provisioner.sandbox.control.state import StateFolder

    was_up = stop(StateFolder(chosen_state()), render.say)
    return done("the sandbox is down" if was_up else "the sandbox was not up; nothing is left of it")


@sandbox_app.command("status")
def status(json: Json = False) -> Response:
    """Show droplets, addresses and uptime."""
    found = the_sandbox().status()
    kind = "pretend machines" if found.pretend else "real machines"
    lines: list[Block] = [
        f"up for {found.uptime:.0f} s with {kind}; process {found.pid}, folder {found.state}",
        f"listens on {', '.join(f'{address}:{found.port}' for address in found.addresses)}",
    ]
    lines += [
        f"droplet {droplet.id}  {droplet.status:<7} {droplet.address or '-':<15} {droplet.name}"
        for droplet in found.droplets
    ] or ["no droplets"]
    return Response(Answer(lines, _as_document(found), "sandboxStatus"), json)


@sandbox_app.command("env")
def env(json: Json = False) -> Response:
    """Print the settings that point the product at it, for a shell.

    Use it as: eval "$(provisioner sandbox env)"
    """
    settings = the_sandbox().env
    lines = [f"export {name}={shlex.quote(value)}" for name, value in settings.items()]
    return Response(Answer(lines, {"env": settings}, "sandboxEnv"), json)


@sandbox_app.command("prepare")
def prepare(
    tests: Annotated[bool, typer.Option("--tests", help="Include what the tests need.")] = False,
) -> None:
    """Install what the sandbox needs on this machine."""
    from provisioner.sandbox.machines.prepare import FOR_TESTS
    from provisioner.sandbox.machines.prepare import prepare as install

    install(render.say, FOR_TESTS if tests else None)


@sandbox_app.command("image")
def image() -> Response:
    """Build the droplets' base image, if it is not cached."""
    from provisioner.sandbox.machines import host
    from provisioner.sandbox.machines.cache import DEFAULT_CACHE
    from provisioner.sandbox.machines.image import DEBIAN, ensure

    host.require()
    return Response(Told([str(ensure(DEBIAN, DEFAULT_CACHE, render.say))]))


@sandbox_app.command("cloud")
def cloud(
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE", help="Settings to change.")
    ] = None,
    json: Json = False,
) -> Response:
    """Show or change the cloud's timing and limits.

    Among them are boot_seconds, list_lag, droplet_limit and sold_out.
    """
    sandbox = the_sandbox()
    if settings:
        sandbox.set_cloud_options(**dict(_setting(text) for text in settings))
    options = sandbox.cloud_options.model_dump()
    lines = [
        f"{name}={','.join(value) if isinstance(value, tuple) else value}" for name, value in options.items()
    ]
    return Response(Answer(lines, {"cloud": options}, "sandboxCloud"), json)


def _start(options: "Options") -> Response:
    from provisioner.sandbox.control.launch import up as start

    if not start(options, render.say):
        return done("the sandbox is up already")
    return done("the sandbox is up", f'point the product at it with: eval "$({sandbox_command("env")})"')


def _stay(options: "Options") -> None:
    from provisioner.sandbox.control.launch import require_parts
    from provisioner.sandbox.machines import host

    require_parts()
    from provisioner.sandbox.control.server import serve_here

    if not options.pretend:
        host.require()
    serve_here(options)


def _setting(text: str) -> tuple[str, Any]:
    name, found, value = text.partition("=")
    if not found:
        raise typer.BadParameter(f"write it as NAME=VALUE, not {text!r}")
    return name, [part for part in value.split(",") if part] if name == "sold_out" else value


def _as_document(found: "SandboxStatus") -> dict[str, Any]:
    from dataclasses import asdict

    document = asdict(found)
    for droplet in document["droplets"]:
        # It holds the private half of a host key.
        del droplet["user_data"]
    return document
