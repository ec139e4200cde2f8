"""`logs`: what was done on a customer's server; `ssh`: a shell there."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.context import current_workspace
from provisioner.cli.options import Who
from provisioner.cli.output import render
from provisioner.cli.output.result import Response, done
from provisioner.printable import command as command_line

if TYPE_CHECKING:
    from pathlib import Path

    from provisioner.customers.record import Customer
    from provisioner.playbook.logs import Run
    from provisioner.settings import Settings
    from provisioner.ssh.connection import Connection, Host
    from provisioner.workspace import Workspace

CONTROL_UI_PORT = 18789
_CONNECT_SECONDS = 20
_CLOUD_SECONDS = 10.0
"""How long the cloud is asked whether a server that does not answer is there."""
_SSH_FAILED = 255
"""What ssh itself ends with; a command there may end with it too."""
_show_secret = partial(
    command_line, "ssh", options="-- as-openclaw grep ^OPENCLAW_GATEWAY_TOKEN= .openclaw/.env"
)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("logs")(logs)
    app.command("ssh", context_settings={"ignore_unknown_options": True})(ssh)


def logs(
    who: Who,
    run: Annotated[str | None, typer.Option(metavar="RUN", help="The id of an earlier run.")] = None,
    runs: Annotated[bool, typer.Option("--runs", help="List the runs that the server remembers.")] = False,
    task: Annotated[
        int | None, typer.Option(metavar="N", help="Print the whole output of this task.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Follow the run until it ends.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The journal's own lines, as JSON.")] = False,
) -> Response | None:
    """Show what was done on a customer's server, task by task.

    Without --run: the last run that did something; plans are skipped.
    """
    from provisioner.cli.output.journal import RunList, TaskOutput, journal_printer
    from provisioner.playbook import logs as journals

    with _connected(who) as connection:
        known = journals.runs_on(connection)
        if runs:
            return Response(RunList(known), as_json)
        chosen = _chosen(known, run, who)
        if chosen is None:
            return done("nothing was ever run on this server")
        if task is not None:
            output = journals.read_log(connection, _with_task(chosen, task, who), task)
            return Response(TaskOutput(chosen, task, output))
        read = journals.follow_journal if follow else journals.read_journal
        show = journal_printer(as_json=as_json)
        for line in read(connection, chosen.id):
            show(line)
    return None


def ssh(
    who: Who,
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND", help="A command to run there, after --; default: a shell."),
    ] = None,
    terminal: Annotated[
        bool, typer.Option("-t", "--tty", help="Allocate a terminal for the command.")
    ] = False,
    tunnel: Annotated[
        bool, typer.Option("--tunnel", help="Forward the Moltbot's Control UI to a port of this machine.")
    ] = False,
    port: Annotated[
        int, typer.Option(metavar="PORT", help="The port for --tunnel.", min=1, max=65535)
    ] = CONTROL_UI_PORT,
) -> None:
    """Open ssh to a server, with its pinned host key."""
    from provisioner.ssh.openssh import openssh_command

    forwards = [f"{port}:127.0.0.1:{CONTROL_UI_PORT}"] if tunnel else []
    if tunnel:
        render.say(f"http://127.0.0.1:{port}/ until the connection ends")
        render.say("it asks for the gateway secret, which never leaves the server by itself; to see it:")
        render.say(f"  {_show_secret(who)}")
    target = _Target.of(who)
    with openssh_command(
        target.host, target.key, command or (), forwards=forwards, terminal=terminal
    ) as argv:
        code = _run(argv)
    if code == _SSH_FAILED:
        target.demand_there()
    raise typer.Exit(code)


def _run(argv: list[str]) -> int:
    from provisioner.errors import InputError

    try:
        return subprocess.run(argv, check=False).returncode
    except FileNotFoundError:
        hint = "apt-get install openssh-client"
        raise InputError("open ssh", cause="this machine has no ssh", hint=hint) from None


@dataclass(frozen=True)
class _Target:
    """A customer's server, and the operator's key."""

    customer: "Customer"
    settings: "Settings"
    workspace: "Workspace"
    host: "Host"
    key: "Path"

    @classmethod
    def of(cls, who: str) -> "_Target":
        from provisioner.runs.customer_server import host_of
        from provisioner.settings import load_settings

        workspace = current_workspace()
        settings = load_settings(workspace.root)
        customer = workspace.store().read(who).customer
        host = host_of(customer, settings)
        assert settings.ssh.key, "whose server is known has a key"
        return cls(customer, settings, workspace, host, settings.ssh.key)

    def connect(self) -> "Connection":
        from provisioner.ssh.connection import connect

        return connect(self.host, deadline=_CONNECT_SECONDS, still_there=self.demand_there)

    def demand_there(self) -> None:
        """Ask the cloud about a server that does not answer: a CloudError that says that it is gone."""
        from provisioner.services.digitalocean.client import DigitalOcean
        from provisioner.services.factory import connect_cloud
        from provisioner.steps.droplet.presence import explain_silence

        client = partial(DigitalOcean, patience=_CLOUD_SECONDS)
        rates = self.workspace.rates_dir
        explain_silence(
            self.settings, lambda: connect_cloud(self.settings, rates, client=client), self.customer
        )


def _connected(who: str) -> "Connection":
    return _Target.of(who).connect()


def _chosen(known: "Sequence[Run]", run: str | None, who: str) -> "Run | None":
    """The chosen run, or the default one; None if there was never a run."""
    from provisioner.errors import InputError
    from provisioner.playbook.logs import last_run

    if run is None:
        return last_run(known)
    for one in known:
        if one.id == run:
            return one
    hint = command_line("logs", who, options="--runs")
    raise InputError("read the logs", whom=who, cause=f"the server remembers no run {run}", hint=hint)


def _with_task(run: "Run", task: int, who: str) -> str:
    """The run's id; InputError if it has no such task."""
    from provisioner.errors import InputError

    if not 1 <= task <= run.tasks:
        cause = f"the run {run.id} has no task {task}: they are numbered from 1 to {run.tasks}"
        hint = command_line("logs", who, options=f"--run {run.id}")
        raise InputError("read the logs", whom=who, cause=cause, hint=hint)
    return run.id
