"""What the cloud says against a droplet that is wanted, asked before anything is spent or anybody written to.

Only what can be read is asked: whether the token may write is seen when it does.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from provisioner.droplets.identity import FLEET_TAG
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.services.digitalocean.errors import ScopeMissing, TokenRefused
from provisioner.services.digitalocean.models import Image, Region, Size
from provisioner.services.digitalocean.offer import CloudOffer
from provisioner.steps.droplet.wish import Wish

_T = TypeVar("_T")


@dataclass(frozen=True)
class Problem:
    """Something that stands in the way, and what to do about it."""

    kind: Literal["token", "account", "limit", "region", "size", "image"]
    what: str
    hint: str

    def __str__(self) -> str:
        return f"{self.what}: {self.hint}"


def preflight(cloud: DigitalOcean, wishes: Sequence[Wish], operator_key: str | None = None) -> list[Problem]:
    """Everything that would refuse these droplets, as far as reading shows; empty if nothing does.

    `operator_key` is the public half of the key that shall log in. Answers are kept for some minutes. A
    CloudCallError with `retry` if the cloud cannot be asked now.
    """
    return list(dict.fromkeys(_Preflight(cloud.offer).problems(wishes, operator_key)))


class _Preflight:
    def __init__(self, offer: CloudOffer) -> None:
        self._offer = offer
        self._unseen: list[str] = []

    def problems(self, wishes: Sequence[Wish], operator_key: str | None) -> Iterator[Problem]:
        try:
            yield from self._in_account(len(wishes))
        except TokenRefused as error:
            yield Problem("token", f"DIGITALOCEAN_ACCESS_TOKEN: {error.cause}", error.hint or "")
            return
        regions = self._seen("regions:read", self._offer.regions)
        sizes = self._seen("sizes:read", self._offer.sizes)
        self._seen("firewall:read", lambda: self._offer.has_firewall(FLEET_TAG))
        if operator_key:
            self._seen("ssh_key:read", lambda: self._offer.has_ssh_key(operator_key))
        for wish in wishes:
            yield from self._against(wish, regions, sizes)
        if self._unseen:
            scopes = ", ".join(dict.fromkeys(self._unseen))
            hint = f"give it {scopes} in the control panel; if it has them, see that the account is in order"
            yield Problem("token", f"DIGITALOCEAN_ACCESS_TOKEN may not read everything ({scopes})", hint)

    def _in_account(self, wanted: int) -> Iterator[Problem]:
        account = self._seen("account:read", self._offer.account)
        there = self._seen("droplet:read", self._offer.droplets)
        if account is None:
            return
        if account.status == "locked":
            message = account.status_message or "no reason given"
            yield Problem("account", f"DigitalOcean has locked the account: {message}", _SEE_PANEL)
        if there is not None and there + min(wanted, 1) > account.droplet_limit:
            limit = f"the account has {there} droplets, and may have {account.droplet_limit}"
            yield Problem("limit", limit, "ask for a higher droplet limit in the control panel")

    def _against(
        self, wish: Wish, regions: list[Region] | None, sizes: list[Size] | None
    ) -> Iterator[Problem]:
        """A region may be the beginning of several: then one of them is enough."""
        places = None if regions is None else _places(wish.region, regions)
        size = None if sizes is None else next((one for one in sizes if one.slug == wish.size), None)
        image = self._seen("image:read", lambda: self._offer.image(wish.image))
        if regions is not None and places is not None:
            yield from _against_region(wish, regions, places)
        if sizes is not None:
            yield from _against_size(wish, size, sizes, places)
        if "image:read" not in self._unseen:
            yield from self._against_image(wish, image, size, places)

    def _against_image(
        self, wish: Wish, image: Image | None, size: Size | None, places: set[str] | None
    ) -> Iterator[Problem]:
        if image is None:
            names = [one.name for one in self._offer.distributions()]
            yield _unknown(wish, "image", wish.image, names)
            return
        if places and not places & set(image.regions):
            where = f"the image {image.name} is not in {wish.region}"
            yield Problem("image", where, _one_of(wish, "region", wish.region, image.regions))
        if size is not None and image.min_disk > size.disk:
            small = (
                f"the image {image.name} needs {image.min_disk} GB of disk, and {size.slug} has {size.disk}"
            )
            yield Problem("size", small, _one_of(wish, "size", size.slug, self._larger(image, places)))

    def _larger(self, image: Image, places: set[str] | None) -> list[str]:
        """Of the sizes on which the image fits."""
        fitting = [one for one in self._offer.sizes() if one.available and one.disk >= image.min_disk]
        return [one.slug for one in fitting if not places or places & set(one.regions)]

    def _seen(self, scope: str, ask: Callable[[], _T]) -> _T | None:
        """None if the token may not see it, which is noted; whatever else is wrong is raised."""
        try:
            return ask()
        except ScopeMissing:
            self._unseen.append(scope)
            return None


_SEE_PANEL = "the control panel says why; run the same command when it is open"


def _places(wanted: str, regions: Iterable[Region]) -> set[str]:
    """The regions that are meant and take new droplets."""
    named = [region for region in regions if region.slug == wanted]
    meant = named or [region for region in regions if region.slug.startswith(wanted)]
    return {region.slug for region in meant if region.available}


def _against_region(wish: Wish, regions: list[Region], places: set[str]) -> Iterator[Problem]:
    open_ones = [region.slug for region in regions if region.available]
    if not any(region.slug.startswith(wish.region) for region in regions):
        yield _unknown(wish, "region", wish.region, open_ones)
    elif not places:
        what = f"the region {wish.region} takes no new droplets now"
        yield Problem("region", what, _one_of(wish, "region", wish.region, open_ones))


def _against_size(
    wish: Wish, size: Size | None, sizes: list[Size], places: set[str] | None
) -> Iterator[Problem]:
    there = [one.slug for one in sizes if one.available and (not places or places & set(one.regions))]
    if size is None:
        yield _unknown(wish, "size", wish.size, there)
    elif not size.available or (places and not places & set(size.regions)):
        elsewhere = f" (it can be had in {', '.join(size.regions)})" if size.regions else ""
        what = f"the size {size.slug} cannot be had in {wish.region} now{elsewhere}"
        yield Problem("size", what, _one_of(wish, "size", size.slug, there))


def _unknown(
    wish: Wish, kind: Literal["region", "size", "image"], name: str, known: Iterable[str]
) -> Problem:
    return Problem(kind, f"DigitalOcean has no {kind} {name}", _one_of(wish, kind, name, known))


def _one_of(wish: Wish, kind: str, name: str, known: Iterable[str]) -> str:
    """To wish for the one that is nearest, and what else there is near it."""
    others = [one for one in known if one != name]
    near = difflib.get_close_matches(name, others, n=3, cutoff=0) if others else []
    if not near:
        return "the control panel shows what there is"
    more = f" (also near: {', '.join(near[1:])})" if near[1:] else ""
    return wish.changing(kind, near[0]) + more
