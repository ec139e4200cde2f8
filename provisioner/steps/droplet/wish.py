"""What kind of droplet a customer shall get: as `customers/wanted.py` says, and the image of the settings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from provisioner.customers.record import Customer
from provisioner.customers.wanted import Name, Source, to_change, wanted_of
from provisioner.settings import Settings

_ELSEWHERE: Final[Mapping[str, Name]] = {"size": "size", "region": "region"}
"""What may stand in a record or a plan, too."""


@dataclass(frozen=True)
class Wish:
    """A droplet that is wanted, with `image` where none of our own fits.

    `sources` say where region and size stand, if not in the settings; `price` is that of the plan.
    """

    email: str
    region: str
    size: str
    image: str
    sources: Mapping[str, Source] = field(default_factory=dict, hash=False)
    price: str | None = None

    def changing(self, name: str, value: str) -> str:
        """How the operator wishes for another region, size or image (`name`)."""
        if name in _ELSEWHERE:
            source = self.sources.get(name, "settings")
            return to_change(self.email, _ELSEWHERE[name], value, source, self.price)
        return f'set {name} = "{value}" under [droplet] in provisioner.toml'

    def whence(self, name: str) -> str:
        """Where it stands, to be put behind it; empty for the settings."""
        source = self.sources.get(name, "settings")
        return {"record": "", "plan": f" (the plan of {self.price})", "settings": ""}[source]


def wish_of(customer: Customer, settings: Settings) -> Wish:
    """The record of a customer without a droplet says what is wanted; of one who has it, what it is."""
    wanted = wanted_of(customer, settings)
    chosen = {"region": wanted.region, "size": wanted.size}
    return Wish(
        customer.email,
        wanted.region.value,
        wanted.size.value,
        settings.droplet.plain_image,
        {name: one.source for name, one in chosen.items() if one.source != "settings"},
        wanted.size.price or wanted.region.price,
    )


def usual_wish(settings: Settings) -> Wish:
    """What customers get whose record and price wish nothing."""
    wanted = settings.droplet
    return Wish("", wanted.region, wanted.size, wanted.plain_image)


def planned_wishes(settings: Settings) -> Iterator[Wish]:
    """What customers get whose price has a plan for it."""
    usual = settings.droplet
    for price, plan in settings.plans.items():
        named: dict[str, Source] = {
            name: "plan" for name in ("region", "size") if getattr(plan, name) is not None
        }
        if named:
            region, size = plan.region or usual.region, plan.size or usual.size
            yield Wish("", region, size, usual.plain_image, named, price)
