"""What customers read: a template for each text, shipped here; one in the workspace's `texts/` goes first."""

from collections.abc import Mapping
from pathlib import Path

from provisioner.errors import InputError

SHIPPED = Path(__file__).parent


def render_text(name: str, variables: Mapping[str, object], own: Path | None = None) -> str:
    """The text `name` ("onboarding.txt") with its variables filled in, without blank ends.

    `own` is the operator's folder of changed texts. InputError names the template that is wrong.
    """
    import jinja2

    folders = [folder for folder in (own, SHIPPED) if folder is not None]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        autoescape=jinja2.select_autoescape(enabled_extensions=("html.j2",)),
    )
    try:
        return environment.get_template(f"{name}.j2").render(variables).strip()
    except jinja2.TemplateError as problem:
        hint = f"correct texts/{name}.j2 in the workspace, or remove it to use the shipped one"
        raise InputError("write a text", whom=name, cause=problem, hint=hint) from None
