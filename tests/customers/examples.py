"""Records to test with: one as the owner documents it, one as the owner's old script left it."""

import json
from pathlib import Path
from typing import Any

TOKEN = "123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"


def documented() -> dict[str, Any]:
    """Complete, with the dates of the owner's example, one of which no calendar has."""
    return {
        "id": "cust_1234567890",
        "email": "customer@example.com",
        "name": "Customer Name",
        "signupDate": "2026-01-29T05:54:00Z",
        "status": "active",
        "subscription": {
            "stripeSubscriptionId": "sub_abc123",
            "stripePriceId": "price_1",
            "plan": "stuffpress-monthly",
            "amount": 8999,
            "currency": "usd",
            "status": "active",
            "currentPeriodEnd": "2026-02-29T05:54:00Z",
        },
        "setup": {
            "status": "complete",
            "droplet": {
                "provider": "digitalocean",
                "id": "123456789",
                "ip": "64.23.123.45",
                "created": "2026-01-29T06:00:00Z",
            },
            "moltbot": {"installed": True, "installedAt": "2026-01-29T06:15:00Z", "version": "2026.1.24-3"},
            "messaging": {
                "platform": "telegram",
                "connected": True,
                "username": "@customertg",
                "botToken": "123456:ABC...",
            },
            "handoff": {
                "completed": True,
                "completedAt": "2026-01-29T06:30:00Z",
                "onboardingMessageSent": True,
            },
        },
        "notes": [
            {"timestamp": "2026-01-29T06:00:00Z", "note": "Customer requested WhatsApp instead of Telegram"}
        ],
        "timeline": [
            {
                "timestamp": "2026-01-29T05:54:00Z",
                "event": "subscription_created",
                "details": "Customer signed up via Stripe",
            },
            {
                "timestamp": "2026-01-29T06:00:00Z",
                "event": "droplet_created",
                "details": "Created DO droplet 123456789",
            },
        ],
        "metadata": {"source": "stripe", "referrer": None, "landingPage": "stuffpress"},
    }


def from_old_script(email: str = "old.timer+tag@example.com") -> dict[str, Any]:
    """Numbers where ids are, fractions of seconds, keys missing, keys of nobody's, a token in the history."""
    return {
        "vip": True,
        "id": "cust_1769666040123",
        "email": email,
        "signupDate": "2026-01-29T05:54:00.123Z",
        "status": "in_progress",
        "subscription": {
            "stripeSubscriptionId": "sub_old",
            "amount": 8999,
            "coupon": {"code": "ÄÖ-10", "n": 1.5},
        },
        "setup": {
            "status": "in_progress",
            "droplet": {"provider": "digitalocean", "id": 123456789, "ip": "64.23.123.45"},
            "moltbot": {"installed": True, "version": 2026.1, "flags": ["a", {"b": None}]},
            "messaging": {"platform": "telegram", "connected": False, "username": 4711, "botToken": TOKEN},
        },
        "notes": [],
        "timeline": [
            {
                "timestamp": "2026-01-29T05:54:00.123Z",
                "event": "subscription_created",
                "details": "via Stripe",
            },
            {
                "timestamp": "2026-01-29T06:20:00.456Z",
                "event": "field_updated",
                "details": f"setup.messaging.botToken = {TOKEN}",
                "by": "me",
            },
        ],
        "zebra": {"nested": [1, 2, {"deep": "ünïcödé 🦞"}]},
    }


def write_old(folder: Path, data: dict[str, Any], name: str | None = None) -> Path:
    """The file that the old script would have written, readable by everybody."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "_.-") else "_"
        for letter in data["email"].replace("@", "_at_")
    )
    path = folder / (name or f"{stem}.json")
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False), "utf-8")
    path.chmod(0o644)
    return path
