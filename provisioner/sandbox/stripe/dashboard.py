"""What people do: buyers in their browser, customers in the portal, the owner in the dashboard.

They name a customer by their e-mail address, and mean the newest subscription of that address.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from provisioner.errors import SandboxError
from provisioner.sandbox.stripe.account import Account, Behavior, Json
from provisioner.sandbox.stripe.clock import DAY
from provisioner.sandbox.stripe.endpoints import add_endpoint, roll_secret
from provisioner.sandbox.stripe.errors import StripeApiError
from provisioner.sandbox.stripe.life import checkout, discounts, invoices, payments, standing, subscriptions
from provisioner.sandbox.stripe.life.cards import card_of, give_card
from provisioner.sandbox.stripe.life.checkout import Buyer
from provisioner.sandbox.stripe.life.due import settle
from provisioner.sandbox.stripe.modes import Mode
from provisioner.sandbox.stripe.shapes.catalog import new_price, new_product
from provisioner.sandbox.stripe.shapes.checkout import TELEGRAM_FIELD, text_field
from provisioner.sandbox.stripe.shapes.discounts import new_coupon

PRICE: Final = "price_1SandboxMoltbotMonthly"
"""What a checkout is for, unless another price is named: $89.99 a month."""
_PRODUCT: Final = "prod_SandboxMoltbot"
_CENTS: Final = 8999
_LIVING: Final = ("active", "trialing", "past_due", "unpaid", "paused", "incomplete")


class Purchase(BaseModel):
    """What somebody types into the page of a checkout. `session` names an open one that the API has made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    email: str
    name: str | None = None
    telegram: str | None = None
    price: str | None = None
    trial_days: int | None = Field(default=None, ge=1)
    coupon: str | None = None
    card: Behavior = "pays"
    session: str | None = None


