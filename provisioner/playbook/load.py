"""Finds a playbook by its name, and reads it from YAML to checked tasks; errors name the line."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from provisioner.errors import PlaybookError
from provisioner.filesystem.textfiles import UnreadableText, text_at
from provisioner.playbook.mistakes import Mistake, Place, Spot, located
from provisioner.playbook.model import (
    CHECKED_TASK,
    TASK_WORDS,
    CopyTask,
    Head,
    Kind,
    Playbook,
    Task,
    TemplateTask,
)
from provisioner.workspace import shipped

_FILE = "playbook.yaml"
_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def shipped_playbooks() -> Path:
    """The folder of the playbooks that come with the product, in a checkout as well as from the wheel."""
    return shipped("playbooks")


def load(name: str, search: Sequence[Path] | None = None) -> Playbook:
    """The playbook of this name, from the first folder of `search` that has one, else the shipped one.

    PlaybookError says what is wrong with its text, with file, line and task.
    """
    return parse_playbook(name, playbook_folder(name, search) / _FILE)


def playbook_folder(name: str, search: Sequence[Path] | None = None) -> Path:
    """Where the text and the files of this playbook are; PlaybookError if there is none."""
    folders = [*(search or ()), shipped_playbooks()]
    for folder in folders:
        if (folder / name / _FILE).is_file():
            return folder / name
    looked = ", ".join(str(folder) for folder in folders)
    raise PlaybookError("use the playbook", whom=name, cause=f"there is none in {looked}")


def parse_playbook(name: str, path: Path) -> Playbook:
    """Read and check one playbook; PlaybookError."""
    # The import is only paid by those who have texts to check.
    from provisioner.playbook.check import check_task

    with located(path) as spot:
        playbook = _with_files(_playbook(name, path, _text_of(path), spot), spot)
        for task in playbook.tasks:
            spot.place = task.place
            check_task(playbook, task)
    return playbook


def _text_of(path: Path) -> str:
    try:
        return text_at(path)
    except UnreadableText as problem:
        raise Mistake(str(problem)) from None
    except FileNotFoundError:
        raise Mistake("there is no such file") from None


def _with_files(playbook: Playbook, spot: Spot) -> Playbook:
    """The same, with what the files beside it hold that its tasks name."""
    templates: dict[str, str] = {}
    copies: dict[str, bytes] = {}
    for task in playbook.tasks:
        spot.place = task.place
        if isinstance(task, TemplateTask):
            templates[task.source] = _template(playbook.path.parent, task.source)
        elif isinstance(task, CopyTask):
            copies[task.source] = _copy(playbook.path.parent, task.source)
    return replace(playbook, templates=templates, copies=copies)


def _template(folder: Path, source: str) -> str:
    try:
        return text_at(folder / source)
    except FileNotFoundError as problem:
        raise Mistake(str(problem), word="template") from None
    except UnreadableText as problem:
        raise Mistake(f"{source}: {problem}", word="template") from None


def _copy(folder: Path, source: str) -> bytes:
    try:
        return (folder / source).read_bytes()
    except OSError as problem:
        raise Mistake(str(problem), word="copy") from None


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
def _playbook(name: str, path: Path, text: str, spot: Spot) -> Playbook:
    loader = _Loader(text)
    root = loader.get_single_node()
    if not isinstance(root, yaml.MappingNode):
        raise Mistake("a playbook is a mapping with description and tasks", line=1)
    values, spot.place = _words(loader, root, nodes="tasks")
    try:
        head = Head.model_validate(values)
    except ValidationError as error:
        raise _first(error.errors(include_url=False), spot.place, _head_mistake) from None
    return Playbook(
        name=name,
        path=path,
        description=head.description,
        variables=head.variables,
        secrets=tuple(head.secrets),
        env=head.env,
        tasks=tuple(_tasks(loader, head.tasks, spot)),
    )


def _tasks(loader: Any, nodes: Sequence[yaml.Node], spot: Spot) -> Iterator[Task]:
    taken: set[str] = set()
    for node in nodes:
        spot.place = None
        values, spot.place = _words(loader, node)
        try:
            task = CHECKED_TASK.validate_python(values, context=spot.place)
        except ValidationError as error:
            raise _first(error.errors(include_url=False), spot.place, _task_mistake) from None
        if task.name in taken:
            raise Mistake("another task has this name")
        taken.add(task.name)
        yield task


def _words(loader: Any, mapping: yaml.Node, *, nodes: str | None = None) -> tuple[dict[str, Any], Place]:
    """What a mapping says, and where; of the list under the word `nodes` the items as YAML nodes."""
    first = mapping.start_mark.line + 1
    if not isinstance(mapping, yaml.MappingNode):
        raise Mistake("a task is a mapping", line=first)
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for key, value in mapping.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise Mistake("a word is plain text", line=line)
        word = key.value
        if word in values:
            raise Mistake(f"“{word}” is here twice", line=line)
        values[word] = value.value if word == nodes else _value(loader, value)
        lines[word] = value.start_mark.line + (2 if getattr(value, "style", None) in ("|", ">") else 1)
        lines[f"{word}:"] = line
    name = values.get("name")
    return values, Place(name if isinstance(name, str) else None, first, lines)


def _value(loader: Any, node: yaml.Node) -> Any:
    try:
        return loader.construct_object(node, deep=True)
    except ValueError as problem:  # as of a date that there is not
        raise Mistake(str(problem), line=node.start_mark.line + 1) from None


def _first(
    errors: Sequence[ErrorDetails], place: Place, mistake_of: Callable[[ErrorDetails], Mistake]
) -> Mistake:
    """Of several mistakes the one that stands first in the file; what is missing may be misspelt there."""
    there = [error for error in errors if error["type"] != "missing"]
    mistakes = map(mistake_of, there or errors)
    return min(mistakes, key=lambda mistake: place.words.get(mistake.word, place.line))


def _head_mistake(error: ErrorDetails) -> Mistake:
    word, *inside = error["loc"]
    match error["type"]:
        case "missing":
            return Mistake(f"“{word}” is missing")
        case "extra_forbidden":
            known = ", ".join(sorted(Head.words()))
            return Mistake(f"unknown word “{word}”; the head has {known}", word=f"{word}:")
    return _unfit(error, str(word), inside)


def _task_mistake(error: ErrorDetails) -> Mistake:
    if not error["loc"]:
        return Mistake(error["msg"])
    kind, *path = error["loc"]
    word, *inside = path or [error["ctx"]["word"]]
    match error["type"]:
        case "missing":
            return Mistake("a task has a “name”" if word == "name" else f"“{kind}” needs “{word}”")
        case "extra_forbidden":
            return Mistake(_stray(str(word), cast("Kind", kind)), word=f"{word}:")
    return _unfit(error, str(word), inside)


def _unfit(error: ErrorDetails, word: str, inside: Sequence[int | str]) -> Mistake:
    item = f": “{inside[0] if isinstance(inside[0], str) else error['input']}”" if inside else ""
    return Mistake(f"“{word}”{item} {error['msg']}", word=f"{word}:")


def _stray(word: str, kind: Kind) -> str:
    if any(word in words for words in TASK_WORDS.values()):
        return f"“{word}” does not go with “{kind}”"
    return f"unknown word “{word}”; “{kind}” knows {', '.join(sorted(TASK_WORDS[kind] - {kind}))}"
