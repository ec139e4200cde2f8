"""Small changes of code, one at a time: cosmic-ray's operators, and one that leaves out a call.

The real runners of mutation testing do not fit here. mutmut changes no function that has a decorator, which
are all context managers and so every lock and every durable write, and wants all tests in one process.
cosmic-ray runs one command for every mutant in one tree, to the end of all of them. So its operators are
taken, which change any code, and the sample, the tests of each package and the budget are ours.
"""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import parso
from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Example, Operator

_NOT_USED = re.compile(r"BitOr|Variable|NumberReplacer|NoOp")
"""`|` is what types are written with; numbers are patiences and sizes, of which the next one is as good."""
_REPLACEMENT = re.compile(r"Replace(?:Binary|Comparison|Unary)Operator_(\w+)_(\w+)$")
_CHOSEN = {
    *(("Add", "Sub"), ("Sub", "Add"), ("Mul", "Add"), ("Div", "Mul"), ("FloorDiv", "Mul"), ("Mod", "Add")),
    *(("Eq", "NotEq"), ("NotEq", "Eq"), ("Is", "IsNot"), ("IsNot", "Is"), ("Delete", "Not")),
    *(("Lt", "LtE"), ("LtE", "Lt"), ("Gt", "GtE"), ("GtE", "Gt"), ("USub", "UAdd")),
}
"""What a sign becomes: the same tests notice the other dozen changes of it."""
_FAILPOINT = "failpoint("


class LeaveOutCall(Operator):  # type: ignore[misc]
    """A statement that is only a call does nothing."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        if self._is_call(node):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        prefix = node.get_first_leaf().prefix
        return parso.python.tree.Keyword("pass", node.start_pos, prefix)

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (Example("print(1)\n", "pass\n"),)

    @staticmethod
    def _is_call(node: Any) -> bool:
        if node.type not in ("atom_expr", "power") or node.parent.type != "simple_stmt":
            return False
        last = node.children[-1]
        # A failpoint does nothing but in a campaign.
        return not node.get_code().strip().startswith(_FAILPOINT) and bool(
            last.type == "trailer" and last.children[0] == "("
        )


@dataclass(frozen=True)
class Mutant:
    """One change: the `occurrence`-th place in `file` where `operator` has something to change."""

    file: str
    operator: str
    occurrence: int

    def change(self, root: Path) -> "Change":
        """What it does to the code of the tree at `root`."""
        whole = (root / self.file).read_text()
        return Change(whole, mutate_code(whole, _operator(self.operator), self.occurrence) or whole)


@dataclass(frozen=True)
class Change:
    whole: str
    broken: str

    @property
    def lines(self) -> tuple[str, str]:
        """The first line that differs, as it was and as it became."""
        difference = list(difflib.unified_diff(self.whole.split("\n"), self.broken.split("\n"), n=0))[3:]
        told = [line for line in difference if line[1:].strip()]
        before = next((line[1:].strip() for line in told if line.startswith("-")), "")
        after = next((line[1:].strip() for line in told if line.startswith("+")), "")
        return before, after


def mutants_of(root: Path, file: str) -> Iterator[Mutant]:
    """Every change of this file, in the order of operators and places."""
    tree = get_ast((root / file).read_text())
    nodes = list(ast_nodes(tree))
    for name in _names():
        operator = _operator(name)
        count = sum(1 for node in nodes for _ in operator.mutation_positions(node))
        yield from (Mutant(file, name, occurrence) for occurrence in range(count))


def files_in(root: Path, place: str) -> list[str]:
    """The modules at a path, which is a file or a folder."""
    path = root / place
    found = [path] if path.is_file() else sorted(path.rglob("*.py"))
    assert found, f"there is nothing at {place}"
    return [str(one.relative_to(root)) for one in found]


@cache
def _names() -> tuple[str, ...]:
    ours = tuple(name for name in plugins.operator_names() if not _NOT_USED.search(name) and _chosen(name))
    return (*ours, LeaveOutCall.__name__)


def _chosen(name: str) -> bool:
    replacement = _REPLACEMENT.search(name)
    return replacement is None or replacement.groups() in _CHOSEN


def _operator(name: str) -> Any:
    return LeaveOutCall() if name == LeaveOutCall.__name__ else plugins.get_operator(name)()
