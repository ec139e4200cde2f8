"""Playbooks made on the spot."""

from collections.abc import Callable, Mapping
from pathlib import Path

from provisioner.playbook.load import load
from provisioner.playbook.model import Playbook
from provisioner.playbook.script import Script, render

Write = Callable[..., Playbook]


def write(folder: Path, text: str, files: Mapping[str, bytes] | None = None, name: str = "made") -> Playbook:
    """Put a playbook with its files below `folder` and load it from there."""
    home = folder / name
    home.mkdir(parents=True, exist_ok=True)
    (home / "playbook.yaml").write_text(text, "utf-8")
    for path, content in (files or {}).items():
        (home / path).write_bytes(content)
    return load(name, [folder])


def script(
    folder: Path,
    text: str,
    variables: Mapping[str, object] | None = None,
    *,
    name: str = "made",
    **files: bytes,
) -> Script:
    """The same, rendered."""
    return render(write(folder, text, files, name), variables or {})
