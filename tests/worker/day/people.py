"""The customers of a day: they pay at Stripe, tap on their phones, stop paying, and leave."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from provisioner.sandbox.control.client import Sandbox

Way = Literal["stays", "broken", "leaves", "leaves early", "pays late", "never pays", "never taps"]
_WAYS: tuple[Way, ...] = ("stays", "leaves", "pays late", "never pays", "never taps", "leaves early")
GONE: frozenset[Way] = frozenset({"leaves", "leaves early", "never pays"})


@dataclass(frozen=True)
class Plan:
    """Who it is and when, in hours of the day: `acts` is when they leave, or when a payment fails."""

    number: int
    way: Way
    signs_up: float
    acts: float
    pays: float
    """Who pays late does so then."""

    @property
    def user(self) -> str:
        return f"person{self.number}"

    @property
    def email(self) -> str:
        return f"{'broken' if self.way == 'broken' else 'c'}{self.number:03}@example.com"


def plans(customers: int, hours: float, *, unpaid_leave: bool) -> list[Plan]:
    """Somebody new all the time for ten hours of 24; who goes has come early."""
    part = hours / 24
    made = [Plan(0, "broken", 0.0, hours, hours)]
    for number in range(1, customers):
        # Four of ten do something else than to stay.
        way = _WAYS[number % 10 // 2 + 1] if number % 10 in (0, 2, 4, 6, 8) else "stays"
        if way == "never pays" and not unpaid_leave:
            way = "leaves"
        latest = 4 * part if way in GONE else 10 * part
        signs_up = latest * number / customers
        early = 0.2 * part if way == "leaves early" else 3 * part
        made.append(Plan(number, way, signs_up, signs_up + early, signs_up + 6 * part))
    return made


@dataclass
class Person:
    """One of them, and what they have done so far."""

    plan: Plan
    sandbox: Sandbox
    signed_up_at: float | None = None
    bot: str = ""
    did: set[str] = field(default_factory=set)

    def act(self, hours: float) -> None:
        """What they do at this hour, if anything."""
        plan = self.plan
        if self.signed_up_at is None:
            if hours >= plan.signs_up:
                self._sign_up(hours)
            return
        if not self.bot and plan.way != "never taps":
            self._make_bot()
        if plan.way in ("leaves", "leaves early") and hours >= plan.acts:
            self._once("cancel", lambda: self.sandbox.stripe.cancel(plan.email, now=True))
        if plan.way in ("pays late", "never pays") and hours >= plan.acts:
            self._once("fail", lambda: self.sandbox.stripe.fail(plan.email))
        if plan.way == "pays late" and hours >= plan.pays:
            self._once("pay", lambda: self.sandbox.stripe.pay(plan.email))

    def _sign_up(self, hours: float) -> None:
        self.sandbox.add_phone(self.plan.user, f"Person {self.plan.number}")
        self.sandbox.stripe.checkout(
            self.plan.email, name=f"Person {self.plan.number}", telegram=f"@{self.plan.user}"
        )
        self.signed_up_at = hours

    def _make_bot(self) -> None:
        """Both taps, as soon as the e-mail with the link is there."""
        mail = self.sandbox.wait_for_mail(self.plan.email, timeout=0)
        link = next((one for one in mail.links if "/newbot/" in one), None) if mail else None
        if link is None:
            return
        self.sandbox.open_link(self.plan.user, link)
        self.bot = self.sandbox.confirm(self.plan.user).username
        self.sandbox.press_start(self.plan.user, self.bot)

    def _once(self, what: str, do: Callable[[], object]) -> None:
        if what not in self.did:
            self.did.add(what)
            do()
