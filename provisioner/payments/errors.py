"""What can be wrong with an event. `provisioner.errors` draws the tree."""

from provisioner.errors import ProvisionerError


class StrangeEvent(ProvisionerError):
    """What Stripe has sent is no event as its documentation describes them."""
