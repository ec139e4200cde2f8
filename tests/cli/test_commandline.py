"""Words that are taken as typed, beside what typer makes of them."""

from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer._coercion import build_runtime_param
from typer.core import TyperOption
from typer.main import get_command

from provisioner.cli.commandline import _runtime_param

Readable = Annotated[Path, typer.Option(exists=True)]


def _option(kind: Any) -> TyperOption:
    app = typer.Typer()

    @app.command()
    def one(value: kind = None) -> None:
        pass

    parameter = next(found for found in get_command(app).params if found.name == "value")
    assert isinstance(parameter, TyperOption)
    return parameter


@pytest.mark.parametrize("kind", [str, bool, Path, Readable], ids=["text", "flag", "path", "checked path"])
@pytest.mark.parametrize(
    "value", [None, "", "word", "-", "é", "\udcff", "true", "no", True, False, "/nowhere", "/", "a\0b", 5]
)
def test_a_word_means_what_it_means_to_typer(kind: Any, value: object) -> None:
    option = _option(kind)
    context: Any = typer.Context(get_command(typer.Typer(callback=lambda: None)))

    def outcome(make: Any) -> object:
        try:
            return make(option.type_descriptor).coerce(value, option, context)
        except Exception as error:
            return type(error), str(error)

    assert outcome(_runtime_param) == outcome(build_runtime_param)
