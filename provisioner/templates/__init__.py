"""What customers read: a template for each text, shipped here; one in the workspace's `texts/` goes first."""

from collections.abc import Mapping
from pathlib import Path

from provisioner.errors import InputError
from provisioner.filesystem.textfiles import read_text

SHIPPED = Path(__file__).parent


def render_text(name: str, variables: Mapping[str, object], own: Path | None = None) -> str:
    """The text `name` ("onboarding.txt") with its variables filled in, without blank ends.

    `own` is the operator's folder of changed texts. InputError names the template that is wrong.
    """
    import jinja2

    folders = [folder for folder in (own, SHIPPED) if folder is not None]
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda wanted: _template(wanted, folders)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        autoescape=jinja2.select_autoescape(enabled_extensions=("html.j2",)),
    )
    try:
        return environment.get_template(f"{name}.j2").render(variables).strip()
    except jinja2.TemplateError as problem:
        hint = f"correct texts/{name}.j2 in the workspace, or remove it to use the shipped one"
        raise InputError("write a text", whom=name, cause=problem, hint=hint) from None


def _template(wanted: str, folders: list[Path]) -> str | None:
    """The first of these texts; jinja2's own loader ends in a traceback at one that is not UTF-8."""
    from jinja2.loaders import split_template_path

    for folder in folders:
        try:
            return read_text(folder.joinpath(*split_template_path(wanted)), "read a text")
        except FileNotFoundError:
            continue
    return None
