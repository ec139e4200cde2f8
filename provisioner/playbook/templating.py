"""The Jinja texts of a playbook: checked before anything runs, and rendered so that no value becomes code."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from provisioner.playbook.datum import datum
from provisioner.playbook.mistakes import Mistake
from provisioner.playbook.model import (
    ContentTask,
    CopyTask,
    DirectoryTask,
    Playbook,
    RunTask,
    Task,
    TemplateTask,
)
from provisioner.textfiles import UnreadableText, text_at

_JINJA = re.compile(r"\{[{%#]")
_SECRET_ALONE = re.compile(r"\{\{\s*secret\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_SHELL_WORDS = ("run", "unless")
_PLAIN_WORDS = ("user", "creates", "cwd", "dest", "owner", "group", "directory")


def check_task(playbook: Playbook, task: Task) -> None:
    """Mistake for the first text with an undeclared name, or a value where it could become code."""
    for word, text in _texts_of(playbook, task):
        if word == "when" or _JINJA.search(text):
            # A template is a file of its own, whose lines are counted by themselves.
            with _in_template(task.source) if word == "template" else nullcontext():
                _check(playbook, word, text)


def secret_alone(text: str) -> str | None:
    """The name of the secret that is all there is in this text."""
    found = _SECRET_ALONE.fullmatch(text.strip())
    return found[1] if found else None


class Texts:
    """Renders one playbook's texts with one set of values."""

    def __init__(self, playbook: Playbook, variables: Mapping[str, object]) -> None:
        self._secrets = playbook.secrets
        self._variables = _complete(playbook, variables)
        self.values: dict[str, str] = {}
        """What shell texts refer to: the value to the name of its shell variable."""

    def wanted(self, task: Task) -> bool:
        """What the task's `when` says."""
        if task.when is None:
            return True
        rendered = self._render("when", "{% if " + task.when + " %}yes{% endif %}", {})
        return rendered == "yes"

    def plain(self, word: str, text: str) -> str:
        """A text that is no shell text: a path, a name, the value of an environment variable."""
        rendered = self._render(word, text, {"quote": shlex.quote})
        if "\0" in rendered:
            raise Mistake(f"{word} has a NUL in it", word=word)
        return rendered

    def file(self, word: str, text: str) -> str:
        """A file's content; a secret stands in it as its name between two NUL bytes."""
        if "\0" in text:
            raise Mistake("the template has a NUL in it", word=word)
        secrets = {name: f"\0{name}\0" for name in self._secrets}
        return self._render(word, text, {"quote": shlex.quote}, secrets)

    def shell(self, word: str, text: str) -> str:
        """A shell text; values and secrets stand in it as references to shell variables."""
        secrets = {name: f'"$secret_{name}"' for name in self._secrets}
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
        if not _JINJA.search(text):
            return text
        from jinja2 import TemplateError

        environment = _environment()
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


def _texts_of(playbook: Playbook, task: Task) -> Iterator[tuple[str, str]]:
    """Every text of a task with its word; a template file's content under "template"."""
    if task.when is not None:
        yield "when", task.when
    match task:
        case RunTask() | ContentTask() | DirectoryTask():
            yield task.kind, task.source
        case TemplateTask():
            yield "template", read_template(playbook, task)
        case CopyTask():
            read_copy(playbook, task)
    for word in ("user", "creates", "unless", "cwd", "dest", "owner", "group"):
        text = getattr(task, word, None)
        if text is not None:
            yield word, text
    for text in (*playbook.env.values(), *(task.env.values() if isinstance(task, RunTask) else ())):
        yield "env", text


def read_template(playbook: Playbook, task: TemplateTask) -> str:
    """The template's text; Mistake if there is none."""
    try:
        return text_at(playbook.folder / task.source)
    except FileNotFoundError as problem:
        raise Mistake(str(problem), word="template") from None
    except UnreadableText as problem:
        raise Mistake(f"{task.source}: {problem}", word="template") from None


def read_copy(playbook: Playbook, task: CopyTask) -> bytes:
    """The file's bytes; Mistake if there is none."""
    try:
        return (playbook.folder / task.source).read_bytes()
    except OSError as problem:
        raise Mistake(str(problem), word="copy") from None


def _environment() -> Any:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True
    )
    # Jinja's own one is made for HTML and writes < as \u003c.
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    environment.filters["quote"] = shlex.quote
    environment.filters["datum"] = datum
    return environment


@contextmanager
def _in_template(source: str) -> Iterator[None]:
    try:
        yield
    except Mistake as mistake:
        raise Mistake(f"{source}, line {mistake.line}: {mistake.cause}", word="template") from None


def _check(playbook: Playbook, word: str, text: str) -> None:
    from jinja2 import TemplateSyntaxError, meta

    environment = _environment()
    try:
        tree = environment.parse("{% if " + text + " %}{% endif %}" if word == "when" else text)
    except TemplateSyntaxError as problem:
        raise Mistake(problem.message or "not Jinja", word=word, line=problem.lineno) from None
    known = {*playbook.variables, "secret", *environment.globals}
    unknown = sorted(meta.find_undeclared_variables(tree) - known)
    if unknown:
        raise Mistake(f"“{unknown[0]}” is not declared in variables", word=word, line=1)
    for cause, line in _misuses(playbook, word, tree):
        raise Mistake(cause, word=word, line=line)


def _misuses(playbook: Playbook, word: str, tree: Any) -> Iterator[tuple[str, int]]:
    """Where a value could become code, or a secret could get into a text."""
    from jinja2 import nodes

    rightly: set[int] = set()
    for output in tree.find_all(nodes.Output):
        for child in output.nodes:
            secret = _secret_of(child)
            if secret is not None:
                rightly.add(id(child.node))
                if secret not in playbook.secrets:
                    yield f"“{secret}” is not declared in secrets", child.lineno
                elif word in _PLAIN_WORDS or word == "when":
                    yield f"a secret may not stand in “{word}”", child.lineno
            elif word in _SHELL_WORDS and not _harmless(child):
                yield "a value in a shell text ends in “| quote”", child.lineno
    for name in tree.find_all(nodes.Name):
        if name.name == "secret" and id(name) not in rightly:
            yield "a secret stands alone, as {{ secret.NAME }}, without a filter or a condition", name.lineno


def _secret_of(node: Any) -> str | None:
    from jinja2 import nodes

    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name) and node.node.name == "secret":
        return str(node.attr)
    return None


def _harmless(node: Any) -> bool:
    from jinja2 import nodes

    return isinstance(node, nodes.TemplateData) or (isinstance(node, nodes.Filter) and node.name == "quote")
