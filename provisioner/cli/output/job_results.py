"""The results of runs, for people and as JSON, with the command that resumes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from provisioner.cli.output.crash import report
from provisioner.cli.output.durations import took
from provisioner.cli.output.redaction import known_redactor, redactor_for
from provisioner.cli.output.result import Block, Failure, Message, Paragraph, Result, Table
from provisioner.errors import ProvisionerError
from provisioner.printable import command

if TYPE_CHECKING:
    from provisioner.customers.store import AnyListing
    from provisioner.runs.fleet import JobResult
    from provisioner.runs.runner import RunResult
    from provisioner.secrets import Redactor

_STYLES = {"done": "green", "waiting": "yellow", "failed": "red", "busy": "yellow", "interrupted": "yellow"}
_HEADER = ("OUTCOME", "ADDRESS", "STEP", "TIME", "WHAT")
MARKS = {"done": "✓", "waiting": "…", "failed": "✗", "busy": "…", "interrupted": "✗"}


def style(outcome: str) -> str:
    """The colour of an outcome."""
    return _STYLES[outcome]


def outcome_of(job: "JobResult") -> str:
    """done, waiting, failed, busy or interrupted."""
    if job.interrupted:
        return "interrupted"
    if job.error or job.bug:
        return "busy" if job.exit_code == 4 else "failed"
    return "waiting" if job.waiting or job.until else "done"


def summary_of(job: "JobResult") -> str:
    """The result in one line, for a table."""
    if job.interrupted:
        return "stopped by the operator"
    if job.error:
        return redactor_for(job.who)(job.error.cause or job.error.summary)
    if job.bug:
        return f"a bug: {type(job.bug).__name__}"
    if job.waiting or job.until:
        return str(job.waiting or job.until)
    return job.result.customer.status if job.result else ""


@dataclass(frozen=True)
class RunsResult(Result):
    """How the runs of one command ended.

    `broken` are the files that cannot be read, `options` what the same command needs again, `more` stands in
    the JSON document too, and `verb` is the command.
    """

    jobs: tuple["JobResult", ...]
    broken: tuple["AnyListing", ...] = ()
    options: str = ""
    more: Mapping[str, object] = field(default_factory=dict)
    kind: str = "provision"
    verb: str = "provision"

    @property
    def exit_code(self) -> int:
        """The worst of all."""
        from provisioner.runs.fleet import worst

        return worst([*self.jobs, *map(_not_begun, self.broken)])

    def blocks(self) -> Iterator[Block]:
        if len(self.jobs) == 1:
            yield from self._one(self.jobs[0])
        elif self.jobs:
            yield from self._all()
        else:
            yield Message(self.nobody)
        yield from unreadable_files(self.broken)

    def document(self) -> dict[str, object]:
        customers = [document(job) for job in self.jobs]
        return {**self.more, "customers": customers, "unreadable": list(map(unreadable, self.broken))}

    @property
    def nobody(self) -> str:
        """What is said where there was nobody to run for."""
        return "There is nobody to set up."

    def success(self, result: "RunResult") -> str:
        """What is said of a run that ended well."""
        return _success(result)

    def _one(self, job: "JobResult") -> Iterator[Block]:
        """How the run of the only customer ended."""
        again = command(self.verb, job.who, options=self.options)
        if job.bug:
            yield Message(report(job.bug))
        elif job.interrupted:
            yield Message(f"stopped; to go on: {again}")
        elif job.error:
            yield Failure(job.error)
            if job.result:
                yield Message(f"  again, from this step on: {again}")
        elif job.waiting:
            yield Message(str(job.waiting))
            yield Message(f"  after that: {again}")
        elif job.until:
            yield Message(f"{job.who}: {job.until}")
            yield Message(f"  then: {again}")
        elif job.result:
            yield Message(self.success(job.result))

    def _all(self) -> Iterator[Block]:
        """A table of all, what to do about each cause, and the command that runs the failed ones again."""
        jobs, options = self.jobs, self.options
        yield Table(_HEADER, [_row(job) for job in jobs], _STYLES)
        for job in jobs:
            if job.bug:
                yield Message(report(job.bug))
        hints = _hints(jobs)
        redact = known_redactor() if hints else str
        for hint, whom in hints.items():
            for line in hint.splitlines():
                yield Paragraph(f"{whom}: ", redact(line))
        again = [job.who for job in jobs if outcome_of(job) in ("failed", "interrupted", "busy")]
        if again:
            yield Message(f"to run {'it' if len(again) == 1 else 'these'} again:")
            yield Message(f"  {command(self.verb, *again, options=options)}")
        if any(job.waiting for job in jobs):
            yield Message(f"for those who wait, when they have acted: {command('resume', options=options)}")


def document(job: "JobResult") -> dict[str, Any]:
    """One customer's entry in the JSON document."""
    result, waiting, error = job.result, job.waiting, job.error
    return {
        "email": job.who,
        "outcome": outcome_of(job),
        "exitCode": job.exit_code,
        "step": result.step if result else None,
        "run": result.run if result else None,
        "seconds": round(result.seconds, 3) if result else None,
        "steps": [
            {"step": step, "seconds": round(seconds, 3)} for step, seconds in (result.steps if result else ())
        ],
        "waiting": {"of": waiting.of_whom, "for": waiting.to_do} if waiting else None,
        **({"until": job.until.moment} if job.until else {}),
        "error": _error_document(error, redactor_for(job.who)) if error else None,
    }


def _error_document(error: ProvisionerError, redact: "Redactor | None" = None) -> dict[str, object]:
    """An error as a part of a JSON document."""
    redact = redact or known_redactor()
    texts = {name: getattr(error, name) for name in ("doing", "whom", "cause", "detail", "hint")}
    shown = {name: text and redact(text) for name, text in texts.items()}
    return {**shown, "retry": error.retry, "exitCode": error.exit_code}


def unreadable(listing: "AnyListing") -> dict[str, Any]:
    """The entry in a JSON document for a file that cannot be read."""
    return {"file": listing.name, "cause": str(listing.broken and listing.broken.cause)}


def unreadable_files(broken: Sequence["AnyListing"]) -> Iterator[Block]:
    """The files that cannot be read, any of which may be a customer to be set up."""
    redact = known_redactor() if broken else None
    for listing in broken:
        if listing.broken is not None:
            yield Failure(listing.broken, redact)


def _not_begun(listing: "AnyListing") -> "JobResult":
    """A file that cannot be read, as it counts for the exit code."""
    from provisioner.runs.fleet import JobResult

    return JobResult(listing.name, refusal=listing.broken)


def _hints(jobs: Sequence["JobResult"]) -> dict[str, str]:
    """Each hint once, and for whom."""
    found: dict[str, list[str]] = {}
    for job in jobs:
        if job.error and job.error.hint and not job.interrupted:
            found.setdefault(job.error.hint, []).append(job.who)
    return {hint: whom[0] if len(whom) == 1 else f"{len(whom)} customers" for hint, whom in found.items()}


def _row(job: "JobResult") -> tuple[str, ...]:
    result = job.result
    step = (result.step or "") if result else ""
    return outcome_of(job), job.who, step, took(result.seconds) if result else "", summary_of(job)


def _success(result: "RunResult") -> str:
    email = result.customer.email
    if result.step is None:
        return f"{email}: nothing to do, the setup is {result.customer.setup.status}"
    told = f"{email}: {result.customer.status}, after {took(result.seconds)}"
    if len(result.steps) < 2:
        return told
    return f"{told} ({', '.join(f'{step} {took(seconds)}' for step, seconds in result.steps)})"
