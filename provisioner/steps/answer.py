"""Whether a customer's assistant answers: one short turn through its gateway, once on each server."""

import re

from provisioner.errors import RemoteError
from provisioner.printable import command
from provisioner.ssh.json_answers import parse_json
from provisioner.step import Work

ANSWERS = "openclaw-answers"
"""What the playbook puts on the server: `{"answers": true, "text"}` or `{"answers": false, "reason"}`."""
_ASK = (
    f"if command -v {ANSWERS} > /dev/null; then {ANSWERS};"
    """ else echo '{"answers": false, "reason": "the server was set up by an older version"}'; fi"""
)
_SECONDS = 230
_DOING = "have the assistant answer"
_KEY = re.compile(r"authenticat|\b40[13]\b|api[ -]?key|credit|billing", re.IGNORECASE)
_OLD = re.compile("older version")
_LONGEST = 400


def has_answered(work: Work) -> bool:
    """Whether the assistant that is on the customer's server now has answered before."""
    setup = work.customer.setup
    return setup.droplet.id is not None and setup.handoff.answered_on == setup.droplet.id


def demand_answer(work: Work) -> None:
    """Have the assistant answer one message, unless it has. RemoteError with its or the provider's words.

    After a refusal the server counts as not installed: the next run brings the settings of then there, such
    as another key.
    """
    if has_answered(work):
        return
    work.say("having the assistant answer once")
    reason = refusal(work)
    if reason is None:
        work.write({"setup.handoff.answeredOn": work.customer.setup.droplet.id})
        return
    work.write({"setup.moltbot.installed": False})
    refused_key = bool(_KEY.search(reason))
    raise RemoteError(
        _DOING, whom=work.customer.email, cause=reason, hint=_hint(work, reason), retry=not refused_key
    )


def refusal(work: Work) -> str | None:
    """Why it does not answer; None if it does."""
    said = parse_json(work.server.run(_ASK, timeout=_SECONDS), doing=_DOING, whom=work.customer.email)
    if not isinstance(said, dict):
        return "the server's answer is none"
    if said.get("answers") is True:
        return None
    reason = said.get("reason")
    return reason[:_LONGEST] if isinstance(reason, str) and reason else "no reason was given"


def _hint(work: Work, reason: str) -> str:
    again = "run the same command again"
    if _OLD.search(reason):
        return f"{again}: it brings the server up to date"
    if _KEY.search(reason) and work.customer.setup.model_key.hash is not None:
        look = command("model-key", work.customer.email)
        return f"{look} shows what their key has spent, and doctor the account's credit; then {again}"
    if _KEY.search(reason):
        return f"correct ANTHROPIC_API_KEY in the environment or in .env, then {again}"
    journal = "as-openclaw journalctl --user --unit openclaw-gateway --lines 50"
    return f"{command('ssh', work.customer.email, options=f'-- {journal}')} says more; then {again}"
