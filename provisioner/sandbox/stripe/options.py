"""How Stripe behaves where its account, or chance, decides: what tests turn to make it inconvenient."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from provisioner.sandbox.stripe.versions import CURRENT, known_version


class StripeOptions(BaseModel):
    """Settings that can be changed while it runs."""

    model_config = ConfigDict(extra="forbid")

    doubles: float = Field(default=0, ge=0, le=1)
    """The share of events that are delivered twice."""
    twins: float = Field(default=0, ge=0, le=1)
    """The share of events that come twice under different ids, as Stripe may make two of one change."""
    disorder: bool = False
    """Events that wait at the same time are delivered in any order."""
    delay: float = Field(default=0, ge=0)
    """Seconds from an event to its first delivery."""
    hold: bool = False
    """Nothing is delivered while this is on."""
    retry_pause: float = Field(default=5, gt=0)
    """Seconds from a failed delivery to the next; each further pause is twice as long, up to six hours."""
    timeout: float = Field(default=10, gt=0)
    """Seconds that an endpoint has for its answer."""
    parallel: int = Field(default=1, ge=1, le=8)
    """How many deliveries may be under way at once."""
    signature: Literal["right", "wrong", "old", "future"] = "right"
    """`wrong` is made with another secret; `old` and `future` are right but dated an hour before or after."""
    seed: int = 0
    """Chance is the same for the same seed and the same events."""
    retry_days: tuple[int, ...] = (3, 5, 7)
    """Days from each failed payment of an invoice to the next attempt."""
    after_retries: Literal["cancel", "unpaid", "past_due"] = "cancel"
    """What becomes of a subscription when the last attempt has failed."""
    api_version: str = CURRENT
    """The account's own version: for requests without one, and for the endpoint that `webhook` sets."""

    @field_validator("api_version")
    @classmethod
    def _known(cls, version: str) -> str:
        if not known_version(version):
            raise ValueError(f"write it as {CURRENT} or 2024-06-20")
        return version
