"""Subscriptions and their items."""

from collections.abc import Iterable

from provisioner.sandbox.stripe.account import Account, Json
from provisioner.sandbox.stripe.shapes.catalog import plan_of


def new_subscription(account: Account, customer: Json, currency: str) -> Json:
    """Without items, and `incomplete`: its first invoice is not paid."""
    nothing = dict.fromkeys(
        (
            "application",
            "application_fee_percent",
            "billing_cycle_anchor_config",
            "billing_thresholds",
            "cancel_at",
            "canceled_at",
            "days_until_due",
            "default_payment_method",
            "default_source",
            "description",
            "ended_at",
            "latest_invoice",
            "next_pending_invoice_item_invoice",
            "on_behalf_of",
            "pause_collection",
            "pending_invoice_item_interval",
            "pending_setup_intent",
            "pending_update",
            "schedule",
            "status_details",
            "test_clock",
            "transfer_data",
            "trial_end",
            "trial_start",
        )
    )
    return {
        "id": account.new_id("sub"),
        "object": "subscription",
        **nothing,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": account.now,
        "billing_mode": {
            "flexible": {"proration_discounts": "included"},
            "type": "flexible",
            "updated_at": account.now,
        },
        "billing_schedules": [],
        "cancel_at_period_end": False,
        "cancellation_details": cancellation_details(),
        "collection_method": "charge_automatically",
        "created": account.now,
        "currency": currency,
        "customer": customer["id"],
        "default_tax_rates": [],
        "discounts": [],
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": {"object": "list", "data": [], "has_more": False, "total_count": 0, "url": ""},
        "livemode": account.livemode,
        "metadata": {},
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "start_date": account.now,
        "status": "incomplete",
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
    }


def cancellation_details(
    reason: str | None = None, feedback: str | None = None, comment: str | None = None
) -> Json:
    return {"comment": comment, "feedback": feedback, "feedback_option": None, "reason": reason}


def new_item(
    account: Account, subscription: Json, price: Json, quantity: int, period: tuple[int, int]
) -> Json:
    return {
        "id": account.new_id("si"),
        "object": "subscription_item",
        "billed_until": None,
        "billing_thresholds": None,
        "created": account.now,
        "current_period_end": period[1],
        "current_period_start": period[0],
        "discounts": [],
        "metadata": {},
        "plan": plan_of(price),
        "price": price,
        "quantity": quantity,
        "subscription": subscription["id"],
        "tax_rates": [],
    }


def set_items(subscription: Json, items: Iterable[Json]) -> None:
    data = list(items)
    url = f"/v1/subscription_items?subscription={subscription['id']}"
    subscription["items"] = {
        "object": "list",
        "data": data,
        "has_more": False,
        "total_count": len(data),
        "url": url,
    }
