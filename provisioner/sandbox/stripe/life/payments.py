"""Money that moves: charges, refunds, disputes."""

from typing import Final

from provisioner.sandbox.stripe.account import Account, Json
from provisioner.sandbox.stripe.errors import impossible
from provisioner.sandbox.stripe.shapes import payments as shapes

_FEE_SHARE: Final = 0.029
_FEE_FIXED: Final = 30
_DISPUTE_FEE: Final = 1500


def charge(account: Account, customer: Json, intent: Json, card: Json) -> None:
    """Try to take the intent's amount; its status says what became of it."""
    behavior = account.behavior(card)
    if behavior == "declines":
        refuse(account, customer, intent, card)
    elif behavior == "authenticates":
        intent.update(
            status="requires_action",
            payment_method=card["id"],
            next_action={"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}},
        )
        account.emit("payment_intent.requires_action", intent)
    elif behavior == "delays":
        intent.update(status="processing", payment_method=card["id"])
        account.emit("payment_intent.processing", intent)
    else:
        take(account, customer, intent, card)


def take(account: Account, customer: Json, intent: Json, card: Json) -> None:
    """The money is there."""
    made = shapes.new_charge(account, customer, intent, card)
    fee = round(intent["amount"] * _FEE_SHARE) + _FEE_FIXED
    moved = shapes.new_balance_transaction(account, made, made["amount"], fee, "charge")
    made["balance_transaction"] = account.add(moved)["id"]
    account.add(made)
    intent.update(
        status="succeeded",
        amount_received=intent["amount"],
        latest_charge=made["id"],
        payment_method=card["id"],
        last_payment_error=None,
        next_action=None,
    )
    account.emit("charge.succeeded", made)
    account.emit("payment_intent.succeeded", intent)


def refuse(account: Account, customer: Json, intent: Json, card: Json) -> None:
    """The money does not come."""
    made = shapes.new_charge(account, customer, intent, card)
    shapes.decline(made)
    account.add(made)
    intent.update(
        status="requires_payment_method",
        latest_charge=made["id"],
        payment_method=None,
        last_payment_error={
            "charge": made["id"],
            "code": "card_declined",
            "decline_code": "generic_decline",
            "message": "Your card was declined.",
            "payment_method": card,
            "type": "card_error",
        },
    )
    account.emit("charge.failed", made)
    account.emit("payment_intent.payment_failed", intent)


def refund(account: Account, paid: Json, amount: int | None, reason: str | None) -> Json:
    """Give back all that is left of a charge, or so much of it."""
    left = paid["amount_captured"] - paid["amount_refunded"]
    if left <= 0:
        raise impossible(f"Charge {paid['id']} has already been refunded.", "charge_already_refunded")
    if amount is not None and not 0 < amount <= left:
        raise impossible(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})", param="amount"
        )
    made = account.add(shapes.new_refund(account, paid, amount or left, reason))
    moved = shapes.new_balance_transaction(account, made, -made["amount"], 0, "refund")
    made["balance_transaction"] = account.add(moved)["id"]
    account.emit("refund.created", made)
    with account.changing(paid, "charge.refunded", "charge.updated"):
        paid["amount_refunded"] += made["amount"]
        paid["refunded"] = paid["amount_refunded"] == paid["amount_captured"]
    return made


def open_dispute(account: Account, paid: Json, reason: str) -> Json:
    """The bank takes the charge back, until it is closed."""
    if paid["disputed"]:
        raise impossible(f"Charge {paid['id']} is disputed already.", "charge_disputed")
    made = account.add(shapes.new_dispute(account, paid, reason))
    _move(account, made, -made["amount"], _DISPUTE_FEE)
    with account.changing(paid, "charge.updated"):
        paid["disputed"] = True
    account.emit("charge.dispute.created", made)
    account.emit("charge.dispute.funds_withdrawn", made)
    return made


def close_dispute(account: Account, dispute: Json, *, won: bool) -> Json:
    """The bank has decided."""
    if dispute["status"] in ("won", "lost"):
        raise impossible(f"The dispute {dispute['id']} is closed already.")
    dispute["status"] = "won" if won else "lost"
    if won:
        _move(account, dispute, dispute["amount"], 0)
        account.emit("charge.dispute.funds_reinstated", dispute)
    account.emit("charge.dispute.closed", dispute)
    return dispute


def _move(account: Account, dispute: Json, amount: int, fee: int) -> None:
    moved = shapes.new_balance_transaction(account, dispute, amount, fee, "adjustment")
    dispute["balance_transactions"].append(account.add(moved))
