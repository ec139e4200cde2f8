"""Subscriptions."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from provisioner.sandbox.stripe.account import Account, Json
from provisioner.sandbox.stripe.call import Call, Endpoint, retrieve
from provisioner.sandbox.stripe.errors import card_declined, impossible, invalid, missing
from provisioner.sandbox.stripe.forms import Form, ListForm, Metadata, Number, Range, Text, merged
from provisioner.sandbox.stripe.life import discounts, invoices, subscriptions
from provisioner.sandbox.stripe.life.cards import attached
from provisioner.sandbox.stripe.life.standing import FINAL
from provisioner.sandbox.stripe.lists import listing
from provisioner.sandbox.stripe.resources.coupons import DiscountForm
from provisioner.sandbox.stripe.shapes.subscriptions import new_item, set_items


class ItemForm(Form):
    ignored = frozenset({"metadata", "discounts", "tax_rates", "clear_usage", "billing_thresholds"})

    id: str | None = None
    price: str | None = None
    quantity: int | None = Field(default=None, ge=0)
    deleted: bool = False
    metadata: Metadata = None


class BillingMode(Form):
    ignored = frozenset({"flexible"})

    type: Literal["classic", "flexible"]
    flexible: Any = None


class EndBehavior(Form):
    missing_payment_method: Literal["cancel", "create_invoice", "pause"]


class TrialSettings(Form):
    end_behavior: EndBehavior


class CancellationForm(Form):
    comment: Text = None
    feedback: Text = None


class PauseCollection(Form):
    behavior: Literal["keep_as_draft", "mark_uncollectible", "void"]
    resumes_at: int | None = None


class NewSubscriptionForm(Form):
    ignored = frozenset(
        {
            "automatic_tax",
            "description",
            "off_session",
            "payment_settings",
            "proration_behavior",
        }
    )

    customer: str
    items: list[ItemForm] = Field(min_length=1)
    collection_method: Literal["charge_automatically"] = "charge_automatically"
    default_payment_method: Text = None
    metadata: Metadata = None
    trial_period_days: Number = None
    trial_end: Annotated[int | Literal["now"] | None, Field()] = None
    cancel_at_period_end: bool = False
    payment_behavior: Literal[
        "allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"
    ] = "allow_incomplete"
    billing_mode: BillingMode | None = None
    trial_settings: TrialSettings | None = None
    discounts: list[DiscountForm] = Field(default=[])


class SubscriptionUpdate(Form):
    ignored = frozenset(
        {
            "automatic_tax",
            "description",
            "off_session",
            "payment_behavior",
            "payment_settings",
            "proration_date",
        }
    )

    items: list[ItemForm] = Field(default=[])
    default_payment_method: Text = None
    metadata: Metadata = None
    cancel_at_period_end: bool | None = None
    cancel_at: Annotated[
        int | Literal["min_period_end", "max_period_end"] | None,
        BeforeValidator(lambda value: None if value == "" else value),
    ] = None
    cancellation_details: CancellationForm = CancellationForm()
    pause_collection: Annotated[
        PauseCollection | None, BeforeValidator(lambda value: None if value == "" else value)
    ] = None
    proration_behavior: Literal["create_prorations", "always_invoice", "none"] = "create_prorations"
    trial_end: int | Literal["now"] | None = None
    billing_cycle_anchor: Literal["now", "unchanged"] = "unchanged"
    trial_settings: TrialSettings | None = None
    discounts: Annotated[list[DiscountForm], BeforeValidator(lambda value: [] if value == "" else value)] = (
        Field(default=[])
    )


class CancelForm(Form):
    ignored = frozenset({"invoice_now", "prorate"})

    cancellation_details: CancellationForm = CancellationForm()


class PauseForm(Form):
    ignored = frozenset({"bill_for", "invoicing_behavior"})

    type: Literal["subscription"] = "subscription"


class ResumeForm(Form):
    ignored = frozenset({"billing_cycle_anchor", "payment_behavior", "proration_behavior", "proration_date"})


class SubscriptionList(ListForm):
    customer: str | None = None
    price: str | None = None
    status: str | None = None
    current_period_end: Range | None = None
    current_period_start: Range | None = None
    collection_method: str | None = None


def _create(call: Call[NewSubscriptionForm]) -> Json:
    account, form = call.account, call.form
    customer = account.find("customer", form.customer, param="customer")
    prices = [(_price(account, item), item.quantity or 1) for item in form.items]
    card = _card(account, customer, form.default_payment_method)
    if not (card or customer["invoice_settings"]["default_payment_method"]) and _must_pay(form):
        raise impossible(
            "This customer has no attached payment source or default payment method.", "resource_missing"
        )
    trial_end = None if form.trial_end == "now" else form.trial_end
    order = subscriptions.Order(
        customer=customer,
        prices=prices,
        trial_end=trial_end or subscriptions.trial_end_in(account, form.trial_period_days),
        metadata=merged({}, form.metadata),
        card=card,
        billing_mode=form.billing_mode.type if form.billing_mode else "flexible",
        without_card=_without_card(form),
        coupons=_coupons(account, form.discounts),
    )
    made = subscriptions.begin(account, order, pay=form.payment_behavior != "default_incomplete")
    if made["status"] == "incomplete" and form.payment_behavior == "error_if_incomplete":
        raise _declined(account, made)
    if form.cancel_at_period_end:
        subscriptions.cancel_later(account, made, flag=True)
    return made


def _coupons(account: Account, forms: list[DiscountForm]) -> list[Json]:
    return [account.find("coupon", form.coupon, param="discounts[0][coupon]") for form in forms]


def _without_card(form: NewSubscriptionForm) -> str:
    settings = form.trial_settings
    return settings.end_behavior.missing_payment_method if settings else "create_invoice"


def _must_pay(form: NewSubscriptionForm) -> bool:
    return form.payment_behavior != "default_incomplete" and not (form.trial_period_days or form.trial_end)


def _declined(account: Account, made: Json) -> Exception:
    """It is as if the subscription had never been."""
    invoice = account.find("invoice", made["latest_invoice"])
    intent = invoices.intent_of(account, invoice)
    subscriptions.expire(account, made)
    return card_declined(intent["latest_charge"], {"payment_intent": intent})


def _card(account: Account, customer: Json, named: str | None) -> str | None:
    return str(attached(account, customer, named)["id"]) if named else None


def _price(account: Account, item: ItemForm) -> Json:
    if not item.price:
        raise invalid("Missing required param: items[0][price].", "items[0][price]", "parameter_missing")
    price = account.find("price", item.price, param="items[0][price]")
    if price["recurring"] is None:
        raise invalid("The price specified is set to `type=one_time`.", param="items[0][price]")
    return price


def _update(call: Call[SubscriptionUpdate]) -> Json:
    account, form, subscription = call.account, call.form, call.the("subscription")
    changes = form.model_fields_set - {"metadata", "cancellation_details", "expand"}
    if subscription["status"] in FINAL and changes:
        raise impossible("A canceled subscription can only update its cancellation_details and metadata.")
    with account.changing(subscription, "customer.subscription.updated"):
        _change(call, subscription)
        _plan_end(call, subscription)
        for item in form.items:
            _change_item(call, subscription, item)
        if isinstance(form.trial_end, int):
            subscriptions.extend_trial(account, subscription, form.trial_end)
    if form.trial_end == "now" and subscription["status"] == "trialing":
        subscription["trial_end"] = account.now
    if form.trial_end == "now" or form.billing_cycle_anchor == "now":
        subscriptions.renew_now(account, subscription)
    elif form.proration_behavior == "always_invoice":
        subscriptions.invoice_changes(account, subscription)
    return subscription


def _change(call: Call[SubscriptionUpdate], subscription: Json) -> None:
    """What concerns neither its end nor its items."""
    account, form, given = call.account, call.form, call.form.model_fields_set
    subscription["metadata"] = merged(subscription["metadata"], form.metadata)
    if "default_payment_method" in given:
        customer = account.find("customer", subscription["customer"])
        subscription["default_payment_method"] = _card(account, customer, form.default_payment_method)
    if form.trial_settings is not None:
        agreed = form.trial_settings.end_behavior.missing_payment_method
        subscription["trial_settings"]["end_behavior"]["missing_payment_method"] = agreed
    if "discounts" in given:
        discounts.set_coupons(account, subscription, _coupons(account, form.discounts))
    if "pause_collection" in given:
        paused = form.pause_collection
        subscription["pause_collection"] = paused and paused.model_dump(exclude={"expand"})


def _plan_end(call: Call[SubscriptionUpdate], subscription: Json) -> None:
    form, given = call.form, call.form.model_fields_set
    if form.cancel_at_period_end:
        subscriptions.cancel_later(call.account, subscription, flag=True)
    elif isinstance(form.cancel_at, int):
        if form.cancel_at <= call.account.now:
            raise impossible("cancel_at must be in the future", param="cancel_at")
        subscriptions.cancel_later(call.account, subscription, flag=False, at=form.cancel_at)
    elif form.cancel_at is not None:
        subscriptions.cancel_later(call.account, subscription, flag=False)
    elif {"cancel_at_period_end", "cancel_at"} & given:
        subscriptions.keep(subscription)
    for name in form.cancellation_details.model_fields_set:
        subscription["cancellation_details"][name] = getattr(form.cancellation_details, name)


def _change_item(call: Call[SubscriptionUpdate], subscription: Json, form: ItemForm) -> None:
    account, items = call.account, subscription["items"]["data"]
    if form.id is None:
        price = _price(account, form)
        period = (account.now, subscriptions.period_end(subscription))
        set_items(subscription, [*items, new_item(account, subscription, price, form.quantity or 1, period)])
        return
    item = next((one for one in items if one["id"] == form.id), None)
    if item is None:
        raise missing("subscription_item", form.id, "items[0][id]", status=400)
    if form.deleted:
        set_items(subscription, [one for one in items if one is not item])
        return
    price = _price(account, form) if form.price else item["price"]
    quantity = item["quantity"] if form.quantity is None else form.quantity
    subscriptions.reprice(account, item, price, quantity, call.form.proration_behavior)


def _cancel(call: Call[CancelForm]) -> Json:
    subscription = call.the("subscription")
    if subscription["status"] in FINAL:
        raise missing("subscription", subscription["id"])
    return subscriptions.cancel_now(call.account, subscription, call.form.cancellation_details.model_dump())


def _pause(call: Call[PauseForm]) -> Json:
    subscription = call.the("subscription")
    if subscription["billing_mode"]["type"] != "flexible":
        raise impossible("Pausing needs the billing mode `flexible`.")
    return subscriptions.pause(call.account, subscription)


def _resume(call: Call[ResumeForm]) -> Json:
    return subscriptions.resume(call.account, call.the("subscription"))


def _wanted(call: Call[SubscriptionList], one: Json) -> bool:
    form, items = call.form, one["items"]["data"]
    return (
        _in_status(form.status, one["status"])
        and form.customer in (None, one["customer"])
        and (form.price is None or any(item["price"]["id"] == form.price for item in items))
        and all(
            moments is None or moments.holds(items[0][name])
            for name, moments in (
                ("current_period_end", form.current_period_end),
                ("current_period_start", form.current_period_start),
            )
        )
    )


def _in_status(wanted: str | None, status: str) -> bool:
    """Without a status, all but the cancelled ones."""
    if wanted == "all":
        return True
    return (
        status in FINAL if wanted == "ended" else status != "canceled" if wanted is None else status == wanted
    )


ENDPOINTS = (
    Endpoint("POST", "subscriptions", NewSubscriptionForm, _create),
    Endpoint("POST", "subscriptions/{id}", SubscriptionUpdate, _update),
    Endpoint("DELETE", "subscriptions/{id}", CancelForm, _cancel),
    Endpoint("POST", "subscriptions/{id}/pause", PauseForm, _pause),
    Endpoint("POST", "subscriptions/{id}/resume", ResumeForm, _resume),
    retrieve("subscription", "subscriptions"),
    listing("subscription", "subscriptions", SubscriptionList, _wanted),
)
