"""What kind of droplet a customer shall get: what their record wishes, and the settings for the rest."""

from dataclasses import dataclass, replace

from provisioner.customers.record import Customer
from provisioner.printable import command
from provisioner.settings import Settings


@dataclass(frozen=True)
class Wish:
    """A droplet that is wanted, with `image` where none of our own fits.

    `of_record` are the names of what this customer's own record wishes.
    """

    email: str
    region: str
    size: str
    image: str
    of_record: frozenset[str] = frozenset()

    def changing(self, name: str, value: str) -> str:
        """How the operator wishes for another region, size or image (`name`)."""
        if name in self.of_record:
            return command("update", self.email, f"setup.droplet.{name}", value)
        return f'set {name} = "{value}" under [droplet] in provisioner.toml'


def wish_of(customer: Customer, settings: Settings) -> Wish:
    """The record of a customer without a droplet says what is wanted; of one who has it, what it is."""
    recorded = {"region": customer.setup.droplet.region, "size": customer.setup.droplet.size}
    wished = {name: value for name, value in recorded.items() if value}
    return replace(usual_wish(settings), email=customer.email, **wished, of_record=frozenset(wished))


def usual_wish(settings: Settings) -> Wish:
    """What customers get whose record wishes nothing."""
    wanted = settings.droplet
    return Wish("", wanted.region, wanted.size, wanted.plain_image)