class Goodbye(BaseModel):
    """How somebody leaves: at the period's end as the portal says it, by the older flag, or at once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    now: bool = False
    flag: bool = False
    feedback: str | None = None
    comment: str | None = None


class Dashboard:
    """One mode of Stripe, as people use it. Every method raises SandboxError for what cannot be done."""

    def __init__(self, mode: Mode) -> None:
        self._mode = mode
        self._account = mode.account

    def checkout(self, purchase: Purchase) -> Json:
        """Somebody buys; the subscription."""
        with self._at_work("check out", purchase.email) as account:
            buyer = Buyer(
                purchase.email,
                purchase.name,
                {TELEGRAM_FIELD: purchase.telegram or ""},
                purchase.card,
            )
            return checkout.complete(account, self._session(account, purchase), buyer)

    def fail(self, email: str, *, later: bool = False) -> Json:
        """The card refuses from now on, and the next payment is asked for now unless `later`."""
        with self._at_work("fail a payment", email) as account:
            subscription = self._subscription(email)
            if checkout.confirm(account, subscription, paid=False):
                return subscription
            give_card(account, account.find("customer", subscription["customer"]), "declines")
            if not later:
                self._ask(account, subscription)
            return subscription

    def pay(self, email: str) -> Json:
        """A card that pays, and what is owed is paid; without a debt, the next period is, beforehand."""
        with self._at_work("pay", email) as account:
            subscription = self._subscription(email)
            if checkout.confirm(account, subscription, paid=True):
                return subscription
            card = card_of(account, subscription)
            if card is None or account.behavior(card) != "pays":
                give_card(account, account.find("customer", subscription["customer"]))
            self._ask(account, subscription)
            if subscription["status"] == "active":
                checkout.finish(account, subscription)
            return subscription

    def cancel(self, email: str, goodbye: Goodbye) -> Json:
        with self._at_work("cancel", email) as account:
            subscription = self._subscription(email)
            said = {"feedback": goodbye.feedback, "comment": goodbye.comment}
            if goodbye.now:
                return subscriptions.cancel_now(account, subscription, said)
            with account.changing(subscription, "customer.subscription.updated"):
                subscriptions.cancel_later(account, subscription, flag=goodbye.flag)
                subscription["cancellation_details"].update({k: v for k, v in said.items() if v})
            return subscription

    def keep(self, email: str) -> Json:
        """They stay after all."""
        with self._at_work("take the cancellation back", email) as account:
            subscription = self._subscription(email)
            if subscription["cancel_at"] is None:
                raise SandboxError("take the cancellation back", whom=email, cause="there is none")
            with account.changing(subscription, "customer.subscription.updated"):
                subscriptions.keep(subscription)
            return subscription

    def pause(self, email: str, *, collection: str | None = None) -> Json:
        """No more periods; or, with the behavior of a collection, no more payments."""
        with self._at_work("pause", email) as account:
            subscription = self._subscription(email)
            if collection is None:
                return subscriptions.pause(account, subscription)
            subscriptions.pause_collection(account, subscription, collection, None)
            return subscription

    def resume(self, email: str) -> Json:
        with self._at_work("resume", email) as account:
            subscription = self._subscription(email)
            if subscription["pause_collection"]:
                subscriptions.resume_collection(account, subscription)
                return subscription
            return subscriptions.resume(account, subscription)

    def refund(self, email: str, amount: int | None = None) -> Json:
        """Give their last payment back, or so many cents of it."""
        with self._at_work("refund", email) as account:
            return payments.refund(account, self._paid_charge(email), amount, "requested_by_customer")

    def dispute(self, email: str, reason: str = "fraudulent") -> Json:
        """They let their bank take their last payment back."""
        with self._at_work("dispute", email) as account:
            return payments.open_dispute(account, self._paid_charge(email), reason)

    def close_dispute(self, email: str, *, won: bool) -> Json:
        with self._at_work("close the dispute", email) as account:
            customers = self._customers(email)
            for dispute in reversed(account.all("dispute")):
                charge = account.find("charge", dispute["charge"])
                if charge["customer"] in customers and dispute["status"] not in ("won", "lost"):
                    return payments.close_dispute(account, dispute, won=won)
            raise SandboxError("close the dispute", whom=email, cause="there is none open")

    def update_email(self, old: str, new: str) -> Json:
        with self._at_work("change the address", old) as account:
            customer = account.find("customer", self._customers(old)[-1])
            with account.changing(customer, "customer.updated"):
                customer["email"] = new
            return customer

    def reprice(self, email: str, price: str, *, proration: str = "create_prorations") -> Json:
        """Another price from now on."""
        with self._at_work("change the price", email) as account:
            subscription = self._subscription(email)
            (item,) = subscription["items"]["data"]
            with account.changing(subscription, "customer.subscription.updated"):
                subscriptions.reprice(account, item, self._price(account, price), item["quantity"], proration)
            return subscription

    def set_coupon(self, email: str, coupon: str | None) -> Json:
        """They get this coupon in place of any other; none without one."""
        with self._at_work("change the coupon", email) as account:
            subscription = self._subscription(email)
            coupons = [] if coupon is None else [self._coupon(account, coupon)]
            with account.changing(subscription, "customer.subscription.updated"):
                discounts.set_coupons(account, subscription, coupons)
            return subscription

    def move_clock(self, days: float) -> int:
        """Let time pass, with all that comes due in it; the moment that it is then."""
        with self._at_work("move the clock", f"{days:+g}") as account:
            if days < 0:
                raise SandboxError("move the clock", whom=f"{days:+g}", cause="time only moves on")
            account.clock.move_on(days * DAY)
            settle(account)
            self._mode.deliveries.nudge()
            return account.now

    def set_webhook(self, url: str | None, events: list[str] | None = None) -> Json | None:
        """Where events go from now on, instead of where they went; nowhere without an address."""
        with self._at_work("set the webhook", url or "none") as account:
            made = url and add_endpoint(account, url, events or ["*"], secret=self._mode.credentials.webhook)
            for endpoint in account.all("webhook_endpoint"):
                if endpoint is not made:
                    del account.table("webhook_endpoint")[endpoint["id"]]
            return made or None

    def roll_secret(self) -> str:
        """A new secret for the endpoint; for a day both sign."""
        with self._at_work("roll the secret", "webhook") as account:
            return roll_secret(account, self._endpoint(account))

    def resend(self, event_id: str) -> Json:
        with self._at_work("send the event again", event_id) as account:
            event = account.find("event", event_id, param=None)
            self._mode.deliveries.resend(event, self._endpoint(account))
            return event

    @contextmanager
    def _at_work(self, doing: str, whom: str) -> Iterator[Account]:
        """The account, for one who changes it; what Stripe refuses becomes a SandboxError."""
        with self._account.lock:
            settle(self._account)
            try:
                yield self._account
            except StripeApiError as error:
                raise SandboxError(doing, whom=whom, cause=str(error)) from error

    def _session(self, account: Account, purchase: Purchase) -> Json:
        if purchase.session is not None:
            return account.find("checkout.session", purchase.session, param=None)
        price = self._price(account, purchase.price or PRICE)
        field = text_field(TELEGRAM_FIELD, "Your Telegram username")
        data = {"trial_period_days": purchase.trial_days}
        session = checkout.open_session(account, [(price, 1)], data, custom_fields=[field])
        if purchase.coupon is not None:
            checkout.discount(session, [self._coupon(account, purchase.coupon)])
        return session

    def _price(self, account: Account, wanted: str) -> Json:
        """One by its id or lookup key, or a new one of so many cents a month; the usual one is made once."""
        for price in account.all("price"):
            if wanted in (price["id"], price["lookup_key"]):
                return price
        if wanted != PRICE and not wanted.isdecimal():
            hint = "name one that is there, or so many cents a month"
            raise SandboxError("find the price", whom=wanted, cause="there is none", hint=hint)
        product = account.table("product").get(_PRODUCT)
        if product is None:
            product = account.add(new_product(account, "Moltbot", _PRODUCT))
            account.emit("product.created", product)
        cents, price_id = (_CENTS, PRICE) if wanted == PRICE else (int(wanted), None)
        price = account.add(new_price(account, _PRODUCT, unit_amount=cents, price_id=price_id))
        account.emit("price.created", price)
        return price

    def _coupon(self, account: Account, wanted: str) -> Json:
        """One by its id, or a new one of so many percent for good."""
        found = account.table("coupon").get(wanted)
        if found is not None:
            return found
        if not (wanted.isdecimal() and 0 < int(wanted) <= 100):
            hint = "name one that is there, or so many percent"
            raise SandboxError("find the coupon", whom=wanted, cause="there is none", hint=hint)
        made = account.add(
            new_coupon(account, percent_off=float(wanted), duration="forever", coupon_id=wanted)
        )
        account.emit("coupon.created", made)
        return made

    def _customers(self, email: str) -> list[str]:
        """Whoever has this address now, oldest first: one for each checkout."""
        found = [
            one["id"]
            for one in self._account.all("customer")
            if (one["email"] or "").lower() == email.lower() and not one.get("deleted")
        ]
        if not found:
            raise SandboxError("find the customer", whom=email, cause="Stripe has nobody of this address")
        return found

    def _subscription(self, email: str) -> Json:
        customers = self._customers(email)
        for subscription in reversed(self._account.all("subscription")):
            if subscription["customer"] in customers and subscription["status"] in _LIVING:
                return subscription
        raise SandboxError("find the subscription", whom=email, cause="none of theirs runs any more")

    def _ask(self, account: Account, subscription: Json) -> None:
        """Ask for what is owed; where nothing is, for the next period."""
        for invoice in reversed(account.all("invoice")):
            if standing.subscription_of(account, invoice) is not subscription:
                continue
            if invoice["status"] == "draft":
                invoices.finalize(account, invoice)
            if invoice["status"] == "open":
                invoices.attempt(account, invoice)
                return
        subscriptions.renew_now(account, subscription)

    def _paid_charge(self, email: str) -> Json:
        customers = self._customers(email)
        for charge in reversed(self._account.all("charge")):
            if charge["customer"] in customers and charge["paid"]:
                return charge
        raise SandboxError("find the payment", whom=email, cause="there is none")

    def _endpoint(self, account: Account) -> Json:
        endpoints = account.all("webhook_endpoint")
        if not endpoints:
            hint = "set one with `provisioner sandbox stripe webhook URL`"
            raise SandboxError("find the webhook", cause="no address is set", hint=hint)
        return endpoints[-1]
