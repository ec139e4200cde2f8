"""What `doctor` found, with what each droplet costs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from provisioner.cli.output.redaction import known_redactor
from provisioner.cli.output.result import Block, Paragraph, Result, Table, Wrapped
from provisioner.cli.output.terminal import styled
from provisioner.doctor.findings import Cost, Diagnosis, Trouble

_PRINTED = 10
"""How many findings of one kind are printed."""
_ROWS = 20
"""How many droplets are listed with what they cost."""


@dataclass(frozen=True)
class DoctorResult(Result):
    """A diagnosis; exit code 1 if anything is wrong, while advice alone does not count."""

    diagnosis: Diagnosis
    kind = "doctor"

    @property
    def exit_code(self) -> int:
        return 1 if self.diagnosis.troubles else 0

    def blocks(self) -> Iterator[Block]:
        diagnosis = self.diagnosis
        yield from _findings(diagnosis.troubles, "✗", "red")
        yield from _findings(diagnosis.advice, "!", "yellow")
        if diagnosis.costs:
            yield from _costs(diagnosis)
        number = len(diagnosis.troubles)
        yield Paragraph("looked at: ", f"{', '.join(diagnosis.looked)}; {number or 'nothing'} wrong")

    def document(self) -> dict[str, object]:
        diagnosis = self.diagnosis
        return {
            "healthy": not diagnosis.troubles,
            "looked": list(diagnosis.looked),
            "troubles": [asdict(trouble) for trouble in diagnosis.troubles],
            "advice": [asdict(finding) for finding in diagnosis.advice],
            "costs": [asdict(cost) for cost in diagnosis.costs],
            "monthly": round(diagnosis.monthly, 2),
        }


def redacted(diagnosis: Diagnosis) -> Diagnosis:
    """Without what services and servers may have repeated of our secrets."""
    # What a customer's record holds, only their own server has: its words come without it already.
    redact = known_redactor(records=False)

    def shown(finding: Trouble) -> Trouble:
        return replace(finding, problem=redact(finding.problem), hint=redact(finding.hint))

    return replace(diagnosis, findings=tuple(map(shown, diagnosis.findings)))


def _findings(findings: Sequence[Trouble], mark: str, style: str) -> Iterator[Block]:
    """No more of one kind than can be read: a fault that everybody has is one fault."""
    printed: Counter[str] = Counter()
    for finding in findings:
        printed[finding.kind] += 1
        if printed[finding.kind] <= _PRINTED:
            yield styled(mark, style) + f" {finding.kind}: {finding.whom}"
            yield Wrapped("  ", finding.problem, 2)
            yield Wrapped("  → ", finding.hint, 4)
    for kind, number in printed.items():
        if number > _PRINTED:
            more = f"and {number - _PRINTED} more of kind {kind}; provisioner doctor --json has them all"
            yield styled(mark, style) + f" {more}"


def _costs(diagnosis: Diagnosis) -> Iterator[Block]:
    """Droplets without an owner come first: they are not needed, or not known."""
    costs = sorted(diagnosis.costs, key=lambda cost: (cost.email is not None, cost.workspace is not None))
    rows = [(cost.droplet, _owner(cost), cost.size, _dollars(cost.monthly)) for cost in costs[:_ROWS]]
    yield Table(("DROPLET", "OF", "SIZE", "A MONTH"), rows, {"nobody": "red"})
    if len(costs) > _ROWS:
        yield f"and {len(costs) - _ROWS} more; provisioner doctor --json has them all"
    ours = sum(cost.workspace is None for cost in costs)
    yield f"{_dollars(diagnosis.monthly)} a month for {ours} droplets"


def _owner(cost: Cost) -> str:
    if cost.workspace:
        return f"workspace {cost.workspace}"
    return cost.email or (f"the {cost.use}" if cost.use else "nobody")


def _dollars(amount: float | None) -> str:
    return "?" if amount is None else f"${amount:.2f}"
