"""How a bot gets its updates: long polling, or a webhook that is only remembered."""

from typing import Any

from provisioner.sandbox.telegram import refusals
from provisioner.sandbox.telegram.accounts import Webhook
from provisioner.sandbox.telegram.api import BotRequest, Params, method
from provisioner.sandbox.telegram.refusals import Refusal, bad_request

_LONGEST_POLL = 50


@method("getUpdates")
async def get_updates(request: BotRequest) -> list[dict[str, Any]]:
    """The newest poll gets the updates; one that already waits is ended with 409."""
    world, bot, params = request.world, request.bot, request.params
    poll, token = object(), bot.token
    limit = params.integer("limit", 100)
    with world.lock:
        if bot.webhook:
            raise Refusal(409, refusals.WEBHOOK_ACTIVE)
        _allow(request)
        bot.updates.acknowledge(params.integer("offset"))
        bot.updates.poll = poll
    world.changes.announce()

    def look() -> list[dict[str, Any]] | None:
        with world.lock:
            if bot.token != token:
                raise Refusal(401, "Unauthorized")
            if bot.webhook:
                raise Refusal(409, refusals.WEBHOOK_SET)
            if bot.updates.poll is not poll:
                raise Refusal(409, refusals.OTHER_POLLER)
            found = bot.updates.first(limit if 1 <= limit <= 100 else 100)
            return found or ([] if world.closed else None)

    seconds = min(max(params.integer("timeout"), 0), _LONGEST_POLL)
    try:
        return await world.changes.until(look, seconds) or []
    finally:
        with world.lock:
            if bot.updates.poll is poll:
                bot.updates.poll = None
        world.changes.announce()


@method("setWebhook")
def set_webhook(request: BotRequest) -> bool:
    url = request.params.text("url")
    if url and not url.startswith("https://"):
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    with request.world.lock:
        _allow(request)
        _drop_pending(request)
        request.bot.webhook = _webhook(url, request.params) if url else None
    request.world.changes.announce()
    return True


@method("deleteWebhook")
def delete_webhook(request: BotRequest) -> bool:
    with request.world.lock:
        _drop_pending(request)
        request.bot.webhook = None
    return True


@method("getWebhookInfo")
def get_webhook_info(request: BotRequest) -> dict[str, Any]:
    with request.world.lock:
        webhook, updates = request.bot.webhook, request.bot.updates
        info: dict[str, Any] = {
            "url": webhook.url if webhook else "",
            "has_custom_certificate": webhook.has_custom_certificate if webhook else False,
            "pending_update_count": len(updates.pending),
        }
        if webhook:
            info["max_connections"] = webhook.max_connections
        if updates.allowed is not None:
            info["allowed_updates"] = sorted(updates.allowed)
    return info


def _webhook(url: str, params: Params) -> Webhook:
    return Webhook(url, params.integer("max_connections", 40), "certificate" in params)


def _drop_pending(request: BotRequest) -> None:
    if request.params.flag("drop_pending_updates"):
        request.bot.updates.clear()


def _allow(request: BotRequest) -> None:
    """Left out, the last choice stays."""
    if "allowed_updates" not in request.params:
        return
    kinds = request.params.json("allowed_updates", "allowed_updates") or []
    if not isinstance(kinds, list):
        raise bad_request("can't parse allowed_updates JSON object")
    request.bot.updates.allow([str(kind) for kind in kinds])
