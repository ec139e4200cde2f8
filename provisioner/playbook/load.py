"""Finds a playbook by its name, and reads it from YAML to checked tasks; errors name the line."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from provisioner.errors import PlaybookError
from provisioner.playbook.mistakes import Mistake, Place, located
from provisioner.playbook.model import Kind, Playbook, Task
from provisioner.textfiles import UnreadableText, text_at
from provisioner.workspace import shipped

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MODE = re.compile(r"0?[0-7]{3,4}")

_KINDS: tuple[Kind, ...] = ("run", "template", "copy", "content", "directory")
_FOR_ALL = frozenset({"name", "when", "user", "timeout", "retries", "delay"})
_FOR_RUN = frozenset({"creates", "unless", "env", "cwd", "register", "changes", "secret"})
_FOR_FILES = frozenset({"dest", "owner", "group", "mode", "keep"})
_ALLOWED: Mapping[Kind, frozenset[str]] = {
    "run": _FOR_ALL | _FOR_RUN,
    "template": _FOR_ALL | _FOR_FILES,
    "copy": _FOR_ALL | _FOR_FILES,
    "content": _FOR_ALL | _FOR_FILES,
    "directory": _FOR_ALL | {"owner", "group", "mode"},
}
_HEAD = frozenset({"description", "variables", "secrets", "env", "tasks"})


def shipped_playbooks() -> Path:
    """The folder of the playbooks that come with the product, in a checkout as well as from the wheel."""
    return shipped("playbooks")


def load(name: str, search: Sequence[Path] | None = None) -> Playbook:
    """The playbook of this name, from the first folder of `search` that has one, else the shipped one.

    PlaybookError says what is wrong with its text, with file, line and task.
    """
    folders = [*(search or ()), shipped_playbooks()]
    for folder in folders:
        path = folder / name / "playbook.yaml"
        if path.is_file():
            return parse_playbook(name, path)
    looked = ", ".join(str(folder) for folder in folders)
    raise PlaybookError("use the playbook", whom=name, cause=f"there is none in {looked}")


def parse_playbook(name: str, path: Path) -> Playbook:
    """Read and check one playbook; PlaybookError."""
    with located(path):
        playbook = _playbook(name, path, _text_of(path))
    # The import is only paid by those who have texts to check.
    from provisioner.playbook.templating import check_task

    for task in playbook.tasks:
        with located(path, task.place):
            check_task(playbook, task)
    return playbook


def _text_of(path: Path) -> str:
    try:
        return text_at(path)
    except UnreadableText as problem:
        raise Mistake(str(problem)) from None
    except FileNotFoundError:
        raise Mistake("there is no such file") from None


@contextmanager
def _yaml_mistakes() -> Iterator[None]:
    """Raises what the YAML parser complains about as a Mistake, at its line."""
    try:
        yield
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else None
        raise Mistake(problem.problem or "not YAML", line=line) from None
    except yaml.YAMLError as problem:
        raise Mistake(str(problem)) from None


@_yaml_mistakes()
def _playbook(name: str, path: Path, text: str) -> Playbook:
    loader = _Loader(text)
    root = loader.get_single_node()
    if not isinstance(root, yaml.MappingNode):
        raise Mistake("a playbook is a mapping with description and tasks", line=1)
    head = {key: (node, line) for key, node, line in _pairs(root)}
    for word, (_, line) in head.items():
        if word not in _HEAD:
            raise Mistake(f"unknown word “{word}”; the head has {', '.join(sorted(_HEAD))}", line=line)
    for word in ("description", "tasks"):
        if word not in head:
            raise Mistake(f"“{word}” is missing", line=1)
    values = {
        word: loader.construct_object(node, deep=True) for word, (node, _) in head.items() if word != "tasks"
    }
    return Playbook(
        name=name,
        path=path,
        description=_head(values, head, "description", _text, ""),
        variables=_head(values, head, "variables", _variables, {}),
        secrets=_head(values, head, "secrets", _names, ()),
        env=_head(values, head, "env", _environment, {}),
        tasks=_tasks(path, loader, head["tasks"][0]),
    )


def _head(
    values: Mapping[str, Any], head: Mapping[str, Any], word: str, check: Callable[[Any], Any], default: Any
) -> Any:
    if word not in values:
        return default
    try:
        return check(values[word])
    except ValueError as problem:
        raise Mistake(f"“{word}” {problem}", line=head[word][1]) from None


def _tasks(path: Path, loader: Any, sequence: yaml.Node) -> tuple[Task, ...]:
    if not isinstance(sequence, yaml.SequenceNode) or not sequence.value:
        raise Mistake("“tasks” is a list with at least one task", line=sequence.start_mark.line + 1)
    tasks: list[Task] = []
    taken: set[str] = set()
    for node in sequence.value:
        values, place = _words(loader, node)
        with located(path, place):
            task = _checked_task(values, place)
            if task.name in taken:
                raise Mistake("another task has this name")
        taken.add(task.name)
        tasks.append(task)
    return tuple(tasks)


def _words(loader: Any, node: yaml.Node) -> tuple[dict[str, Any], Place]:
    """What a task says, and where."""
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        raise Mistake("a task is a mapping", line=line)
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for word, value, at in _pairs(node):
        values[word] = loader.construct_object(value, deep=True)
        lines[word] = value.start_mark.line + (2 if getattr(value, "style", None) in ("|", ">") else 1)
        lines[f"{word}:"] = at
    name = values.get("name")
    return values, Place(name if isinstance(name, str) else None, line, lines)


def _checked_task(values: dict[str, Any], place: Place) -> Task:
    if not isinstance(values.get("name"), str) or not values["name"].strip():
        raise Mistake("a task has a “name”")
    kinds = [kind for kind in _KINDS if kind in values]
    if len(kinds) != 1:
        raise Mistake(f"a task does exactly one of {', '.join(_KINDS)}")
    kind = kinds[0]
    checked: dict[str, Any] = {}
    for word, value in values.items():
        if word not in _ALLOWED[kind] | {kind}:
            raise Mistake(_stray(word, kind), word=f"{word}:")
        try:
            checked[word] = _CHECKS[word](value)
        except ValueError as problem:
            raise Mistake(f"“{word}” {problem}", word=f"{word}:") from None
    if kind in ("template", "copy", "content") and "dest" not in checked:
        raise Mistake(f"“{kind}” needs “dest”")
    if checked.get("register") and checked.get("secret"):
        raise Mistake("“register” keeps what “secret” throws away", word="register:")
    return Task(place=place, kind=kind, source=checked.pop(kind), **checked)


def _stray(word: str, kind: Kind) -> str:
    if any(word in allowed for allowed in _ALLOWED.values()) or word in _KINDS:
        return f"“{word}” does not go with “{kind}”"
    return f"unknown word “{word}”; “{kind}” knows {', '.join(sorted(_ALLOWED[kind]))}"


def _pairs(mapping: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node, int]]:
    seen: set[str] = set()
    for key, value in mapping.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise Mistake("a word is plain text", line=line)
        if key.value in seen:
            raise Mistake(f"“{key.value}” is here twice", line=line)
        seen.add(key.value)
        yield key.value, value, line


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("is a text that is not empty")
    if "\0" in value:
        raise ValueError("has a NUL in it")
    return value


def _condition(value: Any) -> str:
    return str(value) if isinstance(value, bool) else _text(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("is true or false")
    return value


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 86400:
        raise ValueError("is a number of seconds above 0, a day at most")
    return float(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100_000:
        raise ValueError("is a whole number, 0 or more")
    return value


def _access(value: Any) -> str:
    if not isinstance(value, str) or not _MODE.fullmatch(value):
        raise ValueError('is three or four octal digits in quotes, like "0644"')
    return value.lstrip("0").rjust(3, "0")


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("is a name of letters, digits and _")
    return value


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError("is a list of names")
    return tuple(_name(item) for item in value)


def _variables(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("maps names to defaults")
    return {_name(key): default for key, default in value.items()}


def _environment(value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise ValueError("maps names to texts")
    for key, text in value.items():
        _name(key)
        if isinstance(text, bool) or not isinstance(text, str | int | float):
            raise ValueError(f"has no text for {key}")
    return {key: str(text) for key, text in value.items()}


_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "name": _text,
    "run": _text,
    "template": _text,
    "copy": _text,
    "content": _text,
    "directory": _text,
    "when": _condition,
    "user": _text,
    "timeout": _seconds,
    "retries": _count,
    "delay": _seconds,
    "creates": _text,
    "unless": _text,
    "env": _environment,
    "cwd": _text,
    "register": _name,
    "changes": _truth,
    "secret": _truth,
    "dest": _text,
    "owner": _text,
    "group": _text,
    "mode": _access,
    "keep": _truth,
}
