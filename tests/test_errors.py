"""The drawing of all errors is the tree that there is."""

import importlib
import pkgutil
import re
from collections.abc import Iterator

import provisioner
from provisioner import errors
from provisioner.errors import ProvisionerError

_LINE = re.compile(r"    ([│├└─ ]*)(\w+) +(\d?) +(\S.*)")
_INDENT = 4

Drawn = tuple[str, str | None, int]
"""The name of an error, that of the error which it is a kind of, and its exit code."""


def _drawn() -> Iterator[Drawn]:
    above: list[tuple[str, int]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        del above[len(match[1]) // _INDENT :]
        parent, inherited = above[-1] if above else (None, 1)
        code = int(match[3] or inherited)
        above.append((match[2], code))
        yield match[2], parent, code


def _there(error: type[ProvisionerError], parent: str | None = None) -> Iterator[Drawn]:
    """All that others can see; one with an underscore is its module's own business."""
    if not error.__name__.startswith("_"):
        yield error.__name__, parent, error.exit_code
        for kind in error.__subclasses__():
            if kind.__module__.startswith("provisioner."):
                yield from _there(kind, error.__name__)


def _import_all() -> None:
    for module in pkgutil.walk_packages(provisioner.__path__, "provisioner."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def test_every_error_is_drawn_where_it_belongs_with_its_exit_code() -> None:
    _import_all()
    drawn, there = list(_drawn()), list(_there(ProvisionerError))

    assert len(drawn) == len(set(drawn))
    assert sorted(map(str, drawn)) == sorted(map(str, there))
