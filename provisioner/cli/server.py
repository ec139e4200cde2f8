"""A look at a customer's server: `logs` reads what was done there, `ssh` goes in."""

import json
import subprocess
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from provisioner.cli import render
from provisioner.cli.context import current_workspace
from provisioner.cli.live import took

if TYPE_CHECKING:
    from pathlib import Path

    from provisioner.remote.ssh import Connection, Host

CONTROL_UI_PORT = 18789
_STATUS = {"so": "so already", "ok": "done", "planned": "would do", "failed": "failed"}
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
    """Show what was done on a customer's server, task by task."""
    from provisioner.remote import logs as journals

    with _connected(who) as connection:
        if runs:
            for known in journals.runs_on(connection):
                render.print_line(known)
            return
        if task is not None:
            _print_output(journals.read_log(connection, run or _last(connection), task))
            return
        lines = journals.follow_journal(connection, run) if follow else journals.read_journal(connection, run)
        _print_journal(lines, as_json=as_json)


def ssh(
    who: Who,
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND", help="After --, to run there; a shell without it."),
    ] = None,
    tunnel: Annotated[
        bool, typer.Option("--tunnel", help="The Moltbot's Control UI on a port of this machine.")
    ] = False,
    port: Annotated[int, typer.Option(help="That port.", min=1, max=65535)] = CONTROL_UI_PORT,
) -> None:
    """Open the system's ssh to a server, with its pinned host key."""
    from provisioner.remote.openssh import openssh_command

    forwards = [f"{port}:127.0.0.1:{CONTROL_UI_PORT}"] if tunnel else []
    if tunnel:
        render.say(f"http://127.0.0.1:{port}/ until the connection ends")
    host, key = _reached(who)
    with openssh_command(host, key, command or (), forwards=forwards) as argv:
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
    from provisioner.remote.customer_server import host_of
    from provisioner.settings import load_settings

    workspace = current_workspace()
    settings = load_settings(workspace.root)
    host = host_of(workspace.store().read(who).customer, settings)
    assert settings.ssh.key, "whose server is known has a key"
    return host, settings.ssh.key


def _connected(who: str) -> "Connection":
    from provisioner.remote.ssh import connect

    host, _ = _reached(who)
    return connect(host, deadline=20)


def _last(connection: "Connection") -> str:
    from provisioner.errors import InputError
    from provisioner.remote.logs import runs_on

    known = runs_on(connection)
    if not known:
        raise InputError("read the logs", cause="nothing was ever run on this server")
    return known[-1]


def _print_journal(lines: Iterable[dict[str, Any]], *, as_json: bool) -> None:
    from provisioner.cli.redaction import known_redactor

    redact = known_redactor()
    for line in lines:
        if as_json:
            render.print_json_line(redact(json.dumps(line, ensure_ascii=False)))
        else:
            _print_entry(line, redact)


def _print_entry(line: dict[str, Any], redact: Callable[[str], str]) -> None:
    match line["event"]:
        case "run":
            render.print_line(f"run {line['run']}: {line['playbook']}, {line['tasks']} tasks")
        case "retry":
            render.print_line(f"{line['task']:>3}  again (exit code {line['exit']})  {line['name']}")
        case "end":
            status = _STATUS[line["status"]]
            shown = render.styled(f"{status:<10}", _STYLES.get(status, "dim"))
            taken = took(line["seconds"])
            render.print_line(f"{line['task']:>3}  " + shown + f"  {taken:>8}  {line['name']}")
            if line["status"] == "failed":
                _print_output(redact(line["output"]))
        case "finished":
            how = "ended well" if line["ok"] else f"failed: {line.get('cause') or 'see above'}"
            render.print_line(f"{how}, after {took(line.get('seconds', 0))}")


def _print_output(text: str) -> None:
    for line in text.splitlines():
        render.print_wrapped("     | ", line, 7)
