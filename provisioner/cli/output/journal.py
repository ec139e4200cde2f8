"""The runs that a server remembers, and their journals, as `logs` shows them."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from provisioner.cli.output import render
from provisioner.cli.output.durations import took
from provisioner.cli.output.redaction import known_redactor
from provisioner.cli.output.result import Block, Message, Result, Wrapped
from provisioner.cli.output.terminal import styled
from provisioner.playbook.logs import Run

_STATUS = {"so": "so already", "ok": "done", "planned": "would do", "failed": "failed"}
_STYLES = {"failed": "red", "done": "green"}


@dataclass(frozen=True)
class RunList(Result):
    """All runs that the server remembers."""

    known: Sequence[Run]
    kind = "runs"

    def blocks(self) -> Iterator[Block]:
        column = max((len(run.id) for run in self.known), default=0)
        for run in self.known:
            yield f"{run.id:<{column}}  {_what_came_of(run)}"

    def document(self) -> dict[str, object]:
        redact = known_redactor()
        return {"runs": [{**asdict(run), "playbook": redact(run.playbook)} for run in self.known]}


@dataclass(frozen=True)
class TaskOutput(Result):
    """The whole output of one task."""

    run: Run
    task: int
    output: str

    def blocks(self) -> Iterator[Block]:
        if self.output:
            # The server has left out what was secret then; our own secrets are known only here.
            yield from _output(known_redactor()(self.output))
        else:
            yield Message(f"task {self.task} of {self.run.id} printed nothing, or was not reached")


def journal_printer(*, as_json: bool) -> Callable[[dict[str, Any]], None]:
    """Prints the lines of a journal as they come: a run may go on for minutes."""
    redact = known_redactor()
    if as_json:
        return lambda line: render.print_json_line(redact(json.dumps(line, ensure_ascii=False)))
    return lambda line: render.print_blocks(_entry(line, redact))


def _what_came_of(run: Run) -> str:
    if run.looked:
        return "only looked (plan)"
    if run.ok is None:
        return "has not ended"
    if not run.ok:
        return "failed"
    return f"changed {run.changed} of {run.tasks} tasks" if run.changed else "found nothing to do"


def _entry(line: dict[str, Any], redact: Callable[[str], str]) -> Iterator[Block]:
    match line["event"]:
        case "run":
            looked = ", only looked at (plan)" if line.get("mode") == "plan" else ""
            playbook = redact(line["playbook"])
            yield f"run {line['run']}: {playbook}, {line['tasks']} tasks{looked}"
        case "retry":
            name = redact(line["name"])
            yield f"{line['task']:>3}  again (exit code {line['exit']})  {name}"
        case "end":
            status = _STATUS[line["status"]]
            shown = styled(f"{status:<10}", _STYLES.get(status, "dim"))
            taken = took(line["seconds"])
            yield f"{line['task']:>3}  " + shown + f"  {taken:>8}  {redact(line['name'])}"
            if line["status"] == "failed":
                yield from _output(redact(line["output"]))
        case "finished":
            how = "ended well" if line["ok"] else f"failed: {redact(line.get('cause') or 'see above')}"
            yield f"{how}, after {took(line.get('seconds', 0))}"


def _output(text: str) -> Iterator[Block]:
    for line in text.splitlines():
        yield Wrapped("     | ", line, 7)
