"""The Jinja texts of a task, checked before anything runs: names are declared, and no value becomes code."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from provisioner.playbook.jinja import JINJA, jinja
from provisioner.playbook.mistakes import Mistake
from provisioner.playbook.model import ContentTask, DirectoryTask, Playbook, RunTask, Task, TemplateTask

_SHELL_WORDS = ("run", "unless")
_PLAIN_WORDS = ("user", "creates", "cwd", "dest", "owner", "group", "directory")


def check_task(playbook: Playbook, task: Task) -> None:
    """Mistake for the first text with an undeclared name, or a value where it could become code."""
    for word, text in _texts_of(playbook, task):
        if word == "when" or JINJA.search(text):
            # A template is a file of its own, whose lines are counted by themselves.
            with _in_template(task.source) if word == "template" else nullcontext():
                _check(playbook, word, text)


def _texts_of(playbook: Playbook, task: Task) -> Iterator[tuple[str, str]]:
    """Every text of a task with its word; a template file's content under "template"."""
    if task.when is not None:
        yield "when", task.when
    match task:
        case RunTask() | ContentTask() | DirectoryTask():
            yield task.kind, task.source
        case TemplateTask():
            yield "template", playbook.templates[task.source]
    for word in ("user", "creates", "unless", "cwd", "dest", "owner", "group"):
        text = getattr(task, word, None)
        if text is not None:
            yield word, text
    for text in (*playbook.env.values(), *(task.env.values() if isinstance(task, RunTask) else ())):
        yield "env", text


@contextmanager
def _in_template(source: str) -> Iterator[None]:
    try:
        yield
    except Mistake as mistake:
        mistake.cause = f"{source}, line {mistake.line}: {mistake.cause}"
        mistake.word, mistake.line = "template", None
        raise


def _check(playbook: Playbook, word: str, text: str) -> None:
    from jinja2 import TemplateSyntaxError, meta

    environment = jinja()
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
