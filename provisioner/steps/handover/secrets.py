"""The secrets of an assistant that is handed over: others in their place, and the old ones dead."""

import re

from provisioner.actor import actor
from provisioner.backups.scripts import as_user
from provisioner.customers.handing_over import is_being_handed_over
from provisioner.customers.leaving import at
from provisioner.customers.model_key import may_have_key
from provisioner.customers.parts.departure import Handover
from provisioner.customers.record import Customer
from provisioner.customers.rotating import BOT_TOKEN, GATEWAY_TOKEN, asked_to_rotate
from provisioner.customers.wanted import settings_of
from provisioner.errors import ModelError, RemoteError
from provisioner.failpoints import failpoint
from provisioner.messaging.registry import channel_of
from provisioner.secrets import mark_of
from provisioner.services.factory import Services
from provisioner.settings import Settings
from provisioner.step import Done, Outcome, Work
from provisioner.steps.answer import refusal
from provisioner.steps.gateway import stop_gateway
from provisioner.steps.handover.step import HandoverStep, handover_of, remote, reported
from provisioner.steps.model_key import (
    OPENROUTER,
    delete_model_key,
    demand_refused,
    missing_for_own_key,
    secret_on_server,
)
from provisioner.steps.rotation.gateway_token import replace_gateway_token
from provisioner.timestamps import now

_SECONDS = 60.0
_CONFIGURE_SECONDS = 300.0
_RESTART = "openclaw-gateway current || openclaw-gateway restart; openclaw-gateway wait"
_RESTART_SECONDS = 800.0
START = "su - openclaw -c 'systemctl --user enable --now openclaw-gateway'"
"""What the customer runs as root, on their server, when they have put a key there."""
_PATH = re.compile(r"/home/openclaw/[\w./-]{1,200}")
_MODEL = "give the assistant the customer's own key for the model"


class ReplaceBotToken(HandoverStep):
    """Has another token in the place of the bot's, which only the server has afterwards."""

    name = BOT_TOKEN
    does = "replace the bot's token, and see the old one refused"

    def behind(self, handover: Handover) -> bool:
        return handover.bot_at is not None

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return channel_of(customer).credential_needs(settings, customer)

    def run(self, work: Work) -> Outcome:
        rotation = work.customer.setup.rotation
        old = rotation.old_token if rotation else channel_of(work.customer).credential(work.customer)
        if old is None:
            work.write({"handover.botAt": now(), **_no_bot(work)})
            return Done()
        _begin(work, BOT_TOKEN, old)
        what = channel_of(work.customer).sender(work.customer)
        done = f"replaced; {what} has another one, which only the server has"
        then = {
            "setup.rotation": None,
            "handover.botAt": now(),
            **reported(work.customer, "the bot's token", done, "the platform refuses the old one (401)"),
        }
        return channel_of(work.customer).replace_credential(work, old, then) or Done()

    def arrived(self, work: Work) -> bool:
        customer = work.refresh()
        rotation = customer.setup.rotation
        return rotation is None or channel_of(customer).credential(customer) != rotation.old_token


def _no_bot(work: Work) -> dict[str, object]:
    return reported(work.customer, "the bot's token", "nothing: we have none", "the record has none")


class ReplaceGatewayToken(HandoverStep):
    """Has another token in the place of the gateway's, which also does without our plugin then."""

    name = GATEWAY_TOKEN
    does = "replace the gateway's token, and see the old one refused"

    def behind(self, handover: Handover) -> bool:
        return handover.gateway_at is not None

    def run(self, work: Work) -> Outcome:
        _begin(work, GATEWAY_TOKEN)
        work.say("having the gateway do without what is ours")
        # Before it starts again with the other token: one start is enough for both.
        work.server.run(as_user(remote("configuration.bash")), timeout=_CONFIGURE_SECONDS)
        done = "replaced by one that the server has made; it was never here"
        replace_gateway_token(
            work,
            {
                "setup.rotation": None,
                "handover.gatewayAt": now(),
                **reported(
                    work.customer, "the gateway's token", done, "the gateway refuses the old one (401)"
                ),
            },
        )
        return Done()


