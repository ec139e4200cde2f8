"""A playbook as its author wrote it, and the error that says where it is wrong.

`playbooks/README.md` explains the words to those who write them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from provisioner.errors import PlaybookError

Kind = Literal["run", "template", "copy", "content", "directory"]


@dataclass(frozen=True)
class Task:
    """One task; texts are as written, not rendered. Times are seconds."""

    name: str
    line: int
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
    lines: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)
    """Where the text of each word begins, for errors."""


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

    def wrong(
        self, cause: str, *, task: Task | None = None, word: str = "", hint: str | None = None
    ) -> PlaybookError:
        """The error that says what is wrong with this playbook, and where."""
        line = task.lines.get(word, task.line) if task else None
        return wrong(self.path, cause, line=line, task=task.name if task else None, hint=hint)


def wrong(
    path: Path, cause: str, *, line: int | None = None, task: str | None = None, hint: str | None = None
) -> PlaybookError:
    """The error that names file, line and task."""
    where = str(path)
    where += f", line {line}" if line else ""
    where += f", task “{task}”" if task else ""
    return PlaybookError(
        "use the playbook", whom=where, cause=cause, hint=hint or "playbooks/README.md explains the words"
    )
