"""`doctor` and `adopt`: what is wrong, and the operator's word on whose droplet it is."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.context import current_workspace
from provisioner.cli.output import render
from provisioner.errors import SettingsError
from provisioner.printable import command

if TYPE_CHECKING:
    from provisioner.doctor.findings import Cost, Diagnosis, Trouble
    from provisioner.services.digitalocean.client import DigitalOcean
    from provisioner.settings import Settings
    from provisioner.workspace import Workspace

_PRINTED = 10
"""How many findings of one kind are printed."""
_ROWS = 20
"""How many droplets are listed with what they cost."""


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(doctor)
    app.command()(adopt)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Look for all that is wrong, and show what each droplet costs.

    Settings, records, account, droplets, firewalls, servers, gateways, model key, bots, mail server.

    Nothing is changed, nobody is written to, no bot's messages are read, and the model is not used.

    Exit code 1 if anything is wrong; advice alone does not count.
    """
    from provisioner.doctor.examination import Doctor
    from provisioner.doctor.servers import server_visitor
    from provisioner.settings import load_settings

    workspace = current_workspace()
    settings = load_settings(workspace.root)
    cloud = _cloud(workspace, settings) if settings.digitalocean_token else None
    diagnosis = _redacted(Doctor(workspace, settings, cloud, server_visitor(settings)).examine())
    if as_json:
        render.print_json(
            "doctor",
            healthy=not diagnosis.troubles,
            looked=list(diagnosis.looked),
            troubles=[asdict(trouble) for trouble in diagnosis.troubles],
            advice=[asdict(finding) for finding in diagnosis.advice],
            costs=[asdict(cost) for cost in diagnosis.costs],
            monthly=round(diagnosis.monthly, 2),
        )
    else:
        _print(diagnosis)
    raise typer.Exit(1 if diagnosis.troubles else 0)


def adopt(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The customer's address, or their id.")],
    droplet_id: Annotated[str, typer.Argument(metavar="ID", help="Of the droplet.")],
    host_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="Its public host key, where its tags do not state it.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Although something speaks against it.")] = False,
) -> None:
    """Say whose a droplet is; the record has it from then on."""
    from provisioner.settings import load_settings
    from provisioner.steps.droplet import adoption

    workspace = current_workspace()
    settings = load_settings(workspace.root)
    if settings.digitalocean_token is None:
        hint = "set DIGITALOCEAN_ACCESS_TOKEN in the environment or in .env"
        raise SettingsError("adopt the droplet", cause="no token is set", hint=hint)
    cloud, store = _cloud(workspace, settings), workspace.store()
    droplet = adoption.adopt(store, cloud, email, droplet_id, host_key=host_key, force=force)
    found = store.find(email)
    customer = found.record.customer
    render.say(f"{customer.email} has droplet {droplet.id} at {droplet.public_ipv4 or 'no address yet'}.")
    others = adoption.others(cloud, customer.id, droplet.id)
    if others:
        render.say(f"Delete in the control panel what is left of theirs: {', '.join(others)}")
    render.say(f"To go on: {command('restore' if found.archived else 'provision', customer.email)}")


def _cloud(workspace: "Workspace", settings: "Settings") -> "DigitalOcean":
    from provisioner.services.factory import Services

    return Services(settings, workspace.rates_dir).cloud


def _redacted(diagnosis: "Diagnosis") -> "Diagnosis":
    """Without what services and servers may have repeated of our secrets."""
    from provisioner.cli.output.redaction import known_redactor

    # What a customer's record holds, only their own server has: its words come without it already.
    redact = known_redactor(records=False)

    def shown(finding: "Trouble") -> "Trouble":
        return replace(finding, problem=redact(finding.problem), hint=redact(finding.hint))

    return replace(diagnosis, findings=tuple(map(shown, diagnosis.findings)))


def _print(diagnosis: "Diagnosis") -> None:
    _print_findings(diagnosis.troubles, "✗", "red")
    _print_findings(diagnosis.advice, "!", "yellow")
    if diagnosis.costs:
        _print_costs(diagnosis)
    number = len(diagnosis.troubles)
    render.print_block("looked at: ", f"{', '.join(diagnosis.looked)}; {number or 'nothing'} wrong")


def _print_findings(findings: "Sequence[Trouble]", mark: str, style: str) -> None:
    """Of one kind no more than can be read; where one thing is wrong with everybody it is the same thing."""
    printed: Counter[str] = Counter()
    for finding in findings:
        printed[finding.kind] += 1
        if printed[finding.kind] <= _PRINTED:
            render.print_line(render.styled(mark, style) + f" {finding.kind}: {finding.whom}")
            render.print_wrapped("  ", finding.problem, 2)
            render.print_wrapped("  → ", finding.hint, 4)
    for kind, number in printed.items():
        if number > _PRINTED:
            more = f"and {number - _PRINTED} more of kind {kind}; provisioner doctor --json has them all"
            render.print_line(render.styled(mark, style) + f" {more}")


def _print_costs(diagnosis: "Diagnosis") -> None:
    """Droplets that nobody has come first: they are not needed, or not known."""
    costs = sorted(diagnosis.costs, key=lambda cost: (cost.email is not None, cost.workspace is not None))
    rows = [(cost.droplet, _owner(cost), cost.size, _dollars(cost.monthly)) for cost in costs[:_ROWS]]
    render.print_table(("DROPLET", "OF", "SIZE", "A MONTH"), rows, {"nobody": "red"})
    if len(costs) > _ROWS:
        render.print_line(f"and {len(costs) - _ROWS} more; provisioner doctor --json has them all")
    ours = sum(cost.workspace is None for cost in costs)
    render.print_line(f"{_dollars(diagnosis.monthly)} a month for {ours} droplets")


def _owner(cost: "Cost") -> str:
    return f"workspace {cost.workspace}" if cost.workspace else cost.email or "nobody"


def _dollars(amount: float | None) -> str:
    return "?" if amount is None else f"${amount:.2f}"