def _begin(work: Work, kind: str, old: str | None = None) -> None:
    """Write down that it is being replaced, in the same form as whoever rotates it alone."""
    if work.customer.setup.rotation is None:
        fields = asked_to_rotate(work.customer, kind, actor(), at(work.clock.time()), old)
        work.write(fields)


class ReplaceModelKey(HandoverStep):
    """Has the customer's own key for the model in the place of ours; without one the assistant stops."""

    name = "model-key"
    does = "put the customer's key for the model in the place of ours"

    def behind(self, handover: Handover) -> bool:
        return handover.model_key_at is not None

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return missing_for_own_key(settings, customer)

    def refusals(self, settings: Settings, services: Services, customer: Customer) -> list[str]:
        """What the provider says against the customer's key."""
        from provisioner.services.model_keys.errors import ModelRefused

        key = handover_of(customer).api_key if is_being_handed_over(customer) else None
        if key is None:
            return []
        try:
            _check(settings_of(customer, settings), services, key)
        except ModelRefused as error:
            return [f"give another --api-key-file: {error.cause}"]
        except ModelError as error:
            if not error.retry:
                raise
        return []

    def run(self, work: Work) -> Outcome:
        key, before = handover_of(work.customer).api_key, work.customer.setup.model_key
        made_here = secret_on_server(work, before.mark) if may_have_key(work.customer) else None
        if key is None:
            self._do_without(work, made_here)
        else:
            self._put(work, key, made_here)
        return Done()

    def _put(self, work: Work, key: str, made_here: str | None) -> None:
        mark = mark_of(key)
        work.say("giving the assistant the customer's own key for the model")
        failpoint("before the customer's model key is put on the server")
        work.server.send(_model_key("put", mark), [f"{key}\n".encode()], timeout=_CONFIGURE_SECONDS)
        failpoint("after the customer's model key is put on the server")
        work.server.run(_RESTART, timeout=_RESTART_SECONDS)
        work.say("having the assistant answer once")
        reason = refusal(work)
        if reason is not None:
            raise RemoteError(_MODEL, whom=work.customer.email, cause=reason)
        done = "the customer's own is there; ours is off the server"
        proof = f"the assistant has answered with it; {_ended(work, made_here)}"
        self._record(work, done, proof)

    def _do_without(self, work: Work, made_here: str | None) -> None:
        path = work.server.run(_model_key("drop"), timeout=_SECONDS).strip()
        stop_gateway(work)
        where = f" into {path}" if _PATH.fullmatch(path) else ""
        done = (
            f"ours is off the server; the assistant stands still until the customer puts their own{where}, "
            f"and runs: {START}"
        )
        self._record(work, done, _ended(work, made_here), path if where else None)

    def _record(self, work: Work, done: str, proof: str, file: str | None = None) -> None:
        fields = {
            "handover.modelKeyAt": now(),
            "handover.modelKeyFile": file,
            "handover.apiKey": None,
            **reported(work.customer, "the key for the model", done, proof),
        }
        work.record("model_key_handed_over", f"The key for the model: {done}", fields)


def _ended(work: Work, made_here: str | None) -> str:
    """How it is known that the key which was there opens nothing; one that was theirs alone is deleted.

    `made_here` is that one, as long as the server has had it.
    """
    if not may_have_key(work.customer):
        return "the file with ours is gone"
    delete_model_key(work)
    if made_here is None:
        return "the provider does not know the one that was there any more"
    demand_refused(work, made_here)
    return "the provider refuses the one that was there"


def _check(settings: Settings, services: Services, key: str) -> None:
    """ModelRefused where the provider of the assistant's model does not take the key."""
    from provisioner.services.model_keys.anthropic import ModelProvider

    provider, _, model = settings.moltbot.model.partition("/")
    if provider == OPENROUTER:
        services.model_keys.check(key)
    else:
        ModelProvider(key, settings.anthropic_base_url).check(model)


def _model_key(*words: str) -> str:
    return as_user(remote("model-key.bash"), *words)
