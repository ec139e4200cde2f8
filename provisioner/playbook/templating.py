"""The texts of a playbook with values in them, so that no value becomes code."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from provisioner.playbook.jinja import JINJA, jinja
from provisioner.playbook.mistakes import Mistake, located
from provisioner.playbook.model import (
    ContentTask,
    CopyTask,
    DirectoryTask,
    FileTask,
    Playbook,
    RunTask,
    Task,
)

_SECRET_ALONE = re.compile(r"\{\{\s*secret\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


@dataclass(frozen=True)
class Secret:
    """The secret of this name, where a text would stand."""

    name: str


@dataclass(frozen=True)
class RenderedRun:
    """What a run task does; `shell` and `unless` refer to values and secrets as shell variables."""

    task: RunTask
    shell: str
    unless: str
    user: str | None
    cwd: str | None
    creates: str | None
    env: Mapping[str, str | Secret]


@dataclass(frozen=True)
class RenderedFile:
    """A file, or a directory (`content` is None); secrets stand in the content as names between NUL bytes."""

    task: FileTask | DirectoryTask
    dest: str
    content: bytes | None = field(repr=False)
    with_secrets: bool
    user: str
    owner: str
    group: str | None
    mode: str


@dataclass(frozen=True)
class Rendered:
    """The tasks that are wanted; `values` are those that shell texts refer to, by their variables' names."""

    tasks: tuple[RenderedRun | RenderedFile, ...]
    values: Mapping[str, str]


def with_values(playbook: Playbook, variables: Mapping[str, object]) -> Rendered:
    """All texts of the playbook, rendered; PlaybookError if a value is unfit."""
    tasks: list[RenderedRun | RenderedFile] = []
    with located(playbook.path) as spot:
        renderer = _Renderer(playbook, variables)
        for task in playbook.tasks:
            spot.place = task.place
            if renderer.wanted(task):
                tasks.append(renderer.task(task))
    return Rendered(tuple(tasks), {name: value for value, name in renderer.values.items()})


class _Renderer:
    """Renders one playbook's texts with one set of values."""

    def __init__(self, playbook: Playbook, variables: Mapping[str, object]) -> None:
        self._playbook = playbook
        self._variables = _complete(playbook, variables)
        self.values: dict[str, str] = {}
        """The value to the name of its shell variable."""

    def wanted(self, task: Task) -> bool:
        """What the task's `when` says."""
        if task.when is None:
            return True
        rendered = self._render("when", "{% if " + task.when + " %}yes{% endif %}", {})
        return rendered == "yes"

    def task(self, task: Task) -> RenderedRun | RenderedFile:
        match task:
            case RunTask():
                return self._run(task)
            case DirectoryTask():
                dest = self._path("directory", task.source)
                return self._owned(task, dest, None, task.mode or "755", with_secrets=False)
            case _:
                return self._file(task)

    def _run(self, task: RunTask) -> RenderedRun:
        return RenderedRun(
            task=task,
            shell=self._shell("run", task.source),
            unless=self._shell("unless", task.unless or ""),
            user=self._account("user", task.user) if task.user else None,
            cwd=self._plain("cwd", task.cwd) if task.cwd else None,
            creates=self._plain("creates", task.creates) if task.creates else None,
            env={name: self._env(text) for name, text in {**self._playbook.env, **task.env}.items()},
        )

    def _env(self, text: str) -> str | Secret:
        alone = _SECRET_ALONE.fullmatch(text.strip())
        return Secret(alone[1]) if alone else self._plain("env", text)

    def _file(self, task: FileTask) -> RenderedFile:
        content = self._content(task)
        with_secrets = b"\0" in content and not isinstance(task, CopyTask)
        mode = task.mode or ("600" if with_secrets else "644")
        if with_secrets and int(mode, 8) & 0o007:
            raise Mistake(f"mode {mode} would let everybody read a secret", word="mode")
        return self._owned(task, self._path("dest", task.dest), content, mode, with_secrets=with_secrets)

    def _content(self, task: FileTask) -> bytes:
        if isinstance(task, CopyTask):
            return self._playbook.copies[task.source]
        text = task.source if isinstance(task, ContentTask) else self._playbook.templates[task.source]
        if "\0" in text:
            raise Mistake("the template has a NUL in it", word=task.kind)
        secrets = {name: f"\0{name}\0" for name in self._playbook.secrets}
        return self._render(task.kind, text, {"quote": shlex.quote}, secrets).encode("utf-8")

    def _owned(
        self,
        task: FileTask | DirectoryTask,
        dest: str,
        content: bytes | None,
        mode: str,
        *,
        with_secrets: bool,
    ) -> RenderedFile:
        owner = self._account("owner", task.owner or task.user or "root")
        return RenderedFile(
            task=task,
            dest=dest,
            content=content,
            with_secrets=with_secrets,
            user=self._account("user", task.user or owner),
            owner=owner,
            group=self._account("group", task.group) if task.group else None,
            mode=mode,
        )

    def _path(self, word: str, text: str) -> str:
        path = self._plain(word, text)
        if not path.startswith("/") or path.endswith("/"):
            raise Mistake(f"{word} is an absolute path, not {path!r}", word=word)
        return path

    def _account(self, word: str, text: str) -> str:
        name = self._plain(word, text)
        if not _ACCOUNT.fullmatch(name):
            raise Mistake(f"{name!r} is no account's name", word=word)
        return name

    def _plain(self, word: str, text: str) -> str:
        """A text that is no shell text: a path, a name, the value of an environment variable."""
        rendered = self._render(word, text, {"quote": shlex.quote})
        if "\0" in rendered:
            raise Mistake(f"{word} has a NUL in it", word=word)
        return rendered

    def _shell(self, word: str, text: str) -> str:
        """A shell text; values and secrets stand in it as references to shell variables."""
        secrets = {name: f'"$secret_{name}"' for name in self._playbook.secrets}
        return self._render(word, text, {"quote": self._refer}, secrets)

    def _refer(self, value: object) -> str:
        text = str(value)  # this is where an undefined one raises
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise TypeError(f"quote takes a text or a number, not {type(value).__name__}")
        name = self.values.setdefault(text, f"value_{len(self.values) + 1}")
        return f'"${name}"'

    def _render(
        self, word: str, text: str, filters: Mapping[str, Any], secrets: Mapping[str, str] | None = None
    ) -> str:
        if not JINJA.search(text):
            return text
        from jinja2 import TemplateError

        environment = jinja()
        environment.filters.update(filters)
        try:
            return str(environment.from_string(text).render(self._variables, secret=secrets or {}))
        except (
            TemplateError,
            TypeError,
            ValueError,
            ArithmeticError,
            LookupError,
            AttributeError,
        ) as problem:
            raise Mistake(f"{word}: {problem}", word=word) from None


def _complete(playbook: Playbook, given: Mapping[str, object]) -> dict[str, object]:
    """The declared variables with their values; each one there, none with what no shell could hold."""
    values: dict[str, object] = {}
    for name, default in playbook.variables.items():
        value = default if given.get(name) is None else given[name]
        if value is None:
            raise Mistake(f"the variable {name} was not given")
        for text in _strings(value):
            _holdable(name, text)
        values[name] = value
    return values


def _holdable(name: str, text: str) -> None:
    if "\0" in text:
        raise Mistake(f"the variable {name} has a NUL in it")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise Mistake(f"the variable {name} is not Unicode text") from None


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _strings(key)
            yield from _strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)
