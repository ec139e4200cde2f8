"""A playbook as its author wrote it.

`playbooks/README.md` explains the words to those who write them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from provisioner.playbook.mistakes import Place

Kind = Literal["run", "template", "copy", "content", "directory"]


@dataclass(frozen=True)
class Task:
    """One task; texts are as written, not rendered. Times are seconds."""

    name: str
    place: Place = field(compare=False, repr=False)
    kind: Kind
    source: str
    """The shell text, the file's path in the playbook's folder, its content, or the directory's path."""
    when: str | None = None
    user: str | None = None
    timeout: float = 300
    retries: int = 0
    delay: float = 5
    creates: str | None = None
    unless: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None
    register: str | None = None
    changes: bool = True
    secret: bool = False
    dest: str | None = None
    owner: str | None = None
    group: str | None = None
    mode: str | None = None
    keep: bool = False


@dataclass(frozen=True)
class Playbook:
    """Checked tasks; `variables` maps a name to its default, None where it must be given."""

    name: str
    path: Path
    description: str
    variables: Mapping[str, Any]
    secrets: tuple[str, ...]
    env: Mapping[str, str]
    tasks: tuple[Task, ...]

    @cached_property
    def folder(self) -> Path:
        return self.path.parent
