"""What can be changed of a running cloud: its timing, its limits, the state of its account and token."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class CloudOptions(BaseModel):
    """Settings of one sandbox cloud; times are seconds, and the defaults are the fastest faithful cloud."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    boot_seconds: float = Field(default=0, ge=0)
    """A droplet is not active before this long after its request, however fast its machine was."""
    action_seconds: float = Field(default=0, ge=0)
    """An action is not completed before this long after its request."""
    list_lag: float = Field(default=0, ge=0)
    """A new droplet or snapshot is missing from lists for this long; asking for it by id works at once."""
    tag_lag: float = Field(default=0, ge=0)
    """A new droplet has no tags for this long."""
    droplet_limit: int = Field(default=100, ge=0)
    account_status: Literal["active", "warning", "locked"] = "active"
    token: Literal["full", "read", "revoked"] = "full"
    """What the token may do: everything, only GET, nothing."""
    hourly_limit: int = Field(default=5000, ge=1)
    minute_limit: int = Field(default=250, ge=1)
    key_list_limit: int = Field(default=10, ge=1)
    """Listings of the account's keys in 60 seconds."""
    page_size: int = Field(default=200, ge=1, le=200)
    """The most items on a page of a list, whatever is asked for: a small number makes many pages."""
    public_networking: bool = True
    """Whether droplets show a public address; a team can switch that off, and new ones have a private one."""
    sold_out: tuple[str, ...] = ()
    """Slugs of sizes and regions that cannot be had."""
