"""Mutants that have lived once: code that was broken on purpose and no test noticed, and who notices now.

`make test` demands that each text is still there; `make campaign` breaks a copy of the code and runs these
tests.
"""

from dataclasses import dataclass
from pathlib import Path

from tests.mutation.tree import ROOT, Tree, Verdict

_WITHIN = 300.0


@dataclass(frozen=True)
class Known:
    """What is broken: `old`, once in `file`, becomes `new`; `tests` notice."""

    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def broken_text(self, root: Path = ROOT) -> str:
        """The file with the breakage; ValueError if the code has moved away."""
        text = (root / self.file).read_text()
        if text.count(self.old) != 1:
            raise ValueError(f"{self.what}: {self.old!r} is {text.count(self.old)} times in {self.file}")
        return text.replace(self.old, self.new)

    def judge(self, tree: Tree) -> Verdict:
        """What the tests say about the code as it is broken; they have passed on the whole one."""
        with tree.broken(self.file, self.broken_text(tree.root)):
            return tree.test(self.tests, within=_WITHIN)


KNOWN: tuple[Known, ...] = ()
