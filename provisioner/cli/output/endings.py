"""How runs ended, for people and as JSON; with the command that goes on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from provisioner.cli.output import render
from provisioner.cli.output.crash import report
from provisioner.cli.output.durations import took
from provisioner.cli.output.redaction import known_redactor, redactor_for
from provisioner.printable import command

if TYPE_CHECKING:
    from provisioner.customers.store import Listing
    from provisioner.runs.fleet import Ending
    from provisioner.runs.runner import RunResult

_STYLES = {"done": "green", "waiting": "yellow", "failed": "red", "busy": "yellow", "interrupted": "yellow"}
_HEADER = ("OUTCOME", "ADDRESS", "STEP", "TIME", "WHAT")
MARKS = {"done": "✓", "waiting": "…", "failed": "✗", "busy": "…", "interrupted": "✗"}


def style(outcome: str) -> str:
    """The colour of an outcome."""
    return _STYLES[outcome]


def outcome_of(ending: "Ending") -> str:
    """done, waiting, failed, busy or interrupted."""
    if ending.interrupted:
        return "interrupted"
    if ending.error or ending.bug:
        return "busy" if ending.exit_code == 4 else "failed"
    return "waiting" if ending.waiting else "done"


def last_word(ending: "Ending") -> str:
    """The ending in one line, for a table."""
    if ending.interrupted:
        return "stopped by the operator"
    if ending.error:
        return redactor_for(ending.who)(ending.error.cause or ending.error.summary)
    if ending.bug:
        return f"a bug: {type(ending.bug).__name__}"
    if ending.waiting:
        return str(ending.waiting)
    return ending.result.customer.status if ending.result else ""


def tell_one(ending: "Ending", options: str = "") -> None:
    """How the run of the only customer ended; `options` are what the same command has to have again."""
    if ending.bug:
        report(ending.bug)
    elif ending.interrupted:
        render.say(f"stopped; to go on: {command('provision', ending.who, options=options)}")
    elif ending.error:
        render.print_error(ending.error)
        if ending.result:
            render.say(f"  again, from this step on: {command('provision', ending.who, options=options)}")
    elif ending.waiting:
        render.say(str(ending.waiting))
        render.say(f"  after that: {command('provision', ending.who, options=options)}")
    elif ending.result:
        render.say(_success(ending.result))


def tell_all(endings: Sequence["Ending"], options: str = "") -> None:
    """A table of all, what to do about each cause, and the command that runs the failed ones again."""
    render.print_table(_HEADER, [_row(ending) for ending in endings], _STYLES)
    for ending in endings:
        if ending.bug:
            report(ending.bug)
    hints = _hints(endings)
    redact = known_redactor() if hints else str
    for hint, whom in hints.items():
        for line in hint.splitlines():
            render.print_block(f"{whom}: ", redact(line))
    again = [ending.who for ending in endings if outcome_of(ending) in ("failed", "interrupted", "busy")]
    if again:
        render.say(f"to run {'it' if len(again) == 1 else 'these'} again:")
        render.say(f"  {command('provision', *again, options=options)}")
    if any(ending.waiting for ending in endings):
        render.say(f"for those who wait, when they have acted: {command('resume', options=options)}")


def document(ending: "Ending") -> dict[str, Any]:
    """One customer's part of the JSON document."""
    result, waiting, error = ending.result, ending.waiting, ending.error
    return {
        "email": ending.who,
        "outcome": outcome_of(ending),
        "exitCode": ending.exit_code,
        "step": result.step if result else None,
        "run": result.run if result else None,
        "seconds": round(result.seconds, 3) if result else None,
        "waiting": {"of": waiting.of_whom, "for": waiting.to_do} if waiting else None,
        "error": render.error_document(error, redactor_for(ending.who)) if error else None,
    }


def unreadable(listing: "Listing") -> dict[str, Any]:
    """One file's part of a JSON document, that says nothing of a customer."""
    return {"file": listing.name, "cause": str(listing.broken and listing.broken.cause)}


def not_begun(listing: "Listing") -> "Ending":
    """What a file that cannot be read is for the exit code."""
    from provisioner.runs.fleet import Ending

    return Ending(listing.name, refusal=listing.broken)


def tell_unreadable(broken: Sequence["Listing"]) -> None:
    """Each file that says nothing of a customer, who may be one to be set up."""
    redact = known_redactor() if broken else None
    for listing in broken:
        if listing.broken is not None:
            render.print_error(listing.broken, redact=redact)


def _hints(endings: Sequence["Ending"]) -> dict[str, str]:
    """What to do, each once, and for whom."""
    found: dict[str, list[str]] = {}
    for ending in endings:
        if ending.error and ending.error.hint and not ending.interrupted:
            found.setdefault(ending.error.hint, []).append(ending.who)
    return {hint: whom[0] if len(whom) == 1 else f"{len(whom)} customers" for hint, whom in found.items()}


def _row(ending: "Ending") -> tuple[str, ...]:
    result = ending.result
    step = (result.step or "") if result else ""
    return outcome_of(ending), ending.who, step, took(result.seconds) if result else "", last_word(ending)


def _success(result: "RunResult") -> str:
    email = result.customer.email
    if result.step is None:
        return f"{email}: nothing to do, the setup is {result.customer.setup.status}"
    return f"{email}: {result.customer.status}, after {took(result.seconds)}"
