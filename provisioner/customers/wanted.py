"""What a customer is to have: as their record says, else the plan of their price, else the settings. Pure.

Of a customer with a server the record says what it is in region and size, which `resize` and `move` change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from provisioner.customers.record import Customer
from provisioner.printable import command
from provisioner.settings import Settings

Name = Literal["size", "region", "model", "version"]
Source = Literal["record", "plan", "settings"]

_FIELDS: Final[Mapping[Name, str]] = {
    "size": "setup.droplet.size",
    "region": "setup.droplet.region",
    "model": "setup.moltbot.model",
    "version": "setup.moltbot.pinnedVersion",
}
_SECTIONS: Final[Mapping[Name, str]] = {
    "size": "droplet",
    "region": "droplet",
    "model": "moltbot",
    "version": "moltbot",
}


@dataclass(frozen=True)
class Choice:
    """One thing that a customer is to have, and who says so; `price` is that of the plan."""

    value: str
    source: Source
    price: str | None = None

    @property
    def whence(self) -> str:
        """Who says so, as it stands before "wants it"."""
        return "the record" if self.source == "record" else whence(self.source, self.price)


@dataclass(frozen=True)
class Wanted:
    """All that can be another one for a customer, or for a price."""

    size: Choice
    region: Choice
    model: Choice
    version: Choice

    def of(self, name: Name) -> Choice:
        """One of them by its name."""
        choice: Choice = getattr(self, name)
        return choice

    def over(self, settings: Settings) -> Settings:
        """The settings as they are for this customer."""
        droplet = settings.droplet.model_copy(update={"size": self.size.value, "region": self.region.value})
        moltbot = settings.moltbot.model_copy(
            update={"model": self.model.value, "version": self.version.value}
        )
        return settings.model_copy(update={"droplet": droplet, "moltbot": moltbot})

    def document(self) -> dict[str, object]:
        """As it stands in a JSON document."""
        return {
            name: {"value": (one := self.of(name)).value, "from": one.source, "price": one.price}
            for name in _FIELDS
        }

    def __str__(self) -> str:
        return ", ".join(f"{name} {(one := self.of(name)).value} ({one.whence})" for name in _FIELDS)


def wanted_of(customer: Customer, settings: Settings) -> Wanted:
    """The record goes before the plan of the customer's price, and that before the settings."""
    droplet, moltbot = customer.setup.droplet, customer.setup.moltbot
    price = customer.subscription.stripe_price_id
    plan = settings.plans.get(price or "")

    def chosen(name: Name, recorded: str | None, usual: str) -> Choice:
        planned = getattr(plan, name) if plan is not None else None
        if recorded:
            return Choice(recorded, "record")
        return Choice(planned, "plan", price) if planned else Choice(usual, "settings")

    return Wanted(
        chosen("size", droplet.size, settings.droplet.size),
        chosen("region", droplet.region, settings.droplet.region),
        chosen("model", moltbot.model, settings.moltbot.model),
        chosen("version", moltbot.pinned_version, settings.moltbot.version),
    )


def settings_of(customer: Customer, settings: Settings) -> Settings:
    """The settings as they are for this customer."""
    return wanted_of(customer, settings).over(settings)


def whence(source: Source, price: str | None) -> str:
    """Who says what somebody is to have, where it is not their own record."""
    return f"the plan of {price}" if source == "plan" else "the settings"


def to_change(email: str, name: Name, value: str, source: Source, price: str | None = None) -> str:
    """How the operator changes this, there where it stands."""
    if source == "record":
        return command("update", email, _FIELDS[name], value)
    section = f'[plans."{price}"]' if source == "plan" else f"[{_SECTIONS[name]}]"
    return f'set {name} = "{value}" under {section} in provisioner.toml'
