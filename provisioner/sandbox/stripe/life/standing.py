"""What an invoice's fate means for its subscription, and how a subscription ends."""

from typing import Final

from provisioner.sandbox.stripe.account import Account, Json
from provisioner.sandbox.stripe.clock import DAY

FINAL: Final = frozenset({"canceled", "incomplete_expired"})
_RUNNING: Final = frozenset({"active", "trialing", "past_due"})


def subscription_of(account: Account, invoice: Json) -> Json:
    return account.find("subscription", invoice["parent"]["subscription_details"]["subscription"])


def paid(account: Account, invoice: Json) -> None:
    """Paid, or a payment that takes days is under way.

    The latest invoice decides: an older one that is paid changes nothing.
    """
    subscription = subscription_of(account, invoice)
    if subscription["latest_invoice"] != invoice["id"]:
        return
    if subscription["status"] in ("incomplete", "past_due", "unpaid"):
        with account.changing(subscription, "customer.subscription.updated"):
            subscription["status"] = "active"


def failed(account: Account, invoice: Json) -> None:
    """A renewal that was not paid: past due, and after the last attempt what the account's settings say."""
    subscription = subscription_of(account, invoice)
    if subscription["latest_invoice"] != invoice["id"] or subscription["status"] not in _RUNNING:
        return
    if invoice["next_payment_attempt"] is not None or account.options.after_retries == "past_due":
        _become(account, subscription, "past_due")
    elif account.options.after_retries == "unpaid":
        _become(account, subscription, "unpaid")
    else:
        end(account, subscription, "payment_failed")


def end(account: Account, subscription: Json, reason: str | None) -> None:
    """It is over, now; what is still open is not asked for any more by itself."""
    subscription.update(
        status="canceled",
        ended_at=account.now,
        canceled_at=subscription["canceled_at"] or account.now,
        pause_collection=None,
    )
    if reason:
        subscription["cancellation_details"]["reason"] = reason
    for invoice in account.all("invoice"):
        if invoice["status"] in ("draft", "open") and subscription_of(account, invoice) is subscription:
            invoice.update(auto_advance=False, next_payment_attempt=None, automatically_finalizes_at=None)
    account.emit("customer.subscription.deleted", subscription)


def next_attempt(account: Account, attempts: int) -> int | None:
    """When an invoice is tried again after so many failed attempts; None if it is not."""
    days = account.options.retry_days
    return account.now + days[attempts - 1] * DAY if attempts <= len(days) else None


def _become(account: Account, subscription: Json, status: str) -> None:
    with account.changing(subscription, "customer.subscription.updated"):
        subscription["status"] = status
