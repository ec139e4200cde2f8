"""How an image of ours is told from other snapshots of the account: by its name, and by its tag.

The tag goes on last, so that a snapshot without it is unfinished, and is used by nobody. The name ends in the
mark of the workspace that builds it, so that it is known whose an unfinished one is.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from provisioner.services.digitalocean.models import Snapshot

_TAG = "provisioner-image:"
_NAME = re.compile(
    r"provisioner-(?P<base>[a-z0-9-]+)-(?P<digest>[0-9a-f]{12})-(?P<moment>\d{8}t\d{6})-(?P<mark>[a-z0-9-]+)"
)


@dataclass(frozen=True)
class OwnImage:
    """A finished image; `digest` is its recipe's."""

    snapshot: Snapshot
    base: str
    digest: str


def image_name(base: str, digest: str, moment: datetime, mark: str) -> str:
    """The name of the image that the workspace with this mark begins at this moment (UTC)."""
    return f"provisioner-{base}-{digest}-{moment:%Y%m%dt%H%M%S}-{mark}"


def image_tag(mark: str) -> str:
    """What this workspace's images carry."""
    return _TAG + mark


def own_images(snapshots: Iterable[Snapshot], mark: str) -> list[OwnImage]:
    """Those of them that this workspace has built and finished, the newest first.

    Another workspace's may be gone the next moment: nobody here is told when they are deleted there.
    """
    found = [image for one in snapshots if (image := _own(one, mark)) is not None]
    return sorted(found, key=lambda image: (image.snapshot.created_at, image.snapshot.id), reverse=True)


def unfinished(snapshots: Iterable[Snapshot], mark: str) -> list[Snapshot]:
    """Those of this workspace that were never finished, or were taken twice."""
    tag = image_tag(mark)
    return [one for one in snapshots if _has_name_of(one, mark) and tag not in one.tags]


def _has_name_of(snapshot: Snapshot, mark: str) -> bool:
    named = _NAME.fullmatch(snapshot.name)
    return named is not None and named["mark"] == mark


def _own(snapshot: Snapshot, mark: str) -> OwnImage | None:
    named = _NAME.fullmatch(snapshot.name)
    if named is None or named["mark"] != mark or image_tag(mark) not in snapshot.tags:
        return None
    return OwnImage(snapshot, named["base"], named["digest"])
