"""Payment intents, charges, what they leave on the balance, refunds and disputes."""

from provisioner.sandbox.stripe.account import Account, Json
from provisioner.sandbox.stripe.clock import DAY
from provisioner.sandbox.stripe.shapes.people import billing_details


def new_intent(account: Account, customer: Json, amount: int, currency: str, description: str) -> Json:
    nothing = dict.fromkeys(
        (
            "application",
            "application_fee_amount",
            "automatic_payment_methods",
            "canceled_at",
            "cancellation_reason",
            "last_payment_error",
            "latest_charge",
            "next_action",
            "on_behalf_of",
            "payment_method",
            "payment_record",
            "processing",
            "receipt_email",
            "review",
            "shipping",
            "source",
            "statement_descriptor",
            "statement_descriptor_suffix",
            "transfer_data",
            "transfer_group",
        )
    )
    intent_id = account.new_id("pi")
    return {
        "id": intent_id,
        "object": "payment_intent",
        **nothing,
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "capture_method": "automatic",
        "client_secret": f"{intent_id}_secret_{account.new_id('x')[2:]}",
        "confirmation_method": "automatic",
        "created": account.now,
        "currency": currency,
        "customer": customer["id"],
        "description": description,
        "livemode": account.livemode,
        "metadata": {},
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "setup_future_usage": "off_session",
        "status": "requires_payment_method",
    }


def new_charge(account: Account, customer: Json, intent: Json, card: Json) -> Json:
    """Paid, until somebody says otherwise."""
    nothing = dict.fromkeys(
        (
            "application",
            "application_fee",
            "application_fee_amount",
            "balance_transaction",
            "failure_balance_transaction",
            "failure_code",
            "failure_message",
            "on_behalf_of",
            "receipt_number",
            "review",
            "shipping",
            "source",
            "source_transfer",
            "statement_descriptor",
            "statement_descriptor_suffix",
            "transfer",
            "transfer_data",
            "transfer_group",
        )
    )
    charge_id = account.new_id("ch")
    return {
        "id": charge_id,
        "object": "charge",
        **nothing,
        "amount": intent["amount"],
        "amount_captured": intent["amount"],
        "amount_refunded": 0,
        "billing_details": billing_details(customer),
        "calculated_statement_descriptor": "STUFFPRESS",
        "captured": True,
        "created": account.now,
        "currency": intent["currency"],
        "customer": customer["id"],
        "description": intent["description"],
        "disputed": False,
        "fraud_details": {},
        "livemode": account.livemode,
        "metadata": {},
        "outcome": {
            "advice_code": None,
            "network_advice_code": None,
            "network_decline_code": None,
            "network_status": "approved_by_network",
            "reason": None,
            "risk_level": "normal",
            "seller_message": "Payment complete.",
            "type": "authorized",
        },
        "paid": True,
        "payment_intent": intent["id"],
        "payment_method": card["id"],
        "payment_method_details": {
            "card": {
                "brand": "visa",
                "country": "US",
                "exp_month": 12,
                "exp_year": 2034,
                "funding": "credit",
                "last4": card["card"]["last4"],
                "network": "visa",
                "three_d_secure": None,
                "wallet": None,
                "mandate": None,
                "regulated_status": "unregulated",
            },
            "type": "card",
        },
        "receipt_email": None,
        "receipt_url": f"https://pay.stripe.com/receipts/{charge_id}",
        "refunded": False,
        "status": "succeeded",
    }


def decline(charge: Json) -> None:
    """Make a new charge one that the card refused."""
    charge.update(
        amount_captured=0,
        captured=False,
        failure_code="card_declined",
        failure_message="Your card was declined.",
        paid=False,
        receipt_url=None,
        status="failed",
    )
    charge["outcome"].update(
        network_decline_code="05",
        network_status="declined_by_network",
        reason="generic_decline",
        seller_message="The bank did not return any further details with this decline.",
        type="issuer_declined",
    )


def new_balance_transaction(account: Account, source: Json, amount: int, fee: int, kind: str) -> Json:
    """What a charge, refund or dispute moves on the account's balance; `fee` is Stripe's."""
    fees = [
        {
            "amount": fee,
            "application": None,
            "currency": source["currency"],
            "description": "Stripe processing fees" if kind == "charge" else "Dispute fee",
            "type": "stripe_fee",
        }
    ]
    return {
        "id": account.new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": account.now + 2 * DAY,
        "balance_type": "payments",
        "created": account.now,
        "currency": source["currency"],
        "description": source.get("description"),
        "exchange_rate": None,
        "fee": fee,
        "fee_details": fees if fee else [],
        "net": amount - fee,
        "reporting_category": "charge" if kind == "charge" else kind,
        "source": source["id"],
        "status": "pending",
        "type": kind,
    }


def new_refund(account: Account, charge: Json, amount: int, reason: str | None) -> Json:
    nothing = dict.fromkeys(
        (
            "balance_transaction",
            "failure_balance_transaction",
            "next_action",
            "pending_reason",
            "receipt_number",
            "source_transfer_reversal",
            "transfer_reversal",
        )
    )
    return {
        "id": account.new_id("re"),
        "object": "refund",
        **nothing,
        "amount": amount,
        "charge": charge["id"],
        "created": account.now,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "destination_details": {
            "card": {
                "reference_status": "pending",
                "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        },
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": reason,
        "status": "succeeded",
    }


def new_dispute(account: Account, charge: Json, reason: str) -> Json:
    """Of the whole charge; an answer is due in ten days."""
    return {
        "id": account.new_id("du"),
        "object": "dispute",
        "amount": charge["amount"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": account.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {"customer_email_address": charge["billing_details"]["email"]},
        "evidence_details": {
            "due_by": account.now + 10 * DAY,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": False,
        "livemode": account.livemode,
        "metadata": {},
        "network_reason_code": "10.4",
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {"brand": "visa", "case_type": "chargeback", "network_reason_code": "10.4"},
            "type": "card",
        },
        "reason": reason,
        "status": "needs_response",
    }
