"""`status`: where every setup stands now."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from provisioner.cli.context import current_workspace
from provisioner.cli.output import render
from provisioner.cli.output.durations import age
from provisioner.printable import command

if TYPE_CHECKING:
    from provisioner.customers.store import Listing
    from provisioner.runs.status import Standing

_STYLES = {
    "running": "green",
    "interrupted": "red",
    "failed": "red",
    "waiting": "yellow",
    "paused": "yellow",
    "new": "cyan",
    "done": "dim",
    "broken": "red",
}
_HEADER = ("STATE", "ADDRESS", "STEP", "FOR", "WHAT")
_ORDER = tuple(state for state in _STYLES if state != "broken")
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
        _show(*_found(), as_json=as_json)
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


def _found() -> "tuple[list[Standing], list[Listing]]":
    """How all stand, and the files that do not say it."""
    from provisioner.runs.status import standings

    broken: list[Listing] = []
    found = list(standings(current_workspace(), broken.append))
    found.sort(key=lambda one: (_ORDER.index(one.state), one.since or "", one.customer.email))
    return found, broken


def _redraw(found: "tuple[Sequence[Standing], Sequence[Listing]]") -> None:
    render.print_anew()
    _show(*found, as_json=False)
    render.flush()


def _show(found: "Sequence[Standing]", broken: "Sequence[Listing]", *, as_json: bool) -> None:
    counts = Counter[str](one.state for one in found)
    unfinished = [one for one in found if one.state != "done"]
    if as_json:
        from provisioner.cli.output.endings import unreadable

        states = {state: counts[state] for state in _ORDER}
        customers = [_document(one) for one in unfinished]
        render.print_json(
            "status", counts=states, customers=customers, unreadable=list(map(unreadable, broken))
        )
        return
    rows = [_row(one) for one in unfinished] + [_broken_row(one) for one in broken]
    if rows:
        render.print_table(_HEADER, rows, _STYLES)
    numbers = [f"{counts[state]} {state}" for state in _ORDER if counts[state]]
    numbers += [f"{len(broken)} cannot be read"] * bool(broken)
    render.print_line(", ".join(numbers) or "No customers.")
    if broken:
        render.print_line(f"what is wrong with what cannot be read: {command('check')}")
    again = [one.customer.email for one in unfinished if one.state in ("interrupted", "failed", "paused")]
    if len(again) > 1:
        render.print_line(f"to go on with all that were begun: {command('resume')}")


def _row(one: "Standing") -> tuple[str, ...]:
    return one.state, one.customer.email, one.step, _lasting(one), _what(one)


def _broken_row(listing: "Listing") -> tuple[str, ...]:
    return "broken", listing.name, "", "", str(listing.broken and listing.broken.cause)


def _what(one: "Standing") -> str:
    if one.holder is not None:
        here = f"process {one.holder.pid} on {one.holder.host}"
        return f"{one.text} ({here})" if one.text else here
    words = [one.text] if one.text else []
    if one.command and one.state != "waiting":
        words.append(f"to go on: {one.command}")
    return "; ".join(words)


def _lasting(one: "Standing") -> str:
    seconds = one.age()
    return "" if seconds is None else age(seconds)


def _document(one: "Standing") -> dict[str, Any]:
    seconds, holder = one.age(), one.holder
    return {
        "id": one.customer.id,
        "email": one.customer.email,
        "state": one.state,
        "step": one.step,
        "since": one.since,
        "ageSeconds": None if seconds is None else round(seconds),
        "text": one.text or None,
        "holder": {"pid": holder.pid, "host": holder.host, "since": holder.since} if holder else None,
        "command": one.command,
    }
