"""A new customer's record, as the owner's template has it."""

import secrets
import time
from dataclasses import dataclass
from typing import Any

from provisioner import timestamps
from provisioner.customers.addresses import checked_address
from provisioner.customers.record import Record


@dataclass(frozen=True)
class SignUp:
    """What is known when a customer signs up; `amount` a month, in the smallest unit of the currency."""

    email: str
    subscription_id: str
    name: str | None = None
    plan: str = "stuffpress-monthly"
    amount: int = 8999
    currency: str = "usd"
    price_id: str | None = None
    telegram: str | None = None
    source: str = "stripe"
    referrer: str | None = None
    landing_page: str = "stuffpress"


def new_record(sign_up: SignUp, by: str | None = None) -> Record:
    """The record to `add`; InputError if the address is none, or a value cannot be held.

    `by` is whose doing it was, where it was nobody's at the keyboard.
    """
    now = timestamps.now()
    record = Record(
        {
            "id": new_id(),
            "email": checked_address(sign_up.email),
            "name": sign_up.name,
            "signupDate": now,
            "status": "pending_setup",
            "subscription": _subscription(sign_up),
            "setup": _setup(sign_up.telegram),
            "notes": [],
            "timeline": [],
            "metadata": {
                "source": sign_up.source,
                "referrer": sign_up.referrer,
                "landingPage": sign_up.landing_page,
            },
        }
    )
    whose = {"by": by} if by else {}
    record.add_event("subscription_created", f"Customer signed up via {sign_up.source.capitalize()}", **whose)
    return record


def new_id() -> str:
    """An id that nobody has: the moment, as the owner's script wrote it, and six random digits."""
    return f"cust_{time.time_ns() // 1_000_000}{secrets.randbelow(1_000_000):06d}"


def _subscription(sign_up: SignUp) -> dict[str, Any]:
    return {
        "stripeSubscriptionId": sign_up.subscription_id,
        "stripePriceId": sign_up.price_id,
        "plan": sign_up.plan,
        "amount": sign_up.amount,
        "currency": sign_up.currency,
        "status": "active",
        "currentPeriodEnd": None,
    }


def _setup(telegram: str | None) -> dict[str, Any]:
    return {
        "status": "pending",
        "droplet": {"provider": "digitalocean", "id": None, "ip": None, "created": None},
        "moltbot": {"installed": False, "installedAt": None, "version": None},
        "messaging": {"platform": "telegram", "connected": False, "username": telegram, "botToken": None},
        "handoff": {"completed": False, "completedAt": None, "onboardingMessageSent": False},
    }
