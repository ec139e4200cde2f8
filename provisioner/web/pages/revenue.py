"""The figures of the business, and what of the records could not be read for them."""

from dataclasses import dataclass

from provisioner.billing.figures import Figures, figures
from provisioner.customers.store import AnyListing, CustomerStore, everybody_ever
from provisioner.settings import Settings
from provisioner.timestamps import present


@dataclass(frozen=True)
class Revenue:
    """As the records say at this moment."""

    figures: Figures
    broken: int


def revenue(store: CustomerStore, settings: Settings) -> Revenue:
    """Of everybody, those in the archive too."""
    broken: list[AnyListing] = []
    found = figures(everybody_ever(store, broken), present(), settings.billing.churn_at)
    return Revenue(found, len(broken))
