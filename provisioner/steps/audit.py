"""The security audit of a customer's assistant, by its own command: once on each server.

It takes seconds, so it comes after the first message. What it finds stops nothing: it is in the record and
in the timeline, and `doctor` says so.
"""

from provisioner.errors import RemoteError
from provisioner.printable import clean
from provisioner.ssh.json_answers import misfit, parse_json, unfit
from provisioner.step import Work
from provisioner.timestamps import now

AUDIT = "openclaw-audit"
"""What the playbook puts on the server: `{"critical": ["…"], "warnings": 1}`."""
_ASK = f"command -v {AUDIT} > /dev/null && {AUDIT} || ! command -v {AUDIT} > /dev/null"
"""A server that was set up by an older version says nothing."""
_SECONDS = 110
_DOING = "audit the assistant's security"
_MOST, _LONGEST = 8, 120


def is_audited(work: Work) -> bool:
    """Whether the audit was made on the customer's present server."""
    setup = work.customer.setup
    return setup.moltbot.audit is not None and setup.moltbot.audit.made_on == setup.droplet.id


def audit(work: Work) -> None:
    """Make the audit, unless it is made, and record what it finds. RemoteError if it cannot be made."""
    if is_audited(work):
        return
    work.say("having its security audited")
    critical, warnings = _findings(work)
    made = {
        "at": now(),
        "madeOn": work.customer.setup.droplet.id,
        "critical": critical,
        "warnings": warnings,
    }
    found = f"critical: {'; '.join(critical)}" if critical else "nothing critical"
    work.record(
        "security_audit",
        f"The security audit found {found} ({warnings} warnings)",
        {"setup.moltbot.audit": made},
    )


def _findings(work: Work) -> tuple[list[str], int]:
    """The titles of what is critical, in short plain words, and the number of warnings."""
    email = work.customer.email
    answer = work.server.run(_ASK, timeout=_SECONDS)
    if not answer.strip():
        work.write({"setup.moltbot.installed": False})
        hint = "run the same command again: it brings the server up to date"
        cause = "the server was set up by an older version"
        raise RemoteError(_DOING, whom=email, cause=cause, hint=hint, retry=True)
    said = parse_json(answer, doing=_DOING, whom=email)
    problem = misfit(said, {"critical": list, "warnings": int})
    if problem is not None:
        raise unfit(_DOING, email, f"the server's answer cannot be read: {problem}")
    return [clean(str(title)[:_LONGEST]) for title in said["critical"][:_MOST]], said["warnings"]
