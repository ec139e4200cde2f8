"""Checkout sessions and sessions of the customer portal."""

from typing import Final

from provisioner.sandbox.stripe.account import Account, Json
from provisioner.sandbox.stripe.clock import DAY

TELEGRAM_FIELD: Final = "telegram"
"""The key of the custom field in which people type their Telegram username."""


def new_session(account: Account, line_items: list[Json]) -> Json:
    """An open one for a subscription, which expires in a day."""
    nothing = dict.fromkeys(
        (
            "adaptive_pricing",
            "after_expiration",
            "allow_promotion_codes",
            "billing_address_collection",
            "cancel_url",
            "client_reference_id",
            "client_secret",
            "consent",
            "consent_collection",
            "currency_conversion",
            "customer",
            "customer_creation",
            "customer_details",
            "customer_email",
            "invoice",
            "invoice_creation",
            "locale",
            "origin_context",
            "payment_intent",
            "payment_link",
            "payment_method_configuration_details",
            "permissions",
            "recovered_from",
            "redirect_on_completion",
            "return_url",
            "saved_payment_method_options",
            "setup_intent",
            "shipping_address_collection",
            "shipping_cost",
            "submit_type",
            "subscription",
            "success_url",
        )
    )
    session_id = account.new_id("cs_live" if account.livemode else "cs_test")
    total = sum(line["amount_total"] for line in line_items)
    account.table("line_items")[session_id] = {"data": line_items}
    return {
        "id": session_id,
        "object": "checkout.session",
        **nothing,
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "created": account.now,
        "currency": line_items[0]["currency"],
        "custom_fields": [],
        "custom_text": dict.fromkeys(
            ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
        ),
        "discounts": [],
        "expires_at": account.now + DAY,
        "livemode": account.livemode,
        "metadata": {},
        "mode": "subscription",
        "payment_method_collection": "always",
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": False},
        "shipping_options": [],
        "status": "open",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": f"https://checkout.stripe.com/c/pay/{session_id}",
    }


def new_line_item(account: Account, price: Json, quantity: int, description: str) -> Json:
    amount = (price["unit_amount"] or 0) * quantity
    return {
        "id": account.new_id("li"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": description,
        "price": price,
        "quantity": quantity,
    }


def text_field(key: str, label: str, *, optional: bool = True) -> Json:
    """A custom field for a text, with nothing typed into it."""
    return {
        "key": key,
        "label": {"custom": label, "type": "custom"},
        "optional": optional,
        "text": {"default_value": None, "maximum_length": None, "minimum_length": None, "value": None},
        "type": "text",
    }


def portal_configuration(account: Account) -> Json:
    """The account's own, with the login page that can be put into e-mails."""
    return {
        "id": "bpc_1SandboxPortal00000000",
        "object": "billing_portal.configuration",
        "active": True,
        "application": None,
        "business_profile": {"headline": None, "privacy_policy_url": None, "terms_of_service_url": None},
        "created": account.now,
        "default_return_url": None,
        "features": {
            "customer_update": {"allowed_updates": ["email", "name"], "enabled": True},
            "invoice_history": {"enabled": True},
            "payment_method_update": {"enabled": True, "payment_method_configuration": None},
            "subscription_cancel": {
                "cancellation_reason": {"enabled": True, "options": ["too_expensive", "unused", "other"]},
                "enabled": True,
                "mode": "at_period_end",
                "proration_behavior": "none",
            },
            "subscription_pause": {"enabled": False},
            "subscription_update": {
                "billing_cycle_anchor": None,
                "default_allowed_updates": [],
                "enabled": False,
                "proration_behavior": "none",
                "schedule_at_period_end": {"conditions": []},
                "trial_update_behavior": "continue_trial",
            },
        },
        "is_default": True,
        "livemode": account.livemode,
        "login_page": {"enabled": True, "url": f"https://billing.stripe.com/p/login/{account.id}"},
        "metadata": {},
        "name": None,
        "updated": account.now,
    }


def new_portal_session(account: Account, customer: str, return_url: str | None, flow: Json | None) -> Json:
    session_id = account.new_id("bps")
    return {
        "id": session_id,
        "object": "billing_portal.session",
        "configuration": "bpc_1SandboxPortal00000000",
        "created": account.now,
        "customer": customer,
        "customer_account": None,
        "flow": flow,
        "livemode": account.livemode,
        "locale": None,
        "on_behalf_of": None,
        "return_url": return_url,
        "url": f"https://billing.stripe.com/p/session/{session_id}",
    }
