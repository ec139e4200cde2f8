"""The sandbox's commands for OpenRouter: its keys, spending on one, and days that pass."""

from typing import Annotated, Any

import typer

from provisioner.cli.options import Json
from provisioner.cli.output.result import Answer, Response, done
from provisioner.cli.sandbox.choice import the_sandbox

_openrouter = typer.Typer(
    help="Keys for the model, what they spend, and the end of a month.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    app.add_typer(_openrouter, name="openrouter")


@_openrouter.command("keys")
def _keys(json: Json = False) -> Response:
    """List the keys, with what each has spent this month."""
    keys = the_sandbox().model_keys()
    return Response(
        Answer([_line(key) for key in keys] or ["no keys"], {"keys": keys}, "sandboxModelKeys"), json
    )


@_openrouter.command("spend")
def _spend(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The key's name.")],
    dollars: Annotated[float, typer.Argument(metavar="DOLLARS", min=0.000001)],
) -> Response:
    """Charge a key, as answers that cost so much."""
    the_sandbox().spend(name, dollars)
    return done(f"{name}: ${dollars:g} more spent")


@_openrouter.command("pass-days")
def _pass_days(days: Annotated[float, typer.Argument(metavar="DAYS", min=0.001)]) -> Response:
    """Let days pass for its account alone."""
    the_sandbox().pass_model_days(days)
    return done(f"{days:g} days later at OpenRouter")


def _line(key: dict[str, Any]) -> str:
    state = "disabled" if key["disabled"] else "in use"
    limit = "no limit" if key["limit"] is None else f"${key['limit']:g}"
    return f"{key['name']:<30} {state:<8} ${key['usage_monthly']:.2f} of {limit}  {key['hash'][:12]}"
