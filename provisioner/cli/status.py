"""`status`: where every setup stands now."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from provisioner.cli import render
from provisioner.cli.context import current_workspace

if TYPE_CHECKING:
    from provisioner.standings import Standing

_STYLES = {
    "running": "green",
    "interrupted": "red",
    "failed": "red",
    "waiting": "yellow",
    "paused": "yellow",
    "new": "cyan",
    "done": "dim",
}
_HEADER = ("STATE", "ADDRESS", "STEP", "FOR", "WHAT")
_ORDER = tuple(_STYLES)
_PAUSE_SECONDS = 2.0


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(status)


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Show it anew until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Show where every setup stands that is not complete.

    Who is at work, what was interrupted, who is waited for: all of it is seen afresh, from the locks of live
    processes and from the records.
    """
    if not watch or as_json:
        _show(_found(), as_json=as_json)
        return
    before = None
    try:
        while True:
            found = _found()
            # Elsewhere than on a terminal nobody wants to read the same again.
            if render.on_terminal() or found != before:
                _redraw(found)
            before = found
            time.sleep(_PAUSE_SECONDS)
    except KeyboardInterrupt:
        return


def _found() -> "list[Standing]":
    from provisioner.standings import standings

    found = list(standings(current_workspace()))
    return sorted(found, key=lambda one: (_ORDER.index(one.state), one.since or "", one.customer.email))


def _redraw(found: "Sequence[Standing]") -> None:
    render.print_anew()
    _show(found, as_json=False)
    render.flush()


def _show(found: "Sequence[Standing]", *, as_json: bool) -> None:
    counts = Counter[str](one.state for one in found)
    unfinished = [one for one in found if one.state != "done"]
    if as_json:
        states = {state: counts[state] for state in _ORDER}
        render.print_json("status", counts=states, customers=[_document(one) for one in unfinished])
        return
    if unfinished:
        render.print_table(_HEADER, [_row(one) for one in unfinished], _STYLES)
    summary = ", ".join(f"{counts[state]} {state}" for state in _ORDER if counts[state])
    render.print_line(summary or "No customers.")
    again = [one.customer.email for one in unfinished if one.state in ("interrupted", "failed", "paused")]
    if len(again) > 1:
        render.print_line("to go on with all that were begun: provisioner resume")


def _row(one: "Standing") -> tuple[str, ...]:
    return one.state, one.customer.email, one.step, _lasting(one), _what(one)


def _what(one: "Standing") -> str:
    if one.holder is not None:
        here = f"process {one.holder.pid} on {one.holder.host}"
        return f"{one.text} ({here})" if one.text else here
    words = [one.text] if one.text else []
    if one.command and one.state != "waiting":
        words.append(f"to go on: {one.command}")
    return "; ".join(words)


def _lasting(one: "Standing") -> str:
    age = one.age()
    if age is None:
        return ""
    for unit, seconds in (("d", 86400), ("h", 3600), ("min", 60)):
        if age >= 2 * seconds:
            return f"{age / seconds:.0f} {unit}"
    return f"{age:.0f} s"


def _document(one: "Standing") -> dict[str, Any]:
    age, holder = one.age(), one.holder
    return {
        "id": one.customer.id,
        "email": one.customer.email,
        "state": one.state,
        "step": one.step,
        "since": one.since,
        "ageSeconds": None if age is None else round(age),
        "text": one.text or None,
        "holder": {"pid": holder.pid, "host": holder.host, "since": holder.since} if holder else None,
        "command": one.command,
    }
