"""Break the code on purpose, and see whether the tests notice: `python -m tests.mutation`.

First the mutants that have lived once (`known`), then a seeded sample of small changes, spread over the
packages, until the minutes are over. A sample that was cut short goes on where it was with the same seed, as
long as the code is the same. What no test noticed is written to build/mutation/survivors.md, in the rows of
the table in docs/reliability.md; the exit code is 1 if a known mutant lives, or a survivor is not in that
table.
"""

import argparse
import hashlib
import json
import random
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import chain, zip_longest
from pathlib import Path
from queue import SimpleQueue
from threading import Lock

from tests.mutation.groups import GROUPS, Group
from tests.mutation.known import KNOWN
from tests.mutation.mutants import Change, Mutant, files_in, mutants_of
from tests.mutation.tree import ROOT, Tree

FOLDER = ROOT / "build" / "mutation"
EXPLAINED = ROOT / "docs" / "reliability.md"
_SLACK = 30.0
_SLOWER = 4


@dataclass(frozen=True)
class Result:
    """What became of one mutant."""

    file: str
    before: str
    after: str
    killed: bool

    @property
    def row(self) -> str:
        """How the table of survivors begins a row about it."""
        before, after = (text.replace("|", "\\|") for text in (self.before, self.after))
        return f"| `{self.file.removeprefix('provisioner/')}` | `{before}` | `{after}` |"


class Book:
    """The results so far, on disk after each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text().splitlines() if path.exists() else []
        self._results = {line["key"]: Result(**line["result"]) for line in map(json.loads, lines)}

    def __getitem__(self, key: str) -> Result | None:
        return self._results.get(key)

    def add(self, key: str, result: Result) -> None:
        with self._lock, self._path.open("a") as file:
            file.write(json.dumps({"key": key, "result": asdict(result)}) + "\n")
            self._results[key] = result


class Run:
    """One mutation run; `trees` are copies of the project, of which each is used by one thread at a time."""

    def __init__(self, seed: int, workers: int, deadline: float) -> None:
        self._book = Book(FOLDER / f"{seed}.jsonl")
        self._seed = seed
        self._deadline = deadline
        self._workers = workers
        self._trees: SimpleQueue[Tree] = SimpleQueue()
        self._whole = Tree(FOLDER / "tree-whole").root
        self._patience: dict[str, float] = {}
        self.red: list[str] = []
        for number in range(workers):
            self._trees.put(Tree(FOLDER / f"tree-{number}"))

    def known(self) -> list[str]:
        """What is wrong with the table of known mutants: who lives, who is not to be found."""
        whole = [f"{'; '.join(tests)}: red on the whole code" for tests in self._red()]
        with ThreadPoolExecutor(self._workers) as pool:
            return whole or [said for said in pool.map(self._judge_known, range(len(KNOWN))) if said]

    def sample(self) -> list[Result]:
        """The results of as many of the sample as the time allows; `red` has what could not be tried."""
        with ThreadPoolExecutor(self._workers) as pool:
            list(pool.map(self._measure, GROUPS))
            return [one for one in pool.map(lambda pair: self._try(*pair), self._order()) if one]

    def _red(self) -> Iterator[tuple[str, ...]]:
        tree = self._trees.get()
        for known in {known.tests: known for known in KNOWN}.values():
            if known.ask(tree).killed:
                yield known.tests
        self._trees.put(tree)

    def _judge_known(self, number: int) -> str | None:
        known, tree = KNOWN[number], self._trees.get()
        try:
            killed = known.judge(tree).killed
        except ValueError as error:
            return str(error)
        finally:
            self._trees.put(tree)
        print(f"  {'killed' if killed else 'LIVES '}  {known.what}", flush=True)
        return None if killed else f"lives: {known.what}"

    def _measure(self, group: Group) -> None:
        """How long its tests may take; a group that is red as it is can tell nothing."""
        tree = self._trees.get()
        verdict = tree.test(group.tests_of(tree.root, ""), within=900)
        self._trees.put(tree)
        if verdict.killed:
            self.red.append(f"{group.name}: red on the whole code: {verdict.output}")
            return
        print(f"{group.name}: {verdict.seconds:.0f} s on the whole code", flush=True)
        self._patience[group.name] = verdict.seconds * _SLOWER + _SLACK

    def _order(self) -> list[tuple[Group, Mutant]]:
        """Every mutant there is: shuffled within each group, the groups in turn."""
        chance = random.Random(self._seed)
        rows = []
        for group in (one for one in GROUPS if one.name in self._patience):
            files = [file for place in group.places for file in files_in(self._whole, place)]
            found = [mutant for file in files for mutant in mutants_of(self._whole, file)]
            rows.append([(group, mutant) for mutant in chance.sample(found, len(found))])
        return [one for one in chain.from_iterable(zip_longest(*rows)) if one is not None]

    def _try(self, group: Group, mutant: Mutant) -> Result | None:
        if time.monotonic() > self._deadline:
            return None
        change = mutant.change(self._whole)
        key = _key(mutant, change)
        if known := self._book[key]:
            return known
        tree = self._trees.get()
        try:
            with tree.broken(mutant.file, change.broken):
                verdict = tree.test(group.tests_of(tree.root, mutant.file), within=self._patience[group.name])
        finally:
            self._trees.put(tree)
        result = Result(mutant.file, *change.lines, killed=verdict.killed)
        self._book.add(key, result)
        print(
            f"  {'killed  ' if result.killed else 'SURVIVED'}  {verdict.seconds:4.0f} s  {result.row}",
            flush=True,
        )
        return result


def _key(mutant: Mutant, change: Change) -> str:
    digest = hashlib.sha256(change.broken.encode()).hexdigest()[:16]
    return f"{mutant.file} {mutant.operator} {mutant.occurrence} {digest}"


def _report(results: list[Result]) -> list[str]:
    """Print the counts and write the survivors down; those that the document does not explain."""
    survivors = [one for one in results if not one.killed]
    explained = EXPLAINED.read_text()
    unexplained = [one.row for one in survivors if one.row not in explained]
    (FOLDER / "survivors.md").write_text("".join(f"{one.row} |\n" for one in survivors))
    counts = Counter((one.file.split("/")[1], one.killed) for one in results)
    for package in sorted({package for package, _ in counts}):
        killed, lived = counts[package, True], counts[package, False]
        print(f"{package}: {killed} of {killed + lived} killed")
    print(f"{len(results)} mutants, {len(survivors)} survived, {len(unexplained)} of them unexplained")
    return unexplained


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--minutes", type=float, default=20, help="for the sample")
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    run = Run(chosen.seed, chosen.workers, time.monotonic() + chosen.minutes * 60)
    wrong = run.known()
    if chosen.minutes:
        wrong += [f"unexplained: {row}" for row in _report(run.sample())]
    wrong += run.red
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
