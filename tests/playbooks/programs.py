"""The Python programs that the playbooks put on a server, as modules."""

import importlib.util
from importlib.machinery import SourceFileLoader
from types import ModuleType

import pytest

from provisioner.playbook.load import shipped_playbooks


def program(playbook: str, name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program, loaded as it is; nothing is left beside it."""
    path = shipped_playbooks() / playbook / "files" / name
    loader = SourceFileLoader(name.replace("-", "_"), str(path))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    loader.exec_module(module)
    return module
