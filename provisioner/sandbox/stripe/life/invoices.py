"""An invoice from its draft to its end."""

from provisioner.sandbox.stripe.account import Account, Json
from provisioner.sandbox.stripe.errors import card_declined, impossible
from provisioner.sandbox.stripe.life import discounts, payments, standing
from provisioner.sandbox.stripe.life.cards import card_of
from provisioner.sandbox.stripe.shapes import invoices as shapes
from provisioner.sandbox.stripe.shapes.payments import new_intent


def draft(
    account: Account, subscription: Json, reason: str, period: tuple[int, int], lines: list[Json]
) -> Json:
    """A new draft for a subscription, its latest invoice from now on."""
    customer = account.find("customer", subscription["customer"])
    invoice = shapes.new_invoice(account, customer, subscription, reason, period)
    shapes.set_lines(invoice, [*lines, *account.pending_lines.pop(subscription["id"], [])])
    discounts.take_off(account, subscription, invoice)
    account.add(invoice)
    subscription["latest_invoice"] = invoice["id"]
    account.emit("invoice.created", invoice)
    return invoice


def finalize(account: Account, invoice: Json) -> Json:
    """From now on it is owed; one of nothing is paid at once."""
    if invoice["status"] != "draft":
        raise impossible("This invoice is already finalized, you can't re-finalize a non-draft invoice.")
    customer = account.find("customer", invoice["customer"])
    _apply_credit(account, customer, invoice)
    number = customer["next_invoice_sequence"]
    customer["next_invoice_sequence"] = number + 1
    invoice.update(
        status="open",
        number=f"{customer['invoice_prefix']}-{number:04}",
        customer_email=customer["email"],
        effective_at=account.now,
        automatically_finalizes_at=None,
        **shapes.pages_of(account),
    )
    invoice["status_transitions"]["finalized_at"] = account.now
    account.emit("invoice.finalized", invoice)
    if invoice["amount_due"] == 0:
        _settle(account, invoice)
    else:
        intent = new_intent(
            account, customer, invoice["amount_due"], invoice["currency"], _description(invoice)
        )
        account.add(intent)
        payment = account.add(shapes.new_invoice_payment(account, invoice, intent))
        account.payment_of[invoice["id"]] = payment
        account.emit("payment_intent.created", intent)
    return invoice


def attempt(account: Account, invoice: Json) -> bool:
    """Ask the card for what is owed; whether it is paid now."""
    if invoice["status"] != "open":
        return bool(invoice["status"] == "paid")
    card = card_of(account, standing.subscription_of(account, invoice))
    customer, intent = account.find("customer", invoice["customer"]), intent_of(account, invoice)
    if card is not None:
        payments.charge(account, customer, intent, card)
    if intent["status"] == "processing":
        # The subscription runs meanwhile, although nobody has paid yet.
        standing.paid(account, invoice)
    else:
        _conclude(account, invoice, intent)
    return bool(invoice["status"] == "paid")


def conclude(account: Account, invoice: Json, *, paid: bool) -> None:
    """A payment that took days has come, or has not."""
    customer, intent = account.find("customer", invoice["customer"]), intent_of(account, invoice)
    card = account.find("payment_method", intent["payment_method"])
    (payments.take if paid else payments.refuse)(account, customer, intent, card)
    _conclude(account, invoice, intent)


def _conclude(account: Account, invoice: Json, intent: Json) -> None:
    if intent["status"] == "succeeded":
        _settle(account, invoice)
        return
    if intent["status"] == "requires_action":
        account.emit("invoice.payment_action_required", invoice)
    _note_failure(account, invoice)


def collect(account: Account, invoice: Json) -> bool:
    """Finalise a draft and ask for it at once."""
    finalize(account, invoice)
    return attempt(account, invoice)


def pay(account: Account, invoice: Json) -> Json:
    """As somebody asked for it: a refusal of the card is an error."""
    if invoice["status"] == "paid":
        raise impossible("Invoice is already paid", "invoice_already_paid")
    if invoice["status"] == "draft":
        finalize(account, invoice)
    if invoice["status"] == "uncollectible":
        invoice["status"] = "open"
    if invoice["status"] == "void":
        raise impossible("This invoice is void, and cannot be paid.")
    if not attempt(account, invoice):
        charge = intent_of(account, invoice)["latest_charge"]
        raise card_declined(charge, {"payment_intent": intent_of(account, invoice)})
    return invoice


def void(account: Account, invoice: Json) -> Json:
    """Nobody owes it any more."""
    if invoice["status"] not in ("open", "uncollectible"):
        raise impossible(f"You can only void open and uncollectible invoices, not {invoice['status']} ones.")
    _close(account, invoice, "void", "voided_at")
    account.emit("invoice.voided", invoice)
    return invoice


def write_off(account: Account, invoice: Json) -> Json:
    """It is not expected any more; it can still be paid."""
    if invoice["status"] != "open":
        raise impossible(f"You can only mark open invoices as uncollectible, not {invoice['status']} ones.")
    _close(account, invoice, "uncollectible", "marked_uncollectible_at")
    account.emit("invoice.marked_uncollectible", invoice)
    return invoice


def intent_of(account: Account, invoice: Json) -> Json:
    payment = account.payment_of.get(invoice["id"])
    if payment is None:
        raise impossible("This invoice has no payment.")
    return account.find("payment_intent", payment["payment"]["payment_intent"])


def _apply_credit(account: Account, customer: Json, invoice: Json) -> None:
    """What the customer has to their credit pays first; an invoice of less than nothing adds to it."""
    before = customer["balance"]
    used = min(invoice["total"], -before) if before < 0 else min(invoice["total"], 0)
    with account.changing(customer, "customer.updated"):
        customer["balance"] = before + used
    due = max(0, invoice["total"] - max(0, used))
    invoice.update(
        starting_balance=before, ending_balance=customer["balance"], amount_due=due, amount_remaining=due
    )


def _settle(account: Account, invoice: Json) -> None:
    invoice.update(
        status="paid",
        attempted=True,
        amount_paid=invoice["amount_due"],
        amount_remaining=0,
        next_payment_attempt=None,
    )
    invoice["status_transitions"]["paid_at"] = account.now
    payment = account.payment_of.get(invoice["id"])
    if payment is not None:
        invoice["attempt_count"] += 1
        payment.update(status="paid", amount_paid=invoice["amount_due"])
        payment["status_transitions"]["paid_at"] = account.now
        account.emit("invoice_payment.paid", payment)
    standing.paid(account, invoice)
    account.emit("invoice.paid", invoice)
    account.emit("invoice.payment_succeeded", invoice)


def _note_failure(account: Account, invoice: Json) -> None:
    subscription = standing.subscription_of(account, invoice)
    with account.changing(invoice, "invoice.updated", "invoice.payment_failed"):
        invoice["attempted"] = True
        invoice["attempt_count"] += 1
        # The first payment is the buyer's to repeat, within a day.
        renewal = subscription["status"] != "incomplete"
        again = standing.next_attempt(account, invoice["attempt_count"])
        invoice["next_payment_attempt"] = again if renewal and invoice["auto_advance"] else None
    standing.failed(account, invoice)


def _close(account: Account, invoice: Json, status: str, moment: str) -> None:
    invoice.update(status=status, next_payment_attempt=None)
    invoice["status_transitions"][moment] = account.now


def _description(invoice: Json) -> str:
    created = invoice["billing_reason"] == "subscription_create"
    return "Subscription creation" if created else "Subscription update"
