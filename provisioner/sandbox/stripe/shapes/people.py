"""Customers and their cards."""

from typing import Final

from provisioner.sandbox.stripe.account import Account, Behavior, Json

TEST_CARDS: Final[dict[str, Behavior]] = {
    "pm_card_chargeCustomerFail": "declines",
    "pm_card_authenticationRequired": "authenticates",
    "pm_card_threeDSecure2Required": "authenticates",
}
"""Stripe's names for cards that do not simply pay, as any other `pm_card_…` does."""
REFUSED_CARDS: Final = frozenset({"pm_card_chargeDeclined", "pm_card_visa_chargeDeclined"})
"""Those that nobody's customer can have."""
_LAST_DIGITS: Final[dict[Behavior, str]] = {"declines": "0341", "authenticates": "3220"}


def new_customer(account: Account, *, email: str | None, name: str | None, phone: str | None = None) -> Json:
    nothing = dict.fromkeys(
        ("address", "business_name", "currency", "default_source", "description", "discount", "shipping")
    )
    return {
        "id": account.new_id("cus"),
        "object": "customer",
        **nothing,
        "balance": 0,
        "created": account.now,
        "delinquent": False,
        "email": email,
        "individual_name": name,
        "invoice_prefix": account.new_id("x")[2:10].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": account.livemode,
        "metadata": {},
        "name": name,
        "next_invoice_sequence": 1,
        "phone": phone,
        "preferred_locales": [],
        "tax_exempt": "none",
        "test_clock": None,
    }


def new_card(account: Account, customer: Json | None, behavior: Behavior = "pays") -> Json:
    """A payment method that does this whenever it is charged."""
    card: Json = {
        "id": account.new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "limited",
        "billing_details": billing_details(customer),
        "card": {
            "brand": "visa",
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": None,
                "cvc_check": "pass",
            },
            "country": "US",
            "display_brand": "visa",
            "exp_month": 12,
            "exp_year": 2034,
            "fingerprint": "Xt5EWLLDS7FJjR1c",
            "funding": "credit",
            "generated_from": None,
            "last4": _LAST_DIGITS.get(behavior, "4242"),
            "networks": {"available": ["visa"], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": account.now,
        "customer": customer["id"] if customer else None,
        "livemode": account.livemode,
        "metadata": {},
        "type": "card",
    }
    account.behaviors[card["id"]] = behavior
    return card


def billing_details(customer: Json | None) -> Json:
    known = customer or {}
    return {
        "address": {
            "city": None,
            "country": "US",
            "line1": None,
            "line2": None,
            "postal_code": None,
            "state": None,
        },
        "email": known.get("email"),
        "name": known.get("name"),
        "phone": known.get("phone"),
        "tax_id": None,
    }
