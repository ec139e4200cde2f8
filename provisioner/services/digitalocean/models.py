"""What is asked of the DigitalOcean API and what it answers, as far as the product speaks it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

ActionStatus = Literal["in-progress", "completed", "errored"]


@dataclass(frozen=True)
class DropletInfo:
    """A droplet; `status` is new, active, off or archive, `created_at` a moment in UTC as text.

    `backed_up` says whether DigitalOcean takes backups of its own, which cost extra; `disk` is in GiB, and
    after a resize may be another than that of the size.
    """

    id: str
    name: str
    status: str
    public_ipv4: str | None
    tags: tuple[str, ...]
    created_at: str
    region: str
    size: str
    backed_up: bool = False
    disk: int | None = None

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "DropletInfo":
        """From an answer; KeyError or TypeError if it lacks something."""
        return cls(
            id=str(raw["id"]),
            name=raw["name"],
            status=raw["status"],
            public_ipv4=_public_ipv4(raw.get("networks") or {}),
            tags=tuple(raw.get("tags") or ()),
            created_at=raw["created_at"],
            region=raw["region"]["slug"],
            size=raw["size_slug"],
            backed_up="backups" in (raw.get("features") or ()),
            disk=raw.get("disk"),
        )


@dataclass(frozen=True)
class DropletSpec:
    """A droplet to be created; `ssh_keys` are ids of keys that may log in, `user_data` holds secrets."""

    name: str
    region: str
    size: str
    image: str
    ssh_keys: tuple[int, ...]
    tags: tuple[str, ...]
    user_data: str = field(repr=False)

    def as_body(self) -> dict[str, Any]:
        """The body of `POST /droplets`."""
        return {
            "name": self.name,
            "region": self.region,
            "size": self.size,
            # A snapshot has no slug, and an id is a number.
            "image": int(self.image) if self.image.isdecimal() else self.image,
            "ssh_keys": list(self.ssh_keys),
            "tags": list(self.tags),
            "user_data": self.user_data,
            "backups": False,
            "ipv6": False,
            "monitoring": False,
        }


@dataclass(frozen=True)
class SshKey:
    """A public key that the account knows; `fingerprint` is the MD5 form."""

    id: int
    name: str
    fingerprint: str
    public_key: str

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "SshKey":
        """From an answer; KeyError if it lacks something."""
        return cls(int(raw["id"]), raw["name"], raw["fingerprint"], raw["public_key"])


@dataclass(frozen=True)
class Account:
    """The account behind the token; `status` is active, warning or locked."""

    email: str
    uuid: str
    status: str
    status_message: str
    droplet_limit: int

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "Account":
        """From an answer; KeyError if it lacks something."""
        return cls(
            raw["email"],
            raw["uuid"],
            raw["status"],
            raw.get("status_message") or "",
            int(raw["droplet_limit"]),
        )


@dataclass(frozen=True)
class Size:
    """A size that can be bought; memory in MiB, price in dollars a month, `regions` where it can be had."""

    slug: str
    memory: int
    vcpus: int
    disk: int
    monthly: float
    regions: tuple[str, ...]
    available: bool

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "Size":
        """From an answer; KeyError if it lacks something."""
        return cls(
            slug=raw["slug"],
            memory=int(raw["memory"]),
            vcpus=int(raw["vcpus"]),
            disk=int(raw["disk"]),
            monthly=float(raw["price_monthly"]),
            regions=tuple(raw["regions"]),
            available=bool(raw["available"]),
        )


@dataclass(frozen=True)
class Region:
    """A place where droplets can be; `available` says whether new ones can be made there."""

    slug: str
    available: bool

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "Region":
        """From an answer; KeyError if it lacks something."""
        return cls(raw["slug"], bool(raw["available"]))


@dataclass(frozen=True)
class Image:
    """What a droplet begins with; `min_disk` in GB, `regions` where it can be had."""

    name: str
    min_disk: int
    regions: tuple[str, ...]

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "Image":
        """From an answer; KeyError or TypeError if it lacks something."""
        return cls(raw["slug"] or str(raw["id"]), int(raw["min_disk_size"]), tuple(raw["regions"]))


@dataclass(frozen=True)
class Snapshot:
    """A droplet's disk as it was at a moment; `gigabytes` is what is billed, `min_disk` in GB."""

    id: str
    name: str
    created_at: str
    regions: tuple[str, ...]
    min_disk: int
    gigabytes: float
    tags: tuple[str, ...]

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "Snapshot":
        """From an answer; KeyError or TypeError if it lacks something."""
        return cls(
            id=str(raw["id"]),
            name=raw["name"],
            created_at=raw["created_at"],
            regions=tuple(raw["regions"]),
            min_disk=int(raw["min_disk_size"]),
            gigabytes=float(raw["size_gigabytes"]),
            tags=tuple(raw.get("tags") or ()),
        )


@dataclass(frozen=True)
class Action:
    """Something that is done to a droplet, such as `snapshot` or `power_off`."""

    id: str
    type: str
    status: ActionStatus

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "Action":
        """From an answer; KeyError if it lacks something."""
        return cls(str(raw["id"]), raw["type"], raw["status"])


def _public_ipv4(networks: Mapping[str, Any]) -> str | None:
    """Empty until the droplet is active, and the private address may come first."""
    addresses = networks.get("v4") or ()
    return next((address["ip_address"] for address in addresses if address.get("type") == "public"), None)
