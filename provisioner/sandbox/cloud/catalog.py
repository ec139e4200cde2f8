"""What the cloud offers: regions, sizes and backups with their prices, and the images of distributions."""

from dataclasses import dataclass
from typing import Any, Final, Literal

REGION_FEATURES = ["backups", "ipv6", "metadata", "install_agent", "storage", "image_transfer"]


@dataclass(frozen=True)
class Region:
    slug: str
    name: str


@dataclass(frozen=True)
class Size:
    """A size as `GET /v2/sizes` sells it: memory in MiB, disk in GiB, transfer in TB, prices in dollars."""

    slug: str
    memory: int
    vcpus: int
    disk: int
    transfer: float
    monthly: float
    hourly: float


@dataclass(frozen=True)
class BackupPlan:
    """How often backups are taken; each costs `percent` of its droplet's monthly price, and `kept` stay."""

    name: Literal["weekly", "daily"]
    percent: int
    kept: int
    days: int
    """How long each is kept."""


@dataclass(frozen=True)
class Image:
    """A distribution's image, or a copy of a droplet's disk taken here (which has no slug)."""

    id: int
    name: str
    distribution: str
    slug: str | None
    min_disk: int
    created_at: str
    regions: tuple[str, ...]
    gigabytes: float = 0.5
    tags: tuple[str, ...] = ()
    droplet_id: int | None = None
    """Of which droplet it is a copy."""
    kind: Literal["base", "snapshot", "backup"] = "base"
    listed_at: float = 0
    """Before this moment of `Cloud.now`, lists do not show it."""

    @property
    def is_copy(self) -> bool:
        """Whether it is a snapshot or a backup."""
        return self.kind != "base"

    @property
    def key(self) -> str:
        """What a machine's spec calls it."""
        return self.slug or str(self.id)


REGIONS = tuple(
    Region(slug, name)
    for slug, name in (
        ("nyc1", "New York 1"),
        ("nyc3", "New York 3"),
        ("ams3", "Amsterdam 3"),
        ("sfo2", "San Francisco 2"),
        ("sfo3", "San Francisco 3"),
        ("sgp1", "Singapore 1"),
        ("lon1", "London 1"),
        ("fra1", "Frankfurt 1"),
        ("tor1", "Toronto 1"),
        ("blr1", "Bangalore 1"),
        ("syd1", "Sydney 1"),
    )
)

# Prices in force since July 2022; the examples in the published specification are older.
SIZES = (
    Size("s-1vcpu-512mb-10gb", 512, 1, 10, 0.5, 4.0, 0.00595),
    Size("s-1vcpu-1gb", 1024, 1, 25, 1.0, 6.0, 0.00893),
    Size("s-1vcpu-2gb", 2048, 1, 50, 2.0, 12.0, 0.01786),
    Size("s-2vcpu-2gb", 2048, 2, 60, 3.0, 18.0, 0.02679),
    Size("s-2vcpu-4gb", 4096, 2, 80, 4.0, 24.0, 0.03571),
    Size("s-4vcpu-8gb", 8192, 4, 160, 5.0, 48.0, 0.07143),
)

_ALL_REGIONS = tuple(region.slug for region in REGIONS)

IMAGES = (
    Image(193_000_112, "12 x64", "Debian", "debian-12-x64", 7, "2026-09-02T10:15:24Z", _ALL_REGIONS),
    Image(
        195_932_981, "24.04 (LTS) x64", "Ubuntu", "ubuntu-24-04-x64", 7, "2026-09-04T09:01:12Z", _ALL_REGIONS
    ),
    Image(
        194_801_004, "22.04 (LTS) x64", "Ubuntu", "ubuntu-22-04-x64", 7, "2026-09-03T08:44:51Z", _ALL_REGIONS
    ),
)

# Four weekly backups are 20 % of the droplet's price, thirty daily ones 30 %.
BACKUP_PLANS: Final = {
    "weekly": BackupPlan("weekly", percent=5, kept=4, days=28),
    "daily": BackupPlan("daily", percent=1, kept=7, days=7),
}

# The smallest size is sold in few places.
_ONLY_IN = {"s-1vcpu-512mb-10gb": frozenset({"sfo3", "nyc1", "ams3", "sgp1", "lon1", "fra1", "syd1"})}


def regions_of(size: Size, sold_out: tuple[str, ...]) -> list[str]:
    """Where a size can be had."""
    if size.slug in sold_out:
        return []
    allowed = _ONLY_IN.get(size.slug, frozenset(_ALL_REGIONS))
    return [slug for slug in _ALL_REGIONS if slug in allowed and slug not in sold_out]


def render_region(region: Region, sold_out: tuple[str, ...]) -> dict[str, Any]:
    available = region.slug not in sold_out
    sizes = [size.slug for size in SIZES if region.slug in regions_of(size, sold_out)]
    return {
        "name": region.name,
        "slug": region.slug,
        "features": REGION_FEATURES,
        "available": available,
        "sizes": sizes,
    }


def render_size(size: Size, sold_out: tuple[str, ...]) -> dict[str, Any]:
    regions = regions_of(size, sold_out)
    return {
        "slug": size.slug,
        "memory": size.memory,
        "vcpus": size.vcpus,
        "disk": size.disk,
        "transfer": size.transfer,
        "price_monthly": size.monthly,
        "price_hourly": size.hourly,
        "regions": regions,
        "available": bool(regions),
        "description": "Basic",
    }


def render_image(image: Image) -> dict[str, Any]:
    return {
        "id": image.id,
        "name": image.name,
        "distribution": image.distribution,
        "slug": image.slug,
        "public": not image.is_copy,
        "regions": list(image.regions),
        "created_at": image.created_at,
        "min_disk_size": image.min_disk,
        "type": image.kind,
        "size_gigabytes": image.gigabytes,
        "description": f"{image.distribution} {image.name}",
        "tags": list(image.tags),
        "status": "available",
        "error_message": "",
    }


def region_named(slug: str) -> Region | None:
    return next((region for region in REGIONS if region.slug == slug), None)


def size_named(slug: str) -> Size | None:
    return next((size for size in SIZES if size.slug == slug), None)
