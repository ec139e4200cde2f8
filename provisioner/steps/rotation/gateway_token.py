"""Another token in the place of the gateway's, which the server makes for itself: it never comes here."""

from collections.abc import Mapping
from pathlib import Path

from provisioner.backups.scripts import as_user
from provisioner.customers.record import Customer
from provisioner.customers.rotating import GATEWAY_TOKEN, is_rotating
from provisioner.errors import RemoteError
from provisioner.failpoints import failpoint
from provisioner.settings import Settings
from provisioner.ssh.json_answers import parse_json
from provisioner.step import Done, Outcome, Planned, Step, Work
from provisioner.timestamps import now

_SCRIPT = (Path(__file__).parent / "remote" / "gateway-token.bash").read_text("utf-8")
_DOING = "replace the gateway's token"
_SECONDS = 60.0
_RESTART_SECONDS = 400.0
_START_SECONDS = 420.0
_TAKEN, _REFUSED = ("200",), ("401", "403")


class RotateGatewayToken(Step):
    """Replaces the gateway's token."""

    name = GATEWAY_TOKEN

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return []

    def done(self, customer: Customer) -> bool:
        return not is_rotating(customer, GATEWAY_TOKEN)

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("replace the gateway's token", needed=not self.done(work.customer))]

    def run(self, work: Work) -> Outcome:
        replace_gateway_token(work, {"setup.rotation": None})
        return Done()


def replace_gateway_token(work: Work, then: Mapping[str, object]) -> None:
    """Do it, or go on with it, for who is rotating it by the record; `then` is written when it is proven.

    The gateway starts again once. RemoteError if it takes the old token then, or refuses the new one.
    """
    rotation = work.customer.setup.rotation
    assert rotation is not None, "it is written before anything is done"
    if rotation.proven_at is None:
        work.say("replacing the gateway's token")
        failpoint("before the gateway's token is replaced")
        work.server.run(as_user(_SCRIPT, "renew"), timeout=_SECONDS)
        failpoint("after the gateway's token is replaced")
        _have_it_taken(work)
        work.write({"setup.rotation.provenAt": now()})
    # Only now: a run that was killed before needs it to prove that it is refused.
    work.server.run(as_user(_SCRIPT, "forget"), timeout=_SECONDS)
    details = "The gateway has another token, of its server's own making, and refuses the old one"
    work.record("gateway_token_replaced", details, then)


def _have_it_taken(work: Work) -> None:
    """The gateway reads its token at its start only; one that has read it is left alone."""
    answers = _answers(work)
    if _is_replaced(answers):
        return
    work.say("starting the assistant again")
    work.server.run("openclaw-gateway restart", timeout=_RESTART_SECONDS)
    work.server.run("openclaw-gateway wait", timeout=_START_SECONDS)
    failpoint("after the gateway has started with another token")
    answers = _answers(work)
    if not _is_replaced(answers):
        cause = f"the gateway answers {answers[0]} to the new one and {answers[1]} to the old one"
        raise RemoteError(_DOING, whom=work.customer.email, cause=cause, retry=True)


def _answers(work: Work) -> tuple[str, str]:
    """What the gateway answers to who has the new token, and the old one."""
    text = work.server.run(as_user(_SCRIPT, "prove"), timeout=_SECONDS)
    said = parse_json(text, doing=_DOING, whom=work.customer.email)
    found = said if isinstance(said, dict) else {}
    return str(found.get("new"))[:3], str(found.get("old"))[:3]


def _is_replaced(answers: tuple[str, str]) -> bool:
    new, old = answers
    return new in _TAKEN and old in _REFUSED
