"""A look at a customer's server: `logs` reads what was done there, `ssh` goes in."""

import json
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from provisioner.cli.context import current_workspace
from provisioner.cli.output import render
from provisioner.cli.output.durations import took
from provisioner.cli.output.redaction import known_redactor
from provisioner.printable import command as command_line

if TYPE_CHECKING:
    from pathlib import Path

    from provisioner.playbook.logs import Run
    from provisioner.ssh.connection import Connection, Host

CONTROL_UI_PORT = 18789
_STATUS = {"so": "so already", "ok": "done", "planned": "would do", "failed": "failed"}
_show_secret = partial(
    command_line, "ssh", options="-- as-openclaw grep ^OPENCLAW_GATEWAY_TOKEN= .openclaw/.env"
)
_STYLES = {"failed": "red", "done": "green"}

Who = Annotated[str, typer.Argument(metavar="EMAIL", help="The customer's address, or their id (cust_…).")]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("logs")(logs)
    app.command("ssh", context_settings={"ignore_unknown_options": True})(ssh)


def logs(
    who: Who,
    run: Annotated[str | None, typer.Option(metavar="RUN", help="An earlier run, by its id.")] = None,
    runs: Annotated[bool, typer.Option("--runs", help="Which runs the server remembers.")] = False,
    task: Annotated[
        int | None, typer.Option(metavar="N", help="The whole output of this task of the run.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until the run ends.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The journal's own lines, as JSON.")] = False,
) -> None:
    """Show what was done on a customer's server, task by task.

    Without --run: the last run that did something; what only looked (plan) is passed over.
    """
    from provisioner.playbook import logs as journals

    with _connected(who) as connection:
        known = journals.runs_on(connection)
        if runs:
            _print_runs(known, as_json=as_json)
            return
        chosen = _chosen(known, run, who)
        if chosen is None:
            render.say("nothing was ever run on this server")
        elif task is not None:
            _print_task(chosen, task, journals.read_log(connection, _with_task(chosen, task, who), task))
        else:
            read = journals.follow_journal if follow else journals.read_journal
            _print_journal(read(connection, chosen.id), as_json=as_json)


def ssh(
    who: Who,
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND", help="After --, to run there; a shell without it."),
    ] = None,
    terminal: Annotated[
        bool, typer.Option("-t", "--tty", help="Give the command a terminal, for one that wants it.")
    ] = False,
    tunnel: Annotated[
        bool, typer.Option("--tunnel", help="The Moltbot's Control UI on a port of this machine.")
    ] = False,
    port: Annotated[int, typer.Option(help="That port.", min=1, max=65535)] = CONTROL_UI_PORT,
) -> None:
    """Open the system's ssh to a server, with its pinned host key."""
    from provisioner.ssh.openssh import openssh_command

    forwards = [f"{port}:127.0.0.1:{CONTROL_UI_PORT}"] if tunnel else []
    if tunnel:
        render.say(f"http://127.0.0.1:{port}/ until the connection ends")
        render.say("it asks for the gateway secret, which never leaves the server by itself; to see it:")
        render.say(f"  {_show_secret(who)}")
    host, key = _reached(who)
    with openssh_command(host, key, command or (), forwards=forwards, terminal=terminal) as argv:
        raise typer.Exit(_run(argv))


def _run(argv: list[str]) -> int:
    from provisioner.errors import InputError

    try:
        return subprocess.run(argv, check=False).returncode
    except FileNotFoundError:
        hint = "apt-get install openssh-client"
        raise InputError("open ssh", cause="this machine has no ssh", hint=hint) from None


def _reached(who: str) -> "tuple[Host, Path]":
    """The customer's server, and the operator's key."""
    from provisioner.runs.customer_server import host_of
    from provisioner.settings import load_settings

    workspace = current_workspace()
    settings = load_settings(workspace.root)
    host = host_of(workspace.store().read(who).customer, settings)
    assert settings.ssh.key, "whose server is known has a key"
    return host, settings.ssh.key


def _connected(who: str) -> "Connection":
    from provisioner.ssh.connection import connect

    host, _ = _reached(who)
    return connect(host, deadline=20)


def _chosen(known: "Sequence[Run]", run: str | None, who: str) -> "Run | None":
    """The run that was asked for, or the one to open at; None if there was never any."""
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


def _print_runs(known: "Sequence[Run]", *, as_json: bool) -> None:
    if as_json:
        redact = known_redactor()
        render.print_json("runs", runs=[{**asdict(run), "playbook": redact(run.playbook)} for run in known])
        return
    column = max((len(run.id) for run in known), default=0)
    for run in known:
        render.print_line(f"{run.id:<{column}}  {_what_came_of(run)}")


def _what_came_of(run: "Run") -> str:
    if run.looked:
        return "only looked (plan)"
    if run.ok is None:
        return "has not ended"
    if not run.ok:
        return "failed"
    return f"changed {run.changed} of {run.tasks} tasks" if run.changed else "found nothing to do"


def _print_task(run: "Run", task: int, output: str) -> None:
    if output:
        # The server has left out what it knew then to be secret; what it prints now is its owner's to say.
        _print_output(known_redactor()(output))
    else:
        render.say(f"task {task} of {run.id} printed nothing, or was not reached")


def _print_journal(lines: Iterable[dict[str, Any]], *, as_json: bool) -> None:
    redact = known_redactor()
    for line in lines:
        if as_json:
            render.print_json_line(redact(json.dumps(line, ensure_ascii=False)))
        else:
            _print_entry(line, redact)


def _print_entry(line: dict[str, Any], redact: Callable[[str], str]) -> None:
    match line["event"]:
        case "run":
            looked = ", only looked at (plan)" if line.get("mode") == "plan" else ""
            playbook = redact(line["playbook"])
            render.print_line(f"run {line['run']}: {playbook}, {line['tasks']} tasks{looked}")
        case "retry":
            name = redact(line["name"])
            render.print_line(f"{line['task']:>3}  again (exit code {line['exit']})  {name}")
        case "end":
            status = _STATUS[line["status"]]
            shown = render.styled(f"{status:<10}", _STYLES.get(status, "dim"))
            taken = took(line["seconds"])
            render.print_line(f"{line['task']:>3}  " + shown + f"  {taken:>8}  {redact(line['name'])}")
            if line["status"] == "failed":
                _print_output(redact(line["output"]))
        case "finished":
            how = "ended well" if line["ok"] else f"failed: {redact(line.get('cause') or 'see above')}"
            render.print_line(f"{how}, after {took(line.get('seconds', 0))}")


def _print_output(text: str) -> None:
    for line in text.splitlines():
        render.print_wrapped("     | ", line, 7)
