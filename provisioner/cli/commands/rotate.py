"""`rotate`: other secrets in the place of those that assistants have, in waves."""

from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.context import current_workspace
from provisioner.cli.output.result import Response
from provisioner.cli.running import JOBS, Jobs, Json, known_addresses, run_shown, run_waves_shown
from provisioner.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioner.customers.store import AnyListing
    from provisioner.runs.fleet import JobResult
    from provisioner.runs.rotating import Asked
    from provisioner.runs.workflow import Workflow
    from provisioner.workspace import Workspace

Customers = Annotated[list[str] | None, typer.Argument(metavar="EMAIL", help="Addresses or ids.")]
Everybody = Annotated[bool, typer.Option("--all", help="All whose assistant runs.")]
Canary = Annotated[int, typer.Option(min=1, metavar="N", help="How many go first, alone.")]
Again = Annotated[
    bool, typer.Option("--again", help="With --all: those too who have a new one since it was begun.")
]

_rotate = typer.Typer(
    help="Replace secrets, and see the old ones refused.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(_rotate, name="rotate")


@_rotate.command("gateway-token")
def gateway_token(
    customers: Customers = None,
    everybody: Everybody = False,
    canary: Canary = 1,
    again: Again = False,
    jobs: Jobs = JOBS,
    as_json: Json = False,
) -> Response:
    """Replace the token of assistants' gateways.

    Each server makes a new one, which never leaves it. The assistant starts again once.

    Run it again at any time: it goes on with those that are not done. Exit codes as for provision.
    """
    from provisioner.customers.rotating import GATEWAY_TOKEN
    from provisioner.runs.workflow import ROTATE_GATEWAY_TOKEN

    whom = _Whom(ROTATE_GATEWAY_TOKEN, GATEWAY_TOKEN, customers, everybody, again)
    return _rotated(whom, canary, jobs, as_json=as_json)


@_rotate.command("bot-token")
def bot_token(
    customers: Customers = None,
    everybody: Everybody = False,
    canary: Canary = 1,
    again: Again = False,
    jobs: Jobs = JOBS,
    as_json: Json = False,
) -> Response:
    """Replace the tokens of customers' bots.

    A bot that was made over the manager bot gets another one by itself. For any other, whoever made it has to
    revoke its token with @BotFather first; the run says so and waits. The assistant need not start again.

    Run it again at any time: it goes on with those that are not done. Exit codes as for provision.
    """
    from provisioner.customers.rotating import BOT_TOKEN
    from provisioner.runs.workflow import ROTATE_BOT_TOKEN

    whom = _Whom(ROTATE_BOT_TOKEN, BOT_TOKEN, customers, everybody, again)
    return _rotated(whom, canary, jobs, as_json=as_json)


@_rotate.command("model-key")
def model_key(
    customers: Customers = None,
    everybody: Everybody = False,
    canary: Canary = 1,
    again: Again = False,
    jobs: Jobs = JOBS,
    as_json: Json = False,
) -> Response:
    """Replace customers' own keys for the model.

    The assistant answers with the new one before the old one is deleted. It need not start again.

    Run it again at any time: it goes on with those that are not done. Exit codes as for provision.
    """
    from provisioner.customers.rotating import MODEL_KEY
    from provisioner.runs.workflow import ROTATE_MODEL_KEY

    whom = _Whom(ROTATE_MODEL_KEY, MODEL_KEY, customers, everybody, again)
    return _rotated(whom, canary, jobs, as_json=as_json)


@_rotate.command("ssh-key")
def ssh_key(canary: Canary = 1, jobs: Jobs = JOBS, as_json: Json = False) -> Response:
    """Replace the operator's SSH key on every server.

    Every server takes the new one, beside the old one, before the workspace uses it; then each is seen to
    refuse the old one. A server that does not answer keeps the old one in place until it does.

    Run it again at any time to go on; each server can be reached meanwhile. Exit codes as for provision.
    """
    from functools import partial

    from provisioner.cli.account import account
    from provisioner.cli.output.rotate import OperatorKeyResult
    from provisioner.runs.operator_key import DOING, replace_operator_key

    workspace, settings, cloud = account(DOING)
    run = partial(_canaries_then_all, workspace, canary, jobs, as_json=as_json)
    turned = replace_operator_key(workspace, settings, cloud, run)
    result = OperatorKeyResult(turned.results, turned.broken, new_in_use=turned.new_in_use, over=turned.over)
    return Response(result, as_json)


def _canaries_then_all(
    workspace: "Workspace",
    canary: int,
    jobs: int,
    chosen: "Sequence[str]",
    workflow: "Workflow",
    *,
    as_json: bool,
) -> "list[JobResult]":
    """Run it for the first ones, and unless none of them ends well for all others, whoever fails there."""
    first = run_shown(workspace, chosen[:canary], workflow, jobs, as_json=as_json)
    if all(job.exit_code for job in first):
        return list(first)
    return [*first, *run_shown(workspace, chosen[canary:], workflow, jobs, as_json=as_json)]


class _Whom:
    """Whose secret of this kind is asked for by which words."""

    def __init__(
        self, workflow: "Workflow", kind: str, customers: list[str] | None, everybody: bool, again: bool
    ) -> None:
        if bool(customers) == everybody:
            hint = "name the customers, or say --all for everybody whose assistant runs"
            raise InputError(workflow.doing, cause="whom is not clear", hint=hint)
        self.workflow, self.kind, self.again = workflow, kind, again
        self._customers = customers

    def ask(self, workspace: "Workspace", broken: "list[AnyListing]") -> "Asked":
        """Write it down for each, before anything is done about any."""
        from provisioner.runs.rotating import Asked, ask_everybody_to_rotate, ask_to_rotate

        store = workspace.store()
        if self._customers is None or not self._customers:
            return ask_everybody_to_rotate(store, self.workflow, self.kind, broken.append, again=self.again)
        chosen = known_addresses(workspace, self._customers)
        for who in chosen:
            ask_to_rotate(store, who, self.workflow, self.kind)
        return Asked(tuple(chosen), goes_on=False)


def _rotated(whom: _Whom, canary: int, jobs: int, *, as_json: bool) -> Response:
    """Ask for it, and do it in waves."""
    from provisioner.cli.output.rotate import RotateResult

    workspace = current_workspace()
    broken: list[AnyListing] = []
    asked = whom.ask(workspace, broken)
    waved = run_waves_shown(workspace, asked.customers, whom.workflow, canary, jobs, as_json=as_json)
    result = RotateResult(
        waved.results,
        tuple(broken),
        verb=whom.workflow.name,
        untouched=waved.untouched,
        goes_on=asked.goes_on,
    )
    return Response(result, as_json)
