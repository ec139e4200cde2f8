"""What a customer pays, as the record has it."""

from typing import Annotated, Any

from pydantic import Field, StrictBool, StrictInt

from provisioner.customers.parts.base import Moment, Part


class PaidItem(Part):
    """One thing that a subscription is for; one without `unitAmount` has tiers, or parts of a cent."""

    price: str | None = None
    unit_amount: (
        Annotated[StrictInt, Field(description="in the smallest unit of the currency, for one period")] | None
    ) = None
    unit_amount_decimal: str | None = None
    quantity: StrictInt = 1
    interval: str | None = None
    interval_count: StrictInt = 1
    metered: StrictBool = False


class SubscriptionChange(Part):
    """What was paid from `at` on; all of them together tell what was paid when."""

    at: Moment
    kind: Annotated[str, Field(description="created, updated, deleted, paused, resumed or synced")]
    event: Annotated[str | None, Field(description="Stripe's id of the event that said so")] = None
    changed: Annotated[tuple[str, ...], Field(description="what the event said had changed")] = ()
    subscription: str
    status: str
    items: tuple[PaidItem, ...] = ()
    currency: str | None = None
    lasting_discount: Annotated[dict[str, Any], Field(description="percentOff or amountOff")] | None = None
    discounts: Annotated[tuple[str, ...], Field(description="ids of those of which no more is known")] = ()
    cancel_at: Moment | None = None
    paused: (
        Annotated[str, Field(description="what becomes of invoices while collection is paused")] | None
    ) = None


class KnownSubscription(Part):
    """One of the customer's subscriptions at Stripe, as it was last said to be."""

    id: str
    stripe_customer_id: str | None = None
    status: str | None = None
    price_id: str | None = None
    plan: str | None = None
    amount: StrictInt | None = None
    currency: str | None = None
    interval: str | None = None
    current_period_end: Moment | None = None
    cancel_at: Annotated[Moment, Field(description="when it is going to end")] | None = None
    start_date: Moment | None = None
    ended_at: Moment | None = None
    livemode: StrictBool | None = None
    as_of: Annotated[Moment, Field(description="when Stripe said so")] | None = None
    as_of_event: str | None = None
    as_of_kind: str | None = None
    as_of_changed: Annotated[tuple[str, ...], Field(description="what that event said had changed")] = ()
    checkout_session_id: str | None = None
    checkout_amount: StrictInt | None = None
    checkout_currency: str | None = None
    signed_up_at: Annotated[Moment, Field(description="when the checkout was finished")] | None = None
    paid_at: Annotated[Moment, Field(description="when it was first paid, as far as is known")] | None = None
    messaging_name: Annotated[str, Field(description="what the customer gave as theirs")] | None = None


class AddressDue(Part):
    """The customer's new address, of which Stripe is still to be told."""

    email: str
    key: Annotated[str, Field(description="under which Stripe takes the change once")]
    since: Moment


class Subscription(Part):
    """What the customer pays, as Stripe has it."""

    stripe_subscription_id: str | None = None
    stripe_price_id: str | None = None
    stripe_customer_id: Annotated[str, Field(description="whom Stripe's events name: cus_…")] | None = None
    plan: str | None = None
    amount: (
        Annotated[
            StrictInt, Field(ge=0, description="for one interval, in the smallest unit of the currency")
        ]
        | None
    ) = None
    currency: str | None = None
    interval: Annotated[str, Field(description="day, week, month or year; a month if absent")] | None = None
    status: str | None = None
    current_period_end: Moment | None = None
    cancel_at: Annotated[Moment, Field(description="when it is going to end")] | None = None
    ended_at: Moment | None = None
    livemode: StrictBool | None = None
    unpaid_handled: (
        Annotated[Moment, Field(description="since when it was unpaid, when the policy was last carried out")]
        | None
    ) = None
    address_due: AddressDue | None = None
    contact_as_of: (
        Annotated[str, Field(description="when Stripe last said name and address, and in which event")] | None
    ) = None
    known: Annotated[
        tuple[KnownSubscription, ...], Field(description="every subscription that the customer has had")
    ] = ()
    changes: Annotated[
        tuple[SubscriptionChange, ...], Field(description="what was paid when; it only ever grows")
    ] = ()
